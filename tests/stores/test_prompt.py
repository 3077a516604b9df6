"""A job that is sent on its way without anybody who waits for the answer."""

from __future__ import annotations

import os
import select
import socket
from typing import TYPE_CHECKING, cast

import pytest

from gearbridge.errors import StoreError, StoreFenced, StoreUnavailable
from gearbridge.records import Drop, Put, StoredJob
from tests.fixtures.processes import PATIENCE
from tests.fixtures.server import GearbridgeServer
from tests.server.outage import foreground_round_trip
from tests.server.wire_client import WireClient

from .enqueueing import handles_in
from .sharing import SHORT, node
from .test_claims import claimed

if TYPE_CHECKING:
    from pathlib import Path

    from gearbridge.stores.interface import ClaimableStore, SinglePutStore

    from .place import Place

pytestmark = pytest.mark.parametrize("place", ["postgresql", "mariadb", "mysql"], indirect=True)

STRANGE = StoredJob(b"H:a:1", b"a\xff'", b"\0\xff'", b"k\\", 2, 0, 1, b"sum")


def put(handle: bytes, payload: bytes = b"x", *, spilled: bool = False) -> Put:
    return Put(StoredJob(handle, b"f", payload), spilled)


def ended(store: SinglePutStore, descriptor: int | None) -> bool:
    """What became of it; as the event loop would find out."""
    assert descriptor is not None
    while True:
        assert select.select([descriptor], [], [], PATIENCE)[0], "no answer"
        if (outcome := store.put_ended()) is not None:
            return outcome


@pytest.fixture
def prompt(store: SinglePutStore) -> SinglePutStore:
    """A store that has written a job before."""
    assert store.traits.prompt
    store.apply([put(b"H:0")])
    store.apply([Drop(b"H:0")])
    return store


def test_it_is_written_entire(prompt: SinglePutStore, place: Place) -> None:
    assert ended(prompt, prompt.begin_put(Put(STRANGE)))
    assert [vars_of(job) for job in prompt.replay()] == [vars_of(STRANGE)]
    assert ended(prompt, prompt.begin_put(put(b"H:a:2", spilled=True)))
    assert claimed(cast("ClaimableStore", prompt), f=10) == [b"H:a:2"]
    assert handles_in(place) == {"H:a:1", "H:a:2"}


def vars_of(job: StoredJob) -> tuple[object, ...]:
    return job.handle, job.function, job.payload, job.unique_key, job.priority, job.due, job.attempts, job.reducer


def test_one_that_is_there_already_is_left_to_apply(prompt: SinglePutStore, place: Place) -> None:
    assert ended(prompt, prompt.begin_put(put(b"H:1")))
    assert not ended(prompt, prompt.begin_put(put(b"H:1", b"other")))
    with pytest.raises(StoreError, match="another job has this handle"):
        prompt.apply([put(b"H:1", b"other")])
    prompt.apply([put(b"H:1")])
    assert [job.payload for job in prompt.replay()] == [b"x"]
    assert ended(prompt, prompt.begin_put(put(b"H:2")))
    assert handles_in(place) == {"H:1", "H:2"}


def test_what_a_socket_may_not_take_at_once_is_not_begun(prompt: SinglePutStore) -> None:
    assert prompt.begin_put(put(b"H:1", b"x" * 20_000)) is None
    assert ended(prompt, prompt.begin_put(put(b"H:2", b"x" * 16_000)))


def test_a_connection_that_broke_is_left_to_apply(prompt: SinglePutStore, place: Place) -> None:
    _end_session(prompt, place)
    descriptor = prompt.begin_put(put(b"H:1"))
    assert descriptor is None or not ended(prompt, descriptor)
    with pytest.raises(StoreUnavailable):
        prompt.apply([put(b"H:1")])
    prompt.apply([put(b"H:1")])
    assert handles_in(place) == {"H:1"}
    assert ended(prompt, prompt.begin_put(put(b"H:2")))


