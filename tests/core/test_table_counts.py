"""What waits in the job table unclaimed is shown like any other job, and changes nothing else."""

from __future__ import annotations

from typing import Any

from gearbridge.core.settings import FORGET_AT
from gearbridge.records import ClaimedJob, RowsWaiting, WaitingRows

from .conversation import Talk

NONE = (0, 0, 0, 0)


def rows(function: str, *enqueued: int, oldest: int | None = None, spilled: Any = NONE) -> WaitingRows:
    high, normal, low, later = enqueued
    return WaitingRows(function.encode(), (high, normal, low, later), spilled, oldest)


def counted(talk: Talk, *functions: WaitingRows, is_whole: bool = True) -> None:
    talk.engine.recount(RowsWaiting([*functions], is_whole, False), talk.now)


def claimed(handle: str, *, due: int = 0, enqueued: int | None = None) -> ClaimedJob:
    job = ClaimedJob(handle.encode(), b"f", b"", due=due)
    job.max_attempts, job.keep_result, job.enqueued = 0, False, enqueued
    return job


def table() -> Talk:
    return Talk(durable=True, claimable=True)


def test_functions_without_workers_are_shown_with_what_waits_for_them() -> None:
    talk = table()
    client = talk.connect()
    client.say("SUBMIT_JOB", "f", "", "x")
    counted(talk, rows("f", 1, 2, 3, 4), rows("g", 0, 5, 0, 0))
    assert talk.connect().line("status") == "f\t11\t0\t0\ng\t5\t0\t0\n.\n"
    assert talk.connect().line("prioritystatus") == "f\t1\t3\t3\t0\ng\t0\t5\t0\t0\n.\n"
    f, g = talk.engine.snapshot().functions(talk.now)
    assert (f.queued, f.later, f.running) == ((1, 3, 3), 4, 0)
    assert (g.queued, g.later, g.completed, g.submitted) == ((0, 5, 0), 0, 0, 0)
    counted(talk, rows("g", 0, 6, 0, 0), is_whole=False)
    assert talk.connect().line("status") == "f\t11\t0\t0\ng\t6\t0\t0\n.\n"
    counted(talk)
    assert talk.connect().line("status") == "f\t1\t0\t0\ng\t0\t0\t0\n.\n"


def test_a_claimed_row_is_counted_once() -> None:
    talk = table()
    worker = talk.worker("f")
    counted(talk, rows("f", 0, 2, 0, 1))
    talk.engine.claimed([claimed("S:1"), claimed("S:2"), claimed("S:3"), claimed("S:4", due=5)], talk.now)
    talk.flush()
    assert talk.connect().line("status") == "f\t4\t0\t1\n.\n"
    worker.say("WORK_COMPLETE", worker.grab(), "")
    talk.commit()
    assert talk.connect().line("status") == "f\t3\t0\t1\n.\n"


def test_limits_of_waiting_jobs_do_not_count_them() -> None:
    talk = table()
    counted(talk, rows("f", 0, 100, 0, 0))
    assert talk.connect().line("maxqueue f 1") == "OK\r\n"
    client = talk.connect()
    client.say("SUBMIT_JOB_BG", "f", "", "x")
    talk.commit()
    assert client.heard() == [("JOB_CREATED", "H:test:1")]


def test_a_function_that_has_rows_is_neither_dropped_nor_forgotten() -> None:
    talk = table()
    counted(talk, rows("f", 0, 0, 0, 1))
    assert talk.connect().line("drop function f").startswith("ERR")
    queue = talk.engine.lifecycle.queue
    for number in range(FORGET_AT + 1):
        queue.function(b"%d" % number)
    assert b"f" in queue.functions
    assert b"1" not in queue.functions
    counted(talk)
    assert talk.connect().line("drop function f") == "OK\r\n"


def test_the_oldest_is_as_old_as_its_row() -> None:
    talk = table()
    talk.tick(50.0, 1_000_050.0)
    counted(talk, rows("f", 0, 1, 0, 0, oldest=1_000_020), rows("later", 0, 0, 0, 1, oldest=None))
    ages = [one.oldest for one in talk.engine.snapshot().functions(talk.now)]
    assert ages == [30.0, None]
    talk.worker("f")
    talk.engine.claimed([claimed("S:1", enqueued=1_000_020)], talk.now)
    (f, _) = talk.engine.snapshot().functions(talk.now)
    assert (f.queued, f.oldest) == ((0, 1, 0), 29.0), "the table has whole seconds"
    talk.engine.claimed([claimed("S:2", enqueued=1_000_050)], talk.now)
    (waiting,) = [one for one in talk.engine.lifecycle.queue.functions[b"f"].ready[1] if one.handle == b"S:2"]
    assert waiting.since == talk.now, "what was enqueued in this second may have been enqueued just now"


def test_the_age_of_the_count_is_known() -> None:
    talk = table()
    assert talk.engine.snapshot().counted(5.0) is None
    counted(talk)
    assert talk.engine.snapshot().counted(talk.now + 5.0) == 5.0
