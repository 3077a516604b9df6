"""The committer over a store whose disk is full: what is refused, what is kept, and how that is seen to end."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gearbridge.errors import StoreFull, StoreUnavailable
from gearbridge.persistence.store_call import StoreCall
from gearbridge.persistence.store_thread import Committer
from gearbridge.records import Done, Operation, Put, StoredJob
from tests.fixtures.processes import wait_until

from .test_committer import PATIENCE, FaultyStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


class FullStore(FaultyStore):
    """Has `room` for so many bytes of a payload; a result of a job is one."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self.away = False
        self.tried: list[int] = []
        self.results: dict[bytes, bytes] = {}

    def apply(self, group: Sequence[Operation]) -> None:
        for operation in group:
            payload = operation.job.payload if isinstance(operation, Put) else getattr(operation, "result", b"")
            self._demand(len(payload))
        super().apply(group)
        self.results.update({one.handle: one.result for one in group if isinstance(one, Done)})

    def try_room(self, size: int) -> None:
        self.tried.append(size)
        self._demand(size)

    def _demand(self, size: int) -> None:
        if self.away:
            raise StoreUnavailable("the database is away")
        if size > self.room:
            raise StoreFull("the disk is full")


def put(handle: bytes, size: int) -> Put:
    return Put(StoredJob(handle, b"f", bytes(size)))


def test_what_is_too_large_is_refused_and_what_fits_is_stored(caplog: pytest.LogCaptureFixture) -> None:
    outcomes: list[dict[int, str]] = []
    store = FullStore(1000)
    committer = Committer(store, lambda _group, errors: outcomes.append(errors), PATIENCE)
    committer.start()
    committer.apply([put(b"1", 10), put(b"2", 200_000), put(b"3", 10)])
    wait_until(lambda: outcomes, what="the group to be written")
    assert outcomes == [{1: "the disk is full"}]
    assert list(store.jobs) == [b"1", b"3"]
    assert (committer.trouble, committer.is_full) == ("the disk is full", True)
    assert not committer.is_idle, "its thread tries whether there is room"
    committer.apply([put(b"4", 10)])
    wait_until(lambda: len(outcomes) == 2 and store.tried, what="a trial")
    assert (committer.trouble, committer.is_full) == ("the disk is full", True), "for what was refused there is no room"
    store.room = 1_000_000
    wait_until(lambda: committer.trouble is None, what="the end of the trouble")
    assert not committer.is_full
    committer.stop()
    assert set(store.tried) == {200_000}
    said = [record.getMessage().partition(",")[0].split(" after")[0] for record in caplog.records]
    assert said == ["a commit group of 3 failed", "the store is full", "the store has room again"]


def test_the_end_of_a_job_waits_for_room_and_its_result_is_not_lost() -> None:
    store = FullStore(10)
    store.jobs[b"1"] = StoredJob(b"1", b"f", b"")
    outcomes: list[dict[int, str]] = []
    committer = Committer(store, lambda _group, errors: outcomes.append(errors), PATIENCE)
    committer.start()
    committer.apply([Done(b"1", bytes(100))])
    wait_until(lambda: outcomes, what="the group to be tried")
    assert (committer.kept, committer.is_full) == (1, True)
    store.room = 1_000_000
    wait_until(lambda: committer.trouble is None and not committer.kept, what="the end of the trouble")
    committer.stop()
    assert store.results == {b"1": bytes(100)}


def test_an_idle_store_that_is_away_is_noticed_by_a_call(caplog: pytest.LogCaptureFixture) -> None:
    store = FullStore(10)
    outcomes: list[object] = []
    committer = Committer(store, lambda _group, errors: outcomes.append(errors), PATIENCE)
    committer.start()

    def call() -> None:
        before = len(outcomes)
        committer.run_call(StoreCall(partial(store.try_room, 0), outcomes.append))
        wait_until(lambda: len(outcomes) > before, what="the call")

    store.away = True
    for _ in range(2):
        call()
    wait_until(lambda: committer.trouble == "the database is away", what="the trouble")
    store.away = False
    for _ in range(2):
        call()
    wait_until(lambda: committer.trouble is None, what="the end of the trouble")
    committer.stop()
    said = [record.getMessage().partition(",")[0].split(" after")[0] for record in caplog.records]
    assert said == ["the store cannot be reached", "the store can be reached again"]


def test_a_full_store_that_is_away_is_away() -> None:
    store = FullStore(10)
    outcomes: list[dict[int, str]] = []
    committer = Committer(store, lambda _group, errors: outcomes.append(errors), PATIENCE)
    committer.start()
    committer.apply([put(b"1", 100)])
    wait_until(lambda: committer.is_full, what="the store to be full")
    store.away = True
    wait_until(lambda: committer.trouble == "the database is away", what="the store to be away")
    assert not committer.is_full
    store.away = False
    wait_until(lambda: committer.is_full, what="the store to be full again")
    store.room = 1_000_000
    wait_until(lambda: committer.trouble is None, what="the end of both")
    committer.stop()
