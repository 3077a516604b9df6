"""A background submit waits for its commit for so long and no longer, whatever the store does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.core.journal import Journal
from gearbridge.records import Drop, Put, StoredJob, WaitingJob

from .conversation import Talk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gearbridge.records import Operation

    from .conversation import Speaker

LATE = ("ERROR", "QUEUE_ERROR", "the store cannot be reached: it does not answer")


def handles(puts: Sequence[Operation]) -> list[bytes]:
    return [put.job.handle for put in puts if isinstance(put, Put)]


def kinds(group: Sequence[Operation]) -> list[str]:
    return [type(operation).__name__ for operation in group]


def stored(handle: bytes, size: int = 0) -> StoredJob:
    return StoredJob(handle, b"f", bytes(size))


def hung() -> Talk:
    talk = Talk(durable=True, store_patience=3.0)
    talk.tick(100.0)
    return talk


def test_puts_are_overdue_in_the_group_being_applied_and_behind_it() -> None:
    journal = Journal(patience=3.0)
    assert journal.next_look() is None
    journal.put(stored(b"H:1"))
    assert journal.next_look() is not None
    assert journal.overdue(100.0) == []
    group = journal.take_group()
    journal.put(stored(b"H:2", 1000))
    journal.end(Drop(b"H:0"))
    assert journal.overdue(101.0) == []
    journal.put(stored(b"H:3"))
    assert handles(journal.overdue(103.0)) == [b"H:1"]
    assert journal.overdue(103.5) == [], "each once"
    before = journal.size
    assert handles(journal.overdue(104.0)) == [b"H:2"]
    assert journal.size <= before - 1000, "it waits no more"
    assert journal.group_done() == len(group)
    assert kinds(journal.take_group()) == ["Drop", "Put"], "ends are kept"
    assert journal.overdue(105.0) == []
    assert handles(journal.overdue(106.5)) == [b"H:3"]


def test_a_store_that_answers_keeps_nobody_from_waiting() -> None:
    journal = Journal(patience=3.0)
    for second in range(20):
        journal.put(stored(b"H:%d" % second))
        journal.take_group()
        assert journal.overdue(float(second)) == []
        journal.group_done()
    assert journal.next_look() is None, "nothing waits"


def test_a_group_has_so_many_bytes_and_the_rest_is_the_next_one() -> None:
    journal = Journal()
    for number in range(4):
        journal.put(stored(b"H:%d" % number, 1000))
    assert handles(journal.take_group(2500)) == [b"H:0", b"H:1"]
    before = journal.size
    journal.group_done()
    assert journal.size < before
    assert handles(journal.take_group(10)) == [b"H:2"], "one in any case"
    journal.group_done()
    assert handles(journal.take_group()) == [b"H:3"]
    journal.group_done()
    assert journal.size == 0


def test_clients_are_refused_and_what_is_written_all_the_same_is_dropped() -> None:
    talk = hung()
    client, other = talk.connect(), talk.connect()
    client.say("SUBMIT_JOB_BG", "f", "", "1")
    talk.tick(100.0)
    group = talk.begin_commit()
    other.say("SUBMIT_JOB_BG", "f", "", "2")
    other.say("ECHO_REQ", "behind")
    pause = talk.tick(101.0)
    assert pause is not None
    assert pause <= 1.0
    assert client.heard() == other.heard() == []
    talk.tick(103.5)
    assert client.heard() == [LATE]
    talk.tick(104.5)
    assert other.heard() == [LATE, ("ECHO_RES", "behind")]
    assert len(talk.engine.take_overdue()) == 2
    assert talk.connect().line("status") == "f\t0\t0\t0\n.\n"
    talk.end_commit(group)
    assert talk.commit() == [Drop(b"H:test:1")]
    assert not talk.engine.journal.size


def test_what_the_store_refused_in_the_end_needs_no_drop() -> None:
    talk = hung()
    client = talk.connect()
    client.say("SUBMIT_JOB_BG", "f", "", "1")
    talk.tick(100.0)
    group = talk.begin_commit()
    talk.tick(103.5)
    talk.end_commit(group, {0: "no"})
    assert client.heard() == [LATE]
    assert list(talk.commit()) == []


def test_a_key_that_is_submitted_again_meanwhile_keeps_its_job() -> None:
    talk = hung()
    waiting, client = talk.connect(), talk.connect()
    waiting.submit("SUBMIT_JOB", "f", "key", "x")
    client.say("SUBMIT_JOB_BG", "f", "key", "x")  # joins it, and has it stored
    talk.tick(100.0)
    group = talk.begin_commit()
    talk.tick(103.5)
    assert client.heard() == [LATE]
    client.say("SUBMIT_JOB_BG", "f", "key", "x")
    talk.end_commit(group)
    assert [type(one).__name__ for one in talk.commit()] == ["Put"], "no Drop of what is stored now"
    assert client.heard() == [("JOB_CREATED", "H:test:1")]


def test_without_patience_nobody_is_refused() -> None:
    talk = Talk(durable=True)
    client = talk.connect()
    client.say("SUBMIT_JOB_BG", "f", "", "1")
    talk.tick(100.0)
    talk.begin_commit()
    assert talk.tick(1e9) is None
    assert client.heard() == []


def asked() -> tuple[Talk, Speaker]:
    """A connection that waits for the table's answer about a job of SQL, since the clock said 100."""
    talk = Talk(durable=True, claimable=True, store_patience=3.0)
    client = talk.connect()
    assert client.ask("GET_STATUS", "S:1") == []
    assert talk.engine.signals.wants_tick
    assert talk.tick(100.0) is not None
    return talk, client


def test_a_question_about_a_job_waits_no_longer_than_a_submit() -> None:
    talk, client = asked()
    questions = talk.engine.take_table_lookups()
    client.say("ECHO_REQ", "behind")
    assert talk.tick(102.0) is not None
    assert client.heard() == []
    assert talk.tick(103.0) is None, "nothing waits any more"
    assert client.heard() == [
        ("ERROR", "QUEUE_ERROR", "The job table cannot be asked: it does not answer"),
        ("ECHO_RES", "behind"),
    ]
    talk.engine.answered(questions, {})
    talk.flush()
    assert client.heard() == [], "that came too late"


def test_a_question_that_is_answered_in_time_is_answered_once() -> None:
    talk, client = asked()
    talk.engine.answered(talk.engine.take_table_lookups(), {})
    talk.flush()
    assert client.heard() == [("STATUS_RES", "S:1", "0", "0", "0", "0")]
    assert talk.tick(101.0) is None
    assert talk.tick(104.0) is None
    assert client.heard() == []


def test_a_job_whose_cancelling_was_not_confirmed_is_not_cancelled_later() -> None:
    talk = Talk(durable=True, claimable=True, store_patience=3.0)
    client = talk.connect()
    assert client.line("cancel job S:1") == ""
    talk.tick(100.0)
    questions = talk.engine.take_table_lookups()
    talk.tick(103.0)
    assert client.arrived.startswith(b"ERR ")
    talk.engine.answered(questions, {b"S:1": WaitingJob(b"S:1", b"f", 1, 0)})
    assert not talk.engine.journal


def test_without_patience_a_question_waits() -> None:
    talk = Talk(durable=True, claimable=True)
    client = talk.connect()
    assert client.ask("GET_STATUS", "S:1") == []
    assert talk.tick(1e9) is None
    assert client.heard() == []
