"""`gearbridge db script`: plain SQL for places where the extensions cannot go."""

from __future__ import annotations

from importlib import import_module

import click


@click.command("script")
@click.option("--managed", "kind", flag_value="managed", help="PostgreSQL without PL/Python and without a superuser.")
@click.option("--mysql", "kind", flag_value="mysql", help="MySQL 5.7 or later, or MariaDB.")
@click.option(
    "--innodb-memcached",
    "kind",
    flag_value="innodb-memcached",
    help="MySQL 5.6 to 8.2 with the plugin daemon_memcached: the table and its container.",
)
@click.option("--sqlite", "kind", flag_value="sqlite", help="SQLite: the tables; the functions come with the program.")
def command(kind: str | None) -> None:
    """Print everything as one plain SQL script.

    For PostgreSQL, without an option, it is both extensions for a server whose directory of extensions cannot be
    written; a superuser runs it. With --managed (RDS, Cloud SQL and their like) the owner of a database does, and
    gman_do_background puts jobs into the job table, with the transaction; gman_do is not there.

    \b
    Examples:
      gearbridge db script --managed > gearbridge.sql
      gearbridge db script --mysql > gearbridge.sql
    """
    script = import_module("gearbridge.extension.script")  # when asked for: it loads SQLAlchemy and its dialects
    made = {
        "plain": script.plain_script,
        "managed": script.managed_script,
        "mysql": script.mysql_script,
        "sqlite": script.sqlite_script,
        "innodb-memcached": script.innodb_memcached_script,
    }
    click.echo(made[kind or "plain"](), nl=False)
