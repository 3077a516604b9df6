"""Queues deeper than memory: what is beyond the window waits in the table, and comes back in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gearbridge.core import claims
from gearbridge.records import Backlog, Drop, Put

from .conversation import Talk
from .table import Table

if TYPE_CHECKING:
    from .conversation import Speaker

SUBMITS = ("SUBMIT_JOB_HIGH_BG", "SUBMIT_JOB_BG", "SUBMIT_JOB_LOW_BG")


class Deep:
    """An engine with a window of some jobs, its table, a client and nothing queued."""

    def __init__(self, window: int = 2, *, window_bytes: int = 0, first_number: int = 1) -> None:
        self.talk = Talk(
            durable=True, claimable=True, window_jobs=window, window_bytes=window_bytes, first_number=first_number
        )
        self.table = Table()
        self.client = self.talk.connect()

    def submit(self, command: str = "SUBMIT_JOB_BG", payload: str = "", function: str = "f", key: str = "") -> str:
        """Submit a job in background, have it stored, and return its handle."""
        self.client.say(command, function, key, payload)
        self.table.commit(self.talk)
        ((name, handle),) = self.client.heard()
        assert name == "JOB_CREATED"
        return handle

    def done_by(self, worker: Speaker) -> str:
        """The handle of the job that the worker gets, and does."""
        self.table.claim_for(self.talk)
        handle = worker.grab()
        worker.say("WORK_COMPLETE", handle, "")
        self.table.commit(self.talk)
        return handle

    def spilled(self) -> list[str]:
        return [handle.decode() for handle in self.table.spilled]


def test_what_is_beyond_the_window_is_acknowledged_when_stored_and_then_forgotten() -> None:
    deep = Deep()
    inside = [deep.submit(), deep.submit()]
    deep.client.say("SUBMIT_JOB_BG", "f", "", "x")
    assert deep.client.heard() == []
    group = deep.talk.begin_commit()
    assert [(one.spilled, one.job.payload) for one in group if isinstance(one, Put)] == [(True, b"x")]
    deep.talk.end_commit(group)
    ((_, handle),) = deep.client.heard()
    known = deep.talk.engine.lifecycle.queue.jobs
    assert sorted(known) == sorted(one.encode() for one in inside)
    assert handle not in inside


def test_jobs_come_in_order_across_the_boundary() -> None:
    deep = Deep()
    handles = [deep.submit() for _ in range(7)]
    assert deep.spilled() == handles[2:]
    worker = deep.talk.worker("f")
    done = [deep.done_by(worker) for _ in range(3)]
    handles.append(deep.submit())
    done += [deep.done_by(worker) for _ in range(5)]
    assert done == handles
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]
    assert not deep.table.spilled
    assert not deep.table.kept


def test_a_more_urgent_job_does_not_wait_for_those_beyond_nor_a_less_urgent_one_overtake_them() -> None:
    deep = Deep(3)
    normal = [deep.submit() for _ in range(4)]
    worker = deep.talk.worker("f")
    assert worker.grab() == normal[0]
    worker.say("WORK_COMPLETE", normal[0], "")
    low = deep.submit("SUBMIT_JOB_LOW_BG")
    high = deep.submit("SUBMIT_JOB_HIGH_BG")
    assert deep.spilled() == [normal[3], low]
    assert [deep.done_by(worker) for _ in range(5)] == [high, *normal[1:], low]


def test_an_urgent_job_beyond_is_claimed_although_many_less_urgent_ones_are_in_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(claims, "CLAIM_WINDOW", 4)
    deep = Deep(1)
    busy = deep.submit("SUBMIT_JOB_HIGH_BG", function="g")
    normal = [deep.submit() for _ in range(6)]
    worker = deep.talk.worker("f")
    assert deep.table.claim_for(deep.talk) == 4
    assert deep.talk.engine.claim_capacity() is None
    high = deep.submit("SUBMIT_JOB_HIGH_BG")
    assert deep.spilled() == [*normal[1:], high]
    assert deep.talk.engine.signals.wants_claim
    assert [deep.done_by(worker) for _ in range(7)] == [high, *normal]
    assert deep.done_by(deep.talk.worker("g")) == busy


def test_bytes_count_too() -> None:
    deep = Deep(1000, window_bytes=10)
    deep.submit(payload="12345")
    deep.submit(payload="67890")
    third = deep.submit()
    assert deep.spilled() == [third]
    deep.done_by(deep.talk.worker("f"))
    assert deep.submit() in deep.spilled(), "there is room again, but what came before still waits"
    worker = deep.talk.worker("f")
    for _ in range(3):
        deep.done_by(worker)
    assert deep.submit() not in deep.spilled()


def test_a_job_with_a_unique_key_stays_in_memory_where_its_key_is_found() -> None:
    deep = Deep(1)
    deep.submit()
    first = deep.submit(key="u")
    assert deep.submit(key="u") == first
    assert deep.spilled() == []


def test_another_function_has_its_own_order() -> None:
    deep = Deep(1)
    deep.submit()
    deep.submit()
    worker = deep.talk.worker("g")
    waits = deep.submit(function="g")
    assert waits in deep.spilled()
    assert deep.talk.engine.signals.wants_claim
    assert deep.done_by(worker) == waits


def test_totals_and_limits_count_what_is_beyond() -> None:
    deep = Deep(1)
    for command in (*SUBMITS, "SUBMIT_JOB_BG"):
        deep.submit(command)
    admin = deep.talk.connect()
    assert admin.line("status") == "f\t4\t0\t0\n.\n"
    assert admin.line("prioritystatus") == "f\t1\t2\t1\t0\n.\n"
    assert len(deep.spilled()) == 1
    assert admin.line("drop function f").startswith("ERR there are")
    admin.line("maxqueue f 4")
    assert deep.client.ask("SUBMIT_JOB_BG", "f", "", "") == [("ERROR", "QUEUE_ERROR", "Job queue is full")]
    worker = deep.talk.worker("f")
    for left in (3, 2, 1, 0):
        deep.done_by(worker)
        assert admin.line("status") == f"f\t{left}\t0\t1\n.\n"
    function = deep.talk.engine.lifecycle.queue.functions[b"f"]
    assert (function.added, function.completed, function.claimed, function.spilled) == (4, 4, [0, 0, 0], [0, 0, 0, 0])


def test_a_handle_answers_status_wherever_the_job_is() -> None:
    deep = Deep(1)
    deep.submit()
    handle = deep.submit()
    asker = deep.talk.connect()
    asker.say("GET_STATUS", handle)
    asker.say("ECHO_REQ", "behind")
    assert asker.heard() == []
    deep.table.commit(deep.talk)
    assert asker.heard() == [("STATUS_RES", handle, "1", "0", "0", "0"), ("ECHO_RES", "behind")]
    asker.say("GET_STATUS", "H:test:999")
    deep.table.commit(deep.talk)
    assert asker.heard() == [("STATUS_RES", "H:test:999", "0", "0", "0", "0")]
    worker = deep.talk.worker("f")
    worker.say("WORK_COMPLETE", worker.grab(), "")
    asker.say("GET_STATUS", handle)
    deep.table.claim_for(deep.talk)
    worker.grab()
    deep.table.commit(deep.talk)
    assert asker.heard() == [("STATUS_RES", handle, "1", "1", "0", "0")], "claimed while it was asked for"
    worker.say("WORK_COMPLETE", handle, "")
    assert asker.ask("GET_STATUS", handle) == [("STATUS_RES", handle, "0", "0", "0", "0")], "nothing waits in the table"


def test_when_the_table_cannot_be_asked_nobody_is_told_that_the_job_is_done() -> None:
    deep = Deep(1)
    deep.submit()
    handle = deep.submit()
    asker = deep.talk.connect()
    asker.say("GET_STATUS", handle)
    admin = deep.talk.connect()
    admin.raw(b"cancel job %b\n" % handle.encode())
    deep.talk.engine.answered(deep.talk.engine.take_table_lookups(), "it is away")
    deep.talk.flush()
    assert asker.heard() == [("ERROR", "QUEUE_ERROR", "The job table cannot be asked: it is away")]
    assert admin.arrived == b"ERR QUEUE_ERROR it+is+away\r\n"


def cancelled(deep: Deep, handle: str) -> str:
    admin = deep.talk.connect()
    admin.raw(f"cancel job {handle}\n".encode())
    deep.table.commit(deep.talk)
    return admin.arrived.decode()


def test_a_job_beyond_can_be_cancelled() -> None:
    deep = Deep(1)
    deep.submit()
    first, second, third = (deep.submit() for _ in range(3))
    worker = deep.talk.worker("f")
    twice = deep.talk.connect()
    twice.raw(f"cancel job {first}\ncancel job {first}\n".encode())
    deep.table.commit(deep.talk)
    assert twice.arrived == b"OK\r\nERR UNKNOWN_JOB\r\n"
    jobs = deep.table.claim({b"f": 10})  # before it is deleted
    assert [job.handle.decode() for job in jobs] == [first, second, third]
    deep.talk.engine.claimed(jobs, deep.talk.now)
    assert cancelled(deep, second) == "OK\r\n", "claimed by now"
    deep.table.commit(deep.talk)
    assert deep.spilled() == [third]
    deep.done_by(worker)
    assert deep.done_by(worker) == third
    assert cancelled(deep, third) == "ERR UNKNOWN_JOB\r\n"
    assert deep.talk.connect().line("status") == "f\t0\t0\t1\n.\n"


def test_a_job_on_its_way_to_the_table_can_be_cancelled_and_be_refused() -> None:
    deep = Deep(1)
    deep.submit()
    deep.client.say("SUBMIT_JOB_BG", "f", "", "")
    group = deep.talk.begin_commit()
    (put,) = [one for one in group if isinstance(one, Put)]
    assert deep.talk.connect().line(f"cancel job {put.job.handle.decode()}") == "OK\r\n"
    deep.talk.end_commit(group)
    assert deep.client.heard()[0][0] == "JOB_CREATED"
    assert deep.talk.commit() == [Drop(put.job.handle)]
    deep.client.say("SUBMIT_JOB_BG", "f", "", "")
    deep.talk.commit({0: "no room"})
    assert deep.client.heard() == [("ERROR", "QUEUE_ERROR", "no room")]
    function = deep.talk.engine.lifecycle.queue.functions[b"f"]
    assert (function.total, function.spilled) == (1, [0, 0, 0, 0])
    assert deep.talk.engine.lifecycle.window.jobs == [0, 1, 0]


def test_a_scheduled_job_that_is_cancelled_before_its_time_is_known_counts_no_more() -> None:
    deep = Deep(1)
    window = deep.talk.engine.lifecycle.window
    deep.client.say("SUBMIT_JOB_SCHED", "f", "", "", "", "", "", "", "")
    assert window.jobs == [0, 1, 0]
    assert deep.talk.connect().line("cancel job H:test:1") == "OK\r\n"
    assert window.jobs == [0, 0, 0]
    deep.talk.tick(1.0, 1.0)
    deep.table.commit(deep.talk)
    assert window.jobs == [0, 0, 0]


def test_the_backlog_of_an_earlier_start_is_known() -> None:
    deep = Deep(100)
    assert deep.talk.engine.restore_backlog([Backlog(b"f", 1, False, 5), Backlog(b"f", 1, True, 2)]) == 7
    assert deep.talk.connect().line("status") == "f\t7\t0\t0\n.\n"
    behind = deep.submit()
    assert deep.spilled() == [behind]
    ahead = deep.submit("SUBMIT_JOB_HIGH_BG")
    assert ahead not in deep.spilled()


def test_a_job_due_later_holds_nobody_up() -> None:
    deep = Deep(1)
    deep.submit()
    deep.client.say("SUBMIT_JOB_EPOCH", "f", "", "1000", "later")
    deep.table.commit(deep.talk)
    deep.client.heard()
    assert len(deep.spilled()) == 1
    worker = deep.talk.worker("f")
    deep.talk.engine.claim_capacity()
    worker.say("WORK_COMPLETE", worker.grab(), "")
    deep.table.commit(deep.talk)
    now = deep.submit()
    assert now not in deep.spilled()
    assert worker.grab() == now


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(["high", "normal", "normal", "normal", "low", "work", "work", "claim", "restart"]), max_size=60
    ),
    st.integers(1, 5),
)
def test_the_best_job_there_is_comes_next_whatever_the_history(history: list[str], window: int) -> None:
    """Of all that was acknowledged, wherever it waits: by priority, then in order."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(claims, "CLAIM_WINDOW", 4)
    deep = Deep(window)
    worker = deep.talk.worker("f")
    waiting: list[tuple[int, int, str]] = []
    number = 0
    with monkeypatch.context():
        for what in history:
            number += 1
            if what == "work":
                if waiting:
                    waiting.sort()
                    assert deep.done_by(worker) == waiting.pop(0)[2]
            elif what == "claim":
                deep.table.claim_for(deep.talk)
            elif what == "restart":
                deep, worker = restarted(deep, window, number)
            else:
                rank = ["high", "normal", "low"].index(what)
                waiting.append((rank, number, deep.submit(SUBMITS[rank])))
            function = deep.talk.engine.lifecycle.queue.functions.get(b"f")
            assert function is not None
            assert function.total == len(waiting)
            assert sum(function.spilled) == len(deep.table.spilled) - len(deep.table.held)
            assert max(deep.talk.engine.lifecycle.window.jobs) <= window + 8
        for _, _, handle in sorted(waiting):
            assert deep.done_by(worker) == handle
    monkeypatch.undo()


def restarted(old: Deep, window: int, number: int) -> tuple[Deep, Speaker]:
    """Another engine over the same table."""
    deep = Deep(window, first_number=1000 * number)
    deep.table = old.table
    deep.table.held.clear()
    deep.talk.engine.restore(list(deep.table.kept.values()), 0.0)
    lines: dict[tuple[bytes, int], int] = {}
    for job in deep.table.spilled.values():
        lines[job.function, int(job.priority)] = lines.get((job.function, int(job.priority)), 0) + 1
    deep.talk.engine.restore_backlog([Backlog(name, rank, False, count) for (name, rank), count in lines.items()])
    return deep, deep.talk.worker("f")
