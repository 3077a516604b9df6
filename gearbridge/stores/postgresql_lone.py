"""A commit group that is one job stored, or one forgotten, said to PostgreSQL with as little around it as there can be.

A client that waits for each acknowledgement makes such groups. Then psycopg's adaptation of arrays, and PostgreSQL's
unnesting of them, are a third of the time that is not the commit; so this speaks through libpq itself, with statements
prepared once for each connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .rows import COLUMNS
from .schema import KEPT, WAITING, job

if TYPE_CHECKING:
    from .rows import Row, Steps

_PUT = {KEPT: b"gearbridge_put", WAITING: b"gearbridge_put_beyond"}
_DROP = b"gearbridge_drop"
_VALUES = ", ".join(f"${number + 1}" for number in range(len(COLUMNS)))
_STATEMENTS = {
    **{
        name: f"INSERT INTO {job.name} ({', '.join(COLUMNS)}, state) VALUES ({_VALUES}, {state}) "
        "ON CONFLICT (handle) DO NOTHING"
        for state, name in _PUT.items()
    },
    _DROP: f"DELETE FROM {job.name} WHERE handle = $1",
}
#: libpq's formats of a row's values: the payload is binary, all else text.
_FORMATS = [int(column == "payload") for column in COLUMNS]
#: libpq's PGRES_COMMAND_OK.
_DONE = 1


class LoneJobs:
    """Writes groups of one operation. It remembers the connection that it has prepared its statements on."""

    def __init__(self) -> None:
        self._prepared: Any = None

    def write(self, connection: Any, group: list[Steps]) -> bool:
        """Write the group over psycopg's libpq connection, if it is of one such operation; whether it is written.

        Where anything goes wrong it is not: the usual way then meets the same error, or does better.
        """
        if len(group) != 1:
            return False
        steps = group[0]
        if steps.attempts or steps.settled or len(steps.puts) + len(steps.beyond) + len(steps.drops) != 1:
            return False
        if self._prepared is not connection:
            if not all(_is_done(connection.prepare(name, text.encode())) for name, text in _STATEMENTS.items()):
                return False
            self._prepared = connection
        for state, puts in steps.inserts():
            (row,) = puts.values()
            return _is_done(connection.exec_prepared(_PUT[state], _values_of(row), _FORMATS))
        return _is_done(connection.exec_prepared(_DROP, [handle.encode() for handle in steps.drops]))


def _values_of(row: Row) -> list[bytes]:
    return [value if isinstance(value, bytes) else str(value).encode() for value in row]


def _is_done(result: Any) -> bool:
    return bool(result.status == _DONE)
