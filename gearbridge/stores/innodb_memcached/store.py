"""`innodb-memcached://host:port/prefix?sql=mysql://...`: jobs in an InnoDB table, written by MySQL's memcached plugin.

For MySQL 5.6 to 8.2, which have the plugin daemon_memcached.

Rules of this file:
1. Writes go through memcached, everything else through SQL: the plugin lists no keys, reads one key at a time, and
   may read what was there some time ago (daemon_memcached_r_batch_size).
2. The plugin answers NOT_FOUND and NOT_STORED for a row that somebody's transaction has locked, too. So neither is
   believed before a query by SQL, which waits for no lock.
3. A value that would abort mysqld is refused before it is sent.
4. One server at a time has a prefix, by a lock of the SQL session (lock.py). It is checked before writing,
   at most a second after the last time.
"""

from __future__ import annotations

import logging
import re
import time
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

from gearbridge.errors import ConfigurationError, StoreError, StoreInUse, StoreUnavailable

from ..database.redaction import redacted
from ..database.urls import database_url
from ..interface import Traits
from ..memcached.connection import MemcachedConnection
from ..memcached.items import ItemStore, place_of
from ..mysql.store import warn_of_lazy_commits
from .container import Container, demand_writable, find_container, settings_of, value_room
from .lock import ITEM, PrefixLock
from .session import SQLSession

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy.engine import URL

    from gearbridge.records import StoredJob

    from ..memcached.connection import Command
    from .session import Ask

_log = logging.getLogger(__name__)

FORM = "innodb-memcached://HOST:PORT/PREFIX?max_value=BYTES&sql=mysql://USER:PASSWORD@HOST/DATABASE"
#: Bytes of the largest value, by default.
MAX_VALUE = 8 << 20
#: Commands sent before their replies are read. A locked row is waited for a second, and all may be locked.
_COMMANDS = 32
#: So many locked rows of one round are no longer their own trouble, but the table's.
_MANY = 4
#: Seconds for which the SQL session is believed to be there.
_BELIEVED = 1.0
_OPTION = re.compile(r"&(?=(?:sql|max_value)=)")