def test_a_connection_that_does_not_even_send_is_left_to_apply(prompt: SinglePutStore, place: Place) -> None:
    raw = prompt._connection.connection.dbapi_connection  # type: ignore[attr-defined]
    descriptor = prompt._session(raw).descriptor  # type: ignore[attr-defined]
    with socket.socket(fileno=os.dup(descriptor)) as twin:
        twin.shutdown(socket.SHUT_RDWR)
    begun = prompt.begin_put(put(b"H:1"))
    assert begun is None or not ended(prompt, begun)
    with pytest.raises(StoreUnavailable):
        prompt.apply([put(b"H:1")])
    prompt.apply([put(b"H:1")])
    assert handles_in(place) == {"H:1"}


def test_an_answer_that_takes_long_can_be_waited_for(prompt: SinglePutStore, place: Place) -> None:
    with place.connect() as other:
        other.exec_driver_sql(_LOCK[place.dialect])
        descriptor = prompt.begin_put(put(b"H:1"))
        assert descriptor is not None
        assert not select.select([descriptor], [], [], 0.2)[0]
        if place.dialect == "mysql":
            other.exec_driver_sql("UNLOCK TABLES")
    assert prompt.wait_for_put()
    assert handles_in(place) == {"H:1"}
    _end_session(prompt, place)
    if prompt.begin_put(put(b"H:2")) is not None:
        with pytest.raises(StoreUnavailable):
            prompt.wait_for_put()


def test_a_node_that_is_one_no_more_writes_nothing(place: Place) -> None:
    store = node(place, "a", SHORT)
    store.open()
    store.apply([put(b"H:1", spilled=True)])
    prompt = cast("SinglePutStore", store)
    assert prompt.begin_put(Put(StoredJob(b"H:k", b"f", b"", b"key"), spilled=True)) is None, (
        "its key is looked for first"
    )
    place.run("DELETE FROM gearbridge_node")
    descriptor = prompt.begin_put(put(b"H:2", spilled=True))
    assert descriptor is None or not ended(prompt, descriptor)
    with pytest.raises(StoreFenced):
        store.apply([put(b"H:2", spilled=True)])
    assert handles_in(place) == {"H:1"}
    store.close()


@pytest.mark.parametrize("seconds", [0.2, 1.5], ids=["a moment", "long"])
def test_a_database_that_takes_its_time_holds_up_nobody_else(place: Place, tmp_path: Path, seconds: float) -> None:
    with GearbridgeServer(tmp_path, "--store", place.url) as server, WireClient(server.port) as client:
        assert client.ask("SUBMIT_JOB_BG", "f", "", "1")[0] == "JOB_CREATED"  # the connection is ready from here on
        with place.connect() as other:
            other.exec_driver_sql(_LOCK[place.dialect])
            client.send("SUBMIT_JOB_BG", "f", "", "2")
            foreground_round_trip(server.port)
            client.socket.settimeout(seconds)
            with pytest.raises(TimeoutError):
                client.hear()
            foreground_round_trip(server.port)
            client.socket.settimeout(30)
            if place.dialect == "mysql":
                other.exec_driver_sql("UNLOCK TABLES")
        assert client.hear()[0] == "JOB_CREATED"
        assert client.ask("SUBMIT_JOB_BG", "f", "", "3")[0] == "JOB_CREATED"
        server.kill()
        server.start()
        assert server.admin("status") == ["f\t3\t0\t0", "foreground\t0\t0\t0"] or server.admin("status") == [
            "f\t3\t0\t0"
        ]


_LOCK = {
    "postgresql": "LOCK TABLE gearbridge_job IN ACCESS EXCLUSIVE MODE",
    "mysql": "LOCK TABLES gearbridge_job WRITE",
}


def _end_session(store: SinglePutStore, place: Place) -> None:
    raw = store._connection.connection.dbapi_connection  # type: ignore[attr-defined]
    kill = "SELECT pg_terminate_backend({})" if place.kind == "postgresql" else "KILL {}"
    place.run(kill.format(store._session(raw).number))  # type: ignore[attr-defined]
