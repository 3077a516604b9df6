"""Workers of very many functions, and very many known functions: what they cost, and that order is kept."""

from __future__ import annotations

import random
import tracemalloc
from collections import defaultdict, deque

import pytest

from gearbridge.core.abilities import MOST_NARROW
from gearbridge.core.known_functions import MANY

from .conversation import Speaker, Talk

SUBMITS = ("SUBMIT_JOB_HIGH_BG", "SUBMIT_JOB_BG", "SUBMIT_JOB_LOW_BG")


class Histories:
    """A worker that does what it likes, beside a naive model: functions in CAN_DO order, and whose turn it is."""

    def __init__(self, functions: int) -> None:
        self.chance = random.Random(functions)
        self.names = [f"f{number}" for number in range(functions)]
        self.talk = Talk()
        self.client, self.worker = self.talk.connect(), self.talk.connect()
        self.other = self.talk.worker(*self.names)
        self.functions: list[str] = []
        self.turn = 0
        self.jobs: dict[tuple[str, int], deque[str]] = defaultdict(deque)

    def submit(self, name: str) -> None:
        priority = self.chance.randrange(3)
        self.jobs[name, priority].append(self.client.submit(SUBMITS[priority], name))

    def can_do(self, name: str) -> None:
        self.worker.say("CAN_DO", name)
        if name not in self.functions:
            self.functions.append(name)

    def cant_do(self, name: str) -> None:
        self.worker.say("CANT_DO", name)
        if name in self.functions:
            self.functions.remove(name)
            self.turn = 0

    def reset(self, _name: str) -> None:
        self.worker.say("RESET_ABILITIES")
        self.functions.clear()
        self.turn = 0

    def take_by_another(self, _name: str) -> None:
        taken = self.other.ask("GRAB_JOB")[-1]
        if taken[0] == "JOB_ASSIGN":
            next(jobs for jobs in self.jobs.values() if taken[1] in jobs).remove(taken[1])

    def cancel(self, _name: str) -> None:
        waiting = [(jobs, handle) for jobs in self.jobs.values() for handle in jobs]
        if waiting:
            jobs, handle = self.chance.choice(waiting)
            self.client.line(f"cancel job {handle}")
            jobs.remove(handle)

    def grab(self, _name: str) -> None:
        self.worker.heard()
        expected = self._next()
        (reply,) = self.worker.ask("GRAB_JOB")
        assert reply[:2] == (("NO_JOB",) if expected is None else ("JOB_ASSIGN", expected))
        if expected is None:
            assert self.worker.ask("PRE_SLEEP") == []

    def _next(self) -> str | None:
        for priority in (0, 1, 2):
            for step in range(len(self.functions)):
                index = (self.turn + step) % len(self.functions)
                jobs = self.jobs[self.functions[index], priority]
                if jobs:
                    self.turn = (index + 1) % len(self.functions)
                    return jobs.popleft()
        return None


@pytest.mark.parametrize("functions", [MOST_NARROW, 3 * MOST_NARROW])
def test_jobs_come_by_priority_and_functions_take_turns_however_many_there_are(functions: int) -> None:
    all_of = Histories(functions)
    steps = [all_of.submit] * 40 + [all_of.can_do] * 12 + [all_of.cant_do] * 3 + [all_of.take_by_another] * 2
    steps += [all_of.cancel] * 2 + [all_of.grab] * 40
    for number in range(3000):
        all_of.chance.choice(steps)(all_of.chance.choice(all_of.names))
        if number % 1000 == 999:
            all_of.reset("")
            for name in all_of.names:
                all_of.can_do(name)
    listed = next(one for one in all_of.client.line("workers").splitlines() if one.startswith("2 "))
    assert listed.split(" :")[1].split() == all_of.functions[::-1]


def wide_worker(talk: Talk, functions: int) -> Speaker:
    worker = talk.connect()
    for number in range(functions):
        worker.say("CAN_DO", f"tenant_{number}")
    return worker


def test_a_sleeping_worker_of_many_functions_is_woken_once() -> None:
    talk = Talk()
    client, worker, other = talk.connect(), wide_worker(talk, 50), wide_worker(talk, 50)
    for one in (worker, other):
        assert one.ask("PRE_SLEEP") == []
    client.say("SUBMIT_JOB_BG", "tenant_7", "", "x")
    client.say("SUBMIT_JOB_BG", "tenant_8", "", "x")
    assert (worker.heard(), other.heard()) == ([("NOOP",)], [("NOOP",)])
    worker.grab()
    assert worker.ask("PRE_SLEEP") == [("NOOP",)]
    worker.grab()
    assert other.ask("GRAB_JOB") == [("NO_JOB",)]
    assert other.ask("PRE_SLEEP") == []
    worker.leave()
    assert other.heard() == [("NOOP",)], "for the jobs that the other one ran"


def test_wake_ups_of_workers_of_many_functions_are_limited_and_passed_on() -> None:
    talk = Talk(worker_wakeup=1)
    client, first, second = talk.connect(), wide_worker(talk, 50), wide_worker(talk, 50)
    for one in (first, second):
        one.say("PRE_SLEEP")
    client.say("SUBMIT_JOB_BG", "tenant_7", "", "x")
    assert (first.heard(), second.heard()) == ([("NOOP",)], [])
    first.leave()
    assert second.heard() == [("NOOP",)]


def test_time_outs_of_one_worker_do_not_become_anothers() -> None:
    talk = Talk(job_retries=1)
    client, worker = talk.connect(), wide_worker(talk, 50)
    patient = wide_worker(talk, 50)
    worker.say("CAN_DO_TIMEOUT", "tenant_3", "1000")
    for one in (patient, worker):
        handle = client.submit("SUBMIT_JOB", "tenant_3")
        one.grab()
        talk.tick(now=0)
        talk.tick(now=100)
        known = client.ask("GET_STATUS", handle)[-1][2]
        assert known == ("1" if one is patient else "0")
    patient.leave()
    assert client.line("status").splitlines()[3] == "tenant_3\t0\t0\t1"
    worker.leave()
    assert client.line("status").splitlines()[3] == "tenant_3\t0\t0\t0"


def test_a_known_name_takes_little_memory() -> None:
    talk = Talk()
    names = 4 * MANY
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        worker = wide_worker(talk, names)
        known = tracemalloc.get_traced_memory()[0]
        client = talk.connect()
        for number in range(names):
            client.say("SUBMIT_JOB_BG", f"tenant_{number}", "key", "x")
            worker.say("WORK_COMPLETE", worker.grab(), "")
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert (known - before) / names < 512
    assert (used - before) / names < 1024, "with a histogram of how long jobs waited and ran"


def test_a_worker_of_many_functions_gets_foreground_jobs_while_the_table_is_in_doubt() -> None:
    talk = Talk(durable=True)
    client, worker = talk.connect(), wide_worker(talk, 50)
    client.say("SUBMIT_JOB_BG", "tenant_1", "", "x")
    talk.commit()
    stored = client.heard()
    talk.engine.suspend()
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]
    assert worker.ask("PRE_SLEEP") == []
    direct = client.submit("SUBMIT_JOB", "tenant_2")
    assert worker.heard() == [("NOOP",)]
    assert worker.grab() == direct
    assert worker.ask("PRE_SLEEP") == []
    talk.engine.resume(1e9)
    talk.flush()
    assert worker.heard() == [("NOOP",)]
    assert worker.grab() == stored[0][1]
