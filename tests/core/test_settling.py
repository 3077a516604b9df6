"""Workers wait while too much of what they finished is unwritten, and no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from gearbridge.core.settling import MOST_SECONDS

from .conversation import Talk

if TYPE_CHECKING:
    from .conversation import Speaker


def filled(jobs: int, unsettled: int) -> Talk:
    """An engine whose store has so many jobs."""
    talk = Talk(durable=True, unsettled=unsettled)
    client = talk.connect()
    for number in range(jobs):
        client.say("SUBMIT_JOB_BG", "f", "", str(number))
    talk.commit()
    return talk


def finish(worker: Speaker) -> bool:
    """Do a job, if one is to be had."""
    (reply,) = worker.ask("GRAB_JOB")
    if reply[0] == "JOB_ASSIGN":
        assert worker.ask("WORK_COMPLETE", reply[1], "") == []
    return reply[0] == "JOB_ASSIGN"


def test_so_many_ends_may_be_unwritten_and_a_commit_wakes_who_waits() -> None:
    talk = filled(300, unsettled=80)
    worker, other = talk.worker("f"), talk.worker("f")
    assert [finish(worker) for _ in range(90)].count(True) == 80
    assert talk.engine.lifecycle.settling.unwritten == 80
    assert not finish(other)
    assert worker.ask("PRE_SLEEP") == other.ask("PRE_SLEEP") == []
    group = talk.begin_commit()
    talk.connect().say("SUBMIT_JOB_BG", "g", "", "")
    assert not worker.heard()
    talk.end_commit(group)
    assert worker.heard() == other.heard() == [("NOOP",)]
    assert finish(worker)


def test_who_asks_to_sleep_while_the_commit_ends_is_woken_at_once() -> None:
    talk = filled(10, unsettled=2)
    worker = talk.worker("f")
    assert [finish(worker) for _ in range(3)] == [True, True, False]
    talk.commit()
    assert worker.ask("PRE_SLEEP") == [("NOOP",)]


@settings(max_examples=60)
@given(
    unsettled=st.sampled_from([1, 5, 16, 17, 20, 40, 100]),
    choices=st.lists(st.tuples(st.integers(0, 16), st.booleans()), max_size=200),
)
def test_what_runs_counts_for_all_of_it_can_end_while_a_commit_hangs(
    unsettled: int, choices: list[tuple[int, bool]]
) -> None:
    talk = filled(300, unsettled)
    settling = talk.engine.lifecycle.settling
    workers = [talk.worker("f", *"gh"[: number % 3]) for number in range(16)]  # some have several functions
    running: dict[int, list[str]] = {number: [] for number in range(16)}
    group = None
    limit = max(unsettled, 16)

    def step(number: int, *, ends: bool) -> bool:
        worker, handles = workers[number], running[number]
        if ends and handles:
            assert worker.ask("WORK_COMPLETE", handles.pop(), "") == []
            return True
        if not handles and worker.ask("GRAB_JOB")[0][0] == "JOB_ASSIGN":
            handles.extend(handle.decode() for handle in worker.peer.jobs)
            return True
        return False

    for number, ends in choices:
        if number < 16:
            step(number, ends=ends)
        elif group is None:
            group = talk.begin_commit()
        else:
            talk.end_commit(group)
            group = None
        assert settling.unwritten <= limit
    if group is not None:
        talk.end_commit(group)
    talk.commit()
    while sum(step(number, ends=True) for number in range(16)):
        assert settling.unwritten <= limit
    assert settling.unwritten >= unsettled, "that much is allowed"


def test_ends_may_be_unwritten_for_so_long() -> None:
    talk = filled(10, unsettled=1000)
    worker = talk.worker("f")
    talk.tick(now=100.0)
    assert finish(worker)
    group = talk.begin_commit()
    talk.tick(now=100.0 + MOST_SECONDS / 2)
    assert finish(worker)
    talk.tick(now=100.0 + MOST_SECONDS * 1.1)
    assert not finish(worker)
    talk.end_commit(group)
    assert finish(worker), "what gathers came later"
    talk.commit()
    talk.tick(now=200.0)
    assert finish(worker)


def test_ends_that_are_written_count_no_more_while_large_jobs_are_written() -> None:
    talk = filled(10, unsettled=1000)
    worker = talk.worker("f")
    talk.tick(now=100.0)
    assert finish(worker)
    talk.connect().say("SUBMIT_JOB_BG", "f", "", bytes(1000))
    talk.end_commit(talk.engine.journal.take_group(500))
    talk.tick(now=200.0)
    talk.end_commit(talk.engine.journal.take_group(500))
    assert finish(worker)


def test_with_0_each_worker_waits_for_its_own_end_only() -> None:
    talk = filled(10, unsettled=0)
    one, other = talk.worker("f"), talk.worker("f")
    assert finish(one)
    group = talk.begin_commit()
    assert finish(other)
    assert not finish(one)
    assert not finish(other)
    assert one.ask("PRE_SLEEP") == other.ask("PRE_SLEEP") == []
    talk.end_commit(group)
    assert (one.heard(), other.heard()) == ([("NOOP",)], [])
    assert finish(one)
    talk.commit()
    assert other.heard() == [("NOOP",)]
    assert finish(other)


def test_what_the_store_failed_to_write_counts_until_it_is_written() -> None:
    talk = filled(10, unsettled=0)
    one, other = talk.worker("f"), talk.worker("f")
    (reply,) = one.ask("GRAB_JOB")
    one.say("WORK_COMPLETE", reply[1], "")
    assert finish(other)
    talk.engine.record_unwritten(frozenset([reply[1].encode()]))
    talk.commit()
    assert finish(other), "another one's end does not hold it up"
    assert not finish(one)
    one.say("PRE_SLEEP")
    assert talk.engine.lifecycle.settling.unwritten == 2
    talk.engine.record_unwritten(frozenset())
    talk.flush()
    assert one.heard() == [("NOOP",)]


def test_foreground_jobs_go_on_while_the_store_is_away() -> None:
    talk = filled(10, unsettled=1)
    worker, client = talk.worker("f"), talk.connect()
    talk.tick(now=100.0)
    assert finish(worker)
    assert not finish(worker)
    worker.say("PRE_SLEEP")
    client.say("SUBMIT_JOB", "f", "", "foreground")
    assert worker.heard() == [("NOOP",)]
    assert not finish(worker), "the store may only be slow"
    assert worker.ask("PRE_SLEEP") == []
    assert talk.tick(now=100.5) == 0.5
    talk.tick(now=101.5)
    assert worker.heard() == [("NOOP",)]
    (reply,) = worker.ask("GRAB_JOB")
    assert reply[0] == "JOB_ASSIGN"
    assert reply[3] == "foreground"
    worker.say("WORK_COMPLETE", reply[1], "")
    assert worker.ask("PRE_SLEEP") == []


def test_a_worker_that_is_gone_is_forgotten_and_memory_needs_no_writing() -> None:
    talk = filled(10, unsettled=1)
    worker = talk.worker("f")
    assert finish(worker)
    assert not finish(worker)
    worker.say("PRE_SLEEP")
    talk.engine.disconnect(worker.peer)
    talk.commit()
    assert finish(talk.worker("f"))
    talk = Talk(unsettled=0)
    worker, client = talk.worker("f"), talk.connect()
    for _ in range(3):
        client.submit("SUBMIT_JOB_BG", "f")
        assert finish(worker)
