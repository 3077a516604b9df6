"""The setting gearbridge.traceparent: whatever is enqueued or submitted while it is set belongs to that trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg import errors

from tests.fixtures.job_server import ask
from tests.fixtures.postgres import value
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working
from tests.test_traces import TRACE

if TYPE_CHECKING:
    from pathlib import Path

    from gearbridge import Job
    from tests.fixtures.postgres import Database, Session

#: A job for each way to enqueue one, two for the arrays.
ENQUEUE = (
    "SELECT gman_enqueue('f', 'text')",
    "SELECT gman_enqueue('f', 'bytes'::bytea, run_at => now())",
    "SELECT gman_enqueue('f', '{}'::jsonb, 'key')",
    "SELECT gman_enqueue_many('f', '{a,b}'::text[])",
    "SELECT gman_enqueue_many('f', '{a,b}'::text[], '{k1,k2}')",
    "INSERT INTO images VALUES (1), (2)",
)


def test_a_worker_hears_of_the_trace_of_all_that_a_transaction_enqueued(
    images: Session, database: Database, tmp_path: Path
) -> None:
    images.execute(
        "CREATE TRIGGER rows AFTER INSERT ON images FOR EACH ROW EXECUTE FUNCTION gman_enqueue_row('f');"
        "CREATE TRIGGER statements AFTER INSERT ON images REFERENCING NEW TABLE AS gearbridge_rows"
        " FOR EACH STATEMENT EXECUTE FUNCTION gman_enqueue_rows('f')"
    )
    with images.transaction():
        images.execute(f"SET LOCAL gearbridge.traceparent = '{TRACE}'".encode())
        for statement in ENQUEUE:
            images.execute(statement.encode())
    images.execute("SELECT gman_enqueue('f', 'later')")
    told: list[str] = []
    with (
        GearbridgeServer(tmp_path, "--store", database.url) as server,
        working(server.address, f=lambda job: told.append(job.traceparent)),
    ):
        wait_until(lambda: len(told) == 12)
    assert sorted(told) == ["", *[TRACE] * 11]


@pytest.mark.parametrize("nonsense", ["nonsense", TRACE.upper(), f"00-{'0' * 32}-b7ad6b7169203331-01", TRACE + "-"])
@pytest.mark.parametrize("statement", [ENQUEUE[0], ENQUEUE[3]])
def test_what_is_no_traceparent_is_refused(session: Session, nonsense: str, statement: str) -> None:
    value(session, "SELECT set_config('gearbridge.traceparent', %s, false)", nonsense)
    with pytest.raises(errors.InvalidParameterValue, match="invalid value for setting") as raised:
        session.execute(statement.encode())
    assert "00-TRACE-PARENT-FLAGS" in (raised.value.diag.message_hint or "")
    session.execute("SET gearbridge.traceparent = ''")
    assert value(session, "SELECT gman_enqueue('f', 'empty is none')")


def test_what_is_submitted_at_once_belongs_to_it_too(direct: Session) -> None:
    told: list[str] = []

    def note(job: Job) -> str:
        told.append(job.traceparent)
        return job.traceparent

    server = str(value(direct, "SELECT gman_servers()"))
    expected = TRACE if "gearbridge" in ask(int(server.rpartition(":")[2]), "version")[0] else ""
    with working(server, traced=note):
        assert value(direct, "SELECT gman_do('traced', 'none')") is None
        direct.execute(f"SET gearbridge.traceparent = '{TRACE}'".encode())
        assert value(direct, "SELECT gman_do('traced', 'x')") == (expected or None)
        assert value(direct, "SELECT gman_do_all('traced', '{a,b}'::text[])") == [expected or None] * 2
        value(direct, "SELECT gman_do_background('traced', 'x')")
        value(direct, "SELECT gman_do_background_many('traced', '{a,b}'::text[])")
        wait_until(lambda: len(told) == 7)
        direct.execute("SET gearbridge.traceparent = 'nonsense'")
        with pytest.raises(errors.InvalidParameterValue, match="'nonsense' is no traceparent"):
            value(direct, "SELECT gman_do('traced', 'x')")
    assert told == ["", *[expected] * 6]
