"""Foreground jobs in parallel from SQL: results in order, or the first error."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import errors

from gearbridge.errors import JobException
from tests.fixtures.postgres import value
from tests.fixtures.processes import PATIENCE
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from gearbridge.client.job import Job
    from tests.fixtures.job_server import JobServer
    from tests.fixtures.postgres import Session


def test_jobs_run_at_the_same_time_and_results_are_in_order(direct: Session, shared_job_server: JobServer) -> None:
    together = threading.Barrier(2)

    def meet(job: Job) -> bytes:
        together.wait(PATIENCE)
        return job.payload[::-1]

    with contextlib.ExitStack() as workers:
        for _ in range(2):
            workers.enter_context(working(shared_job_server.address, meet=meet))
        assert value(direct, "SELECT gman_do_all('meet', ARRAY['ab', 'cd', '', 'gh'])") == ["ba", "dc", None, "hg"]
        assert value(direct, "SELECT gman_do_all('meet', ARRAY['\\x00ff', '']::bytea[])") == [b"\xff\x00", b""]
    assert value(direct, "SELECT gman_do_all('f', '{}'::text[])") == []


def test_one_that_fails_is_the_error_of_the_call(direct: Session, shared_job_server: JobServer) -> None:
    def picky(job: Job) -> bytes:
        if job.payload == b"bad":
            raise JobException("", b"not this one")
        return job.payload

    with working(shared_job_server.address, picky=picky):
        with pytest.raises(psycopg.Error, match="not this one") as caught:
            value(direct, "SELECT gman_do_all('picky', ARRAY['a', 'bad', 'c'])")
        assert caught.value.sqlstate == "GB002"
        assert value(direct, "SELECT gman_do_all('picky', ARRAY['a'])") == ["a"]


def test_the_wait_can_be_cancelled(direct: Session) -> None:
    direct.execute("SET statement_timeout = '200ms'")
    with pytest.raises(errors.QueryCanceled):
        value(direct, "SELECT gman_do_all('nobody_does_this', ARRAY['a', 'b'])")
    direct.execute("RESET statement_timeout")
    assert value(direct, "SELECT gman_ping() IS NOT NULL")


def test_null_is_refused(direct: Session) -> None:
    with pytest.raises(errors.NullValueNotAllowed, match="payload cannot be NULL"):
        value(direct, "SELECT gman_do_all('f', ARRAY['a', NULL])")


def test_a_sum_of_whole_numbers(direct: Session, shared_job_server: JobServer) -> None:
    together = threading.Barrier(2)

    def count(job: Job) -> bytes:
        together.wait(PATIENCE)
        return job.payload

    query = "SELECT gman_sum(f, w) FROM (VALUES {}) AS v (f, w)"
    with contextlib.ExitStack() as workers:
        for _ in range(2):
            functions = {"count": count, "other": count}
            workers.enter_context(working(shared_job_server.address, **functions))
        rows = "('count', '4000000000'), ('other', ' -1 x'), ('count', ''), ('other', 'x1')"
        assert value(direct, query.format(rows)) == 3_999_999_999
        with pytest.raises(errors.NumericValueOutOfRange):
            value(direct, query.format(f"('count', '{2**62}'), ('count', '{2**62}')"))
    assert value(direct, "SELECT gman_sum('count', w) FROM (SELECT 'x'::text AS w LIMIT 0) AS v") is None
    for row in ("(NULL, 'x')", "('count', NULL)"):
        with pytest.raises(errors.NullValueNotAllowed):
            value(direct, query.format(row))


def test_a_sum_over_many_rows(direct: Session, shared_job_server: JobServer) -> None:
    with working(shared_job_server.address, same=lambda job: job.payload):
        assert value(direct, "SELECT gman_sum('same', n::text) FROM generate_series(1, 2000) AS n") == 2001000
