"""The function of its own that a trigger gets in PostgreSQL, with its expressions written into it.

Rules of this file:
1. It belongs to the role that makes it, has a pinned search_path, and no other role may execute it; to fire it needs no
   right. It runs with the rights of the role that changes the table, which must be allowed to submit the job; or, by
   option, with its owner's.
2. `enqueueing` is its statement, which PostgreSQL also checks beforehand: PL/pgSQL resolves names when it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.extension.assemble import quote as dollar_quoted

from .expressions import rows_named
from .names import quote_name, quote_text
from .tokens import tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .installed import Surroundings
    from .spec import Event, Trigger

#: gman_enqueue_rows() looks for this name.
TRANSITION_TABLE = "gearbridge_rows"

#: What decides how a value is written, as for gman_enqueue_row(): else the payload would depend on the session.
_SETTINGS = {
    "standard_conforming_strings": "on",
    "bytea_output": "'hex'",
    "datestyle": "'ISO, YMD'",
    "extra_float_digits": "1",
    "intervalstyle": "'postgres'",
    "lc_monetary": "'C'",
    "timezone": "'UTC'",
}


def function_statements(
    trigger: Trigger, around: Surroundings, made: str, events: tuple[Event, ...], name: str
) -> Iterator[str]:
    """The statements that make the function `made` for the database's trigger `name`."""
    does = enqueueing(trigger, events, TRANSITION_TABLE if trigger.each == "statement" else None)
    body = f"\n#variable_conflict use_column\nBEGIN\n    PERFORM {does};\n    RETURN NULL;\nEND\n"
    settings = "".join(f"SET {name} = {value}\n" for name, value in _SETTINGS.items())
    yield (
        f"CREATE FUNCTION {made} RETURNS trigger\n"
        f"LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY {'DEFINER' if trigger.definer else 'INVOKER'}\n"
        f"SET search_path = {pinned_path(trigger, around)}\n{settings}AS {dollar_quoted(body, 'function')}"
    )
    about = f"Enqueues the jobs of trigger {name} on {trigger.table}; made by gearbridge, and dropped with the trigger."
    yield f"COMMENT ON FUNCTION {made} IS {quote_text(about, 'postgresql')}"
    yield f"REVOKE EXECUTE ON FUNCTION {made} FROM PUBLIC"


def pinned_path(trigger: Trigger, around: Surroundings) -> str:
    """The search_path of the function: PostgreSQL's own names, and those of schemas that only trusted roles write into.

    A function with its maker's rights finds PostgreSQL's own only: a better match beside the table would be called.
    """
    spaces = () if trigger.definer else around.trusted_schemas
    return ", ".join(["pg_catalog", *(quote_name(space, "postgresql") for space in spaces), "pg_temp"])


def transition_of(trigger: Trigger, events: tuple[Event, ...]) -> str:
    """Return the rows of the statement that its jobs are made of, NEW or OLD."""
    named = {row for text in trigger.expressions.values() for row in rows_named(tokens(text, "postgresql"))}
    if named:
        return min(named)
    return "OLD" if events[0].kind == "delete" or (trigger.row == "old" and events[0].kind != "insert") else "NEW"


def enqueueing(trigger: Trigger, events: tuple[Event, ...], rows: str | None) -> str:
    """Return the text behind SELECT or PERFORM: the call, and the source of its rows; None: PL/pgSQL knows NEW and OLD.

    It calls the inner functions: beside gman_enqueue() others may have functions whose arguments fit better.
    """
    payload = f"({trigger.payload})" if trigger.payload is not None else _row_payload(trigger, events)
    key = f"({trigger.unique_key})::pg_catalog.text" if trigger.unique_key is not None else "NULL::pg_catalog.text"
    function = f"function => {quote_text(trigger.function, 'postgresql')}"
    payload = f"gearbridge._payload({payload})"
    if trigger.each == "row":
        given = [function, f"payload => {payload}", f"unique_key => {key}", *_options(trigger)]
        source = f"\n    FROM {rows} AS new CROSS JOIN {rows} AS old" if rows else ""
        return f"gearbridge._enqueue({_listed(given)}){source}"
    keys = "pg_catalog.array_agg(job.unique_key)" if trigger.unique_key is not None else "NULL"
    given = [function, "payloads => pg_catalog.array_agg(job.payload)", f"unique_keys => {keys}", *_options(trigger)]
    where = f"\n        WHERE ({trigger.when})" if trigger.when is not None else ""
    return (
        f"gearbridge._enqueue_many({_listed(given)})\n    FROM (\n"
        f"        SELECT {payload} AS payload, {key} AS unique_key\n"
        f"        FROM {rows} AS {transition_of(trigger, events).lower()}{where}\n"
        "    ) AS job\n    HAVING pg_catalog.count(*) > 0"
    )


def _options(trigger: Trigger) -> Iterator[str]:
    yield f"priority => {quote_text(trigger.priority, 'postgresql')}"
    run_at = f"({trigger.run_at})" if trigger.run_at is not None else "NULL"
    if trigger.delay is not None:
        run_at = f"pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => ({trigger.delay}))"
    yield f"run_at => {run_at}"
    yield f"max_attempts => {'NULL' if trigger.max_attempts is None else trigger.max_attempts}"
    yield f"keep_result => {'true' if trigger.keep_result else 'false'}"


def _listed(arguments: Iterable[str]) -> str:
    return "\n        " + ",\n        ".join(arguments) + "\n    "


def _row_payload(trigger: Trigger, events: tuple[Event, ...]) -> str:
    if trigger.each == "statement":
        return _json(transition_of(trigger, events), trigger.columns)
    if trigger.row == "both":
        old, new = (_json(row, trigger.columns) for row in ("OLD", "NEW"))
        return f"pg_catalog.jsonb_build_object('old', {old}, 'new', {new})"
    # Of the two the one that there is, as gman_enqueue_row() does it.
    first, second = ("OLD", "NEW") if trigger.row == "old" else ("NEW", "OLD")
    return _json(f"coalesce({first}, {second})", trigger.columns)


def _json(row: str, columns: Iterable[str]) -> str:
    whole = f"pg_catalog.to_jsonb({row})"
    wanted = ", ".join(quote_text(column, "postgresql") for column in columns)
    if not wanted:
        return whole
    return (
        f"(SELECT pg_catalog.jsonb_object_agg(one.key, one.value) FROM pg_catalog.jsonb_each({whole}) AS one"
        f" WHERE one.key IN ({wanted}))"
    )
