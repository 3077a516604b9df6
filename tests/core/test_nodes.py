"""Several engines over one job table: a job is done by a worker of any, and by one, whatever becomes of the others."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gearbridge.core.jobs import RUNNING
from gearbridge.records import Drop, Put, Release, RowsWaiting, StoredJob, Update, WaitingJob, WaitingRows

from .conversation import Talk
from .table import claimed_job
from .test_enqueued import enqueued

if TYPE_CHECKING:
    from collections.abc import Callable

    from gearbridge.records import Operation

    from .conversation import Speaker

#: How many histories are tried here; `make soak` tries more.
EXAMPLES = int(os.environ.get("GEARBRIDGE_TEST_EXAMPLES", "200"))


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
        self.held: set[bytes] = set()  # claimed, and not settled in the table
        self.unwritten: list[Operation] = []

    def commit(self, *, is_away: bool = False) -> None:
        """Apply what gathered, over a new lease where the last is over; then answer what was asked.

        Where the table `is_away` for longer than submitters wait, they are refused, and ends are written the next time.
        """
        group = [*self.unwritten, *self.talk.begin_commit()]
        new = group[len(self.unwritten) :]
        if is_away:
            self.unwritten = [Drop(one.job.handle) if isinstance(one, Put) else one for one in group]
            self.talk.end_commit(new, {n: "away" for n, one in enumerate(new) if isinstance(one, Put)})
            return
        lost = frozenset() if self.epoch in self.table.epochs else self.rejoin()
        self.unwritten = []
        joined: dict[bytes, bytes] = {}
        for one in group:
            if not isinstance(one, Put):
                if one.handle in lost:
                    continue
                if not isinstance(one, Update):
                    self.held.discard(one.handle)
            if isinstance(one, Put):
                assert one.spilled, "nothing is in the memory of one node alone"
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
        self.talk.end_commit(new, joined=joined)
        questions = self.talk.engine.take_table_lookups()
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
        while self.epoch in self.table.epochs and (claim_capacity := self.talk.engine.claim_capacity()):
            jobs = []
            for function, room in claim_capacity.items():
                free = [row for row in self.table.rows.values() if row.function == function]
                free = [row for row in free if self.table.is_free(row.handle)]
                jobs += [claimed_job(row) for row in sorted(free, key=lambda row: row.priority)[:room]]
            self.table.owners.update((job.handle, self.epoch) for job in jobs)
            self.held.update(job.handle for job in jobs)
            if not jobs:
                break
            self.talk.engine.claimed(jobs, self.talk.now)
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
        counts: dict[bytes, list[int]] = {}
        for row in self.table.rows.values():
            if self.table.owners.get(row.handle) != self.epoch:
                counts.setdefault(row.function, [0, 0, 0, 0])[3 if row.due else row.priority] += 1
        rows = [WaitingRows(name, (0, 0, 0, 0), (a, b, c, d), None) for name, (a, b, c, d) in counts.items()]
        self.talk.engine.recount(RowsWaiting(rows, True, False), 0.0)

    def die(self) -> None:
        self.table.epochs.discard(self.epoch)

    def rejoin(self) -> frozenset[bytes]:
        """Take along what is nobody's; return the handles of the jobs that are others', as the engine is given them."""
        self.die()
        lost = {handle for handle in self.held if handle not in self.table.rows or not self.table.is_free(handle)}
        self.epoch = self.table.epoch()
        self.held -= lost
        self.table.owners.update((handle, self.epoch) for handle in self.held)
        self.talk.engine.forget_lost_jobs(lost)
        self.talk.engine.resume(float("inf"))
        self.talk.flush()
        return frozenset(lost)

    def demand_equal_counts(self) -> None:
        """What `status` shows, and `maxqueue` counts by, is what is in the table."""
        self.count()
        rows = [row for row in self.table.rows.values() if row.function == b"f"]
        function = self.talk.engine.lifecycle.queue.function(b"f")
        in_memory = sum(not job.spilled for job in self.talk.engine.lifecycle.queue.jobs.values())
        assert function.total == in_memory + sum(function.spilled)
        assert function.total == len(rows), "all are in the table, and nothing else is counted"
        assert self.talk.engine.lifecycle.queue.spilled == sum(function.spilled)
        assert sum(function.claimed) == sum(self.talk.engine.lifecycle.window.jobs) == len(self.held)
        assert function.running == sum(job.state == RUNNING for job in self.talk.engine.lifecycle.queue.jobs.values())


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


def test_a_job_that_a_client_waits_for_stays_with_its_node_until_the_client_leaves(nodes: list[Node]) -> None:
    a, b = nodes
    first, second = a.submit("first"), a.submit("second")
    worker = a.talk.worker("f")
    assert a.claim() == 2
    client, leaver = a.talk.connect(), a.talk.connect()
    assert worker.grab() == first
    assert client.ask("SUBMIT_JOB", "f", "first", "x") == [("JOB_CREATED", first)]
    assert leaver.ask("SUBMIT_JOB", "f", "second", "x") == [("JOB_CREATED", second)]
    worker.leave()
    a.commit()
    other = b.talk.worker("f")
    assert b.do(other) is None
    leaver.leave()
    a.commit()
    assert b.do(other) == second
    assert b.do(other) is None
    assert a.do(a.talk.worker("f")) == first
    assert client.heard() == [("WORK_COMPLETE", first, "")]


def test_who_stops_gracefully_hands_over_what_is_not_begun(nodes: list[Node]) -> None:
    a, b = nodes
    handles = [a.submit() for _ in range(2)]
    worker = a.talk.worker("f")
    a.claim()
    assert worker.grab() == handles[0]
    a.talk.engine.drain()
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
        functions = node.talk.engine.lifecycle.queue.functions[b"f"]
        node.count()
        assert functions.completed == (1 if node is b else 0)


def test_a_limit_that_one_node_is_told_holds_on_all(nodes: list[Node]) -> None:
    a, b = nodes
    a.talk.connect().line("maxqueue f 2")
    b.talk.connect().line("maxqueue g 9")
    table = a.talk.engine.take_limits()
    assert table == {b"f": (2, 2, 2)}
    b.talk.engine.apply_limits(table)  # its own is not in the table yet
    for _ in range(2):
        a.submit()
    b.count()
    assert b.client.ask("SUBMIT_JOB_BG", "f", "", "x") == [("ERROR", "QUEUE_ERROR", "Job queue is full")]
    table |= b.talk.engine.take_limits()
    for node in nodes:
        node.talk.engine.apply_limits(table)
        assert [node.talk.engine.lifecycle.queue.function(name).limits for name in (b"f", b"g")] == [
            [2, 2, 2],
            [9, 9, 9],
        ]
    del table[b"f"]
    b.talk.engine.apply_limits(table)
    b.submit()


def test_after_the_lease_nothing_is_given_out_and_what_another_node_has_by_then_is_forgotten(nodes: list[Node]) -> None:
    a, b = nodes
    a.talk.engine.resume(100.0)
    handles = [a.submit() for _ in range(4)]
    workers = [a.talk.worker("f") for _ in range(3)]
    idle = a.talk.worker("f")
    a.claim()
    assert [one.grab() for one in workers] == handles[:3]
    a.talk.now = 100.5
    assert idle.ask("GRAB_JOB") == [("NO_JOB",)]
    assert a.claim() == 0
    a.die()
    other = b.talk.worker("f")
    assert b.do(other) == handles[0]
    assert a.table.is_free(handles[2].encode())
    for worker, handle in zip(workers, handles, strict=False):
        assert worker.ask("WORK_COMPLETE", handle, "late") == [], "nothing is wrong with it"
    a.commit()
    left = [row.decode() for row in a.table.rows]
    assert left == [handles[1], handles[3]], "the end of what nobody else had was written, and no other"
    assert idle.grab() == handles[3], "it is this node's again"
    a.demand_equal_counts()
    b.demand_equal_counts()


def test_a_lease_that_is_renewed_late_has_lost_nothing(nodes: list[Node]) -> None:
    a, _ = nodes
    a.talk.engine.resume(100.0)
    handles = [a.submit() for _ in range(2)]
    worker = a.talk.worker("f")
    a.claim()
    assert worker.grab() == handles[0]
    a.talk.now = 103.0
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]
    worker.say("WORK_COMPLETE", handles[0], "")
    worker.say("PRE_SLEEP")
    assert worker.heard() == []
    a.talk.engine.resume(110.0)
    a.talk.flush()
    assert worker.heard() == [("NOOP",)]
    assert worker.grab() == handles[1]
    a.commit()
    assert [row.decode() for row in a.table.rows] == [handles[1]]
    a.demand_equal_counts()


#: What may become of a node.
STEPS = ["submit", "keyed", "work", "finish", "claim", "grab", "pause", "suspend", "away", "rejoin", "leave"]


@settings(max_examples=EXAMPLES)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(STEPS),
            st.integers(0, 2),
        ),
        max_size=80,
    )
)
def test_every_job_is_done_and_counted_whatever_becomes_of_the_nodes(history: list[tuple[str, int]]) -> None:
    """Each acknowledged job is done, whoever is fenced off on the way, and no count has what no row has."""
    table = SharedTable()
    nodes = [Node(table, name) for name in "abc"]
    workers = [node.talk.worker("f") for node in nodes]
    given: set[str] = set()

    def submit(node: Node, _worker: Speaker, key: str = "") -> None:
        given.add(node.submit(key))

    def finish(_node: Node, worker: Speaker) -> None:
        for running in [*worker.peer.jobs]:
            worker.say("WORK_COMPLETE", running, "")

    def go_away(node: Node, _worker: Speaker) -> None:
        node.client.say("SUBMIT_JOB_BG", "f", "", "x")
        node.commit(is_away=True)
        assert node.client.heard()[-1][:2] == ("ERROR", "QUEUE_ERROR")

    def leave(node: Node, worker: Speaker) -> None:
        worker.leave()
        workers[nodes.index(node)] = node.talk.worker("f")

    steps: dict[str, Callable[[Node, Speaker], object]] = {
        "submit": submit,
        "keyed": partial(submit, key="u"),
        "work": lambda node, worker: node.do(worker),
        "finish": finish,
        "claim": lambda node, _: node.claim(),
        "grab": lambda _, worker: worker.say("GRAB_JOB"),
        "pause": lambda node, _: node.die(),  # it does not know yet
        "suspend": lambda node, _: node.talk.engine.suspend(),
        "away": go_away,
        "rejoin": lambda node, _: node.rejoin(),
        "leave": leave,
    }
    for what, index in history:
        steps[what](nodes[index], workers[index])
        alive = [one for node, one in zip(nodes, workers, strict=True) if node.epoch in table.epochs]
        running = [handle for one in alive for handle in one.peer.jobs]
        assert len(set(running)) == len(running), "no job is in two hands but those of a node whose lease is over"
    for node in nodes:
        if node.epoch not in table.epochs:
            node.rejoin()
        node.talk.engine.resume(float("inf"))
        node.commit()
    for node, worker in zip(nodes, workers, strict=True):
        node.demand_equal_counts()
        worker.leave()
        node.commit()
    last = nodes[0].talk.worker("f")
    done: list[str] = []
    while (handle := nodes[0].do(last)) is not None:
        done.append(handle)
    assert not table.rows, "everything is done"
    assert set(done) <= given
    for node in nodes:
        node.demand_equal_counts()


def test_what_is_claimed_when_the_last_worker_has_left_is_released_for_other_nodes() -> None:
    talk = Talk(durable=True, claimable=True, shared=True)
    worker = talk.worker("f")
    assert talk.engine.claim_capacity()
    worker.leave()  # while the store claims
    talk.engine.claimed([claimed_job(StoredJob(b"H:a:1", b"f", b"x")), enqueued("S:1")], talk.now)
    assert list(talk.commit()) == [Release(b"H:a:1"), Release(b"S:1")]
    assert not talk.engine.lifecycle.queue.jobs
