"""Many jobs in one call from SQL: all of them or a clear error, in order."""

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

MANY = "gman_do_background_many"


def test_handles_come_in_the_order_of_the_payloads(direct: Session, shared_job_server: JobServer) -> None:
    arrived: list[tuple[str, bytes]] = []
    query = f"SELECT {MANY}('many', array_agg(n::text ORDER BY n)) FROM generate_series(1, 1200) AS n"
    handles = value(direct, query)
    with working(shared_job_server.address, many=lambda job: arrived.append((job.handle, job.payload))):
        wait_until(lambda: len(arrived) == 1200)
    assert arrived == [(handle, b"%d" % n) for n, handle in enumerate(handles, 1)]


def test_bytes_arrive_as_they_are(direct: Session, shared_job_server: JobServer) -> None:
    payloads = [b"", bytes(range(256)), b"\0" * 300_000, b"'\"\\"]
    arrived: list[bytes] = []
    assert len(set(value(direct, f"SELECT {MANY}('octets', %s::bytea[])", payloads))) == 4
    with working(shared_job_server.address, octets=lambda job: arrived.append(job.payload)):
        wait_until(lambda: arrived == payloads)


def test_no_payloads_are_no_jobs(direct: Session) -> None:
    assert value(direct, f"SELECT {MANY}('f', '{{}}'::text[])") == []


@pytest.mark.parametrize("kind", ["text", "bytea"])
def test_null_anywhere_is_refused_before_anything_is_sent(
    direct: Session, shared_job_server: JobServer, kind: str
) -> None:
    before = shared_job_server.admin("status")
    with pytest.raises(errors.NullValueNotAllowed, match="payload cannot be NULL") as caught:
        value(direct, f"SELECT {MANY}('never', '{{a,NULL,b}}'::{kind}[])")
    assert caught.value.diag.message_detail == "Element 2 of the array is NULL."
    with pytest.raises(errors.NullValueNotAllowed, match="payload cannot be NULL"):
        value(direct, f"SELECT {MANY}('never', NULL::{kind}[])")
    with pytest.raises(errors.NullValueNotAllowed, match="function cannot be NULL"):
        value(direct, f"SELECT {MANY}(NULL, '{{a}}'::{kind}[])")
    with pytest.raises(errors.ArraySubscriptError, match="one dimension"):
        value(direct, f"SELECT {MANY}('never', '{{{{a,b}},{{c,d}}}}'::{kind}[])")
    assert shared_job_server.admin("status") == before


def test_a_bad_name_is_refused(direct: Session) -> None:
    with pytest.raises(errors.InvalidParameterValue, match="function name"):
        value(direct, f"SELECT {MANY}('', '{{a}}'::text[])")
    assert value(direct, "SELECT gman_ping() IS NOT NULL")
