"""Random conversations with the engine: whatever peers send, and whenever they leave, its books stay true.

A short version runs with the tests; `make soak` runs many more.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gearbridge.core.jobs import QUEUED, RUNNING, STORING
from gearbridge.records import Drop, Put
from gearbridge.wire.commands import COMMANDS
from gearbridge.wire.packets import request

from .conversation import Speaker, Talk

EXAMPLES = int(os.environ.get("GEARBRIDGE_TEST_EXAMPLES", "150"))

# Few words, so that peers meet: the same functions, keys and handles again and again.
FUNCTIONS = [b"f", b"g", b""]
KEYS = [b"", b"-", b"u"]
WORDS = {
    "function": st.sampled_from(FUNCTIONS),
    "unique_key": st.sampled_from(KEYS),
    "handle": st.integers(1, 12).map(lambda number: b"H:test:%d" % number) | st.just(b"H:none:1"),
    "payload": st.sampled_from([b"", b"x", b"\0\xff"]),
    "milliseconds": st.sampled_from([b"0", b"1000", b"abc"]),
    "epoch": st.sampled_from([b"0", b"50", b"-1", b"abc"]),
}
LINES = [b"status", b"workers", b"show jobs", b"show unique jobs", b"prioritystatus", b"cancel job H:test:3"]
LINES += [b"maxqueue f 3", b"maxqueue f", b"create function h", b"drop function f", b"", b"a b c d e f g"]


@st.composite
def sent(draw: st.DrawFn) -> bytes:
    """What a peer sends: mostly packets, some admin lines."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from(LINES)) + b"\n"
    command = draw(st.sampled_from(COMMANDS))
    return request(command.number, *(draw(WORDS.get(name, st.just(b"1"))) for name in command.args))


SUBMITS = ["SUBMIT_JOB", "SUBMIT_JOB_BG", "SUBMIT_JOB_HIGH", "SUBMIT_JOB_LOW_BG"]
ENDS = ["WORK_COMPLETE", "WORK_FAIL", "WORK_EXCEPTION"]

STEPS = st.lists(
    # What peers do when they mean it, or else hardly a job would ever be done ...
    st.tuples(st.just("submit"), st.tuples(st.integers(0, 3), st.sampled_from(SUBMITS), st.sampled_from(KEYS)))
    | st.tuples(st.just("grab"), st.integers(0, 3))
    | st.tuples(st.just("finish"), st.tuples(st.integers(0, 3), st.sampled_from(ENDS)))
    # ... and anything at all.
    | st.tuples(st.integers(0, 3), sent())
    | st.tuples(st.just("leave"), st.integers(0, 3))
    | st.tuples(st.just("commit"), st.just(1))
    | st.tuples(st.just("begin"), st.just(0))
    | st.tuples(st.just("end"), st.integers(0, 9))  # of a commit; now and then the first job of it is refused
    | st.tuples(st.just("tick"), st.integers(0, 100)),
    min_size=30,
    max_size=100,
)


class Books:
    """The engine, its peers, and what the store would hold."""

    def __init__(self, *, durable: bool) -> None:
        self.talk = Talk(durable=durable, job_retries=3)
        self.peers = [self.talk.connect() for _ in range(4)]
        self.group: object = None
        self.stored: set[bytes] = set()
        self.now = 0

    def step(self, kind: object, what: Any) -> None:
        if kind == "submit":
            index, command, key = what
            self.peers[index].say(command, b"f", key, b"x")
        elif kind == "grab":
            self.peers[what].say("CAN_DO_TIMEOUT", b"f", b"50000")
            self.peers[what].say("GRAB_JOB")
        elif kind == "finish":
            index, command = what
            for handle in list(self.peers[index].peer.jobs)[:1]:
                self.peers[index].say(command, handle, *([b"r"] if command != "WORK_FAIL" else []))
        elif kind == "leave":
            self.peers[what].leave()
            self.peers[what] = self.talk.connect()
        elif kind in {"begin", "commit"}:
            if self.group is None and self.talk.engine.journal:
                self.group = self.talk.begin_commit()
            if kind == "commit":
                self._end(refuse=False)
        elif kind == "end":
            self._end(refuse=what == 0)
        elif kind == "tick":
            self.now += what
            self.talk.tick(self.now, self.now)
        else:
            assert isinstance(kind, int)
            self._speak(self.peers[kind], kind, what)

    def _speak(self, peer: Speaker, index: int, what: bytes) -> None:
        peer.raw(what)
        if peer.closed:
            peer.leave()
            self.peers[index] = self.talk.connect()

    def _end(self, *, refuse: bool) -> None:
        if self.group is None:
            return
        group, self.group = self.group, None
        assert isinstance(group, list)
        errors = {0: "refused"} if refuse and isinstance(group[0], Put) else {}
        for index, operation in enumerate(group):
            if isinstance(operation, Put) and index not in errors:
                assert operation.job.handle not in self.stored
                self.stored.add(operation.job.handle)
            elif isinstance(operation, Drop):
                self.stored.discard(operation.handle)
        self.talk.end_commit(group, errors)

    def check(self) -> None:
        queue = self.talk.engine.lifecycle.queue
        live = set(self.talk.engine.peers)
        for handle, job in queue.jobs.items():
            assert job.state in {STORING, QUEUED, RUNNING}
            assert (job.worker is not None) == (job.state == RUNNING)
            assert job.worker is None or (job.worker in live and job.worker.jobs[handle] is job)
            assert set(job.clients or ()) <= live
            assert job.background or job.clients or job.state == RUNNING, "nobody waits for it"
        for function in queue.functions.values():
            mine = [job for job in queue.jobs.values() if job.function == function.name]
            assert function.total == len(mine)
            assert function.running == sum(job.state == RUNNING for job in mine)
            assert set(function.uniques.values()) <= set(mine)
            assert set(function.sleepers) <= set(function.workers) <= live
            assert all(count >= 0 for count in function.ghosts)
        for peer in live:
            assert all(queue.jobs.get(handle) is job for handle, job in peer.jobs.items())
            assert all(queue.jobs.get(handle) is job for handle, job in peer.awaited.items())

    def finish(self) -> None:
        """Let the store catch up: what it holds then is exactly the background jobs."""
        self._end(refuse=False)
        while self.talk.engine.journal:
            self.group = self.talk.begin_commit()
            self._end(refuse=False)
        self.check()
        queue = self.talk.engine.lifecycle.queue
        assert self.stored == {handle for handle, job in queue.jobs.items() if job.background}
        assert not any(job.state == STORING for job in queue.jobs.values())
        assert not any(peer.held for peer in self.talk.engine.peers), "every promised reply was given"
        assert self.talk.engine.journal.size == 0


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_the_books_stay_true_over_a_durable_store(steps: list[tuple[object, object]]) -> None:
    books = Books(durable=True)
    for kind, what in steps:
        books.step(kind, what)
        books.check()
    books.finish()


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_the_books_stay_true_in_memory(steps: list[tuple[object, object]]) -> None:
    books = Books(durable=False)
    for kind, what in steps:
        books.step(kind, what)
        books.check()
    assert not books.talk.engine.journal
