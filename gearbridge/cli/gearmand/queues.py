"""From gearmand's queue options to a store's URL. Pure: it opens nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from gearbridge.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Values = Mapping[str, str | int | bool]

#: What gearmand can be built with and gearbridge has no store for.
_NO_STORE = ("redis", "libtokyocabinet", "libdrizzle")


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
    return f"sqlite:///{_required(values, 'libsqlite3-db', '<dbfile>')}"


def _postgresql(values: Values) -> str:
    conninfo = str(values.get("libpq-conninfo", ""))
    if conninfo.startswith(("postgresql://", "postgres://")):
        return conninfo
    # libpq's own reading of its strings; what they leave out, PGHOST and the like say, as with gearmand.
    from psycopg import Error  # noqa: PLC0415  other queues need no driver
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    try:
        parts = {name: str(value) for name, value in conninfo_to_dict(conninfo).items()}
    except Error as error:
        raise ConfigurationError(f"--libpq-conninfo cannot be read: {str(error).strip()}") from error
    database = parts.pop("dbname", "")
    user = _login(parts.pop("user", ""), parts.pop("password", ""))
    rest = "&".join(f"{name}={quote(value, safe='')}" for name, value in parts.items())
    return f"postgresql://{user}/{quote(database, safe='')}{'?' + rest if rest else ''}"


def _mysql(values: Values) -> str:
    database = quote(_required(values, "mysql-db", "<database>"), safe="")
    login = _login(str(values.get("mysql-user", "")), str(values.get("mysql-password", "")))
    host = values.get("mysql-host", "localhost")
    return f"mysql://{login}{host}:{values.get('mysql-port', 3306)}/{database}"


def _memcached(values: Values) -> str:
    servers = _required(values, "libmemcached-servers", "<servers>")
    return f"memcached://{servers}/{quote(str(values.get('libmemcached-prefix', 'gear_')), safe='')}"


#: By gearmand's names, in small letters; old manuals of gearmand say libpq for Postgres.
_QUEUES: dict[str, Callable[[Values], str]] = {
    "builtin": _memory,
    "libsqlite3": _sqlite,
    "postgres": _postgresql,
    "libpq": _postgresql,
    "mysql": _mysql,
    "libmemcached": _memcached,
}


def _required(values: Values, name: str, shown: str) -> str:
    value = values.get(name)
    if not value:
        raise ConfigurationError(f"missing required --{name}={shown} argument")
    return str(value)


def _login(user: str, password: str) -> str:
    if not user:
        return ""
    secret = f":{quote(password, safe='')}" if password else ""
    return f"{quote(user, safe='')}{secret}@"
