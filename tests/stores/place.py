"""A place where a store keeps its jobs, to be opened again and again and to be looked into behind the store's back."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

from sqlalchemy import create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from gearbridge.stores.memcached_connection import MemcachedConnection
from gearbridge.stores.registry import store_for
from gearbridge.stores.table import TableStore
from tests.fixtures import innodb_memcached
from tests.fixtures.postgres import make_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL

    from gearbridge.stores.base import Store


class PlainSQLiteStore(TableStore):
    """SQLAlchemy's own statements, the path of databases without a faster one, on an SQLite file."""

    def _create_engine(self, url: URL) -> Engine:
        engine = create_engine(url, poolclass=NullPool)
        event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        return engine


class Place:
    """Where a store keeps its jobs; every call of `store` opens another view of the same place."""

    def __init__(self, kind: str, url: str) -> None:
        self.kind = kind
        self.url = url

    def store(self) -> Store:
        return PlainSQLiteStore(make_url(self.url)) if self.kind == "plain" else store_for(self.url)

    def run(self, *statements: str) -> None:
        """Change something behind the store's back."""
        with self.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection of the test's own, in one transaction."""
        arguments = {"options": "-c search_path=gearbridge,public"} if self.kind == "postgresql" else {}
        url = make_url(self.url).set(drivername=DRIVERS[self.kind])
        engine = create_engine(url, poolclass=NullPool, connect_args=arguments)
        with engine.begin() as connection:
            yield connection
        engine.dispose()

    def set_item(self, name: bytes, value: bytes) -> None:
        """Keep an item under the store's prefix, behind its back."""
        parts = urlsplit(self.url)
        assert parts.hostname
        assert parts.port
        connection = MemcachedConnection(parts.hostname, parts.port)
        key = b"%b:%b" % (parts.path.strip("/").encode(), name)
        for part in connection.pipeline([(b"set", key, value)]):
            assert [reply for _, reply in part] == [b"STORED"]
        connection.close()


#: Kinds of places whose store keeps items behind memcached's protocol, and of those that keep rows of a job table.
ITEMS = ("memcached", "innodb-memcached")
DRIVERS = {"sqlite": "sqlite", "plain": "sqlite", "postgresql": "postgresql+psycopg", "mariadb": "mysql+pymysql"}

_prefixes = count(1)
#: What is in a MySQL of the user's stays there, so each run has prefixes of its own.
_run = uuid4().hex[:8]


def make_place(request: pytest.FixtureRequest, kind: str, path: Path) -> Place:
    """A place of this kind in which nothing is yet; `path` is a file for those that need one."""
    if kind == "postgresql":
        return Place(kind, make_database(request.getfixturevalue("postgres_cluster")).url)
    if kind == "mariadb":
        return Place(kind, request.getfixturevalue("mariadb").make_database())
    if kind == "memcached":
        return Place(kind, request.getfixturevalue("memcached").url(f"test{next(_prefixes)}"))
    if kind == "innodb-memcached":
        prefix = f"test{next(_prefixes)}"
        if innodb_memcached.REAL:
            return Place(kind, innodb_memcached.REAL.replace("?", f"{_run}-{prefix}?"))
        return Place(kind, request.getfixturevalue("innodb_memcached").url(prefix))
    return Place(kind, f"sqlite:///{path}")
