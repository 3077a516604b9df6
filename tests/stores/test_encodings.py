"""PostgreSQL databases that are not UTF-8: one name or error that they cannot hold stops nothing else."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, cast

import pytest

from gearbridge.errors import StoreError, StoreUnavailable
from gearbridge.persistence.apply_group import apply_group
from gearbridge.records import Failed, Put, Retry, StoredJob
from gearbridge.stores.interface import Node
from gearbridge.stores.registry import shared_store_for, store_for
from tests.fixtures.postgres import make_database, value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gearbridge.extension.cluster import TemporaryCluster
    from gearbridge.records import Operation
    from gearbridge.stores.interface import WindowedStore
    from tests.fixtures.postgres import Database

_JAPANESE = "日本".encode()


def database_of(cluster: TemporaryCluster, encoding: str) -> Database:
    return make_database(cluster, f"TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")


@pytest.fixture(params=["alone", "node"])
def opened(request: pytest.FixtureRequest, latin: Database) -> Iterator[WindowedStore]:
    store = store_for(latin.url) if request.param == "alone" else shared_store_for(latin.url, Node("a", 60, ""))
    store.open()
    yield cast("WindowedStore", store)
    store.close()


@pytest.fixture
def latin(postgres_cluster: TemporaryCluster) -> Database:
    return database_of(postgres_cluster, "LATIN1")


def put(handle: bytes, function: bytes) -> Put:
    return Put(StoredJob(handle, function, b"\0\xff"), spilled=True)


def test_names_that_the_database_has_room_for_come_back_as_they_were(opened: WindowedStore) -> None:
    names = ["café".encode(), b"plain", b"\xff\0raw", b"back\\slash"]
    opened.apply([put(b"H:%d" % number, name) for number, name in enumerate(names)])
    claimed = opened.claim(dict.fromkeys([*names, _JAPANESE], 10))
    assert sorted(job.function for job in claimed) == sorted(names), "a worker for another one is connected too"


def test_a_name_that_it_has_no_room_for_fails_alone(opened: WindowedStore) -> None:
    group = [put(b"H:1", b"plain"), put(b"H:2", _JAPANESE)]
    with pytest.raises(StoreError):
        opened.apply(group)
    kept, errors = apply_group(opened, [], group)
    assert (kept, list(errors)) == ([], [1])
    assert [job.handle for job in opened.claim({b"plain": 10, _JAPANESE: 10})] == [b"H:1"]


def test_an_error_that_it_has_no_room_for_is_kept_escaped(opened: WindowedStore, latin: Database) -> None:
    opened.apply([put(b"H:1", b"f"), put(b"H:2", b"f")])
    assert len(opened.claim({b"f": 10})) == 2
    ends: list[Operation] = [Retry(b"H:1", 1, "価格 €"), Failed(b"H:2", 1, "価格 é")]
    assert apply_group(opened, [], ends) == ([], {})
    with latin.connect() as sql:
        errors = [row[0] for row in sql.execute("SELECT error FROM gearbridge.gearbridge_job ORDER BY id").fetchall()]
        assert errors == [r"\u4fa1\u683c \u20ac", r"\u4fa1\u683c \xe9"]
        states = "SELECT array_agg(state ORDER BY id) FROM gearbridge.gearbridge_job"
        assert value(sql, states) == [1, 2], "the first is tried again"


def test_bytes_that_are_no_text_stop_no_other_job(postgres_cluster: TemporaryCluster) -> None:
    database = database_of(postgres_cluster, "SQL_ASCII")
    store = cast("WindowedStore", store_for(database.url))
    store.open()
    store.apply([put(b"H:1", b"f"), put(b"H:2", b"f"), put(b"H:3", "café".encode())])
    with database.connect() as sql:
        sql.execute(r"UPDATE gearbridge.gearbridge_job SET unique_key = E'\xe9' WHERE handle = 'H:1'")
        sql.execute(r"UPDATE gearbridge.gearbridge_job SET function = E'caf\xe9' WHERE handle = 'H:2'")
    assert sorted(store.functions()) == sorted([b"caf\xe9", "café".encode(), b"f"])
    claimed = store.claim({b"f": 10, "café".encode(): 10})
    assert [(job.handle, job.unique_key) for job in claimed] == [(b"H:1", b"\xe9"), (b"H:3", b"")]
    store.close()


def test_bytes_that_are_no_text_in_an_sqlite_file_stop_no_other_job(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    store = cast("WindowedStore", store_for(f"sqlite:///{path}"))
    store.open()
    store.apply([put(b"H:1", b"f"), put(b"H:2", b"f"), put(b"H:3", "café".encode())])
    with contextlib.closing(sqlite3.connect(path)) as sql, sql:
        sql.execute("UPDATE gearbridge_job SET unique_key = CAST(x'e9' AS TEXT) WHERE handle = 'H:1'")
        sql.execute("UPDATE gearbridge_job SET function = CAST(x'636166e9' AS TEXT) WHERE handle = 'H:2'")
    with pytest.raises(StoreUnavailable):  # which is tried again
        store.claim({b"f": 10, "café".encode(): 10})
    claimed = store.claim({b"f": 10, "café".encode(): 10})
    assert [(job.handle, job.unique_key) for job in claimed] == [(b"H:1", b"\xe9"), (b"H:3", b"")]
    assert sorted(store.functions()) == sorted([b"caf\xe9", "café".encode(), b"f"])
    store.apply([Failed(b"H:1", 1, "why")])
    store.close()
