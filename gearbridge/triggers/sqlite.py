"""A trigger for SQLite: plain SQL into the job table, so that any program's statement fires it, in whatever language.

What gman_enqueue checks elsewhere is checked here by RAISE, which the INSERT OR IGNORE of a program does not silence.
The one row of the inner SELECT has a LIMIT so that SQLite evaluates each expression once.
"""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING

from gearbridge.errors import ConfigurationError
from gearbridge.records import MAX_UNIQUE_KEY, PRIORITIES
from gearbridge.stores.jobtable.schema import WAITING, job

from .installed import Made, Part, Script, Surroundings, drop_statements, grouped, mark, read_mark
from .names import quote_name, quote_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gearbridge.dbapi import Run

    from .spec import Event, Trigger

#: An expression of SQLite's has at most 1,000 levels, and a column is three of them; old and new are twice as many.
_MOST_COLUMNS = 150
_NOW = "CAST(strftime('%s', 'now') AS INTEGER)"
_UP = "'+0.999 seconds'"  # to whole seconds, as everywhere; strftime cuts


def look(run: Run, trigger: Trigger) -> Surroundings:
    """Raises ConfigurationError where there is no such table, or none for jobs."""
    if not run("SELECT name FROM sqlite_master WHERE type = 'table' AND name = ?", (job.name,)):
        raise ConfigurationError(
            "there is no job table in this file yet; start `gearbridge server --store` with it once, "
            "or `gearbridge db script --sqlite | sqlite3 FILE`"
        )
    if run("PRAGMA encoding")[0][0] != "UTF-8":
        raise ConfigurationError("this file keeps texts in UTF-16, and workers get UTF-8; make it with UTF-8")
    found = run("SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 1", (trigger.table,))
    if not found:
        raise ConfigurationError(f"there is no table {trigger.table}")
    return Surroundings("sqlite", {str(row[0]): "" for row in found})


def installed(run: Run) -> list[Made]:
    """Our triggers in the file."""
    return grouped(
        _installed(run("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"))
    )


def _installed(rows: Iterable[tuple[str, str, str]]) -> Iterator[Made]:
    for name, table, sql in rows:
        said = read_mark(sql)
        if said is not None:
            yield Made(said["name"], table, None, said["on"], said["function"], True, (Part(name),))


def script(trigger: Trigger, around: Surroundings) -> Script:
    """The statements; creating a trigger does not look at what it names, but preparing what fires it does."""
    table = quote_name(trigger.table, "sqlite")
    create = [_create(trigger, around, table, name, event) for name, event in trigger.parts()]
    some = quote_name(next(iter(around.columns)), "sqlite")
    check: list[str] = []
    for event in trigger.events:
        columns = [quote_name(column, "sqlite") for column in event.columns] or [some]
        check.append(
            {
                "insert": f"EXPLAIN INSERT INTO {table} DEFAULT VALUES",
                "update": f"EXPLAIN UPDATE {table} SET {', '.join(f'{column} = {column}' for column in columns)}",
                "delete": f"EXPLAIN DELETE FROM {table}",
            }[event.kind]
        )
    parts = tuple(Part(name) for name, _ in trigger.parts())
    return Script(
        create, check, drop_statements(Made(trigger.name, trigger.table, None, "", "", True, parts), "sqlite")
    )


def _create(trigger: Trigger, around: Surroundings, table: str, name: str, event: Event) -> str:
    columns = ", ".join(quote_name(column, "sqlite") for column in event.columns)
    when = f"WHEN ({trigger.when})\n" if trigger.when is not None else ""
    of = f" OF {columns}" if columns else ""
    return (
        f"CREATE TRIGGER {quote_name(name, 'sqlite')} AFTER {event.kind.upper()}{of} ON {table}"
        f" FOR EACH ROW\n{when}BEGIN /* {mark(trigger)} */\n{_insert(trigger, around, event)}END"
    )


