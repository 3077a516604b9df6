"""A trigger for PostgreSQL: of gman_enqueue_row or gman_enqueue_rows where their arguments say enough, else with a
function of its own, into which the expressions are written.

gman_enqueue_row() and gman_enqueue_rows() run with our rights and ask for those of the table's owner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.errors import ConfigurationError

from .expressions import column_of, number_of
from .made import Made, Part, Script, Surroundings, drop_statements, grouped, mark, read_mark, table_name
from .names import quote_name, quote_text
from .postgresql_function import TRANSITION_TABLE, enqueueing, function_statements, pinned_path, transition_of
from .wish import EVENTS, Event, Trigger

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from gearbridge.connections import Run

_LOOK = """
SELECT attribute.attname, space.nspname
FROM pg_catalog.pg_class AS relation
JOIN pg_catalog.pg_namespace AS space ON space.oid = relation.relnamespace
LEFT JOIN pg_catalog.pg_attribute AS attribute
    ON attribute.attrelid = relation.oid AND attribute.attnum > 0 AND NOT attribute.attisdropped
WHERE relation.oid = pg_catalog.to_regclass(?)
ORDER BY attribute.attnum"""

_FUNCTIONS = """
SELECT space.nspname, pg_catalog.current_setting('search_path'),
    pg_catalog.current_setting('standard_conforming_strings')
FROM pg_catalog.pg_proc AS routine
JOIN pg_catalog.pg_namespace AS space ON space.oid = routine.pronamespace
WHERE routine.proname = 'gman_enqueue_row'
ORDER BY pg_catalog.pg_function_is_visible(routine.oid) DESC, space.nspname
LIMIT 1"""

# Bits of tgtype: 4 INSERT, 8 DELETE, 16 UPDATE. The arguments of a trigger are kept with a NUL after each.
_INSTALLED = r"""
SELECT
    space.nspname, relation.relname, own.tgname, own.tgtype,
    ARRAY(
        SELECT attribute.attname::text
        FROM pg_catalog.unnest(own.tgattr::smallint[]) WITH ORDINALITY AS named (number, place)
        JOIN pg_catalog.pg_attribute AS attribute
            ON attribute.attrelid = own.tgrelid AND attribute.attnum = named.number
        ORDER BY named.place
    ),
    pg_catalog.convert_from(
        pg_catalog.substring(own.tgargs, 1, greatest(pg_catalog.position(own.tgargs, '\x00'::bytea), 1) - 1),
        pg_catalog.getdatabaseencoding()
    ),
    own.tgenabled <> 'D',
    pg_catalog.obj_description(own.oid, 'pg_trigger'),
    pg_catalog.quote_ident(routine_space.nspname) || '.' || pg_catalog.quote_ident(routine.proname) || '()',
    routine.proname IN ('gman_enqueue_row', 'gman_enqueue_rows')
FROM pg_catalog.pg_trigger AS own
JOIN pg_catalog.pg_class AS relation ON relation.oid = own.tgrelid
JOIN pg_catalog.pg_namespace AS space ON space.oid = relation.relnamespace
JOIN pg_catalog.pg_proc AS routine ON routine.oid = own.tgfoid
JOIN pg_catalog.pg_namespace AS routine_space ON routine_space.oid = routine.pronamespace
WHERE NOT own.tgisinternal AND own.tgparentid = 0
ORDER BY space.nspname, relation.relname, own.tgname"""


def look(run: Run, trigger: Trigger) -> Surroundings:
    """Raises ConfigurationError where there is no such table, or not the extension."""
    functions = run(_FUNCTIONS)
    if not functions:
        raise ConfigurationError(
            "the extension gearbridge is not in this database; `gearbridge db install` puts it there"
        )
    space, search_path, conforming = functions[0]
    if conforming != "on":
        raise ConfigurationError(
            "standard_conforming_strings is off, so quotes end elsewhere than where the check sees it; set it on"
        )
    found = run(_LOOK, (table_name(trigger.table, trigger.schema, "postgresql"),))
    if not found:
        raise ConfigurationError(
            f"there is no table {trigger.table}" + f" in schema {trigger.schema}" * bool(trigger.schema)
        )
    columns = {str(name): False for name, _ in found if name is not None}
    return Surroundings("postgresql", columns, str(found[0][1]), str(space), str(search_path))


def installed(run: Run) -> list[Made]:
    """Our triggers in the database: those made here, and those of gman_enqueue_row() and gman_enqueue_rows()."""
    return grouped(_installed(run(_INSTALLED)))


def _installed(rows: Iterable[Any]) -> Iterator[Made]:
    for schema, table, name, kind, columns, function, enabled, comment, routine, is_ours in rows:
        said = read_mark(comment)
        if said is not None:
            part = Part(name, None if is_ours else routine)
            yield Made(said["name"], table, schema, said["on"], said["function"], enabled, (part,))
        elif is_ours:
            bits = dict(zip(EVENTS, (4, 16, 8), strict=True))
            on = (
                str(Event(event, tuple(columns) if event == "update" else ())) for event in EVENTS if kind & bits[event]
            )
            yield Made(name, table, schema, ",".join(on), function, enabled, (Part(name),))


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
            check.append(f"EXPLAIN SELECT {enqueueing(trigger, around, together, table)}")
        arguments = ", ".join(quote_text(text, "postgresql") for text in simple or (trigger.function,))
        create.append(
            f"CREATE TRIGGER {quote_name(name, 'postgresql')} AFTER {' OR '.join(map(_event, together))} ON {table}"
            f"\n{_for_each(trigger, together)}    EXECUTE FUNCTION {function[:-2]}({arguments})"
        )
        said = quote_text(mark(trigger), "postgresql")
        create.append(f"COMMENT ON TRIGGER {quote_name(name, 'postgresql')} ON {table} IS {said}")
        parts.append(Part(name, made))
    if check:
        check = [_search_path(pinned_path(around)), *check, _search_path(around.search_path)]
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
    """What gman_enqueue_row() or gman_enqueue_rows() is to be told; None where they cannot do it."""
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
    return name if name.startswith(f"{trigger.table}_") else f"{trigger.table}_{name}"


def _search_path(path: str) -> str:
    return f"SELECT pg_catalog.set_config('search_path', {quote_text(path, 'postgresql')}, true)"
