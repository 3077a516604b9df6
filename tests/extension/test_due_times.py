"""Background jobs with a point in time: never before it, and told apart from jobs with a unique key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg import errors

from tests.fixtures.postgres import value
from tests.fixtures.processes import wait_until
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from tests.fixtures.job_server import JobServer
    from tests.fixtures.postgres import Session


@pytest.mark.parametrize(
    ("literal", "payload"), [("'x'", b"x"), ("'\\x0041'::bytea", b"\0A"), ("'[1]'::jsonb", b"[1]")]
)
def test_a_job_does_not_run_before_its_time(
    direct: Session, shared_job_server: JobServer, literal: str, payload: bytes
) -> None:
    done: list[bytes] = []
    at = "now() + interval '1 day'"
    handle = value(direct, f"SELECT gman_do_background('timed', 'tomorrow'::text, run_at => {at})")
    value(direct, f"SELECT gman_do_background('timed', {literal}, run_at => now() - interval '1 second')")
    with working(shared_job_server.address, timed=lambda job: done.append(job.payload)):
        wait_until(lambda: bool(done))
        value(direct, "SELECT gman_do('timed', 'a job behind it')")
    assert done == [payload, b"a job behind it"]
    assert value(direct, "SELECT known AND NOT running FROM gman_status(%s)", handle)


@pytest.mark.parametrize("run_at", ["NULL::timestamptz", "now() - interval '1 year'"])
def test_the_past_and_null_are_now(direct: Session, shared_job_server: JobServer, run_at: str) -> None:
    arrived: list[str] = []
    value(direct, f"SELECT gman_do_background('late', 'x', {run_at}, 'key')")
    with working(shared_job_server.address, late=lambda job: arrived.append(job.unique_key)):
        wait_until(lambda: arrived == ["key"])


@pytest.mark.parametrize("run_at", ["infinity", "-infinity", "1969-12-31 00:00+00"])
def test_what_is_no_time_for_the_protocol_is_refused(direct: Session, run_at: str) -> None:
    with pytest.raises(errors.InvalidParameterValue, match="seconds since 1970"):
        value(direct, f"SELECT gman_do_background('f', 'x', '{run_at}'::timestamptz)")


@pytest.mark.parametrize("style", ["SQL, DMY", "German", "Postgres, MDY", "ISO, MDY"])
def test_the_sessions_way_to_write_times_does_not_matter(direct: Session, style: str) -> None:
    """02-01 is a day in January for one, in February for another; IST is three time zones."""
    direct.execute(f"SET datestyle = '{style}'".encode())
    direct.execute("SET timezone = 'Asia/Kolkata'")
    handle = value(direct, "SELECT gman_do_background('f', 'x', make_timestamptz(2100, 2, 1, 10, 0, 0))")
    assert value(direct, "SELECT known FROM gman_status(%s)", handle)
    epoch = "SELECT gman_do_background('f', 'x', make_timestamptz(1970, 1, 1, 5, 30, 0) - interval '1 second')"
    with pytest.raises(errors.InvalidParameterValue, match="not -1"):
        value(direct, epoch)


def test_a_third_argument_that_is_text_is_a_unique_key(direct: Session) -> None:
    first = value(direct, "SELECT gman_do_background('same', 'x', '2100-01-01')")
    assert value(direct, "SELECT gman_do_background('same', 'x', '2100-01-01'::varchar)") == first
    assert value(direct, "SELECT gman_do_background('same', 'x', NULL)") != first
    at = "SELECT gman_do_background('same', 'x', run_at => '2100-01-01', unique_key => '2100-01-01')"
    assert value(direct, at) == first


def test_null_is_refused_here_too(direct: Session) -> None:
    with pytest.raises(errors.NullValueNotAllowed, match="gearman payload cannot be NULL"):
        value(direct, "SELECT gman_do_background('f', NULL::text, now())")
