"""The places where a real gearmand keeps its queue: every kind that Debian's gearmand knows."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from tests.fixtures.memcached import newer_memcached
from tests.fixtures.postgres import make_database
from tests.fixtures.processes import Process, free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

#: Names of gearmand's; behind a plus, of a server that is not the usual one.
KINDS = ("libsqlite3", "Postgres", "MySQL", "MySQL+mysql", "libmemcached", "libmemcached+newer", "redis")


class Queue(NamedTuple):
    """One place: gearmand's options for it, and its URL for `--from`, without what stands behind the name."""

    kind: str
    options: tuple[str, ...]
    url: str

    @property
    def keeps_due_times(self) -> bool:
        return self.kind in {"libsqlite3", "Postgres", "MySQL"}

    @property
    def keeps_order(self) -> bool:
        return self.kind != "redis"

    @property
    def any_bytes(self) -> bool:
        """Whether it takes names that are not UTF-8."""
        return self.kind in {"libsqlite3", "libmemcached", "redis"}


@contextlib.contextmanager
def queue_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Queue]:
    """A place of this kind in which nothing is yet."""
    kind, _, other = kind.partition("+")
    if kind == "libsqlite3":
        path = folder / "gearmand.db"
        yield Queue(kind, (f"--libsqlite3-db={path}",), f"gearmand+sqlite:///{path}")
    elif kind == "Postgres":
        url = make_database(request.getfixturevalue("postgres_cluster")).url
        place = urlsplit(url)
        words = {"host": place.hostname, "port": place.port, "user": place.username, "password": place.password}
        info = " ".join(f"{name}={value}" for name, value in {**words, "dbname": place.path[1:]}.items())
        yield Queue(kind, (f"--libpq-conninfo={info}",), f"gearmand+{url}")
    elif kind == "MySQL":
        url = request.getfixturevalue(other or "mariadb").make_database()
        place = urlsplit(url)
        words = {"host": place.hostname, "port": place.port, "user": place.username, "password": place.password}
        options = tuple(f"--mysql-{name}={value}" for name, value in {**words, "db": place.path[1:]}.items())
        yield Queue(kind, options, f"gearmand+{url}")
    elif kind == "libmemcached":
        port = free_port()
        program = newer_memcached() if other else "memcached"
        with listening(program, "-u", "nobody", "-l", "127.0.0.1", "-p", str(port), port=port):
            yield Queue(kind, (f"--libmemcached-servers=127.0.0.1:{port}",), f"gearmand+memcached://127.0.0.1:{port}")
    else:
        port = free_port()
        command = ("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--requirepass", "a:b")
        with listening(*command, port=port):
            options = ("--redis-server=127.0.0.1", f"--redis-port={port}", "--redis-password=a:b")
            yield Queue(kind, options, f"gearmand+redis://:a%3Ab@127.0.0.1:{port}")


@contextlib.contextmanager
def listening(*command: str | Path, port: int) -> Iterator[None]:
    """A program that listens on 127.0.0.1:`port`, ended with the block."""
    with Process(*command) as process:

        def answers() -> bool:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                return False
            return True

        process.wait_for(answers)
        wait_until(lambda: process.running, 1)
        yield
