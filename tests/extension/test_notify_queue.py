"""A queue of NOTIFY that another role has filled: jobs are enqueued all the same."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from psycopg import errors

from gearbridge.extension.build import build
from gearbridge.extension.cluster import TemporaryCluster
from gearbridge.stores.jobtable.schema import WAKE_LOCK
from tests.fixtures.postgres import installation_of, make_database, value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.postgres import Database, Session


@pytest.fixture(scope="module")
def small_queue() -> Iterator[Database]:
    """A database whose server has room for little: PostgreSQL 17 and later let that be set."""
    settings = {"fsync": "off", "max_notify_queue_pages": "64"}
    with TemporaryCluster(settings, installation_of("18")) as cluster:
        build(cluster.installation.extensions)
        database = make_database(cluster)
        with database.connect() as admin:
            admin.execute("CREATE EXTENSION gearbridge; CREATE ROLE flooder LOGIN; CREATE ROLE submitter LOGIN")
            admin.execute("SELECT gearbridge.grant_submit('submitter')")
        yield database


def _flood(session: Session) -> None:
    """Send until nothing more can be sent."""
    with contextlib.suppress(errors.ProgramLimitExceeded):
        for _ in range(100):
            session.execute("SELECT pg_notify('flood', i || repeat('x', 7000)) FROM generate_series(1, 20) AS i")
        pytest.fail("the queue is larger than it was made")


def test_a_full_queue_keeps_nobody_from_enqueueing(small_queue: Database) -> None:
    with (
        small_queue.connect("flooder") as listener,
        small_queue.connect("flooder") as flooder,
        small_queue.connect() as claimer,
        small_queue.connect("submitter") as submitter,
    ):
        claimer.execute(
            f"SELECT pg_advisory_lock({WAKE_LOCK}, 'gearbridge.gearbridge_job'::regclass::oid::integer)".encode()
        )
        listener.execute("LISTEN flood")
        listener.execute("BEGIN")
        _flood(flooder)
        assert value(claimer, "SELECT pg_notification_queue_usage()") > 0.5
        assert value(submitter, "SELECT gman_enqueue('f', 'x')")
        assert len(value(submitter, "SELECT gman_enqueue_many('f', '{x,y}'::text[])")) == 2
        assert value(claimer, "SELECT count(*) FROM gman_jobs") == 3
        listener.execute("ROLLBACK")
        listener.execute("SELECT 1")
        claimer.execute("LISTEN gearbridge")
        assert value(submitter, "SELECT gman_enqueue('f', 'x')")
        assert any(True for _ in claimer.notifies(timeout=30, stop_after=1))
