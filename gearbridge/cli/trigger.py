"""`gearbridge trigger`: triggers that enqueue a job for each row, in whatever language the row was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gearbridge.cli.options import database_option
from gearbridge.errors import ConfigurationError
from gearbridge.records import PRIORITIES
from gearbridge.triggers import Trigger, drop, installed, plan, plan_drop
from gearbridge.triggers import create as create_trigger
from gearbridge.triggers.database import FORMS, opened
from gearbridge.triggers.migration import as_text, migration
from gearbridge.triggers.spec import EACH, ROWS

from .output import print_table, say

_database = database_option(f"The database: {FORMS}.")
_dry_run = click.option("--dry-run", is_flag=True, help="Print the statements instead of running them.")


@click.group("trigger")
def command() -> None:
    """Enqueue rows of a table: create, list and drop triggers in PostgreSQL, MySQL, MariaDB and SQLite."""


def _columns(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(column.strip() for column in value.split(",")) if value else ()


@command.command("create")
@_database
@click.option("--table", required=True, metavar="NAME", help="Table name, without quotes.")
@click.option(
    "--on",
    required=True,
    metavar="EVENT,...",
    help="Any of insert, update and delete; update:COLUMN,COLUMN for an update of these columns.",
)
@click.option("--function", required=True, metavar="NAME", help="Gearman function of the jobs.")
@click.option("--payload", metavar="EXPR", help="Payload as an SQL expression; without it the row as JSON.")
@click.option("--columns", metavar="NAME,...", callback=_columns, help="Only these columns of the row.")
@click.option("--row", type=click.Choice(ROWS), default="new", help="Row in the payload; both is {old: ..., new: ...}.")
@click.option("--when", metavar="EXPR", help="Only rows for which this SQL condition is true.")
@click.option(
    "--unique-key",
    metavar="EXPR",
    help="Unique key as an SQL expression; no job is enqueued while one with this key is unfinished.",
)
@click.option("--priority", type=click.Choice(PRIORITIES), default="normal", help="The jobs' priority.")
@click.option("--delay", metavar="EXPR", help="Delay in seconds before a worker may get the job.")
@click.option("--run-at", metavar="EXPR", help="Time before which no worker gets the job.")
@click.option("--max-attempts", type=click.IntRange(min=0), help="Number of attempts; 1 by default.")
@click.option("--keep-result", is_flag=True, help="Keep a finished job's row, with its result.")
@click.option(
    "--each",
    type=click.Choice(EACH),
    default="row",
    help="PostgreSQL: enqueue row by row, or all rows of a statement in one INSERT.",
)
@click.option("--name", metavar="NAME", default="", show_default="TABLE_FUNCTION", help="The trigger's name.")
@click.option("--schema", metavar="NAME", show_default="by search_path", help="PostgreSQL: the table's schema.")
@click.option(
    "--definer",
    is_flag=True,
    help="PostgreSQL: enqueue with your rights instead of those of the role that changes the table.",
)
@click.option("--replace", is_flag=True, help="Drop a gearbridge trigger of the same name first.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a migration file and run nothing; FILE.up.sql gets a FILE.down.sql beside it.",
)
@_dry_run
def create(database: str, replace: bool, output: Path | None, dry_run: bool, **wished: Any) -> None:
    """Make a trigger that enqueues a job for each row, and print the statements that do it.

    An expression is SQL of that database, names columns NEW.column and OLD.column, and is checked to be one expression.
    All is done in one transaction (MySQL has none for this), and what the database refuses leaves nothing behind.

    \b
    Examples:
      gearbridge trigger create --database sqlite:///shop.db --table images --on insert --function resize
      gearbridge trigger create --database postgresql:///shop --table images --on insert,update:path \\
          --function resize --payload "jsonb_build_object('path', NEW.path)" --when "NEW.path IS NOT NULL"
    """
    trigger = Trigger(**wished)
    with opened(database) as connection:
        if output is None and not dry_run:
            say(as_text(create_trigger(connection, trigger, replace=replace)), nl=False)
            return
        script = plan(connection, trigger, replace=replace)
    if output is None:
        say(as_text(script.create), nl=False)
        return
    for path, text in migration(script, output).items():
        if not dry_run:
            _write(path, text)
        say(text if dry_run else str(path))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}") from error


@command.command("list")
@_database
@click.option("--table", metavar="NAME", help="Only triggers on this table.")
def list_(database: str, table: str | None) -> None:
    """Show our triggers: name, table, events, function, and whether the trigger is enabled.

    \b
    Example:
      gearbridge trigger list --database postgresql:///shop
    """
    with opened(database) as connection:
        found = installed(connection, table=table)
    rows = [
        (
            one.name,
            f"{one.schema}.{one.table}" if one.schema else one.table,
            one.events,
            one.function,
            "yes" if one.enabled else "no",
        )
        for one in found
    ]
    print_table(("NAME", "TABLE", "EVENTS", "FUNCTION", "ENABLED"), rows)


@command.command("drop")
@_database
@click.option("--name", metavar="NAME", help="The trigger of this name.")
@click.option("--table", metavar="NAME", help="All gearbridge triggers on this table, or the one named by --name.")
@_dry_run
def drop_command(database: str, name: str | None, table: str | None, dry_run: bool) -> None:
    """Drop triggers of ours, with the functions that were made for them, and print the statements.

    \b
    Example:
      gearbridge trigger drop --database postgresql:///shop --name images_resize
    """
    if name is None and table is None:
        raise click.UsageError("give --name, --table or both")
    with opened(database) as connection:
        found = installed(connection, name=name, table=table)
        tables = {(one.schema, one.table) for one in found}
        if not found:
            raise ConfigurationError("there is no such gearbridge trigger; see `gearbridge trigger list`")
        if table is None and len(tables) > 1:
            raise ConfigurationError(f"several tables have a trigger {name}; name one with --table")
        statements = (plan_drop if dry_run else drop)(connection, found)
    say(as_text(statements), nl=False)
