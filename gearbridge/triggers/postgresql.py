"""A trigger for PostgreSQL: of gman_enqueue_row or gman_enqueue_rows where their arguments suffice, else with a
function of its own, into which the expressions are written.

gman_enqueue_row() and gman_enqueue_rows() run with our rights and ask for those of the table's owner.
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING

from gearbridge.errors import ConfigurationError
from gearbridge.stores.database.engines import OWN_NAMES

from .expressions import column_of, number_of
from .installed import Made, Part, Script, Surroundings, drop_statements, grouped, mark, read_mark, table_name
from .names import quote_name, quote_text
from .postgresql_catalogue import FUNCTIONS, INSTALLED, LOOK, SESSION, STRANGE_TYPES, TRUSTED
from .postgresql_function import TRANSITION_TABLE, enqueueing, function_statements, pinned_path, transition_of
from .spec import EVENTS, Event, Trigger

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from gearbridge.dbapi import Run

#: Bytes that PostgreSQL keeps of a name.
_LONGEST_NAME = 63


def look(run: Run, trigger: Trigger) -> Surroundings:
    """Raises ConfigurationError where there is no such table, or not the extension."""
    name = table_name(trigger.table, trigger.schema, "postgresql")
    search_path, conforming, schemas, table = run(SESSION, (name,))[0]
    with _own_names(run, str(search_path)):
        return _looked(run, trigger, table, str(search_path), conforming, schemas)


def _looked(run: Run, trigger: Trigger, table: object, search_path: str, conforming: str, schemas: Any) -> Surroundings:
    functions = run(FUNCTIONS, (schemas,))
    if not functions:
        raise ConfigurationError(
            "the extension gearbridge is not in this database; `gearbridge db install` puts it there"
        )
    ((space,),) = functions
    if conforming != "on":
        raise ConfigurationError(
            "standard_conforming_strings is off, so quotes end elsewhere than where the check sees it; set it on"
        )
    found = run(LOOK, (table,)) if table is not None else ()
    if not found:
        raise ConfigurationError(
            f"there is no table {trigger.table}" + f" in schema {trigger.schema}" * bool(trigger.schema)
        )
    if trigger.definer:
        _demand_own(run, trigger, table, owner=str(found[0][2]), is_own=bool(found[0][3]))
    columns = {str(row[0]): "" for row in found if row[0] is not None}
    trusted = tuple(str(one) for (one,) in run(TRUSTED, (space, table)))
    return Surroundings("postgresql", columns, str(found[0][1]), str(space), search_path, trusted)


@contextlib.contextmanager
def _own_names(run: Run, search_path: str | None = None) -> Iterator[None]:
    """Look names up among PostgreSQL's own while the block runs: others could make the session find theirs."""
    former = search_path or str(run("SELECT pg_catalog.current_setting('search_path')")[0][0])
    run(OWN_NAMES)
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):  # a transaction that has failed takes it back itself
            run(_search_path(former, local="false"))
        raise
    run(_search_path(former, local="false"))


def _demand_own(run: Run, trigger: Trigger, table: object, *, owner: str, is_own: bool) -> None:
    """Demand that no other role can change what a function with our rights meets, as a table's owner its columns."""
    if not is_own:
        raise ConfigurationError(
            f"the table {trigger.table} belongs to role {owner}, and a trigger on it with your rights (--definer) "
            "would lend them to that role: make the trigger as that role, or without --definer"
        )
    strange = run(STRANGE_TYPES, (table,))
    if strange:
        raise ConfigurationError(
            f"the table {trigger.table} has values of type {strange[0][0]}, whose casts role {strange[0][1]} makes; a "
            "trigger with your rights (--definer) would lend them to that role: make the trigger without --definer"
        )


def installed(run: Run) -> list[Made]:
    """Our triggers in the database: those made here, and those of gman_enqueue_row() and gman_enqueue_rows()."""
    with _own_names(run):
        return grouped(_installed(run(INSTALLED)))


def _installed(rows: Iterable[Any]) -> Iterator[Made]:
    for schema, table, name, kind, columns, arguments, enabled, comment, routine, is_ours, stranger in rows:
        # A dump without comments keeps the arguments.
        said = read_mark(comment) or next(filter(None, map(read_mark, arguments[1:])), None)
        if said is not None:
            part = Part(name) if is_ours else Part(name, routine, stranger)
            yield Made(said["name"], table, schema, said["on"], said["function"], enabled, (part,))
        elif is_ours:
            bits = dict(zip(EVENTS, (4, 16, 8), strict=True))
            on = (
                str(Event(event, tuple(columns) if event == "update" else ())) for event in EVENTS if kind & bits[event]
            )
            called = next((text[5:] for text in arguments[1:] if text.startswith("name=")), name)
            yield Made(called, table, schema, ",".join(on), arguments[0], enabled, (Part(name),))