def _insert(trigger: Trigger, around: Surroundings, event: Event) -> str:
    payload = f"({trigger.payload})" if trigger.payload is not None else _row_payload(trigger, around, event)
    wished = [f"{payload} AS payload"]
    unique_key, due = "''", "0"
    if trigger.unique_key is not None:
        wished.append(f"({trigger.unique_key}) AS unique_key")
        # Bytes are hex, as in JSON, with the backslash as it is kept.
        unique_key = (
            "CASE WHEN length(CAST(wish.unique_key AS BLOB)) * (1 + (typeof(wish.unique_key) = 'blob'))"
            f" + 2 * (typeof(wish.unique_key) = 'blob') > {MAX_UNIQUE_KEY}"
            f" THEN RAISE(ABORT, 'a unique key has at most {MAX_UNIQUE_KEY} bytes')"
            " WHEN typeof(wish.unique_key) = 'blob' THEN '\\\\x' || lower(hex(wish.unique_key))"
            " WHEN instr(CAST(wish.unique_key AS BLOB), x'00') THEN RAISE(ABORT, 'a unique key has no NUL')"
            " ELSE replace(coalesce(CAST(wish.unique_key AS TEXT), ''), '\\', '\\\\') END"
        )
    if trigger.delay is not None:
        wished.append(f"({trigger.delay}) AS delay")
        seconds = f"strftime('%s', 'now', wish.delay || ' seconds', {_UP})"
        due = _due("wish.delay", f"CAST({seconds} AS INTEGER)", "the delay is no number of seconds")
    elif trigger.run_at is not None:
        wished.append(f"({trigger.run_at}) AS run_at")
        seconds = (
            "CASE WHEN typeof(wish.run_at) = 'text' THEN "
            f"CAST(strftime('%s', wish.run_at, {_UP}) AS INTEGER) ELSE CAST(wish.run_at AS INTEGER) END"
        )
        due = _due("wish.run_at", seconds, "the time of a job is none that SQLite can read")
    priority = PRIORITIES.index(trigger.priority)
    function = quote_text(trigger.function.replace("\\", "\\\\"), "sqlite")
    once = f"\n    ON CONFLICT (function, unique_key) WHERE state = {WAITING} AND unique_key != '' DO NOTHING"
    return (
        f"    INSERT INTO {job.name} (\n        handle, function, unique_key, priority, payload, due,\n"
        "        attempts, reducer, state, max_attempts, keep_result, enqueued\n    )\n"
        f"    SELECT 'S:' || lower(hex(randomblob(8))), {function},\n        {unique_key}, {priority},\n"
        "        coalesce(CAST(wish.payload AS BLOB), RAISE(ABORT, 'the payload of a job cannot be NULL')),\n"
        f"        {due},\n"
        f"        0, '', {WAITING}, {trigger.max_attempts or 0}, {int(trigger.keep_result)}, {_NOW}\n"
        f"    FROM (SELECT {', '.join(wished)} LIMIT 1) AS wish WHERE 1"
        f"{once if trigger.unique_key is not None else ''};\n"
    )


def _due(given: str, seconds: str, complaint: str) -> str:
    return (
        f"CASE WHEN {given} IS NULL THEN 0"
        f" ELSE coalesce(max(0, {seconds}), RAISE(ABORT, {quote_text(complaint, 'sqlite')})) END"
    )


def _row_payload(trigger: Trigger, around: Surroundings, event: Event) -> str:
    """JSON from text: with trusted_schema off older releases of SQLite refuse its functions for JSON in triggers."""
    columns = trigger.columns or tuple(around.columns)
    if len(columns) > _MOST_COLUMNS:
        raise ConfigurationError(f"SQLite makes no JSON of {len(columns)} columns; name at most {_MOST_COLUMNS}")

    def json(row: str) -> str:
        members = [f"{quote_text(_key(column), 'sqlite')} || {_json_value(row, column)}" for column in columns]
        return "'{' || " + " || ',' ||\n            ".join(members) + " || '}'"

    def both(old: str, new: str) -> str:
        return f"""'{{"old":' || {old} || ',"new":' || {new} || '}}'"""

    text = trigger.row_json(event, json, both, "'null'")
    for first in range(1, 32, 8):  # SQLite's parser has a stack of 100
        escaped = "json"
        for number in range(first, min(first + 8, 32)):  # there are none but in strings
            escaped = f"replace({escaped}, char({number}), '\\u{number:04x}')"
        text = f"(SELECT {escaped} FROM (SELECT {text} AS json))"
    return text


def _key(column: str) -> str:
    return dumps(column, ensure_ascii=False) + ":"


def _json_value(row: str, column: str) -> str:
    """A column's value, but for control characters. JSON has no bytes: they are in hex, as PostgreSQL writes them."""
    value = f"{row}.{quote_name(column, 'sqlite')}"
    return (
        f"CASE typeof({value}) WHEN 'null' THEN 'null' WHEN 'integer' THEN CAST({value} AS TEXT)"
        f""" WHEN 'text' THEN '"' || replace(replace({value}, '\\', '\\\\'), '"', '\\"') || '"'"""
        f""" WHEN 'blob' THEN '"\\\\x' || lower(hex({value})) || '"'"""
        f" ELSE CASE WHEN abs({value}) = 9e999 THEN 'null'"  # JSON has no infinity
        f" WHEN CAST(CAST({value} AS TEXT) AS REAL) = {value} THEN CAST({value} AS TEXT)"
        f" ELSE printf('%!.17g', {value}) END END"
    )
