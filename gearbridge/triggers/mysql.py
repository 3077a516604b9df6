"""A trigger for MySQL and MariaDB: one statement, a call of gman_enqueue, so that a script of it needs no DELIMITER.

Not DO gman_enqueue(...): DO swallows errors. MySQL has no UPDATE OF: an update of a column is one that changes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.errors import ConfigurationError

from .expressions import column_of
from .installed import Made, Part, Script, Surroundings, drop_statements, grouped, mark, read_mark
from .names import quote_name, quote_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gearbridge.dbapi import Run

    from .spec import Event, Trigger

_HEX, _NUMBER = "CONCAT(CHAR(92 USING utf8mb4), 'x', LOWER(HEX({0})))", "CAST({0} AS UNSIGNED)"
_UTF8 = "CONVERT({0} USING utf8mb4)"
_GEOJSON = "JSON_EXTRACT(ST_AsGeoJSON({0}), '$')"  # JSON in MariaDB too, where a shape's GeoJSON is a text
#: How a value becomes one of JSON's, by its column's type; the others as they are.
_FORMS = {
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector"), _HEX),
    "bit": _NUMBER,
    **dict.fromkeys(("geometry", "point", "linestring", "polygon", "geometrycollection", "geomcollection"), _GEOJSON),
    **dict.fromkeys(("multipoint", "multilinestring", "multipolygon"), _GEOJSON),
}
#: Character sets that MySQL takes for bytes when it makes JSON of their text.
_WIDE = ("ucs2", "utf16", "utf16le", "utf32")


def look(run: Run, trigger: Trigger) -> Surroundings:
    """Raises ConfigurationError where there is no such table, or no gman_enqueue."""
    if not run(
        "SELECT 1 FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_NAME = ?",
        ("gman_enqueue",),
    ):
        raise ConfigurationError(
            "there is no gman_enqueue in this database; `gearbridge db script --mysql` prints what makes it"
        )
    found = run(
        "SELECT COLUMN_NAME, DATA_TYPE, CHARACTER_SET_NAME FROM information_schema.COLUMNS"
        " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION",
        (trigger.table,),
    )
    if not found:
        raise ConfigurationError(f"there is no table {trigger.table}")
    forms = {
        str(name): _UTF8 if characters in _WIDE else _FORMS.get(str(kind).lower(), "{0}")
        for name, kind, characters in found
    }
    return Surroundings("mysql", forms)


def installed(run: Run) -> list[Made]:
    """Our triggers in the database."""
    return grouped(
        _installed(
            run(
                "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_STATEMENT FROM information_schema.TRIGGERS"
                " WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY TRIGGER_NAME"
            )
        )
    )


def _installed(rows: Iterable[tuple[str, str, str | bytes]]) -> Iterator[Made]:
    for name, table, action in rows:
        said = read_mark(action.decode() if isinstance(action, bytes) else action)
        if said is not None:
            yield Made(said["name"], table, None, said["on"], said["function"], True, (Part(name),))


def script(trigger: Trigger, around: Surroundings) -> Script:
    """The statements. MySQL looks at a trigger's columns when it makes it."""
    create = [_create(trigger, around, name, event) for name, event in trigger.parts()]
    parts = tuple(Part(name) for name, _ in trigger.parts())
    return Script(create, [], drop_statements(Made(trigger.name, trigger.table, None, "", "", True, parts), "mysql"))


def _create(trigger: Trigger, around: Surroundings, name: str, event: Event) -> str:
    conditions = [f"({trigger.when})"] if trigger.when is not None else []
    if event.columns:
        changed = " OR ".join(map(_changed, event.columns))
        conditions.append(f"({changed})")
    call = _call(trigger, around, event)
    value = f"IF({' AND '.join(conditions)},\n{call},\nNULL)" if conditions else call
    return (
        f"CREATE TRIGGER {quote_name(name, 'mysql')} AFTER {event.kind.upper()} ON {quote_name(trigger.table, 'mysql')}"
        f" FOR EACH ROW\nSET /* {mark(trigger)} */ @gearbridge_handle = {value}"
    )


def _changed(column: str) -> str:
    """Byte by byte: most collations take `cat` and `Cat` for the same."""
    name = quote_name(column, "mysql")
    return f"NOT (CAST(NEW.{name} AS BINARY) <=> CAST(OLD.{name} AS BINARY))"


def _call(trigger: Trigger, around: Surroundings, event: Event) -> str:
    run_at = "NULL"
    if trigger.delay is not None:
        run_at = _due(trigger.delay)
    elif trigger.run_at is not None:
        # Exact for a TIMESTAMP, whatever the session's time zone. What the server cannot count is refused as 0.
        run_at = _since_1970(trigger.run_at, f"COALESCE(UNIX_TIMESTAMP(({trigger.run_at})), 0)")
    arguments = (
        quote_text(trigger.function, "mysql"),
        _as_utf8(trigger.payload) if trigger.payload is not None else _row_payload(trigger, around, event),
        "NULL" if trigger.unique_key is None else _unique_key(trigger.unique_key, around),
        quote_text(trigger.priority, "mysql"),
        run_at,
        "NULL" if trigger.max_attempts is None else str(trigger.max_attempts),
        "TRUE" if trigger.keep_result else "FALSE",
    )
    return f"gman_enqueue({', '.join(arguments)})"


def _unique_key(expression: str, around: Surroundings) -> str:
    """The expression; a column of bytes in hex, as in JSON: a key is text without NUL."""
    column = column_of(expression, "mysql")
    form = "{0}" if column is None else around.columns.get(column[1], "{0}")
    return form.format(f"({expression})") if form == _HEX else f"({expression})"


def _due(delay: str) -> str:
    """Count in seconds since 1970, not on the session's clock, which may be put forward or back meanwhile."""
    return _since_1970(delay, f"UNIX_TIMESTAMP() + MICROSECOND(NOW(6)) / 1000000 + ({delay})")


def _since_1970(given: str, seconds: str) -> str:
    """Write a time as gman_enqueue reads it; where NULL is given it is NULL, which is at once."""
    return f"IF(({given}) IS NULL, NULL, CONCAT('@', {seconds}))"


def _row_payload(trigger: Trigger, around: Surroundings, event: Event) -> str:
    columns = trigger.columns or tuple(around.columns)

    def json(row: str) -> str:
        return "JSON_OBJECT(" + ", ".join(_member(row, column, around.columns[column]) for column in columns) + ")"

    def both(old: str, new: str) -> str:
        return f"JSON_OBJECT('old', {old}, 'new', {new})"

    return f"CONVERT({trigger.row_json(event, json, both)} USING utf8mb4)"


def _as_utf8(payload: str) -> str:
    """Text in UTF-8, whatever the column's character set, and bytes as they are."""
    return f"IF(CHARSET(({payload})) = 'binary', ({payload}), CAST(CONVERT(({payload}) USING utf8mb4) AS BINARY))"


def _member(row: str, column: str, form: str) -> str:
    """JSON has no bytes: they are written as PostgreSQL does it, in hex. Bits are a number, shapes are GeoJSON."""
    value = f"{row}.{quote_name(column, 'mysql')}"
    return f"{quote_text(column, 'mysql')}, {form.format(value)}"
