"""Checks of a trigger before the database is queried: expressions, columns, what a database does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.errors import ConfigurationError

from .expressions import check_expression
from .spec import ROWS_OF

if TYPE_CHECKING:
    from .installed import Surroundings
    from .spec import Trigger


def check(trigger: Trigger, around: Surroundings) -> None:
    """Raise ConfigurationError, with a remedy, for a trigger that cannot be made there."""
    if around.database != "postgresql":
        _check_for_all(trigger, around.database)
    for column in (*trigger.columns, *(column for event in trigger.events for column in event.columns)):
        if column not in around.columns:
            raise ConfigurationError(
                f"the table {trigger.table} has no column {column}; it has {', '.join(around.columns)}"
            )
    named = {what: check_expression(what, text, around.database) for what, text in sorted(trigger.expressions.items())}
    for event in trigger.events:
        for what, rows in named.items():
            for missing in sorted(rows - ROWS_OF[event.kind]):
                raise ConfigurationError(
                    f"the {what} names {missing}, and there is no {missing} row on {event.kind}; "
                    f"make a trigger of its own for {event.kind}"
                )
    if trigger.each == "statement":
        _check_statement(trigger, named)


def _check_for_all(trigger: Trigger, database: str) -> None:
    for what, given in (
        ("triggers for each statement", trigger.each == "statement"),
        ("a schema", trigger.schema is not None),
        ("a choice of whose rights a trigger has", trigger.definer),
    ):
        if given:
            raise ConfigurationError(f"{what}: only PostgreSQL has that, not {database}")


def _check_statement(trigger: Trigger, named: dict[str, frozenset[str]]) -> None:
    rows = frozenset().union(*(found for what, found in named.items()))
    for event in trigger.events:
        if event.columns:
            raise ConfigurationError(
                "PostgreSQL lets no trigger for each statement name the columns of an update; use --each row"
            )
    if trigger.row == "both" or len(rows) > 1:
        raise ConfigurationError(
            "old and new rows of a statement are not paired, so a job cannot have both; use --each row"
        )
    for what in ("delay", "time"):
        if named.get(what):
            raise ConfigurationError(
                f"the jobs of a statement are enqueued together, so the {what} cannot name {min(named[what])}; "
                "use --each row"
            )
