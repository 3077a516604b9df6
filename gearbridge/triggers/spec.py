"""What a trigger is to do, in words that mean the same in every database. It knows no SQL but expressions as texts.

Trigger("images", "insert,update:path", "resize", columns=("id", "path"), unique_key="NEW.path")
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from gearbridge.errors import ConfigurationError
from gearbridge.records import MAX_FUNCTION, PRIORITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

EVENTS = ("insert", "update", "delete")
ROWS = ("new", "old", "both")
EACH = ("row", "statement")

#: The rows that there are when it happens, as SQL calls them.
ROWS_OF = {"insert": frozenset({"NEW"}), "update": frozenset({"NEW", "OLD"}), "delete": frozenset({"OLD"})}


class Event(NamedTuple):
    """An event of the table: insert, update or delete; an update, if columns are named, of one of these."""

    kind: str
    columns: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.kind + (":" + ",".join(self.columns) if self.columns else "")


@dataclass(frozen=True)
class Trigger:
    """A job of `function` for each row of `table` to which one of the events happens.

    `on` is a text like "insert,update:path,width" or a sequence of Events. The payload is an SQL expression, or,
    without one, the row as JSON: `columns` of it or all, the `row` new (old on delete), old (new on insert), or both.
    `when`, `unique_key`, `delay` (a number of seconds) and `run_at` (a time) are expressions, too; they name columns
    NEW.column and OLD.column. A job is tried `max_attempts` times (None: once); with `keep_result` its row stays when
    it is done. `name` is that of the trigger in the database, TABLE_FUNCTION by default.

    Only in PostgreSQL: `each` "statement" enqueues the jobs of a statement in one INSERT; `schema` is the table's; with
    `definer` the expressions and the enqueueing have the rights of who makes the trigger, not of who changes the table.

    Raises ConfigurationError for what contradicts itself; what the database must judge, it judges later.
    """

    table: str
    on: str | Sequence[Event]
    function: str
    payload: str | None = None
    columns: Sequence[str] = ()
    row: str = "new"
    when: str | None = None
    unique_key: str | None = None
    priority: str = "normal"
    delay: str | None = None
    run_at: str | None = None
    max_attempts: int | None = None
    keep_result: bool = False
    each: str = "row"
    name: str = ""
    schema: str | None = None
    definer: bool = False
    events: tuple[Event, ...] = field(init=False)

    def __post_init__(self) -> None:
        events = read_events(self.on) if isinstance(self.on, str) else tuple(self.on)
        object.__setattr__(self, "events", events)
        object.__setattr__(self, "columns", tuple(self.columns))
        object.__setattr__(self, "name", self.name or f"{self.table}_{self.function}")
        self._check_words()
        if self.payload is not None and (self.columns or self.row != "new"):
            raise ConfigurationError("a payload is an expression, or made of columns and rows, not both")
        if self.delay is not None and self.run_at is not None:
            raise ConfigurationError("a job has a delay or a time to run at, not both")

    def _check_words(self) -> None:
        for what, given, possible in (
            ("priority", self.priority, PRIORITIES),
            ("row", self.row, ROWS),
            ("each", self.each, EACH),
            *(("event", event.kind, EVENTS) for event in self.events),
        ):
            if given not in possible:
                raise ConfigurationError(f"no such {what}: {given}; it is {', '.join(possible)}")
        if not self.events or len({event.kind for event in self.events}) < len(self.events):
            raise ConfigurationError("a trigger needs one or more of the events insert, update and delete, each once")
        if not 1 <= len(self.function.encode(errors="surrogateescape")) <= MAX_FUNCTION:
            raise ConfigurationError(f"a function name has 1 to {MAX_FUNCTION} bytes")
        if self.max_attempts is not None and self.max_attempts < 0:
            raise ConfigurationError("max_attempts cannot be negative")

    @property
    def expressions(self) -> dict[str, str]:
        """Return the expressions that it has, by their names."""
        said = {
            "payload": self.payload,
            "condition": self.when,
            "unique key": self.unique_key,
            "delay": self.delay,
            "time": self.run_at,
        }
        return {what: text for what, text in said.items() if text is not None}

    def row_json(
        self, event: Event, json: Callable[[str], str], both: Callable[[str, str], str], nothing: str = "NULL"
    ) -> str:
        """The payload that is made of rows, for one event.

        `json` makes that of NEW or OLD, `both` an object of old and new, of which one may be `nothing`.
        """
        there = ROWS_OF[event.kind]
        if self.row == "both":
            old, new = (json(row) if row in there else nothing for row in ("OLD", "NEW"))
            return both(old, new)
        return json(self.row.upper() if self.row.upper() in there else min(there))

    def parts(self) -> Iterator[tuple[str, Event]]:
        """Return the triggers that it is made of, by name, where a trigger can have one event only."""
        for event in self.events:
            yield self.name if len(self.events) == 1 else f"{self.name}_{event.kind}", event


def read_events(text: str) -> tuple[Event, ...]:
    """The events of a text like "insert,update:path,width,delete". Raises ConfigurationError."""
    events: list[Event] = []
    for word in text.split(","):
        kind, colon, column = word.strip().partition(":")
        if kind in EVENTS:
            if colon and (kind != "update" or not column):
                raise ConfigurationError(f"{word.strip()}: only an update has columns, as in update:path")
            events.append(Event(kind, (column,) if colon else ()))
        elif events and events[-1].columns and not colon:
            events[-1] = Event("update", (*events[-1].columns, word.strip()))
        else:
            raise ConfigurationError(
                f"no such event: {word.strip()}; it is insert, update, update:COLUMN,... or delete"
            )
    return tuple(events)
