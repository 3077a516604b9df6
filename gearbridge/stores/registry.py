"""From a store's URL to the store."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, cast

from gearbridge.errors import ConfigurationError

from .memory import MemoryStore

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from .base import SharedStore, Store
    from .node import Node

_PASSWORD = re.compile(r"(://[^:/@]*:)[^@?]*(@)")
#: The same as an option, which libpq takes too.
_PASSWORD_OPTION = re.compile(r"([?&]password=)[^&]*")
#: The same in a URL that is an option of another one, and written so.
_INNER_PASSWORD = re.compile(r"(%3A%2F%2F.*?%3A).*(%40)", re.IGNORECASE)

#: What `--store` takes, for messages and help.
FORMS = (
    "memory:",
    "sqlite:///FILE",
    "postgresql://USER:PASSWORD@HOST[,HOST...]/DATABASE",
    "mysql://USER:PASSWORD@HOST[,HOST...]/DATABASE",
    "memcached://HOST:PORT/PREFIX",
    "innodb-memcached://HOST:PORT/PREFIX?sql=mysql://...",
)

#: Module and class by scheme, first of those that read their URL themselves. A driver is imported when it is asked for:
#: a server in memory starts without any.
_ITEMS = {
    "memcached": ("memcached", "MemcachedStore"),
    "innodb-memcached": ("innodb_memcached", "InnoDBMemcachedStore"),
}
_TABLES = {
    "sqlite": ("sqlite", "SQLiteStore"),
    "postgresql": ("postgresql", "PostgreSQLStore"),
    "postgres": ("postgresql", "PostgreSQLStore"),
    "mysql": ("mysql", "MySQLStore"),
    "mariadb": ("mysql", "MySQLStore"),
}
#: Those that several servers may share.
_SHARED = {
    "postgresql": ("shared_postgresql", "SharedPostgreSQLStore"),
    "postgres": ("shared_postgresql", "SharedPostgreSQLStore"),
    "mysql": ("shared_mysql", "SharedMySQLStore"),
    "mariadb": ("shared_mysql", "SharedMySQLStore"),
}


def store_for(url: str) -> Store:
    """The store that a URL names, not opened yet. Raises ConfigurationError for a URL that names none."""
    scheme = url.partition(":")[0].lower()
    if scheme == "memory":
        return MemoryStore()
    if scheme in _ITEMS:
        return _made(*_ITEMS[scheme], url)
    if scheme not in _TABLES:
        raise ConfigurationError(f"{shown(url)!r} is not a store URL; it must be one of {', '.join(FORMS)}")
    return _made(*_TABLES[scheme], _parsed(url))


def shared_store_for(url: str, node: Node) -> SharedStore:
    """The store that a URL names, for this server as one of several, not opened yet.

    Raises ConfigurationError where the URL is none of a database that can be shared.
    """
    scheme = url.partition(":")[0].lower()
    if scheme not in _SHARED:
        raise ConfigurationError(
            f"--node shares a database among servers, and {shown(url)!r} cannot be shared: "
            "PostgreSQL, MySQL 8 and MariaDB 10.6 can, and later ones; leave --node out to have the store alone"
        )
    return cast("SharedStore", _made(*_SHARED[scheme], _parsed(url), node))


def _parsed(url: str) -> URL:
    from .hosts import database_url  # noqa: PLC0415

    try:
        return database_url(url)
    except ConfigurationError as error:
        raise ConfigurationError(f"{shown(url)!r} is not a store URL: {error}") from error


def shown(url: str) -> str:
    """A store's URL without its password, for logs."""
    url = _PASSWORD_OPTION.sub(r"\1***", _PASSWORD.sub(r"\1***\2", url))
    return _INNER_PASSWORD.sub(r"\1***\2", url)


def _made(module: str, name: str, *arguments: object) -> Store:
    store: Store = getattr(import_module(f"gearbridge.stores.{module}"), name)(*arguments)
    return store
