"""From a store's URL to the store."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING

from gearbridge.errors import ConfigurationError

from .memory import MemoryStore

if TYPE_CHECKING:
    from .base import Store

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


def store_for(url: str) -> Store:
    """The store that a URL names, not opened yet. Raises ConfigurationError for a URL that names none."""
    scheme = url.partition(":")[0].lower()
    if scheme == "memory":
        return MemoryStore()
    if scheme in _ITEMS:
        return _made(*_ITEMS[scheme], url)
    if scheme not in _TABLES:
        raise ConfigurationError(f"{shown(url)!r} is not a store URL; it must be one of {', '.join(FORMS)}")
    from .hosts import database_url  # noqa: PLC0415

    try:
        parsed = database_url(url)
    except ConfigurationError as error:
        raise ConfigurationError(f"{shown(url)!r} is not a store URL: {error}") from error
    return _made(*_TABLES[scheme], parsed)


def shown(url: str) -> str:
    """A store's URL without its password, for logs."""
    url = _PASSWORD_OPTION.sub(r"\1***", _PASSWORD.sub(r"\1***\2", url))
    return _INNER_PASSWORD.sub(r"\1***\2", url)


def _made(module: str, name: str, url: object) -> Store:
    store: Store = getattr(import_module(f"gearbridge.stores.{module}"), name)(url)
    return store
