"""What the engine counts and remembers for those who watch it: ends, ages, a sample of latencies, failures."""

from __future__ import annotations

import pytest

from gearbridge.core.failures import MOST_BYTES, MOST_FAILURES
from gearbridge.core.histograms import SECONDS, Histogram, Timing
from gearbridge.records import ClaimedJob, Drop, Put, StoredJob

from .conversation import Talk


def counts(talk: Talk, name: bytes = b"f") -> dict[str, int]:
    function = talk.engine.lifecycle.queue.functions[name]
    told = {count: getattr(function, count) for count in (*function.COUNTS, "completed")}
    return {count: number for count, number in told.items() if number}


def test_every_end_is_counted_once_and_what_is_left_was_done() -> None:
    talk = Talk(job_retries=-1)
    client, worker = talk.connect(), talk.worker("f")
    for _ in range(4):
        client.say("SUBMIT_JOB_BG", "f", "", "x")
    worker.say("WORK_COMPLETE", worker.grab(), "done")
    worker.say("WORK_FAIL", worker.grab())
    worker.say("WORK_EXCEPTION", worker.grab(), "boom")
    client.heard()
    client.line("cancel job H:test:4")
    assert counts(talk) == {"added": 4, "completed": 1, "failed": 2, "cancelled": 1}

    client.say("SUBMIT_JOB", "f", "", "wanted")
    worker.grab()
    worker.leave()
    assert counts(talk)["lost"] == 1
    client.leave()
    assert counts(talk) == {"added": 5, "completed": 1, "failed": 2, "cancelled": 1, "lost": 1, "abandoned": 1}


def test_counts_of_a_function_that_is_forgotten_are_kept() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    client.say("SUBMIT_JOB_BG", "f", "", "x")
    worker.say("WORK_COMPLETE", worker.grab(), "")
    worker.leave()
    client.line("drop function f")
    assert (talk.engine.lifecycle.queue.forgotten.added, talk.engine.lifecycle.queue.forgotten.completed) == (1, 1)


def test_a_refused_job_was_not_done() -> None:
    talk = Talk(durable=True)
    talk.connect().say("SUBMIT_JOB_BG", "f", "", "x")
    talk.commit({0: "disk full"})
    assert counts(talk) == {"added": 1, "abandoned": 1}


def test_the_oldest_waiting_job_has_an_age() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    function = talk.engine.lifecycle.queue.functions[b"f"]
    assert function.oldest() is None
    for now, priority in ((10.0, "SUBMIT_JOB_LOW_BG"), (20.0, "SUBMIT_JOB_HIGH_BG")):
        talk.now = now
        client.say(priority, "f", "", "x")
    assert function.oldest() == 10.0
    worker.grab()  # the urgent one, though it is younger
    assert function.oldest() == 10.0
    worker.grab()
    assert function.oldest() is None
    talk.now = 30.0
    worker.leave()
    assert function.oldest() == 30.0, "they are back in the line since now"


def test_a_job_waits_from_the_moment_it_is_due() -> None:
    talk = Talk()
    worker = talk.worker("f")
    talk.connect().say("SUBMIT_JOB_EPOCH", "f", "", "1000", "x")
    talk.tick(now=50.0, wall=1000.0)
    assert talk.engine.lifecycle.queue.functions[b"f"].oldest() == 50.0
    talk.now = 52.0
    worker.heard()
    worker.grab()
    timing = talk.engine.lifecycle.queue.functions[b"f"].timing
    assert timing is not None
    assert timing.waits.total == 2.0


def test_waiting_and_running_are_measured() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    queue = talk.engine.lifecycle.queue
    queue.now = 1.0
    client.say("SUBMIT_JOB_BG", "f", "", "x")
    queue.now = 1.4
    handle = worker.grab()
    queue.now = 4.4
    worker.say("WORK_COMPLETE", handle, "")
    timing = queue.functions[b"f"].timing
    assert timing is not None
    assert timing.waits.total == pytest.approx(0.4)
    assert timing.waits.counts[SECONDS.index(0.5)] == 1
    assert timing.runs.total == pytest.approx(3.0)
    assert timing.runs.counts[SECONDS.index(5.0)] == 1


