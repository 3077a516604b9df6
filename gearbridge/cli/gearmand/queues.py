"""From gearmand's queue options to a store's URL. It opens nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import quote

from gearbridge.errors import ConfigurationError
from gearbridge.stores.database.redaction import without_quotes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Values = Mapping[str, str | int | bool]

#: Where MySQL and MariaDB listen on a machine, as Debian, Red Hat and MySQL's own packages have it.
_MYSQL_SOCKETS = ("/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock")

#: What gearmand can be built with and gearbridge has no store for.
_NO_STORE = ("libtokyocabinet", "libdrizzle")


class QueueRefused(ConfigurationError):
    """There is no store for this queue, or an option of it is missing. `queue` is the name as it was given."""

    def __init__(self, queue: str, why: str) -> None:
        super().__init__(why)
        self.queue = queue


def store_url(queue: str, values: Values) -> str:
    """The store that keeps what gearmand's queue of this name would keep. Raises QueueRefused."""
    name = queue.lower()
    if name in _NO_STORE:
        raise QueueRefused(queue, f"there is no store for {queue} here; see --store of `gearbridge server --help`")
    url = _QUEUES.get(name)
    if url is None:
        raise QueueRefused(queue, f"Unknown queue {queue}")
    try:
        return url(values)
    except ConfigurationError as error:
        raise QueueRefused(queue, str(error)) from error


def _memory(_values: Values) -> str:
    return "memory:"


def _sqlite(values: Values) -> str:
    return f"sqlite:///{quote(_required(values, 'libsqlite3-db', '<dbfile>'))}"


def _postgresql(values: Values) -> str:
    conninfo = str(values.get("libpq-conninfo", ""))
    if conninfo.startswith(("postgresql://", "postgres://")):
        return conninfo
    # libpq's own reading of its strings; what they leave out comes from PGHOST and the like, as with gearmand.
    from psycopg import Error  # noqa: PLC0415  other queues need no driver
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    try:
        parts = {name: str(value) for name, value in conninfo_to_dict(conninfo).items()}
    except Error as error:
        raise ConfigurationError(f"--libpq-conninfo cannot be parsed: {without_quotes(error)}") from None
    database = parts.pop("dbname", "")
    user = _login(parts.pop("user", ""), parts.pop("password", ""))
    rest = "&".join(f"{name}={quote(value, safe='')}" for name, value in parts.items())
    return f"postgresql://{user}/{quote(database, safe='')}{'?' + rest if rest else ''}"


def _mysql(values: Values) -> str:
    database = quote(_required(values, "mysql-db", "<database>"), safe="")
    login = _login(str(values.get("mysql-user", "")), str(values.get("mysql-password", "")))
    host = str(values.get("mysql-host", "localhost"))
    socket = _mysql_socket() if host == "localhost" else None
    if socket is not None:
        return f"mysql://{login}/{database}?unix_socket={quote(socket)}"
    return f"mysql://{login}{_in_url(host)}:{values.get('mysql-port', 3306)}/{database}"


def _mysql_socket() -> str | None:
    """The socket that MySQL's own library connects to for `localhost`; None where there is none: then it is TCP."""
    places = (os.environ.get("MYSQL_UNIX_PORT", ""), *_MYSQL_SOCKETS)
    return next((place for place in places if place and os.path.exists(place)), None)


def _memcached(values: Values) -> str:
    # gearmand's library takes a string of options; scripts give it one, with the prefix behind the servers.
    servers, *options = _required(values, "libmemcached-servers", "<servers>").split()
    prefix = str(values.get("libmemcached-prefix", "gear_"))
    for option in options:
        name, _, value = option.partition("=")
        if name not in {"--libmemcached-prefix", "--NAMESPACE"} or not value:
            raise ConfigurationError(f"--libmemcached-servers has {name}, which has no meaning here")
        prefix = value
    return f"memcached://{servers}/{quote(prefix, safe='')}"


def _redis(values: Values) -> str:
    password = str(values.get("redis-password", ""))
    login = f":{quote(password, safe='')}@" if password else ""
    host = _in_url(str(values.get("redis-server", "127.0.0.1")))
    prefix = quote(str(values.get("redis-prefix", "_gear_")), safe="")
    return f"redis://{login}{host}:{values.get('redis-port', 6379)}/0?prefix={prefix}"


#: By gearmand's names, in small letters; old manuals of gearmand have libpq for Postgres.
_QUEUES: dict[str, Callable[[Values], str]] = {
    "builtin": _memory,
    "libsqlite3": _sqlite,
    "postgres": _postgresql,
    "libpq": _postgresql,
    "mysql": _mysql,
    "libmemcached": _memcached,
    "redis": _redis,
}


def _required(values: Values, name: str, shown: str) -> str:
    value = values.get(name)
    if not value:
        raise ConfigurationError(f"missing required --{name}={shown} argument")
    return str(value)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _login(user: str, password: str) -> str:
    if not user:
        return ""
    secret = f":{quote(password, safe='')}" if password else ""
    return f"{quote(user, safe='')}{secret}@"
