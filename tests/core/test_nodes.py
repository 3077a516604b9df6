"""Several engines over one job table: a job is done by a worker of any, and by one, whatever becomes of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gearbridge.records import Backlog, Drop, Put, Release, Update, WaitingJob

from .conversation import Talk
from .table import claimed_job

if TYPE_CHECKING:
    from gearbridge.records import StoredJob

    from .conversation import Speaker


class SharedTable:
    """Rows that wait, and which node has claimed them: a node is gone when its epoch is not in `epochs`."""

    def __init__(self) -> None:
        self.rows: dict[bytes, StoredJob] = {}
        self.owners: dict[bytes, int] = {}
        self.epochs: set[int] = set()
        self.numbers = 0

    def epoch(self) -> int:
        self.numbers += 1
        self.epochs.add(self.numbers)
        return self.numbers

    def is_free(self, handle: bytes) -> bool:
        return self.owners.get(handle) not in self.epochs

    def unfinished(self, job: StoredJob) -> bytes | None:
        """The handle of the job that has this one's unique key."""
        same = (row for row in self.rows.values() if job.unique_key and row.unique_key == job.unique_key)
        return next((row.handle for row in same if row.function == job.function), None)


class Node:
    """One engine, a client, and workers as a test wants them."""

    def __init__(self, table: SharedTable, name: str) -> None:
        self.table = table
        self.epoch = table.epoch()
        self.talk = Talk(durable=True, claimable=True, handle_prefix=f"H:{name}", shared=True)
        self.client = self.talk.connect()

    def commit(self) -> None:
        """Apply what gathered, if the lease is there; then answer what was asked."""
        group = self.talk.begin_commit()
        if self.epoch not in self.table.epochs:
            self.talk.end_commit(group, {n: "fenced" for n, one in enumerate(group) if isinstance(one, Put)})
            return
        joined: dict[bytes, bytes] = {}
        for one in group:
            if isinstance(one, Put):
                assert one.beyond, "nothing is in the memory of one node alone"
                other = self.table.unfinished(one.job)
                if other is None:
                    self.table.rows[one.job.handle] = one.job
                else:
                    joined[one.job.handle] = other
            elif isinstance(one, Drop):
                self.table.rows.pop(one.handle, None)
                self.table.owners.pop(one.handle, None)
            elif isinstance(one, Release):
                self.table.owners.pop(one.handle, None)
            else:
                assert isinstance(one, Update)
        self.talk.end_commit(group, joined=joined)
        questions = self.talk.engine.take_questions()
        asked = (question.handle for question in questions)
        found = {handle: self._found(handle) for handle in asked if handle in self.table.rows}
        self.talk.engine.answered(questions, found)
        self.talk.flush()

    def _found(self, handle: bytes) -> WaitingJob:
        row = self.table.rows[handle]
        return WaitingJob(handle, row.function, int(row.priority), row.due, not self.table.is_free(handle), 3, 4)

    def claim(self) -> int:
        """Claim as often as there is room and something to be had; how many jobs that were."""
        count = 0
        while self.epoch in self.table.epochs and (rooms := self.talk.engine.rooms()):
            jobs = []
            for function, room in rooms.items():
                free = [row for row in self.table.rows.values() if row.function == function]
                free = [row for row in free if self.table.is_free(row.handle)]
                jobs += [claimed_job(row) for row in sorted(free, key=lambda row: row.priority)[:room]]
            self.table.owners.update((job.handle, self.epoch) for job in jobs)
            if not jobs:
                break
            self.talk.engine.claimed(jobs)
            self.talk.flush()
            count += len(jobs)
        return count

    def submit(self, key: str = "", command: str = "SUBMIT_JOB_BG") -> str:
        self.client.say(command, "f", key, "x")
        self.commit()
        ((name, handle),) = self.client.heard()
        assert name == "JOB_CREATED", handle
        return handle

    def do(self, worker: Speaker) -> str | None:
        """The handle of the job that the worker gets and does, if there is one."""
        self.claim()
        reply = worker.ask("GRAB_JOB")[0]
        if reply[0] == "NO_JOB":
            return None
        worker.say("WORK_COMPLETE", reply[1], "")
        self.commit()
        return reply[1]

    def count(self) -> None:
        lines: dict[tuple[bytes, int, bool], int] = {}
        for row in self.table.rows.values():
            if self.table.owners.get(row.handle) != self.epoch:
                line = (row.function, int(row.priority), bool(row.due))
                lines[line] = lines.get(line, 0) + 1
        self.talk.engine.recount([Backlog(*line, jobs) for line, jobs in lines.items()])

    def die(self) -> None:
        self.table.epochs.discard(self.epoch)

    def rejoin(self) -> None:
        self.die()
        self.epoch = self.table.epoch()
        self.talk.engine.renew_lease(float("inf"))