class InnoDBMemcachedStore(ItemStore):
    """Jobs behind MySQL's memcached plugin."""

    def __init__(self, url: str) -> None:
        """Raises ConfigurationError for a URL that is not innodb-memcached://HOST[:PORT]/[PREFIX]?sql=mysql://..."""
        head, _, query = url.partition("?")
        sql, self._wanted = _options(query)
        host, port, prefix = place_of(head, FORM)
        if prefix.startswith("@@"):
            raise ConfigurationError(f"the store's URL has the prefix {prefix}, but at @@ the plugin changes tables")
        super().__init__(MemcachedConnection(host, port, _COMMANDS), prefix, "max_value of the store's URL")
        self._shown = redacted(url)
        self._plugin = f"{host}:{port}"
        self._session = SQLSession(sql)
        self._container = Container(*[""] * 8)
        self._lock: PrefixLock | None = None
        self._believed_until = 0.0

    @property
    def traits(self) -> Traits:
        """Durable, one operation at a time; `max_payload` is known once it is open."""
        return Traits(durable=True, transactional=False, max_payload=self._values.max_payload)

    def open(self) -> None:
        """Connect to both, and check everything that could cost jobs."""
        try:
            settings = settings_of(self._session)
            demand_writable(settings)
            self._values.longest = self._room(settings)
            self._container = find_container(self._session)
            self._probe()
            place = self._table().encode() + self._prefix
            self._lock = PrefixLock(place, partial(self._put_item, self._prefix + ITEM), self._lock_item)
            self._session.hold(self._lock.take)
        except (ConfigurationError, StoreError) as error:
            self.close()
            raise ConfigurationError(f"cannot open the store {self._shown}: {error}") from error
        warn_of_lazy_commits(settings.get("innodb_flush_log_at_trx_commit", "unknown"))
        if settings.get("log_bin") == "ON" and settings.get("innodb_api_enable_binlog") != "ON":
            _log.warning("innodb_api_enable_binlog is off here: jobs are not in the binary log, so replicas have none")
        _log.info("values of up to %d bytes are kept, names included", self._values.longest)
        self._is_open = True

    def replay(self) -> Iterator[StoredJob]:
        """The jobs in the table, in order of submission. All are read before the first."""
        self._check_open()
        return self._values.in_order(self._items())

    def close(self) -> None:
        """Disconnect from both, and let another server have the prefix."""
        super().close()
        self._session.close()

    def _items(self) -> Iterator[tuple[bytes, bytes]]:
        container = self._container
        key, value = _quoted(container.key), _quoted(container.value)
        alive = ""
        if container.expire:
            expire = f"COALESCE({_quoted(container.expire)}, 0)"
            alive = f" AND ({expire} = 0 OR {expire} > UNIX_TIMESTAMP())"
        begin = self._prefix.decode()
        end = begin[:-1] + chr(ord(begin[-1]) + 1)
        select = f"SELECT SQL_NO_CACHE {key}, {value} FROM {self._table()} WHERE {key} >= %s AND {key} < %s{alive}"
        for name, content in self._session.each(select, begin, end):
            if str(name).encode() == self._prefix + ITEM:
                continue
            yield str(name).encode(), bytes(content or b"")

    def _before_writing(self) -> None:
        now = time.monotonic()
        if self._connection.is_connected and now < self._believed_until:
            return
        # After a lost connection MySQL may be another one, or another one's.
        try:
            demand_writable(settings_of(self._session))
        except StoreInUse:
            raise
        except ConfigurationError as error:  # the plugin may be installed again, and who made it read-only may end that
            raise StoreUnavailable(str(error)) from error
        assert self._lock is not None
        self._lock.demand(self._session.ask)
        self._believed_until = now + _BELIEVED

    def _doubt(self, unchanged: list[Command]) -> None:
        there = self._present(key for verb, key, _ in unchanged if verb != b"replace")
        self._demand_ours(command for command in unchanged if command[0] == b"add" and command[1] in there)
        locked = []
        for verb, key, value in unchanged:
            if verb == b"add" and key not in there:
                raise StoreUnavailable(f"the table {self._table()} is locked: a row cannot be written")
            if (verb == b"delete" and key in there) or (
                verb == b"replace" and self._value_of(key) not in ([], [value])
            ):
                locked.append(key.decode())
        if len(locked) >= _MANY:
            raise StoreUnavailable(f"many rows of {self._table()} are locked by a transaction, {locked[0]} for one")
        if locked:
            raise StoreError(f"locked by a transaction, and tried again later: {', '.join(locked)}")

    def _present(self, keys: Iterable[bytes]) -> set[bytes]:
        """Those of the keys that there are rows for, committed ones."""
        names = [key.decode() for key in keys]
        if not names:
            return set()
        key, marks = _quoted(self._container.key), ", ".join(["%s"] * len(names))
        select = f"SELECT SQL_NO_CACHE {key} FROM {self._table()} WHERE {key} IN ({marks})"
        return {str(name).encode() for (name,) in self._session.ask(select, *names)}

    def _value_of(self, key: bytes) -> list[bytes]:
        return self._read(self._session.ask, key)

    def _lock_item(self, ask: Ask) -> list[bytes]:
        return self._read(ask, self._prefix + ITEM)

    def _read(self, ask: Ask, key: bytes) -> list[bytes]:
        container = self._container
        select = (
            f"SELECT SQL_NO_CACHE {_quoted(container.value)} FROM {self._table()} WHERE {_quoted(container.key)} = %s"
        )
        return [bytes(content or b"") for (content,) in ask(select, key.decode())]

    def _probe(self) -> None:
        """Write through memcached, read through SQL: the plugin is this MySQL's, its container is this table."""
        key = self._prefix + b"%open"  # no handle makes this key
        value = b"%d" % time.time_ns()
        self._demand(b"set", key, value, b"STORED")
        if self._value_of(key) != [value]:
            raise ConfigurationError(
                f"what memcached at {self._plugin} stores does not come into {self._table()}: another MySQL's "
                "plugin listens there, or it has not read its containers since they changed (UNINSTALL PLUGIN "
                "daemon_memcached, then INSTALL it again)"
            )
        self._demand(b"delete", key, None, b"DELETED")

    def _demand(self, verb: bytes, key: bytes, value: bytes | None, wanted: bytes) -> None:
        reply = self._put_item(key, verb, value)
        if reply != wanted:
            raise ConfigurationError(
                f"memcached at {self._plugin} answers a {verb.decode()} with {reply.decode('utf-8', 'replace')}"
            )

    def _put_item(self, key: bytes, verb: bytes, value: bytes | None) -> bytes:
        """Send one command, and return its reply."""
        replies = [reply for part in self._connection.pipeline([(verb, key, value)]) for _, reply in part]
        return replies[0]

    def _room(self, settings: Mapping[str, str]) -> int:
        room = value_room(settings)
        if self._wanted is None:
            return MAX_VALUE if room is None else min(MAX_VALUE, room)
        if room is not None and self._wanted > room:
            raise ConfigurationError(
                f"max_value is {self._wanted} bytes, but a value near a tenth of the redo log aborts MySQL, so {room} "
                "is all there is room for: make innodb_log_file_size larger or max_value smaller"
            )
        return self._wanted

    def _table(self) -> str:
        return f"{_quoted(self._container.schema)}.{_quoted(self._container.table)}"


def _options(query: str) -> tuple[URL, int | None]:
    """Return the SQL URL, which is taken as it stands, and the largest value, if it is given."""
    options: dict[str, str] = {}
    for option in _OPTION.split(query):
        name, _, value = option.partition("=")
        options[name] = value
    unknown = options.keys() - {"sql", "max_value"}
    if unknown or "sql" not in options:
        raise ConfigurationError(f"this is no store URL, it must be {FORM}")
    try:
        sql = database_url(options["sql"] if "://" in options["sql"] else unquote(options["sql"]))
    except ConfigurationError as error:
        raise ConfigurationError(f"sql= in the store's URL is not mysql://...: {error}; the form is {FORM}") from None
    if sql.get_backend_name() not in {"mysql", "mariadb"}:
        raise ConfigurationError(f"sql= in the store's URL must begin with mysql://; the form is {FORM}")
    if "max_value" not in options:
        return sql, None
    if not options["max_value"].isdecimal() or int(options["max_value"]) == 0:
        raise ConfigurationError("max_value in the store's URL must be a number of bytes")
    return sql, int(options["max_value"])


def _quoted(name: str) -> str:
    """A name in a statement that has parameters."""
    return "`" + name.replace("`", "``").replace("%", "%%") + "`"
