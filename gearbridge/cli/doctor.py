"""`gearbridge doctor`: whether all works that must."""

from __future__ import annotations

import itertools
import json
import sys
from typing import TYPE_CHECKING

import click

from gearbridge.cli.options import servers_option, tls_options
from gearbridge.doctor.servers import check_servers

from .output import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gearbridge.client.tls import Tls
    from gearbridge.doctor.finding import Finding


@click.command("doctor")
@servers_option
@tls_options
@click.option(
    "--database",
    metavar="URL",
    envvar="GEARBRIDGE_DATABASE",
    show_envvar=True,
    help="A store to check as well, as for --store of the server: "
    "PostgreSQL, MySQL, MariaDB, SQLite, Redis or memcached.",
)
@click.option(
    "--function",
    "functions",
    metavar="NAME",
    multiple=True,
    help="A function that must have a worker, and that the database's role must be allowed to submit. Repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def command(
    servers: tuple[str, ...], database: str | None, functions: tuple[str, ...], as_json: bool, tls: Tls | None
) -> None:
    """Check everything that must work: a line each with OK, or with NO, the reason and the remedy. It changes nothing.

    \b
    Exit status:
      0  all checks passed
      1  a check failed
      2  wrong usage

    \b
    Examples:
      gearbridge doctor
      gearbridge doctor --servers jobs1,jobs2 --function resize --database postgresql:///shop
    """
    checks = [check_servers(servers, functions, tls)]
    if database is not None:
        checks.append(_check_database(database, functions))
    bad = 0
    for finding in itertools.chain.from_iterable(checks):
        bad += not finding.good
        if as_json:
            click.echo(json.dumps(finding._asdict()))
        else:
            say(_line(finding))
    sys.exit(1 if bad else 0)


def _check_database(url: str, functions: tuple[str, ...]) -> Iterator[Finding]:
    # Drivers are loaded for those who ask for a database.
    if url.startswith(("postgres", "host=", "dbname=", "service=")):
        from gearbridge.doctor.postgresql import check_postgresql  # noqa: PLC0415

        return check_postgresql(url, functions)
    if url.startswith(("redis:", "rediss:")):
        from gearbridge.doctor.redis import check_redis  # noqa: PLC0415

        return check_redis(url)
    if url.startswith("memcached:"):
        from gearbridge.doctor.memcached import check_memcached  # noqa: PLC0415

        return check_memcached(url)
    from gearbridge.doctor.tables import check_table  # noqa: PLC0415

    return check_table(url, functions)


def _line(finding: Finding) -> str:
    if finding.good:
        return f"OK   {finding.about}: {finding.text}"
    return f"NO   {finding.about}: {finding.text}; {finding.remedy}"
