"""The committer over stores that fail: one bad job fails alone, and no end of a job is forgotten."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from gearbridge.errors import StoreError, StoreFenced, StoreLocked, StoreUnavailable
from gearbridge.persistence import store_thread as committer_module
from gearbridge.persistence.apply_group import apply_group
from gearbridge.persistence.store_call import StoreCall
from gearbridge.persistence.store_thread import Committer
from gearbridge.records import Done, Drop, Failed, Operation, Progress, Put, Retry, StoredJob, Update
from gearbridge.stores.interface import Traits
from tests.fixtures.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pytest


#: Seconds that a group waits in tests where the store comes back.
PATIENCE = 30.0


class FaultyStore:
    """Keeps jobs in a dict, refuses the handles in `bad`, and fails altogether for the next `down` calls."""

    traits = Traits(durable=True, transactional=True)

    def __init__(self, bad: set[bytes] | None = None, down: int = 0) -> None:
        self.bad = bad or set()
        self.down = down
        self.jobs: dict[bytes, StoredJob] = {}
        self.groups: list[list[Operation]] = []

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass

    def replay(self) -> Iterator[StoredJob]:
        return iter(self.jobs.values())

    def apply(self, group: Sequence[Operation]) -> None:
        if self.down:
            self.down -= 1
            raise StoreUnavailable("the database is away")
        for operation in group:
            handle = operation.job.handle if isinstance(operation, Put) else operation.handle
            if handle in self.bad:
                raise StoreError(f"refused {handle.decode()}")
        self.groups.append(list(group))
        for operation in group:
            if isinstance(operation, Put):
                self.jobs.setdefault(operation.job.handle, operation.job)
            elif isinstance(operation, Drop):
                self.jobs.pop(operation.handle, None)


def put(handle: bytes) -> Put:
    return Put(StoredJob(handle, b"f", b""))


def test_a_good_group_is_one_call() -> None:
    store = FaultyStore()
    assert apply_group(store, [], [put(b"1"), put(b"2"), Drop(b"1")]) == ([], {})
    assert len(store.groups) == 1
    assert list(store.jobs) == [b"2"]


def test_one_bad_job_fails_alone_and_says_why() -> None:
    store = FaultyStore({b"2"})
    assert apply_group(store, [], [put(b"1"), put(b"2"), put(b"3")]) == ([], {1: "refused 2"})
    assert list(store.jobs) == [b"1", b"3"]


def test_ends_and_attempts_that_fail_are_kept_and_go_first_next_time() -> None:
    store = FaultyStore({b"1", b"2"})
    kept, errors = apply_group(store, [], [Drop(b"1"), Update(b"2", 1), put(b"3")])
    assert (kept, errors) == ([Drop(b"1"), Update(b"2", 1)], {})
    store.bad.clear()
    assert apply_group(store, kept, [put(b"4")]) == ([], {})
    assert store.groups[-1] == [Drop(b"1"), Update(b"2", 1), put(b"4")] or len(store.groups[-1]) == 3
    assert list(store.jobs) == [b"3", b"4"]


def test_what_was_kept_is_tried_again_though_nothing_new_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committer_module, "LONGEST_PAUSE", 0.01)
    store = FaultyStore(down=6)
    store.jobs[b"1"] = StoredJob(b"1", b"f", b"")
    done = threading.Event()
    committer = Committer(store, lambda _group, _errors: done.set(), 0.0)
    committer.start()
    committer.apply([Drop(b"1")])
    assert done.wait(10), "the worker is not punished: its end counts as handled"
    wait_until(lambda: not store.jobs, what="the end to be written")
    committer.stop()


def test_an_end_that_the_store_never_takes_becomes_a_failure_that_it_does() -> None:
    class NarrowStore(FaultyStore):
        def apply(self, group: Sequence[Operation]) -> None:
            if any(isinstance(operation, (Done, Retry, Progress)) for operation in group):
                raise StoreError("too large: \u20ac")
            super().apply(group)

    store = NarrowStore()
    group: list[Operation] = [Done(b"1", b"x"), Progress(b"2", 1, 2), Retry(b"3", 2, "e"), Drop(b"4")]
    assert apply_group(store, [Done(b"0", b"x")], group) == ([], {})
    written = [operation for part in store.groups for operation in part]
    why = "its end could not be written: too large: \\u20ac"
    assert written == [Failed(b"0", None, why), Failed(b"1", None, why), Failed(b"3", None, why), Drop(b"4")]


def test_a_failure_that_cannot_be_written_either_is_kept() -> None:
    store = FaultyStore({b"1"})
    kept, _ = apply_group(store, [], [Done(b"1", b"x")])
    assert kept == [Failed(b"1", None, "its end could not be written: refused 1")]
    store.bad.clear()
    assert apply_group(store, kept, []) == ([], {})
    assert store.groups[-1] == kept


def test_stopping_writes_what_was_handed_over() -> None:
    store = FaultyStore()
    outcomes: list[dict[int, str]] = []
    committer = Committer(store, lambda _group, errors: outcomes.append(errors), PATIENCE)
    committer.start()
    committer.apply([put(b"1")])
    committer.stop()
    assert list(store.jobs) == [b"1"]
    assert outcomes == [{}]


def test_an_error_that_no_store_should_raise_is_an_error_for_clients_not_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class BrokenStore(FaultyStore):
        def apply(self, group: Sequence[Operation]) -> None:
            if any(isinstance(operation, Put) and operation.job.handle == b"bug" for operation in group):
                raise ZeroDivisionError
            super().apply(group)

    outcomes: list[dict[int, str]] = []
    store = BrokenStore()
    store.jobs[b"old"] = StoredJob(b"old", b"f", b"")
    committer = Committer(store, lambda _group, errors: outcomes.append(errors), PATIENCE)
    committer.start()
    committer.apply([put(b"bug"), Drop(b"old")])
    committer.apply([put(b"fine")])
    committer.stop()
    assert outcomes == [{0: "internal error"}, {}]
    assert list(store.jobs) == [b"fine"]
    assert "unexpected" in caplog.text


def test_a_group_waits_for_a_store_that_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    outcomes: list[dict[int, str]] = []
    store = FaultyStore(down=4)
    committer = Committer(store, lambda _group, errors: outcomes.append(errors), PATIENCE)
    committer.start()
    committer.apply([put(b"1")])
    wait_until(lambda: outcomes, what="the group to be written")
    committer.stop()
    assert outcomes == [{}]
    assert list(store.jobs) == [b"1"]
    assert committer.trouble is None
    assert [record.getMessage().partition(",")[0].split(" after")[0] for record in caplog.records] == [
        "the store cannot be reached",
        "the store can be reached again",
    ]


def test_after_its_patience_a_group_is_refused_and_its_ends_are_kept() -> None:
    outcomes: list[dict[int, str]] = []
    store = FaultyStore(down=1_000_000)
    store.jobs[b"old"] = StoredJob(b"old", b"f", b"")
    committer = Committer(store, lambda _group, errors: outcomes.append(errors), 0.2)
    committer.start()
    committer.apply([put(b"1"), Drop(b"old")])
    wait_until(lambda: outcomes, what="the group to be refused")
    assert outcomes == [{0: "the store cannot be reached: the database is away"}]
    assert committer.trouble == "the database is away"
    store.jobs[b"1"] = StoredJob(b"1", b"f", b"")  # its commit had got through, only the answer had not
    store.down = 0
    wait_until(lambda: not store.jobs, what="the ends to be written, that of the refused job too")
    committer.stop()
    assert committer.trouble is None


class CheckedFaultyStore(FaultyStore):
    """A store that is looked at while nothing is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.checks = 0

    def check(self) -> None:
        self.checks += 1


