"""The root of the command line. Subcommands are imported when asked for, so that `gearbridge submit` starts quickly."""

from __future__ import annotations

import importlib
import os
import sys

import click

from gearbridge.cli.command_line import hide_secrets
from gearbridge.errors import ConnectionLost, GearbridgeError, ReplyTimeout, ServersUnreachable
from gearbridge.version import __version__

from .output import say

#: Subcommands in the order --help shows them; each is the object `command` of the module of the same name.
SUBCOMMANDS = (
    "server",
    "bridge",
    "submit",
    "work",
    "status",
    "admin",
    "top",
    "doctor",
    "db",
    "trigger",
    "bench",
    "demo",
)

UNREACHABLE = (ServersUnreachable, ConnectionLost, ReplyTimeout)


class LazyGroup(click.Group):
    """A group whose subcommands are modules beside this one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The subcommands, in the order of SUBCOMMANDS."""
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the subcommand's module."""
        if cmd_name not in SUBCOMMANDS:
            return None
        command = importlib.import_module(f"gearbridge.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command


@click.command(
    cls=LazyGroup,
    context_settings={
        "auto_envvar_prefix": "GEARBRIDGE",
        "help_option_names": ["-h", "--help"],
        "show_default": True,
        "max_content_width": 120,
    },
)
@click.version_option(__version__, prog_name="gearbridge")
def cli() -> None:
    """Gearman's polyglot workers, with your database as the queue.

    Every option is also an environment variable: --port of `gearbridge server` is GEARBRIDGE_SERVER_PORT.
    """


def main() -> None:
    """Run the command line. Errors are one line on standard error; exit status 3 means no server could be reached.

    Under the name gearmand, which a symbolic link may give it, the command is the server with gearmand's options.
    """
    hide_secrets()
    if os.path.basename(sys.argv[0]) == "gearmand":
        sys.exit(importlib.import_module("gearbridge.cli.gearmand.program").main(sys.argv[1:]))
    try:
        cli()
    except GearbridgeError as error:
        say(f"gearbridge: {error}", err=True)
        sys.exit(3 if isinstance(error, UNREACHABLE) else 1)
