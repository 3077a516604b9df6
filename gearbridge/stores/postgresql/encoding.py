"""PostgreSQL databases whose encoding is not UTF-8: which names they can hold, and what they hold that is no text.

Sessions of ours speak UTF-8. A database of another encoding raises for a character that it has not got, and one of
SQL_ASCII brings any bytes at all. Neither may stop a claim of other jobs.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from psycopg.adapt import Dumper, Loader
from psycopg.errors import CharacterNotInRepertoire, UntranslatableCharacter
from psycopg.pq import Format

from ..database.libpq import answer

if TYPE_CHECKING:
    from psycopg.abc import Buffer

_log = logging.getLogger(__name__)

#: What takes any character, and any byte.
_UNIVERSAL = {"UTF8", "SQL_ASCII"}
#: Names of functions remembered; workers may come with any.
_MOST_NAMES = 10_000


class _AnyText(Loader):
    """Reads text in which there may be bytes that are not UTF-8; `_Text` writes them as they were."""

    def load(self, data: Buffer) -> str:
        return bytes(data).decode("utf-8", "surrogateescape")


class _AnyBinaryText(_AnyText):
    format = Format.BINARY


class _Text(Dumper):
    """Writes text as UTF-8, whatever the session's encoding is."""

    oid = 25  # text

    def dump(self, obj: str) -> Buffer:
        return obj.encode("utf-8", "surrogateescape")


class _BinaryText(_Text):
    format = Format.BINARY


def take_any_text(connection: Any) -> None:
    """Have a connection of psycopg's read whatever an SQL_ASCII database holds."""
    if connection.info.parameter_status("server_encoding") != "SQL_ASCII":
        return
    # With any other it looks at the bytes that it sends, and raises. Not by psycopg, which would begin a transaction.
    answer(connection.pgconn, "SET client_encoding TO sql_ascii")
    for dumper in (_BinaryText, _Text):
        connection.adapters.register_dumper(str, dumper)
    for kind in ("text", "varchar", "bpchar", "name"):
        connection.adapters.register_loader(kind, _AnyText)
        connection.adapters.register_loader(kind, _AnyBinaryText)


class EncodableNames:
    """The names that the database can hold."""

    def __init__(self) -> None:
        self._known: dict[str, bool] = {}

    def only(self, connection: Any, wanted: list[tuple[str, int]]) -> list[tuple[str, int]]:
        """Those of these names, each with a number, that the database of this psycopg connection can hold."""
        if connection.info.parameter_status("server_encoding") in _UNIVERSAL:
            return wanted
        return [(name, room) for name, room in wanted if name.isascii() or self._is_held(connection, name)]

    def _is_held(self, connection: Any, name: str) -> bool:
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= _MOST_NAMES:
                self._known.clear()
            try:
                connection.execute("SELECT %s::text", [name])
                known = True
            except (UntranslatableCharacter, CharacterNotInRepertoire):
                _log.warning("the database's encoding cannot represent the function %r: it has no jobs there", name)
                known = False
            self._known[name] = known
        return known
