"""Functions whose jobs wait and that have no worker: reported once, and once more when that is over."""

from __future__ import annotations

from gearbridge.core.unworked import GRACE, SHARED_GRACE, NobodyWorks, WorkedAgain
from gearbridge.records import RowsWaiting, WaitingRows

from .conversation import Talk


def look(talk: Talk, now: float) -> list[NobodyWorks | WorkedAgain]:
    return talk.engine.unworked.look(now)


def count(talk: Talk, *, enqueued: int = 0, spilled: int = 0) -> None:
    """The store counts what waits of the function f."""
    rows = WaitingRows(b"f", (0, enqueued, 0, 0), (0, spilled, 0, 0), None)
    talk.engine.recount(RowsWaiting([rows], True, False), 0.0)


def test_jobs_that_wait_for_a_while_without_a_worker_are_reported_once() -> None:
    talk = Talk()
    client = talk.connect()
    client.submit("SUBMIT_JOB_BG", "f")
    assert look(talk, 100.0) == []
    assert look(talk, 99.0 + GRACE) == []
    client.submit("SUBMIT_JOB_BG", "f")
    assert look(talk, 100.0 + GRACE) == [NobodyWorks(b"f", 2, GRACE)]
    assert look(talk, 200.0) == []
    worker = talk.worker("f")
    assert look(talk, 205.0) == [WorkedAgain(b"f", 2, 105.0)]
    assert look(talk, 210.0) == []
    worker.leave()
    assert look(talk, 300.0) == []
    assert look(talk, 300.0 + GRACE) == [NobodyWorks(b"f", 2, GRACE)]


def test_a_worker_that_comes_in_time_is_not_worth_a_line() -> None:
    talk = Talk()
    talk.connect().submit("SUBMIT_JOB_BG", "f")
    assert look(talk, 0.0) == []
    worker = talk.worker("f")
    assert look(talk, 5.0) == []
    worker.leave()
    assert look(talk, 10.0) == []
    assert look(talk, 10.0 + GRACE / 2) == []


def test_the_end_is_reported_when_the_jobs_are_gone() -> None:
    talk = Talk()
    client = talk.connect()
    handle = client.submit("SUBMIT_JOB_BG", "f")
    look(talk, 0.0)
    assert look(talk, GRACE) == [NobodyWorks(b"f", 1, GRACE)]
    client.line(f"cancel job {handle}")
    client.line("drop function f")
    assert look(talk, 60.0) == [WorkedAgain(b"f", 0, 60.0)]


def test_jobs_that_are_not_due_wait_for_no_worker() -> None:
    talk = Talk()
    talk.connect().ask("SUBMIT_JOB_EPOCH", "f", "", "1000", "later")
    look(talk, 0.0)
    assert look(talk, 500.0) == []


def test_what_sql_enqueued_counts() -> None:
    talk = Talk(durable=True, claimable=True)
    count(talk, enqueued=3)
    look(talk, 0.0)
    assert look(talk, GRACE) == [NobodyWorks(b"f", 3, GRACE)]
    count(talk)
    assert look(talk, 60.0) == [WorkedAgain(b"f", 0, 60.0)]


def test_a_node_reports_only_what_no_other_node_works_at() -> None:
    talk = Talk(durable=True, claimable=True, shared=True)
    for minute in range(5):
        count(talk, spilled=100 - minute)
        assert look(talk, 60.0 * minute) == []
    count(talk, spilled=120)
    assert look(talk, 240.0 + SHARED_GRACE) == [NobodyWorks(b"f", 120, SHARED_GRACE)]