def test_a_store_that_is_looked_at_while_idle_is_written_to_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committer_module, "CHECK_EVERY", 0.01)
    store = CheckedFaultyStore()
    done = threading.Event()
    committer = Committer(store, lambda _group, _errors: done.set(), PATIENCE)
    committer.start()
    wait_until(lambda: store.checks >= 2)
    committer.apply([put(b"1")])
    assert done.wait(30)
    committer.stop()
    assert list(store.jobs) == [b"1"]


class FencedStore(FaultyStore):
    """A node's: it raises StoreFenced until `regain` is called, which finds some jobs to be others' by then."""

    def __init__(self, lost: set[bytes], down: int = 0) -> None:
        super().__init__()
        self.fenced = True
        self.lost = lost
        self.away = down

    def apply(self, group: Sequence[Operation]) -> None:
        if self.fenced:
            raise StoreFenced("the lease was over")
        super().apply(group)

    def regain(self) -> frozenset[bytes]:
        if self.away:
            self.away -= 1
            raise StoreUnavailable("the database is away")
        self.fenced = False
        return frozenset(self.lost)


def test_what_a_lost_lease_held_up_is_written_over_the_next_one_but_for_what_others_have() -> None:
    store = FencedStore({b"2", b"3"}, down=2)
    outcomes: list[dict[int, str]] = []
    committer = Committer(store, lambda _group, errors: outcomes.append(errors), PATIENCE)
    committer.regain = store.regain
    committer.start()
    puts = [put(b"4"), put(b"5")]
    committer.apply([Drop(b"1"), Drop(b"2"), puts[0], Drop(b"3"), puts[1]])
    wait_until(lambda: outcomes)
    assert outcomes == [{}], "nobody is refused"
    assert store.groups == [[Drop(b"1"), *puts]]
    committer.apply([Drop(b"3"), Drop(b"4")])  # gathered before the engine learned what is lost
    wait_until(lambda: len(outcomes) == 2)
    assert store.groups[1:] == [[Drop(b"4")]]
    committer.run_call(StoreCall(lambda: committer.lost_is_known(frozenset({b"2", b"3"})), lambda _outcome: None))
    committer.apply([Drop(b"3")])  # cancelled, say, wherever it is
    wait_until(lambda: len(outcomes) == 3)
    assert store.groups[2:] == [[Drop(b"3")]]
    committer.stop()


