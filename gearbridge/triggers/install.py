"""Making, listing and dropping triggers through a connection that the program has. Of SQL it knows none.

Rule: all or nothing. PostgreSQL gets all statements as one text, which it runs as one transaction if there is none yet;
SQLite a savepoint. MySQL commits with every statement: there what was made is dropped again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gearbridge.dbapi import runner
from gearbridge.errors import ConfigurationError

from . import mysql, postgresql, sqlite
from .installed import Made, Script, drop_statements
from .validation import check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gearbridge.dbapi import Run

    from .spec import Trigger

_KINDS: dict[str, Any] = {"postgresql": postgresql, "mysql": mysql, "sqlite": sqlite}


def plan(connection: Any, trigger: Trigger, *, replace: bool = False) -> Script:
    """The statements that would make a trigger. It looks at the database, and changes nothing.

    Raises ConfigurationError for a trigger that cannot be made, and for one that is there, unless it is to be replaced.
    """
    kind, run = runner(connection)
    around = _KINDS[kind].look(run, trigger)
    check(trigger, around)
    script: Script = _KINDS[kind].script(trigger, around)
    there = [
        one
        for one in _KINDS[kind].installed(run)
        # Only in PostgreSQL the name of a trigger belongs to its table.
        if one.name == trigger.name
        and (kind != "postgresql" or (one.table, one.schema) == (trigger.table, around.schema))
    ]
    if there and not replace:
        raise ConfigurationError(
            f"there is a trigger {trigger.name} on {there[0].table} already; replace it (--replace), drop it, "
            "or give this one another name"
        )
    return script._replace(create=[*(one for old in there for one in drop_statements(old, kind)), *script.create])


def create(connection: Any, trigger: Trigger, *, replace: bool = False) -> list[str]:
    """Make a trigger, in the connection's transaction; return the statements that did it.

    `connection` is any that `gearbridge.enqueue` takes. Raises ConfigurationError as `plan` does, and what the driver
    raises where the database refuses the trigger: then there is none.
    """
    script = plan(connection, trigger, replace=replace)
    kind, run = runner(connection)
    if kind == "mysql":
        _run_or_drop(run, script)
    else:
        _run_together(kind, run, [*script.create, *script.check])
    return script.create


def installed(connection: Any, *, name: str | None = None, table: str | None = None) -> list[Made]:
    """Our triggers, of this name and on this table if they are given. Raises what the driver raises."""
    kind, run = runner(connection)
    return [one for one in _KINDS[kind].installed(run) if name in (None, one.name) and table in (None, one.table)]


def drop(connection: Any, triggers: Sequence[Made]) -> list[str]:
    """Drop triggers, and the functions made for them; return the statements. Raises what the driver raises."""
    kind, run = runner(connection)
    statements = plan_drop(connection, triggers)
    if statements:
        _run_together(kind, run, statements)
    return statements


def plan_drop(connection: Any, triggers: Sequence[Made]) -> list[str]:
    """The statements that would drop triggers."""
    kind, _ = runner(connection)
    return [statement for one in triggers for statement in drop_statements(one, kind)]


def _run_together(kind: str, run: Run, statements: list[str]) -> None:
    if kind == "postgresql":
        run(";\n".join(statements))
        return
    if kind == "mysql":
        for statement in statements:
            run(statement)
        return
    run("SAVEPOINT gearbridge_trigger")
    try:
        for statement in statements:
            run(statement)
    except BaseException:
        run("ROLLBACK TO gearbridge_trigger")
        run("RELEASE gearbridge_trigger")
        raise
    run("RELEASE gearbridge_trigger")


def _run_or_drop(run: Run, script: Script) -> None:
    done = 0
    try:
        for statement in script.create:
            run(statement)
            done += statement.startswith("CREATE")
    except BaseException:
        for statement in script.drop[:done]:
            run(statement)
        raise
