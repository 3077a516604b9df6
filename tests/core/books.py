"""An engine, its peers and its store's part, and what must be true of them after each step, whatever was said."""

from __future__ import annotations

from typing import Any

from gearbridge.core.jobs import QUEUED, RUNNING, STORING
from gearbridge.core.retry_rules import RetryRule
from gearbridge.records import Put

from .conversation import Speaker, Talk
from .table import Table

#: So that some jobs that fail are tried again, and others not.
RULES = (RetryRule(b"f", 2),)


class Books:
    """The engine, its peers, and what the store would hold."""

    def __init__(self, *, durable: bool, window: int = 0) -> None:
        self.talk = Talk(durable=durable, claimable=window > 0, window_jobs=window, job_retries=3, retry_rules=RULES)
        self.table = Table()
        self.peers = [self.talk.connect() for _ in range(4)]
        self.group: object = None
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
        elif kind == "claim":
            self.table.claim_for(self.talk)
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
        self.table.apply(operation for index, operation in enumerate(group) if index not in errors)
        self.talk.end_commit(group, errors)
        self.table.answer(self.talk)

    def check(self) -> None:
        queue = self.talk.engine.lifecycle.queue
        live = set(self.talk.engine._peers)
        for handle, job in queue.jobs.items():
            assert job.state in {STORING, QUEUED, RUNNING}
            assert (job.worker is not None) == (job.state == RUNNING)
            assert job.worker is None or (job.worker in live and job.worker.jobs[handle] is job)
            assert set(job.clients or ()) <= live
            assert job.background or job.clients or job.state == RUNNING, "nobody waits for it"
        for function in queue.functions.values():
            mine = [job for job in queue.jobs.values() if job.function == function.name]
            spilled = sum(function.spilled)
            assert all(count >= 0 for count in (*function.spilled, *function.claimed))
            assert function.total == len([job for job in mine if not job.spilled]) + spilled
            assert sum(function.returned) == sum(job.in_line for job in mine)
            assert sum(function.claimed) == sum(job.claimed for job in mine)
            assert function.completed >= 0
            assert function.running == sum(job.state == RUNNING for job in mine)
            assert set(function.uniques.values()) <= set(mine)
            assert set(function.sleepers) <= set(function.workers) <= live
            assert all(count >= 0 for count in function.ghosts)
        assert queue.spilled == sum(sum(function.spilled) for function in queue.functions.values())
        window = self.talk.engine.lifecycle.window
        if self.talk.engine.lifecycle.durable:
            in_memory = [job for job in queue.jobs.values() if job.background]
            assert sum(window.jobs) == len(in_memory)
            assert sum(window.bytes) == sum(len(job.payload) for job in in_memory)
        for peer in live:
            assert all(queue.jobs.get(handle) is job for handle, job in peer.jobs.items())
            assert all(queue.jobs.get(handle) is job for handle, job in peer.awaited.items())

    def finish(self) -> None:
        """Let the store catch up: what it holds then is exactly the background jobs."""
        if self.talk.engine.signals.wants_tick:
            self.talk.tick()  # as a shell does: a scheduled job is stored once the time is known
        self._end(refuse=False)
        while self.talk.engine.journal or self.talk.engine.signals.wants_lookup:
            self.group = self.talk.begin_commit()
            self._end(refuse=False)
        self.check()
        queue = self.talk.engine.lifecycle.queue
        in_memory = {handle for handle, job in queue.jobs.items() if job.background}
        assert self.table.kept.keys() | self.table.held == in_memory
        assert queue.spilled == len(self.table.spilled.keys() - self.table.held)
        assert not any(job.state == STORING for job in queue.jobs.values())
        assert not any(peer.held for peer in self.talk.engine._peers), "every promised reply was given"
        assert self.talk.engine.journal.size == 0