@pytest.fixture
def nodes() -> list[Node]:
    table = SharedTable()
    return [Node(table, name) for name in ("a", "b")]


def test_a_job_given_to_one_node_is_done_by_a_worker_of_another(nodes: list[Node]) -> None:
    a, b = nodes
    handle = a.submit()
    assert b.do(b.talk.worker("f")) == handle
    assert not a.table.rows


def test_a_node_without_a_worker_leaves_the_jobs_to_others_also_when_its_last_one_leaves(nodes: list[Node]) -> None:
    a, b = nodes
    handles = [a.submit() for _ in range(3)]
    assert a.claim() == 0
    worker = a.talk.worker("f")
    assert a.claim() == 2, "as much as one worker can start soon"
    assert worker.grab() == handles[0]
    other = b.talk.worker("f")
    assert b.do(other) == handles[2]
    assert b.do(other) is None
    worker.say("CANT_DO", "f")
    a.commit()
    assert b.do(other) == handles[1], "the one that was not begun"
    assert b.do(other) is None, "the other one runs"
    worker.leave()
    a.commit()
    assert b.do(other) == handles[0], "lost with its worker, and there is no other one here"


def test_who_stops_gracefully_hands_over_what_is_not_begun(nodes: list[Node]) -> None:
    a, b = nodes
    handles = [a.submit() for _ in range(2)]
    worker = a.talk.worker("f")
    a.claim()
    assert worker.grab() == handles[0]
    a.talk.engine.retire()
    assert not a.talk.engine.is_idle()
    a.commit()
    assert b.do(b.talk.worker("f")) == handles[1]
    worker.say("WORK_COMPLETE", handles[0], "")
    a.commit()
    assert a.talk.engine.is_idle()
    assert not a.table.rows


def test_equal_unique_keys_are_one_job_on_all_nodes(nodes: list[Node]) -> None:
    a, b = nodes
    first = a.submit("u")
    assert b.submit("u") == first
    assert a.submit("u") == first
    assert len(a.table.rows) == 1
    worker = b.talk.worker("f")
    b.count()
    assert b.talk.connect().line("status") == "f\t1\t0\t1\n.\n"
    b.claim()
    assert worker.grab() == first
    assert b.submit("u") == first, "while it runs"
    worker.say("WORK_COMPLETE", first, "")
    b.commit()
    assert b.submit("u") != first


def test_a_handle_answers_on_every_node(nodes: list[Node]) -> None:
    a, b = nodes
    handle = a.submit()
    worker = b.talk.worker("f")
    b.claim()
    assert worker.grab() == handle
    asker = a.talk.connect()
    asker.say("GET_STATUS", handle)
    a.commit()
    assert asker.heard() == [("STATUS_RES", handle, "1", "1", "3", "4")]


def test_totals_are_those_of_the_table(nodes: list[Node]) -> None:
    a, b = nodes
    for _ in range(3):
        a.submit()
    worker = b.talk.worker("f")
    b.claim()
    for node, workers in ((a, 0), (b, 1)):
        node.count()
        assert node.talk.connect().line("status") == f"f\t3\t0\t{workers}\n.\n"
    b.do(worker)
    a.count()
    assert a.talk.connect().line("status") == "f\t2\t0\t0\n.\n"
    for node in nodes:
        functions = node.talk.engine.queue.functions[b"f"]
        node.count()
        assert functions.completed == (1 if node is b else 0)


