"""The job server's own tables as rows of SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fixtures.postgres import value
from tests.fixtures.processes import wait_until
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from tests.fixtures.job_server import JobServer
    from tests.fixtures.postgres import Session


def test_functions_and_jobs_are_rows(session: Session, job_server: JobServer) -> None:
    value(session, "SELECT gman_servers_set(%s)", job_server.address)
    assert session.execute("SELECT * FROM gman_server_status()").fetchall() == []
    assert session.execute("SELECT * FROM gman_server_jobs()").fetchall() == []
    handle = value(session, "SELECT gman_do_background('waiting', 'x')")
    value(session, "SELECT gman_do_background('waiting', 'x')")
    assert session.execute("SELECT * FROM gman_server_status()").fetchall() == [("waiting", 2, 0, 0)]
    jobs = session.execute("SELECT handle, retries, ignored FROM gman_server_jobs()").fetchall()
    assert len(jobs) == 2
    assert (handle, 0, False) in jobs


def test_workers_are_rows_with_their_functions(session: Session, job_server: JobServer) -> None:
    value(session, "SELECT gman_servers_set(%s)", job_server.address)
    query = "SELECT count(*) FROM gman_server_workers() WHERE address = '127.0.0.1' AND functions @> '{one,two}'"
    assert value(session, query) == 0
    with working(job_server.address, one=lambda job: job.payload, two=lambda job: job.payload):
        wait_until(lambda: value(session, query) == 1)
        assert value(session, "SELECT sum(workers) FROM gman_server_status() WHERE function IN ('one', 'two')") == 2
    wait_until(lambda: value(session, query) == 0)
