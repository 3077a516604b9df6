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

from gearbridge.stores.jobtable.store import TableStore
from gearbridge.stores.memcached.connection import MemcachedConnection
from gearbridge.stores.registry import store_for
from tests.fixtures import innodb_memcached
from tests.fixtures.mysql import SERVERS
from tests.fixtures.postgres import make_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL

    from gearbridge.stores.interface import Store


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

    @property
    def dialect(self) -> str:
        """The language of its SQL: sqlite, postgresql or mysql."""
        return DRIVERS[self.kind].partition("+")[0]

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
        if parts.scheme == "redis":
            from redis import Redis  # noqa: PLC0415  other places need no driver

            with Redis(parts.hostname, parts.port, 0) as client:
                client.hset(f"{{{parts.query.removeprefix('prefix=')}}}:jobs", name, value)
            return
        connection = MemcachedConnection(parts.hostname, parts.port)
        key = b"%b:%b" % (parts.path.strip("/").encode(), name)
        for part in connection.pipeline([(b"set", key, value)]):
            assert [reply for _, reply in part] == [b"STORED"]
        connection.close()


#: Kinds of places whose store keeps a value for each job, and of those that keep rows of a job table.
ITEMS = ("memcached", "memcached_newer", "innodb-memcached", "redis", "valkey")
DRIVERS = {
    "sqlite": "sqlite",
    "plain": "sqlite",
    "postgresql": "postgresql+psycopg",
    "mariadb": "mysql+pymysql",
    "mysql": "mysql+pymysql",
}

_prefixes = count(1)
#: What is in a MySQL of the user's stays there, so each run has prefixes of its own.
_run = uuid4().hex[:8]


def make_place(request: pytest.FixtureRequest, kind: str, path: Path) -> Place:
    """A place of this kind in which nothing is yet; `path` is a file for those that need one."""
    if kind == "postgresql":
        return Place(kind, make_database(request.getfixturevalue("postgres_cluster")).url)
    if kind in SERVERS:
        return Place(kind, request.getfixturevalue(kind).make_database())
    if kind in {"memcached", "memcached_newer", "redis", "valkey"}:
        return Place(kind, request.getfixturevalue(kind).url(f"test{next(_prefixes)}"))
    if kind == "innodb-memcached":
        prefix = f"test{next(_prefixes)}"
        if innodb_memcached.REAL:
            return Place(kind, innodb_memcached.REAL.replace("?", f"{_run}-{prefix}?"))
        return Place(kind, request.getfixturevalue("innodb_memcached").url(prefix))
    return Place(kind, f"sqlite:///{path}")