def test_a_limit_that_one_node_is_told_holds_on_all(nodes: list[Node]) -> None:
    a, b = nodes
    a.talk.connect().line("maxqueue f 2")
    b.talk.connect().line("maxqueue g 9")
    table = a.talk.engine.take_limits()
    assert table == {b"f": (2, 2, 2)}
    b.talk.engine.know_limits(table)  # its own is not in the table yet
    for _ in range(2):
        a.submit()
    b.count()
    assert b.client.ask("SUBMIT_JOB_BG", "f", "", "x") == [("ERROR", "QUEUE_ERROR", "Job queue is full")]
    table |= b.talk.engine.take_limits()
    for node in nodes:
        node.talk.engine.know_limits(table)
        assert [node.talk.engine.queue.function(name).limits for name in (b"f", b"g")] == [[2, 2, 2], [9, 9, 9]]
    del table[b"f"]
    b.talk.engine.know_limits(table)
    b.submit()


def test_after_the_lease_nothing_is_given_out_and_no_end_is_told(nodes: list[Node]) -> None:
    a, b = nodes
    a.talk.engine.renew_lease(100.0)
    handles = [a.submit() for _ in range(2)]
    worker = a.talk.worker("f")
    a.claim()
    assert worker.grab() == handles[0]
    a.talk.engine.queue.now = 100.5
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]
    worker.say("WORK_COMPLETE", handles[0], "late")
    assert worker.heard() == [("ERROR", "JOB_NOT_FOUND", "Job given in work result not found")]
    assert not a.talk.engine.journal
    assert a.claim() == 0
    a.die()
    other = b.talk.worker("f")
    assert [b.do(other) for _ in range(2)] == handles
    a.rejoin()
    assert a.do(worker) is None
    last = b.submit()
    assert a.do(worker) == last


def test_what_was_claimed_before_the_lease_was_lost_is_not_taken_in(nodes: list[Node]) -> None:
    a, _ = nodes
    handle = a.submit().encode()
    worker = a.talk.worker("f")
    a.talk.engine.lose_lease()
    a.talk.engine.claimed([claimed_job(a.table.rows[handle])])
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["submit", "keyed", "work", "claim", "grab", "pause", "rejoin", "leave"]), st.integers(0, 2)
        ),
        max_size=80,
    )
)
def test_every_job_is_done_whatever_becomes_of_the_nodes(history: list[tuple[str, int]]) -> None:
    """Each acknowledged job is done, and its end written once, whoever is fenced off on the way."""
    table = SharedTable()
    nodes = [Node(table, name) for name in "abc"]
    workers = [node.talk.worker("f") for node in nodes]
    given: set[str] = set()
    for what, index in history:
        node, worker = nodes[index], workers[index]
        if what in {"submit", "keyed"}:
            if node.epoch in table.epochs:
                given.add(node.submit("u" if what == "keyed" else ""))
        elif what == "work":
            node.do(worker)
        elif what == "claim":
            node.claim()
        elif what == "grab":
            worker.say("GRAB_JOB")
        elif what == "pause":
            node.die()  # it does not know yet
        elif what == "rejoin":
            node.talk.engine.lose_lease()
            node.rejoin()
        else:
            worker.leave()
            workers[index] = node.talk.worker("f")
            node.commit()
        running = [handle for one in workers for handle in one.peer.jobs]
        alive = [h for n, one in zip(nodes, workers, strict=True) if n.epoch in table.epochs for h in one.peer.jobs]
        assert len(set(alive)) == len(alive), "no job is in two hands but those of a node whose lease is over"
        assert len(running) >= len(alive)
    for node, worker in zip(nodes, workers, strict=True):
        if node.epoch not in table.epochs:
            node.talk.engine.lose_lease()
            node.rejoin()
        worker.leave()
        node.commit()
    last = nodes[0].talk.worker("f")
    done: list[str] = []
    while (handle := nodes[0].do(last)) is not None:
        done.append(handle)
    assert not table.rows, "everything is done"
    assert set(done) <= given
