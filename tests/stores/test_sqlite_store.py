"""What is particular to the store in an SQLite file, and to finding a store by its URL."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gearbridge.errors import ConfigurationError, StoreUnavailable
from gearbridge.records import Put, StoredJob
from gearbridge.stores.names import from_text, to_text
from gearbridge.stores.registry import store_for

if TYPE_CHECKING:
    from pathlib import Path


def test_it_is_in_wal_mode_and_synchronous_full(tmp_path: Path) -> None:
    store = store_for(f"sqlite:///{tmp_path / 'jobs.db'}")
    store.open()
    connection = store._connection  # type: ignore[attr-defined]
    assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    connection.rollback()
    store.close()


def test_others_may_read_what_is_queued(tmp_path: Path) -> None:
    store = store_for(f"sqlite:///{tmp_path / 'jobs.db'}")
    store.open()
    store.apply([Put(StoredJob(b"H:1", b"resize", b"x", b"key"))])
    reader = sqlite3.connect(tmp_path / "jobs.db")
    assert reader.execute("SELECT handle, function, unique_key, payload FROM gearbridge_job").fetchall() == [
        ("H:1", "resize", "key", b"x")
    ]
    reader.close()
    store.close()


def test_a_locked_file_is_a_store_error_and_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gearbridge.stores.sqlite._BUSY_TIMEOUT", 10)
    store = store_for(f"sqlite:///{tmp_path / 'jobs.db'}")
    store.open()
    other = sqlite3.connect(tmp_path / "jobs.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        store.apply([Put(StoredJob(b"H:1", b"f", b""))])
    other.execute("ROLLBACK")
    other.close()
    store.apply([Put(StoredJob(b"H:1", b"f", b""))])
    assert [job.handle for job in store.replay()] == [b"H:1"]
    store.close()


@pytest.mark.parametrize("url", ["sqlite:///{folder}/none/jobs.db", "sqlite://", "sqlite:///:memory:"])
def test_a_file_that_cannot_be_is_a_clear_error(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="store"):
        store_for(url.format(folder=tmp_path)).open()


def test_a_file_that_is_no_database_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "jobs.db").write_bytes(b"this is no database, whatever its name says" * 50)
    with pytest.raises(ConfigurationError, match="not a database"):
        store_for(f"sqlite:///{tmp_path / 'jobs.db'}").open()


@pytest.mark.parametrize("url", ["", "jobs.db", "redis://localhost", "sqlite:jobs.db"])
def test_what_is_no_store_url_is_said_with_what_is(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a store URL"):
        store_for(url)


@given(st.binary(max_size=40))
def test_any_name_is_told_from_any_other_in_text(name: bytes) -> None:
    text = to_text(name)
    assert "\0" not in text
    text.encode("utf-8")
    assert from_text(text) == name


def test_plain_names_are_readable_in_sql() -> None:
    assert to_text("größe".encode()) == "größe"
    assert to_text(b"\xff\\") == "\\xff\\\\"
