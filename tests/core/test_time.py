"""What happens later: due times and CAN_DO_TIMEOUT, on clocks that the test turns."""

from __future__ import annotations

from gearbridge.core.incidents import PAUSE, TimeOut

from .conversation import Talk


def test_a_job_due_later_waits_and_wakes_its_worker_on_time() -> None:
    # gearmand 1.1.20 never wakes a sleeping worker for it.
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    handle = client.ask("SUBMIT_JOB_EPOCH", "f", "", "1000", "later")[0][1]
    assert talk.engine.signals.wants_tick
    assert talk.tick(wall=400) == 600
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]
    assert worker.ask("PRE_SLEEP") == [], "no spinning between NOOP and NO_JOB"
    assert talk.tick(wall=999.5) == 0.5
    assert worker.heard() == []
    assert talk.tick(wall=1000) is None
    assert worker.heard() == [("NOOP",)]
    assert worker.grab() == handle


def test_a_job_due_later_blocks_no_other() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    client.say("SUBMIT_JOB_EPOCH", "f", "", "1000", "later")
    client.heard()
    handle = client.submit("SUBMIT_JOB_LOW_BG", "f")
    assert worker.grab() == handle


def test_a_time_gone_by_is_now_and_jobs_due_together_keep_their_order() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    for epoch in ("-1", "0", "5", "5", "4"):
        client.say("SUBMIT_JOB_EPOCH", "f", "", epoch, epoch)
    talk.tick(wall=10)
    assert [worker.ask("GRAB_JOB")[0][3] for _ in range(5)] == ["-1", "0", "4", "5", "5"]


def test_a_cancelled_future_job_is_never_run() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    handle = client.ask("SUBMIT_JOB_EPOCH", "f", "", "1000", "later")[0][1]
    assert client.line(f"cancel job {handle}") == "OK\r\n"
    talk.tick(wall=2000)
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]
    assert client.line("prioritystatus") == "f\t0\t0\t0\t1\n.\n"


def test_a_worker_over_its_time_loses_the_job() -> None:
    talk = Talk()
    client, slow, other = talk.connect(), talk.connect(), talk.worker("f")
    slow.say("CAN_DO_TIMEOUT", "f", "2000")
    handle = client.submit("SUBMIT_JOB", "f")
    slow.grab()
    assert talk.engine.signals.wants_tick
    assert talk.tick(now=50) == 2
    other.say("PRE_SLEEP")
    assert talk.tick(now=52) == PAUSE
    assert other.heard() == [("NOOP",)]
    assert client.heard() == [], "as in gearmand the client is not told"
    assert slow.ask("WORK_COMPLETE", handle, "late") == []
    assert other.grab() == handle
    (([late], more),) = talk.engine.take_incidents()
    assert isinstance(late, TimeOut)
    assert (late.handle, late.function, late.seconds, more) == (handle.encode(), b"f", 2.0, 0)
    assert talk.engine.take_incidents() == []
    assert talk.tick(now=53) is None


def test_a_job_done_in_time_has_no_timer_left() -> None:
    # gearmand: the timer fires on freed memory, and `status` shows 4294967295 running jobs, or the server hangs.
    talk = Talk()
    client, worker = talk.connect(), talk.connect()
    worker.say("CAN_DO_TIMEOUT", "f", "2000")
    first = client.submit("SUBMIT_JOB", "f", "", "1")
    worker.grab()
    talk.tick(now=0)
    worker.say("WORK_COMPLETE", first, "")
    assert client.heard() == [("WORK_COMPLETE", first, "")]
    second = client.submit("SUBMIT_JOB", "f", "", "2")
    worker.grab()
    talk.tick(now=1.5)
    talk.tick(now=2.5)
    assert client.ask("GET_STATUS", second)[-1][2:4] == ("1", "1"), "the second has its own two seconds"
    talk.tick(now=3.5)
    assert client.ask("GET_STATUS", second)[-1][2:4] == ("1", "0")
    assert client.line("status") == "f\t1\t0\t1\n.\n"


def test_a_timeout_below_a_second_is_a_second_and_none_is_none() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.connect()
    worker.say("CAN_DO_TIMEOUT", "f", "100")
    worker.say("CAN_DO_TIMEOUT", "g", "0")
    client.submit("SUBMIT_JOB", "f")
    client.submit("SUBMIT_JOB", "g")
    worker.grab()
    worker.grab()
    assert talk.tick(now=0) == 1
    talk.tick(now=1000)
    assert client.line("status") == "f\t1\t0\t1\ng\t1\t1\t1\n.\n"


def test_what_was_cancelled_leaves_memory_before_its_turn_and_its_due_time() -> None:
    talk = Talk()
    client, admin = talk.connect(), talk.connect()
    handles = [client.ask("SUBMIT_JOB_EPOCH", "f", "", str(n % 2 * 9000), b"x" * 50)[0][1] for n in range(5000)]
    queue = talk.engine.lifecycle.queue
    jobs = list(queue.jobs.values())
    for handle in handles[:4900]:
        assert admin.line(f"cancel job {handle}") == "OK\r\n"
    assert {job.payload for job in jobs[:4900]} == {b""}
    assert len([*queue._due]) < 2500
    assert [talk.tick(wall=wall) for wall in (1, 9000)] == [8999, None]
    assert admin.line("prioritystatus") == "f\t0\t100\t0\t0\n.\n"
