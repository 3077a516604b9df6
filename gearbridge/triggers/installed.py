"""A trigger as the database has it: what it is made of, the mark by which it is known as ours, and how to drop it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from gearbridge.errors import ConfigurationError

from .names import quote_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .spec import Trigger

_MARK = "gearbridge trigger: "
_FOUND = re.compile(re.escape(_MARK) + r"(\{.*?\})(?: \*/|$)")


class Part(NamedTuple):
    """A trigger of the database's, and the function that was made for it, as DROP FUNCTION names it.

    `stranger` is the owner of a function that was not made for it, or that the session's role must not drop.
    """

    name: str
    function: str | None = None
    stranger: str | None = None


class Made(NamedTuple):
    """A trigger of ours. Where one trigger has one event, it is made of several."""

    name: str
    table: str
    schema: str | None
    events: str
    function: str
    enabled: bool
    parts: tuple[Part, ...]


class Surroundings(NamedTuple):
    """The database's catalogue before a trigger is made: its kind, the table's columns, and the schemas.

    `columns` has the JSON form of each column's value, where types differ in that. The schemas are PostgreSQL's,
    that of the table and that of the functions gman_*; `search_path` is the session's. `trusted_schemas` are those
    of the two into which only the table's owner and superusers may write.
    """

    database: str
    columns: Mapping[str, str]
    schema: str | None = None
    functions: str | None = None
    search_path: str = ""
    trusted_schemas: tuple[str, ...] = ()


class Script(NamedTuple):
    """The statements that make a trigger, those that find what is wrong with it, and those that drop it."""

    create: list[str]
    check: list[str]
    drop: list[str]


def mark(trigger: Trigger) -> str:
    """Make the mark of each part of a trigger: a line that is a comment's or a literal's text as it stands."""
    on = ",".join(map(str, trigger.events))
    text = json.dumps({"name": trigger.name, "function": trigger.function, "on": on})
    # Neither the end of a comment nor what an older MySQL would take for an escape or a quote.
    return _MARK + text.replace("/", "\\u002f").replace("'", "\\u0027")


def read_mark(text: str | None) -> dict[str, Any] | None:
    """Read the mark in a trigger's text; None where it has none, so that it is not ours."""
    found = _FOUND.search(text or "")
    read: dict[str, Any] | None = json.loads(found[1]) if found else None
    return read


def grouped(parts: Iterator[Made]) -> list[Made]:
    """Those of one name and table as one."""
    together: dict[tuple[str | None, str, str], Made] = {}
    for one in parts:
        key = (one.schema, one.table, one.name)
        first = together.get(key)
        if first is None:
            together[key] = one
        else:
            on = first.events if one.events == first.events else f"{first.events},{one.events}"
            enabled = first.enabled and one.enabled
            together[key] = first._replace(parts=first.parts + one.parts, events=on, enabled=enabled)
    return list(together.values())


def drop_statements(made: Made, database: str) -> list[str]:
    """Return the statements that drop a trigger and what was made for it.

    Raises ConfigurationError for a trigger whose function gearbridge did not make, or that a third role owns.
    """
    dropped: list[str] = []
    on = f" ON {table_name(made.table, made.schema, database)}" if database == "postgresql" else ""
    for part in made.parts:
        if part.stranger is not None:
            raise ConfigurationError(
                f"the function {part.function} of trigger {part.name} on {made.table} belongs to role {part.stranger} "
                "and was not made by gearbridge, or not for the owner of that table: it is not dropped. Look at it, "
                f"then drop the trigger with DROP TRIGGER {quote_name(part.name, database)}{on}, or as that role"
            )
        dropped.append(f"DROP TRIGGER {quote_name(part.name, database)}{on}")
        if part.function is not None:
            dropped.append(f"DROP FUNCTION {part.function}")
    return dropped


def table_name(table: str, schema: str | None, database: str) -> str:
    """A table's name in quotes, with its schema where one is known."""
    name = quote_name(table, database)
    return f"{quote_name(schema, database)}.{name}" if schema else name
