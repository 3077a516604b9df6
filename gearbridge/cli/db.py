"""`gearbridge db`: the extensions in a PostgreSQL database; the jobs of stores are in db_move."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from gearbridge.cli.db_move import export_command, import_command
from gearbridge.cli.db_script import command as script_command
from gearbridge.cli.options import database_option

from .output import say

_database = database_option(
    "The database, as postgresql://USER:PASSWORD@HOST:PORT/NAME (or any connection string of libpq). "
    "Of several hosts it is the one that takes writes."
)


def _extension() -> Any:
    # Imported when asked for: it loads SQLAlchemy and drivers, and moving jobs, or a line of help, needs none of them.
    return import_module("gearbridge.extension.install")


def _report(line: str) -> None:
    say(line)


@click.group("db")
def command() -> None:
    """Install the gman_* functions into a PostgreSQL database; move the jobs of stores."""


command.add_command(export_command)
command.add_command(script_command)
command.add_command(import_command)


@command.command()
@_database
@click.option(
    "--direct/--no-direct",
    default=True,
    help="With or without gearbridge_direct, the functions in PL/Python (gman_do and so on), which need a superuser.",
)
def install(database: str, direct: bool) -> None:
    """Install the extensions' files and create or update the extensions.

    The files go into the server's directory of extensions, which must be on this machine for that, and writable (as
    root, where PostgreSQL came with the system). Where it is not, the steps by hand are printed.

    \b
    Example:
      sudo gearbridge db install --database postgresql://postgres:PASSWORD@localhost/shop
    """
    _extension().install(database, _report, direct=direct)
    if direct:
        say("Try it: SELECT gman_servers_set('127.0.0.1:4730'); SELECT gman_ping();")


@command.command()
@_database
def upgrade(database: str) -> None:
    """Bring the extensions in the database to the version of this command. Jobs, rights and servers stay.

    Like install it puts files into the server's directory of extensions first.

    \b
    Example:
      sudo gearbridge db upgrade --database postgresql://postgres:PASSWORD@localhost/shop
    """
    _extension().upgrade(database, _report)


@command.command()
@_database
def check(database: str) -> None:
    """Check each part of an installation; the exit status is 1 if one is missing.

    \b
    Example:
      gearbridge db check --database postgresql:///shop
    """
    findings = _extension().check(database)
    for finding in findings:
        say(f"OK   {finding.text}" if finding.good else f"NO   {finding.text}; {finding.remedy}")
    sys.exit(0 if all(finding.good for finding in findings) else 1)


@command.command()
@_database
@click.confirmation_option(prompt="Drop the extensions gearbridge_direct and gearbridge from this database?")
def uninstall(database: str) -> None:
    """Drop the extensions from the database. The server's files stay, for its other databases.

    \b
    Example:
      gearbridge db uninstall --yes --database postgresql:///shop
    """
    _extension().uninstall(database, _report)
