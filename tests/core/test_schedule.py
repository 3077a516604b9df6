"""The next minute that a schedule names, against a search by the standard library's calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gearbridge.core.schedule import BOUNDS, Schedule, next_time, parse_schedule

from .conversation import Talk

FIELDS = st.tuples(*(st.none() | st.integers(*bounds) for bounds in BOUNDS)).map(lambda fields: Schedule(*fields))
# 1970 to 2200, so that 2100, which is no leap year, is passed.
WALLS = st.integers(0, 7_258_118_400) | st.floats(0, 7_258_118_400)


def matches(schedule: Schedule, moment: datetime) -> bool:
    found = (moment.minute, moment.hour, moment.day, moment.month, moment.weekday())
    return all(wanted in (None, value) for wanted, value in zip(schedule, found, strict=True))


def possible(schedule: Schedule) -> bool:
    try:
        parse_schedule([b"*" if field is None else b"%d" % field for field in schedule])
    except ValueError:
        return False
    return True


@given(FIELDS.filter(possible), WALLS)
def test_the_time_found_matches_and_lies_ahead(schedule: Schedule, wall: float) -> None:
    due = next_time(schedule, wall)
    assert due >= wall
    assert due % 60 == 0
    assert matches(schedule, datetime.fromtimestamp(due, UTC))


@given(FIELDS.filter(possible), WALLS)
def test_no_earlier_time_matches(schedule: Schedule, wall: float) -> None:
    due = next_time(schedule, wall)
    found = datetime.fromtimestamp(due, UTC)
    start = datetime.fromtimestamp(wall, UTC)
    # Every minute of the day that was found and of the day of the question, and every day between at one of its times.
    for day in {start.date(), found.date()}:
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        for minute in range(24 * 60):
            moment = midnight + timedelta(minutes=minute)
            assert not (wall <= moment.timestamp() and moment < found and matches(schedule, moment)), moment
    anytime = schedule._replace(minute=None, hour=None)
    noon = datetime(start.year, start.month, start.day, 12, tzinfo=UTC) + timedelta(days=1)
    while noon.date() < found.date():
        assert not matches(anytime, noon), noon
        noon += timedelta(days=1)


@pytest.mark.parametrize(
    ("fields", "now", "due"),
    [
        ("* * * * *", "2026-07-01 10:00:00", "2026-07-01 10:00"),
        ("* * * * *", "2026-07-01 10:00:01", "2026-07-01 10:01"),
        ("30 2 * * *", "2026-07-01 10:00:00", "2026-07-02 02:30"),
        ("0 0 1 1 *", "2026-07-01 10:00:00", "2027-01-01 00:00"),
        ("0 12 * * 0", "2026-07-01 10:00:00", "2026-07-06 12:00"),
        ("0 0 29 2 *", "2026-07-01 10:00:00", "2028-02-29 00:00"),
        ("0 0 29 2 6", "2088-03-01 00:00:00", "2128-02-29 00:00"),
        ("0 0 31 * *", "2026-02-01 00:00:00", "2026-03-31 00:00"),
    ],
)
def test_examples(fields: str, now: str, due: str) -> None:
    wall = datetime.fromisoformat(f"{now}+00:00").timestamp()
    found = next_time(parse_schedule([field.encode() for field in fields.split()]), wall)
    assert f"{datetime.fromtimestamp(found, UTC):%Y-%m-%d %H:%M}" == due


@pytest.mark.parametrize(
    "fields", ["60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 7", "x * * * *", "-1 * * * *"]
)
def test_what_is_out_of_bounds_is_refused(fields: str) -> None:
    with pytest.raises(ValueError, match="not a number from"):
        parse_schedule([field.encode() for field in fields.split()])


@pytest.mark.parametrize("date", ["31 2", "30 2", "31 4", "31 6", "31 9", "31 11"])
def test_a_day_that_its_month_never_has_is_refused(date: str) -> None:
    with pytest.raises(ValueError, match="never has this day"):
        parse_schedule([b"0", b"0", *date.encode().split(), b"*"])


ANY = ("", "*", "", "*", "")


def test_a_scheduled_job_runs_at_the_next_time_that_matches() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    client.say("SUBMIT_JOB_SCHED", "f", "u", "30", "1", "*", "", "*", "later")
    client.say("ECHO_REQ", "behind it")
    assert talk.tick(wall=0) == 5400
    assert client.heard() == [("JOB_CREATED", "H:test:1"), ("ECHO_RES", "behind it")]
    assert client.submit("SUBMIT_JOB_BG", "f", "u") == "H:test:1", "it is there already"
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]
    assert worker.ask("PRE_SLEEP") == []
    talk.tick(wall=5400)
    assert worker.heard() == [("NOOP",)]
    assert worker.ask("GRAB_JOB") == [("JOB_ASSIGN", "H:test:1", "f", "later")]


def test_a_scheduled_job_is_stored_with_its_due_time_before_it_is_acknowledged() -> None:
    talk = Talk(durable=True)
    client = talk.connect()
    client.say("SUBMIT_JOB_SCHED", "f", "u", *ANY, "later")
    client.say("SUBMIT_JOB_BG", "f", "u", "joins it")
    assert not talk.engine.journal, "its time is not known yet"
    talk.tick(wall=61)
    assert client.heard() == []
    (put,) = talk.commit()
    assert put.job.due == 120  # type: ignore[union-attr]  # the one operation is a Put
    assert client.heard() == [("JOB_CREATED", "H:test:1")] * 2
    assert talk.tick(wall=62) == 58


def test_a_scheduled_job_cancelled_at_once_is_answered_and_never_run() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    client.say("SUBMIT_JOB_SCHED", "f", "", *ANY, "later")
    assert talk.connect().line("cancel job H:test:1") == "OK\r\n"
    assert talk.tick(wall=60) is None
    assert client.heard() == [("JOB_CREATED", "H:test:1")]
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]
    assert client.line("status") == "f\t0\t0\t1\n.\n"


@pytest.mark.parametrize("fields", [("61", *ANY[1:]), ("", "", "31", "2", "")])
def test_a_schedule_that_never_comes_is_an_error(fields: tuple[str, ...]) -> None:
    client = Talk().connect()
    assert client.ask("SUBMIT_JOB_SCHED", "f", "", *fields, "x")[0][:2] == ("ERROR", "INVALID_ARGUMENT")
    assert client.line("status") == ".\n"
