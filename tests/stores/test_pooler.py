"""A pooler before PostgreSQL: one that parts sessions is refused, and gets nothing of ours; applications may use it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psycopg
import pytest

import gearbridge
from gearbridge.bridge.standby import Standby
from gearbridge.errors import ConfigurationError
from gearbridge.records import Put, StoredJob
from gearbridge.stores.registry import store_for
from tests.fixtures.pgbouncer import pooled
from tests.fixtures.postgres import value
from tests.fixtures.processes import Process
from tests.fixtures.server import GEARBRIDGE, GearbridgeServer
from tests.fixtures.workers import working

from .place import Place
from .sharing import node

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures.postgres import Database


@pytest.mark.parametrize(
    ("mode", "match"), [("transaction", "each transaction another session"), ("statement", "transaction blocks not")]
)
def test_a_pooler_that_parts_sessions_is_refused_and_nothing_of_ours_is_left_there(
    database: Database, tmp_path: Path, mode: str, match: str
) -> None:
    with pooled(database, mode, tmp_path) as url:
        for _ in range(2):
            with pytest.raises(ConfigurationError, match=match):
                store_for(url).open()
            with pytest.raises(ConfigurationError, match=match):
                node(Place("postgresql", url), "a").open()
        sessions = [psycopg.connect(url, autocommit=True, prepare_threshold=None) for _ in range(3)]
        for session in sessions:
            for name in ("search_path", "lock_timeout", "idle_session_timeout"):
                assert value(session, f"SELECT source FROM pg_settings WHERE name = '{name}'") == "default"
            session.close()


def test_a_bridge_says_why_it_does_not_start(database: Database, tmp_path: Path) -> None:
    with pooled(database, "transaction", tmp_path) as url:
        assert Standby(url, print).waits is False
        command = (GEARBRIDGE, "bridge", "--database", url, "--servers", "127.0.0.1:1")
        with Process(*command, env=dict(os.environ)) as bridge:
            assert bridge.wait() == 1
            assert "pool_mode = transaction" in bridge.stderr


def test_a_pooler_with_sessions_will_do(database: Database, tmp_path: Path) -> None:
    with pooled(database, "session", tmp_path) as url:
        store = store_for(url)
        store.open()
        store.apply([Put(StoredJob(b"H:1", b"f", b""))])
        assert [job.handle for job in store.replay()] == [b"H:1"]
        store.close()


def test_applications_enqueue_ask_and_wait_through_a_transaction_pooler(database: Database, tmp_path: Path) -> None:
    with (
        pooled(database, "transaction", tmp_path) as url,
        GearbridgeServer(tmp_path, "--store", database.url) as server,
        psycopg.connect(url, autocommit=True, prepare_threshold=None) as session,
        psycopg.connect(url, autocommit=True, prepare_threshold=None) as other,
        working(server.address, echo=lambda job: job.payload),
    ):
        handle = value(session, "SELECT gman_enqueue('echo', 'one', keep_result => true)")
        with other.transaction():
            second = gearbridge.enqueue(other, "echo", b"two", keep_result=True)
        (third,) = value(session, "SELECT gman_enqueue_many('echo', ARRAY['three'], keep_result => true)")
        for one, payload in ((handle, b"one"), (second, b"two"), (third, b"three")):
            assert value(session, "SELECT gman_wait(%s, '20 s')", one) is True
            assert value(other, "SELECT gman_result(%s)", one) == payload
        assert value(other, "SELECT state FROM gman_job(%s)", handle) == "done"
