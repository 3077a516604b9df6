"""Stores behind a slow line: a connection is silent only when no byte moves and the database does nothing for us."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import pytest

from gearbridge.errors import StoreUnavailable
from gearbridge.records import Drop, Put, StoredJob
from gearbridge.stores.database.traffic import PATIENCE, STALLED, Call, Traffic, traffic_of, unsent
from gearbridge.stores.interface import Node
from gearbridge.stores.mysql.single_put import _is_whole
from gearbridge.stores.registry import shared_store_for, store_for
from tests.fixtures.mysql import SERVERS
from tests.fixtures.processes import wait_until
from tests.fixtures.proxy import Line

from .place import make_place
from .sharing import LONG

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gearbridge.stores.interface import SharedStore, WindowedStore
    from tests.fixtures.proxy import Proxy, StartProxy

    from .place import Place

#: Two megabytes a second, where every fiftieth piece is held up; tests/server/test_slow_lines.py has a long line.
LINE = Line(rate=2_000_000, latency=0.02, stalls=0.02, stall=0.3)
#: Bytes that are on their way for as long as a connection may be silent.
SIZE = 6_000_000


@pytest.fixture(params=["postgresql", *SERVERS])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return make_place(request, str(request.param), tmp_path / "jobs.db")


class Behind:
    """A store that is open behind a line."""

    def __init__(self, place: Place, start_proxy: StartProxy, line: Line | None, name: str = "") -> None:
        port = urlsplit(place.url).port
        assert port
        self.proxy: Proxy = start_proxy(port, line)
        url = place.url.replace(f":{port}/", f":{self.proxy.port}/")
        self.store = cast("WindowedStore", shared_store_for(url, Node(name, LONG, "")) if name else store_for(url))
        self.store.open()
        self.before = self.proxy.connections


@pytest.fixture(params=["", "a"], ids=["alone", "node"])
def slow(request: pytest.FixtureRequest, place: Place, start_proxy: StartProxy) -> Iterator[WindowedStore]:
    store = Behind(place, start_proxy, LINE, request.param).store
    yield store
    store.close()


def test_a_large_job_is_written_and_claimed_over_a_slow_line(
    slow: WindowedStore, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "gearbridge.stores.database.watchdog")
    connection = slow._connection  # type: ignore[attr-defined]
    payload = bytes(range(250)) * (SIZE // 250)
    slow.apply([Put(StoredJob(b"H:1", b"f", payload), spilled=True)])
    (claimed,) = slow.claim({b"f": 10})
    assert claimed.payload == payload
    slow.apply([Drop(b"H:1")])
    assert slow._connection is connection, "the line was slow, not dead"  # type: ignore[attr-defined]
    assert not caplog.records
    with place.connect() as other:
        assert other.exec_driver_sql("SELECT count(*) FROM gearbridge_job").scalar() == 0


def test_a_half_open_connection_is_noticed_where_much_was_sent_before(place: Place, start_proxy: StartProxy) -> None:
    behind = Behind(place, start_proxy, None)
    store = behind.store
    store.apply([Put(StoredJob(b"H:1", b"f", bytes(SIZE)))])
    behind.proxy.fall_silent()
    with pytest.raises(StoreUnavailable):
        store.apply([Put(StoredJob(b"H:2", b"f", b"x"))])
    store.apply([Put(StoredJob(b"H:2", b"f", b"x"))])
    assert [job.handle for job in store.replay()] == [b"H:1", b"H:2"]
    store.close()


def test_a_heartbeat_over_a_half_open_connection_is_noticed_and_the_next_one_beats(
    place: Place, start_proxy: StartProxy
) -> None:
    behind = Behind(place, start_proxy, None, "a")
    store = cast("SharedStore", behind.store)
    store.beat(0, 0)
    behind.proxy.fall_silent()
    with pytest.raises(StoreUnavailable):
        store.beat(0, 0)
    assert store.beat(0, 0) == []
    store.close()


def test_a_database_that_works_for_us_is_waited_for(place: Place, start_proxy: StartProxy) -> None:
    lock = {
        "postgresql": "LOCK TABLE gearbridge_job IN ACCESS EXCLUSIVE MODE",
        "mysql": "LOCK TABLES gearbridge_job WRITE",
    }
    # Without the store's own limit, so that waiting for a lock is the work that the database has.
    patient = {"postgresql": "SET lock_timeout TO 0", "mysql": "SET lock_wait_timeout = 100"}
    behind = Behind(place, start_proxy, None)
    connection = behind.store._connection  # type: ignore[attr-defined]
    with contextlib.closing(connection.connection.dbapi_connection.cursor()) as cursor:
        cursor.execute(patient[place.dialect])
    failures: list[Exception] = []

    def write() -> None:
        try:
            behind.store.apply([Put(StoredJob(b"H:1", b"f", b"x"))])
        except Exception as error:
            failures.append(error)

    writing = threading.Thread(target=write)
    with place.connect() as other:
        other.exec_driver_sql(lock[place.dialect])
        writing.start()
        # Once it has been asked about: a connection is made for each question.
        wait_until(lambda: behind.proxy.connections > behind.before, what="the watch to ask")
        writing.join(1)
        assert writing.is_alive()
        if place.dialect == "mysql":
            other.exec_driver_sql("UNLOCK TABLES")
    writing.join(30)
    assert not failures
    assert behind.store._connection is connection  # type: ignore[attr-defined]
    behind.store.close()


def test_bytes_that_move_are_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ours = socket.create_connection(listening.getsockname())
        theirs, _ = listening.accept()
    with ours, theirs:
        before = traffic_of(ours)
        assert before is not None
        ours.sendall(b"x" * 1000)
        theirs.sendall(b"y" * 10)
        wait_until(lambda: traffic_of(ours) == (before.sent + 1000, before.received + 10), what="both to arrive")
        assert unsent(ours) == 0
        ours.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:  # nobody reads
                ours.send(b"x" * 65_536)
        assert unsent(ours) > 0
    one, other = socket.socketpair()
    with one, other:
        assert traffic_of(one) is None, "a Unix socket"
        one.send(b"x")
        assert unsent(one) > 0


def test_an_answer_of_mysqls_that_is_not_whole_has_not_come() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert not _is_whole(ours)
        for octet in b"\x03\0\0\x01\0\0":
            theirs.send(bytes([octet]))
            assert not _is_whole(ours), "reading it would wait"
        theirs.send(b"\0")
        assert _is_whole(ours)
        ours.recv(100)
        theirs.close()
        assert _is_whole(ours), "nothing more comes"


def test_a_call_is_silent_since_its_last_byte() -> None:
    call = Call(100.0, Traffic(0, 0))
    call.look(103.0, Traffic(10, 0))
    assert call.silence(105.0) == 2.0
    call.look(105.0, Traffic(10, 0))
    assert call.silence(105.0) == 2.0
    call.look(106.0, Traffic(10, 1))
    assert call.silence(106.0) == 0.0


def test_what_is_on_its_way_is_waited_for_longer() -> None:
    call = Call(0.0, Traffic(0, 0))
    assert call.patience(0, sending=False) == PATIENCE
    assert call.patience(1, sending=False) == STALLED
    assert call.patience(0, sending=True) == STALLED
    call.look(1.0, Traffic(0, 500))
    assert call.patience(0, sending=False) == STALLED, "a part of the answer has come"
    call.look(2.0, Traffic(1_000, 500))
    assert PATIENCE < call.patience(0, sending=False) < PATIENCE + 0.01, "and then more was asked"
    call.look(3.0, Traffic(6_000_000, 500))
    assert 9 < call.patience(0, sending=False) < 30, "that may lie in between"
    call.look(4.0, Traffic(1 << 40, 500))
    assert call.patience(0, sending=False) < 120, "but no more than what is in between has room for"


def test_where_no_bytes_are_counted_the_database_is_believed() -> None:
    call = Call(0.0, None)
    call.look(1.0, None)
    assert call.silence(2.0) == 2.0
    assert call.patience(0, sending=False) == PATIENCE
    assert call.patience(1, sending=False) == STALLED
    assert call.patience(0, sending=True) == float("inf")
