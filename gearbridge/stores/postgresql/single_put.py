"""A commit group that is one job stored, or one forgotten, sent to PostgreSQL with as little overhead as possible.

A client that waits for each acknowledgement makes such groups. Then psycopg's adaptation of arrays, and PostgreSQL's
unnesting of them, are a third of the time that is not the commit; so this speaks through libpq itself, with statements
prepared once for each connection. They do not look for a job that is there already: that is some percent of the whole.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Any

from ..jobtable.rows import COLUMNS
from ..jobtable.schema import KEPT, WAITING, job

if TYPE_CHECKING:
    from ..jobtable.batch import Steps
    from ..jobtable.rows import Row

_PUT = {KEPT: b"gearbridge_put", WAITING: b"gearbridge_put_beyond"}
_DROP = b"gearbridge_drop"
_COLUMNS = ", ".join(COLUMNS)
_VALUES = ", ".join(f"${number + 1}" for number in range(len(COLUMNS)))
#: libpq's formats of a row's values: the payload is binary, all else text.
_FORMATS = [int(column == "payload") for column in COLUMNS]
#: libpq's PG_DIAG_SQLSTATE, and what it is where there is no such prepared statement.
_SQLSTATE = ord("C")
_NOT_PREPARED = b"26000"
#: libpq's PGRES_COMMAND_OK.
_DONE = 1


class SinglePutStatements:
    """Writes groups of one operation. It remembers the connection that it has prepared its statements on.

    `owner` is a new row's, and `only` a condition for forgetting one. Both may use a further parameter, which each is
    given as its last.
    """

    def __init__(self, owner: str = "0", only: str = "true") -> None:
        self._prepared: Any = None
        self._written = False
        self._statements = {
            **{
                name: f"INSERT INTO {job.name} ({_COLUMNS}, state, owner) VALUES ({_VALUES}, {state}, {owner})"
                for state, name in _PUT.items()
            },
            _DROP: f"DELETE FROM {job.name} WHERE handle = $1 AND {only}",
        }

    def write(self, connection: Any, group: list[Steps], *last: int) -> bool:
        """Write the group over psycopg's libpq connection, if it is of one such operation; whether it is written.

        Where anything goes wrong it is not: the usual way then meets the same error, or does better.
        """
        if len(group) != 1 or not group[0].is_single:
            return False
        steps = group[0]
        if self._prepared is not connection:
            if all(_is_done(connection.prepare(name, text.encode())) for name, text in self._statements.items()):
                self._prepared = connection
            # A session's first group may be one whose answer the session before has lost, and be there already: these
            # statements do not look for it, and would put an error into the log.
            return False
        for state, puts in steps.inserts():
            (row,) = puts.values()
            return self._is_written(connection.exec_prepared(*_put(state, row, last)))
        return self._is_written(connection.exec_prepared(_DROP, _values_of((*steps.drops, *last))))

    def _is_written(self, result: Any) -> bool:
        if result.error_field(_SQLSTATE) == _NOT_PREPARED:
            self._prepared = None  # somebody has deallocated them: the next one finds them prepared again
        return _is_done(result)

    def begin(self, connection: Any, state: int, row: Row, *last: int) -> int | None:
        """Send a row in this state; return the socket of the answer. None: nothing is prepared on it."""
        if self._prepared is not connection:
            return None
        connection.send_query_prepared(*_put(state, row, last))
        self._written = False
        socket: int = connection.socket
        return socket

    def ended(self, connection: Any, *, wait: bool) -> bool | None:
        """Return whether the job that was sent is written; None: the answer has not come, and is not waited for.

        Raises psycopg's errors where the connection breaks.
        """
        if not wait:
            return self._read(connection)
        readable = select.poll()
        readable.register(connection.socket, select.POLLIN)
        while (outcome := self._read(connection)) is None:
            readable.poll()  # not in libpq: psycopg would keep all other threads waiting meanwhile
        return outcome

    def _read(self, connection: Any) -> bool | None:
        connection.consume_input()
        while not connection.is_busy():
            result = connection.get_result()
            if result is None:
                return self._written
            self._written = self._is_written(result)
        return None


def _put(state: int, row: Row, last: tuple[int, ...]) -> tuple[bytes, list[bytes], list[int]]:
    """A statement's name, and what it is given."""
    return _PUT[state], _values_of((*row, *last)), [*_FORMATS, *(0 for _ in last)]


def _values_of(row: tuple[object, ...]) -> list[bytes]:
    return [value if isinstance(value, bytes) else str(value).encode() for value in row]


def _is_done(result: Any) -> bool:
    return bool(result.status == _DONE)
