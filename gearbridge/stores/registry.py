"""From a store's URL to the store."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from gearbridge.errors import ConfigurationError

from .database.redaction import redacted
from .memory import MemoryStore

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from .interface import Node, SharedStore, Store

#: What `--store` takes, for messages and help.
FORMS = (
    "memory:",
    "sqlite:///FILE",
    "postgresql://USER:PASSWORD@HOST[,HOST...]/DATABASE",
    "mysql://USER:PASSWORD@HOST[,HOST...]/DATABASE",
    "memcached://HOST:PORT[,HOST:PORT...]/PREFIX",
    "innodb-memcached://HOST:PORT/PREFIX?sql=mysql://...",
    "redis://[USER:PASSWORD@]HOST:PORT/DB?prefix=PREFIX",
)

#: Module and class by scheme, first of those that read their URL themselves. A driver is imported when it is asked for:
#: a server in memory starts without any.
_ITEMS = {
    "memcached": ("memcached.store", "MemcachedStore"),
    "innodb-memcached": ("innodb_memcached.store", "InnoDBMemcachedStore"),
    "redis": ("redis.store", "RedisStore"),
    "rediss": ("redis.store", "RedisStore"),
}
_TABLES = {
    "sqlite": ("sqlite.store", "SQLiteStore"),
    "postgresql": ("postgresql.store", "PostgreSQLStore"),
    "postgres": ("postgresql.store", "PostgreSQLStore"),
    "mysql": ("mysql.store", "MySQLStore"),
    "mariadb": ("mysql.store", "MySQLStore"),
}
#: Those that several servers may share.
_SHARED = {
    "postgresql": ("postgresql.nodes", "SharedPostgreSQLStore"),
    "postgres": ("postgresql.nodes", "SharedPostgreSQLStore"),
    "mysql": ("mysql.nodes", "SharedMySQLStore"),
    "mariadb": ("mysql.nodes", "SharedMySQLStore"),
}


def store_for(url: str) -> Store:
    """The store that a URL names, not opened yet. Raises ConfigurationError for a URL that names none."""
    scheme = url.partition(":")[0].lower()
    if scheme == "memory":
        return MemoryStore()
    if scheme in _ITEMS:
        return _made(*_ITEMS[scheme], url)
    if scheme not in _TABLES:
        raise ConfigurationError(f"{redacted(url)!r} is not a store URL; it must be one of {', '.join(FORMS)}")
    return _made(*_TABLES[scheme], _parsed(url))


def shared_store_for(url: str, node: Node) -> SharedStore:
    """The store that a URL names, for this server as one of several, not opened yet.

    Raises ConfigurationError where the URL is none of a database that can be shared.
    """
    scheme = url.partition(":")[0].lower()
    if scheme not in _SHARED:
        raise ConfigurationError(
            f"--node shares a database among servers, and {redacted(url)!r} cannot be shared: "
            "PostgreSQL, MySQL 8 and MariaDB 10.6 can, and later ones; leave --node out to have the store alone"
        )
    return cast("SharedStore", _made(*_SHARED[scheme], _parsed(url), node))


def _parsed(url: str) -> URL:
    from .database.urls import database_url  # noqa: PLC0415

    try:
        return database_url(url)
    except ConfigurationError as error:
        raise ConfigurationError(f"{redacted(url)!r} is not a store URL: {error}") from error


def _made(module: str, name: str, *arguments: object) -> Store:
    store: Store = getattr(import_module(f"gearbridge.stores.{module}"), name)(*arguments)
    return store
