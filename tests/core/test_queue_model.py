"""The queue against a naive model of it, over random histories: no job lost, none given out twice, order kept."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, consumes, invariant, multiple, rule

from gearbridge.core.jobs import GONE, QUEUED, RUNNING, STORING, TRANSITIONS, Job
from gearbridge.core.peer import Peer
from gearbridge.core.queue import JobQueue, coalescing_key

FUNCTIONS = [b"f", b"g", b"h"]


class QueueModel(RuleBasedStateMachine):
    """The model is a list of waiting handles by function and priority; everything in it is looked for by walking."""

    storing: Bundle[bytes] = Bundle("storing")
    waiting: Bundle[bytes] = Bundle("waiting")  # queued or taken, as the model knows
    running: Bundle[bytes] = Bundle("running")

    def __init__(self) -> None:
        super().__init__()
        self.queue = JobQueue()
        self.worker = Peer([])
        self.number = 0
        self.model_waiting: list[Job] = []
        self.model_running: list[Job] = []
        self.model_storing: list[Job] = []

    @rule(
        target=storing, function=st.sampled_from(FUNCTIONS), priority=st.integers(0, 2), due=st.sampled_from([0, 0, 7])
    )
    def add(self, function: bytes, priority: int, due: int) -> bytes:
        self.number += 1
        job = Job(b"%d" % self.number, function, b"", b"u%d" % self.number, priority, due)
        self.queue.add(self.queue.function(function), job, coalescing_key(job.unique_key, b""))
        self.model_storing.append(job)
        return job.handle

    @rule(target=waiting, handle=consumes(storing))
    def make_ready(self, handle: bytes) -> bytes:
        job = self.queue.jobs[handle]
        assert self.queue.make_ready(self.queue.functions[job.function], job) == (not job.due)
        self.model_storing.remove(job)
        self.model_waiting.append(job)
        return handle

    @rule()
    def time_comes(self) -> None:
        for job in self.queue.due_jobs(7):
            # A job whose time has come is behind those that wait already.
            self.model_waiting.remove(job)
            self.model_waiting.append(job)

    @rule(target=running, functions=st.lists(st.sampled_from(FUNCTIONS), unique=True), start=st.integers(0, 2))
    def take(self, functions: list[bytes], start: int) -> MultipleResults[bytes] | bytes:
        known = [self.queue.function(name) for name in functions]
        start = start % len(known) if known else 0
        expected = self._best(functions[start:] + functions[:start])
        assert self.queue.has_ready(known) == (expected is not None)
        taken = self.queue.take(known, start, self.worker)
        if taken is None:
            assert expected is None
            return multiple()
        job, function = taken
        assert job is expected
        assert function.name == job.function
        assert job.worker is self.worker
        self.model_waiting.remove(job)
        self.model_running.append(job)
        return job.handle

    @rule(target=waiting, handle=consumes(running))
    def requeue(self, handle: bytes) -> MultipleResults[bytes] | bytes:
        job = self.queue.jobs.get(handle)
        if job is None or job.state != RUNNING:
            return multiple()
        self.queue.requeue(job)
        self.model_running.remove(job)
        self.model_waiting.append(job)
        return handle

    @rule(handle=st.one_of(consumes(storing), consumes(waiting), consumes(running)))
    def remove(self, handle: bytes) -> None:
        job = self.queue.jobs.get(handle)
        if job is None:
            return
        for jobs in (self.model_storing, self.model_waiting, self.model_running):
            if job in jobs:
                jobs.remove(job)
        self.queue.remove(job)
        self.queue.remove(job)  # once more is harmless

    def _best(self, functions: list[bytes]) -> Job | None:
        for priority in (0, 1, 2):
            for function in functions:
                for job in self.model_waiting:
                    if job.function == function and job.priority == priority and not job.due:
                        return job
        return None

    @invariant()
    def nothing_is_lost_and_the_counts_are_true(self) -> None:
        everything = self.model_storing + self.model_waiting + self.model_running
        assert set(self.queue.jobs) == {job.handle for job in everything}
        for name, function in self.queue.functions.items():
            mine = [job for job in everything if job.function == name]
            assert function.total == len(mine)
            assert function.running == sum(job in self.model_running for job in mine)
            assert set(function.uniques.values()) == set(mine)
            for priority in (0, 1, 2):
                ready = [job for job in self.model_waiting if job.function == name and not job.due]
                assert function.queued(priority) == sum(job.priority == priority for job in ready)

    @invariant()
    def states_agree(self) -> None:
        assert all(job.state == STORING for job in self.model_storing)
        assert all(job.state == QUEUED for job in self.model_waiting)
        assert all(job.state == RUNNING for job in self.model_running)


TestQueueModel = QueueModel.TestCase
TestQueueModel.settings = settings(max_examples=60, stateful_step_count=40)


def test_every_state_can_end_and_only_the_last_cannot_be_left() -> None:
    assert {state for state, following in TRANSITIONS.items() if GONE in following} == {STORING, QUEUED, RUNNING}
    assert TRANSITIONS[GONE] == frozenset()