def test_ends_that_were_kept_are_written_over_a_new_lease_but_for_what_others_have() -> None:
    store = FencedStore({b"1"}, down=1000)
    outcomes: list[dict[int, str]] = []
    committer = Committer(store, lambda _group, errors: outcomes.append(errors), 0.0)
    committer.regain = store.regain
    committer.start()
    committer.apply([Drop(b"1"), Drop(b"2"), put(b"3")])
    wait_until(lambda: outcomes)
    assert outcomes == [{2: "the store cannot be reached: the database is away"}]
    assert committer.kept == 3
    store.away = 0
    committer.run_call(StoreCall(committer.take_lease, lambda _outcome: None))
    wait_until(lambda: not committer.kept)
    assert store.groups == [[Drop(b"2"), Drop(b"3")]]
    committer.stop()


def test_a_job_that_waits_for_a_lock_of_the_databases_own_is_not_refused_within_the_patience() -> None:
    class LockedStore(FaultyStore):
        tries = 0

        def apply(self, group: Sequence[Operation]) -> None:
            self.tries += 1
            if self.tries < 4:
                raise StoreLocked("canceling statement due to lock timeout")
            super().apply(group)

    store = LockedStore()
    outcomes: list[dict[int, str]] = []
    committer = Committer(store, lambda _group, errors: outcomes.append(errors), PATIENCE)
    committer.start()
    committer.apply([put(b"1"), put(b"2")])
    wait_until(lambda: outcomes)
    assert outcomes == [{}]
    assert list(store.jobs) == [b"1", b"2"]
    committer.stop()