def test_a_busy_function_measures_few_jobs_and_counts_them_for_all() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    queue = talk.engine.lifecycle.queue
    for _ in range(20_000):  # so many in two seconds
        queue.now += 0.0001
        client.say("SUBMIT_JOB_BG", "f", "", "x")
        worker.say("WORK_COMPLETE", worker.grab(), "")
    timing = queue.functions[b"f"].timing
    assert timing is not None
    assert sum(timing.runs.counts) == pytest.approx(20_000, rel=0.1)


def test_samples_become_frequent_again_when_the_rate_falls() -> None:
    timing = Timing()
    now, taken = 0.0, 0
    for _ in range(200):  # 10,000 jobs a second
        stride = timing.next_stride(now)
        now += stride / 10_000
        taken += 1
    assert taken / now < 60, "samples a second"
    assert timing.next_stride(now + 60.0) == 1, "one job a minute: each is measured"


def test_histogram_has_a_bucket_for_what_is_beyond_all_bounds() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (1.0, 1.5, 99.0):
        histogram.observe(value)
    assert histogram.counts == [1, 1, 1]
    twin = histogram.copy()
    twin.observe(0.5)
    assert (histogram.counts, twin.counts) == ([1, 1, 1], [2, 1, 1])


def failed(talk: Talk, payload: str = "x", unique_key: str = "") -> str:
    client, worker = talk.connect(), talk.worker("f")
    client.say("SUBMIT_JOB_BG", "f", unique_key, payload)
    if talk.engine.journal:
        talk.commit()
    handle = worker.grab()
    worker.say("WORK_EXCEPTION", handle, "no such file")
    if talk.engine.journal:
        talk.commit()
    worker.leave()
    return handle


def test_a_failed_job_is_remembered_and_done_again_under_its_handle() -> None:
    talk = Talk()
    talk.now = 7.0
    handle = failed(talk, "the payload")
    (failure,) = talk.engine.lifecycle.failures
    assert (failure.job.handle.decode(), failure.error, failure.when) == (handle, "no such file", 7.0)

    caller = talk.connect()
    assert talk.engine.repeat(caller.peer, handle.encode())
    talk.flush()
    assert caller.heard() == [("JOB_CREATED", handle)]
    assert list(talk.engine.lifecycle.failures) == []
    worker = talk.worker("f")
    worker.say("GRAB_JOB")
    assert worker.heard() == [("JOB_ASSIGN", handle, "f", "the payload")]
    assert not talk.engine.repeat(caller.peer, handle.encode()), "once"


def test_a_job_done_again_is_durable_before_it_is_acknowledged() -> None:
    talk = Talk(durable=True)
    handle = failed(talk).encode()
    caller = talk.connect()
    assert talk.engine.repeat(caller.peer, handle)
    talk.flush()
    assert caller.heard() == []
    drop, put = talk.commit()
    assert drop == Drop(handle), "where its row was kept, as SQL's are, it is replaced"
    assert isinstance(put, Put)
    assert caller.heard() == [("JOB_CREATED", handle.decode())]


def test_a_failed_job_is_not_done_again_beside_one_with_its_unique_key() -> None:
    talk = Talk()
    handle = failed(talk, unique_key="u")
    client = talk.connect()
    client.say("SUBMIT_JOB_BG", "f", "u", "x")
    assert not talk.engine.repeat(client.peer, handle.encode())


def test_an_attempt_that_sql_will_repeat_is_no_failure_yet() -> None:
    talk = Talk(durable=True)
    worker = talk.worker("f")
    claimed = ClaimedJob(b"S:1", b"f", b"x")
    claimed.max_attempts, claimed.keep_result, claimed.enqueued = 2, False, None
    for attempt in (0, 1):
        claimed.attempts = attempt
        talk.engine.claimed([claimed], talk.now)
        talk.flush()
        worker.say("WORK_FAIL", worker.grab())
        talk.commit()
    assert counts(talk) == {"added": 2, "put_back": 1, "failed": 1}
    (failure,) = talk.engine.lifecycle.failures
    assert failure.repeatable