def script(trigger: Trigger, around: Surroundings) -> Script:
    """The statements."""
    table = table_name(trigger.table, around.schema, "postgresql")
    create: list[str] = []
    check: list[str] = []
    parts: list[Part] = []
    events = [(trigger.name, trigger.events)] if trigger.each == "row" else [(n, (e,)) for n, e in trigger.parts()]
    for name, together in events:
        simple = _arguments(trigger, around, together)
        function, made = _ours(trigger, around), None
        if simple is None:
            function = made = f"{table_name(_function_name(trigger, name), around.schema, 'postgresql')}()"
            create.extend(function_statements(trigger, around, made, together, name))
            check.append(f"EXPLAIN SELECT {enqueueing(trigger, together, table)}")
        elif name != trigger.name:
            simple = (*simple, f"name={trigger.name}")
        arguments = ", ".join(quote_text(text, "postgresql") for text in simple or (trigger.function, mark(trigger)))
        create.append(
            f"CREATE TRIGGER {quote_name(name, 'postgresql')} AFTER {' OR '.join(map(_event, together))} ON {table}"
            f"\n{_for_each(trigger, together)}    EXECUTE FUNCTION {function[:-2]}({arguments})"
        )
        said = quote_text(mark(trigger), "postgresql")
        create.append(f"COMMENT ON TRIGGER {quote_name(name, 'postgresql')} ON {table} IS {said}")
        parts.append(Part(name, made))
    if check:
        check = [_search_path(pinned_path(trigger, around)), *check, _search_path(around.search_path)]
    made_of = Made(trigger.name, trigger.table, around.schema, "", "", True, tuple(parts))
    return Script(create, check, drop_statements(made_of, "postgresql"))


def _event(event: Event) -> str:
    columns = ", ".join(quote_name(column, "postgresql") for column in event.columns)
    return event.kind.upper() + (f" OF {columns}" if columns else "")


def _for_each(trigger: Trigger, events: tuple[Event, ...]) -> str:
    if trigger.each == "statement":
        return f"    REFERENCING {transition_of(trigger, events)} TABLE AS {TRANSITION_TABLE} FOR EACH STATEMENT\n"
    return "    FOR EACH ROW" + (f" WHEN ({trigger.when})" if trigger.when is not None else "") + "\n"


def _ours(trigger: Trigger, around: Surroundings) -> str:
    name = "gman_enqueue_row" if trigger.each == "row" else "gman_enqueue_rows"
    return f"{quote_name(around.functions or 'public', 'postgresql')}.{name}()"


def _arguments(trigger: Trigger, around: Surroundings, events: tuple[Event, ...]) -> tuple[str, ...] | None:
    """Return the arguments of gman_enqueue_row() or gman_enqueue_rows(); None where they cannot do it."""
    by_statement = trigger.each == "statement"
    if trigger.payload is not None or trigger.keep_result or trigger.run_at is not None or trigger.definer:
        return None
    if (by_statement and trigger.when is not None) or any("," in column for column in trigger.columns):
        return None
    arguments = [trigger.function]
    if trigger.row != "new" and not by_statement:
        arguments.append(f"payload={trigger.row}")
    if trigger.columns:
        arguments.append(f"columns={','.join(trigger.columns)}")
    if trigger.unique_key is not None:
        column = column_of(trigger.unique_key, "postgresql")
        # They take the column of the new row, if there is one, or of the transition table.
        if (
            column is None
            or column[1] not in around.columns
            or any(column[0] != (transition_of(trigger, events) if by_statement else _last(one)) for one in events)
        ):
            return None
        arguments.append(f"unique_key={column[1]}")
    if trigger.priority != "normal":
        arguments.append(f"priority={trigger.priority}")
    if trigger.delay is not None:
        if number_of(trigger.delay) is None:
            return None
        arguments.append(f"delay={trigger.delay.strip()} seconds")
    if trigger.max_attempts is not None:
        arguments.append(f"max_attempts={trigger.max_attempts}")
    return tuple(arguments)


def _last(event: Event) -> str:
    return "OLD" if event.kind == "delete" else "NEW"


def _function_name(trigger: Trigger, name: str) -> str:
    """The function's name, cut where it would be too long, so that it stays one of its own."""
    whole = name if name.startswith(f"{trigger.table}_") else f"{trigger.table}_{name}"
    octets = whole.encode(errors="surrogateescape")
    if len(octets) <= _LONGEST_NAME:
        return whole
    sign = hashlib.sha256(octets).hexdigest()[:8]
    return octets[: _LONGEST_NAME - len(sign) - 1].decode(errors="ignore") + f"_{sign}"


def _search_path(path: str, local: str = "true") -> str:
    return f"SELECT pg_catalog.set_config('search_path', {quote_text(path, 'postgresql')}, {local})"