def test_failures_take_bounded_memory() -> None:
    talk = Talk()
    large = "x" * (MOST_BYTES // 10)
    for _ in range(15):
        failed(talk, large)
    assert len(list(talk.engine.lifecycle.failures)) == 10
    handle = failed(talk, large + "x")
    assert not talk.engine.repeat(talk.connect().peer, handle.encode()), "its payload was not kept"
    for _ in range(MOST_FAILURES + 5):
        failed(talk)
    assert len(list(talk.engine.lifecycle.failures)) == MOST_FAILURES


def test_a_foreground_job_is_remembered_but_not_done_again() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    client.say("SUBMIT_JOB", "f", "", "x")
    handle = worker.grab()
    worker.say("WORK_FAIL", handle)
    (failure,) = talk.engine.lifecycle.failures
    assert not failure.repeatable
    assert not talk.engine.repeat(client.peer, handle.encode())


def histogram_counts(talk: Talk) -> tuple[int, int]:
    """How many waits and runs those who watch see of the function f."""
    ((_, waits, runs),) = talk.engine.snapshot().times(1)
    return sum(waits.counts), sum(runs.counts)


@pytest.mark.parametrize("pause", [0.0, 0.001, 0.05, 10.0])
@pytest.mark.parametrize("jobs", [1, 2, 10, 100, 5000])
def test_each_job_is_counted_once_whatever_the_rate(jobs: int, pause: float) -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    for number in range(1, jobs + 1):
        talk.now += pause
        client.say("SUBMIT_JOB_BG", "f", "", "x")
        worker.say("WORK_COMPLETE", worker.grab(), "")
        if number % 7 == 0:
            assert histogram_counts(talk) == (number, number)
    assert histogram_counts(talk) == (jobs, jobs)
    assert histogram_counts(talk) == (jobs, jobs), "looking changes nothing"


def test_no_job_is_counted_before_it_came() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    for number in range(1, 1001):
        client.say("SUBMIT_JOB_BG", "f", "", "x")
        client.say("SUBMIT_JOB_BG", "f", "", "left")
        worker.say("WORK_COMPLETE", worker.grab(), "")
        assert histogram_counts(talk)[0] <= 2 * number


def test_a_job_that_loses_its_workers_is_counted_once() -> None:
    talk = Talk(job_retries=-1)
    client = talk.connect()
    for _ in range(10):
        client.say("SUBMIT_JOB_BG", "f", "", "x")
    for _ in range(3):
        lost = talk.worker("f")
        for _ in range(10):
            lost.grab()
        lost.leave()
    worker = talk.worker("f")
    for _ in range(10):
        worker.say("WORK_COMPLETE", worker.grab(), "")
    assert histogram_counts(talk) == (10, 10)


def test_a_job_of_sql_that_is_tried_again_is_counted_once() -> None:
    talk = Talk(durable=True)
    worker = talk.worker("f")

    def claim(attempts: int) -> None:
        rows = [ClaimedJob(b"S:%d" % number, b"f", b"p", attempts=attempts) for number in range(10)]
        for row in rows:
            row.max_attempts, row.keep_result, row.enqueued = 3, False, None
        talk.engine.claimed(rows, talk.now)

    for attempts in (0, 1):
        claim(attempts)
        for _ in range(10):
            worker.say("WORK_FAIL", worker.grab())
        talk.commit()
    claim(2)
    for _ in range(10):
        worker.say("WORK_COMPLETE", worker.grab(), "")
    assert counts(talk) == {"added": 30, "put_back": 20, "completed": 10}
    assert histogram_counts(talk) == (10, 10)


def test_jobs_that_the_store_kept_are_not_counted_by_the_next_server() -> None:
    talk = Talk(durable=True)
    talk.engine.restore([StoredJob(b"H:old:%d" % number, b"f", b"p") for number in range(5)], 0.0)
    client, worker = talk.connect(), talk.worker("f")
    for _ in range(10):
        client.say("SUBMIT_JOB_BG", "f", "", "x")
    talk.commit()
    for _ in range(15):
        worker.say("WORK_COMPLETE", worker.grab(), "")
    assert histogram_counts(talk) == (10, 10)
