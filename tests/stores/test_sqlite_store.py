"""What is particular to the store in an SQLite file, and to finding a store by its URL."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gearbridge.doctor.tables import check_table
from gearbridge.errors import ConfigurationError, StoreUnavailable
from gearbridge.records import Put, StoredJob
from gearbridge.stores.jobtable.names import from_text, to_text
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
    monkeypatch.setattr("gearbridge.stores.sqlite.store._BUSY_TIMEOUT", 10)
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


@pytest.mark.parametrize("url", ["", "jobs.db", "gopher://localhost", "sqlite:jobs.db"])
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


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
@pytest.mark.parametrize("replaced", [False, True])
@pytest.mark.parametrize("quiet", [False, True], ids=["soon", "after a while"])
def test_nothing_is_acknowledged_once_a_file_is_gone(tmp_path: Path, suffix: str, replaced: bool, quiet: bool) -> None:
    path = tmp_path / "jobs.db"
    store = store_for(f"sqlite:///{path}")
    store.open()
    if quiet:  # so that a look at the folder is enough
        store.apply([Put(StoredJob(b"H:1", b"f", b""))])
        _make_old(tmp_path)
    store.apply([Put(StoredJob(b"H:1", b"f", b""))])
    victim = tmp_path / f"jobs.db{suffix}"
    elsewhere = tmp_path / "moved away"
    victim.rename(elsewhere)
    if replaced:
        victim.write_bytes(elsewhere.read_bytes())
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=f"jobs.db{suffix} was deleted or replaced"):
            store.apply([Put(StoredJob(b"H:2", b"f", b""))])
    with pytest.raises(StoreUnavailable):
        store.claim({b"f": 1})  # type: ignore[attr-defined]
    with pytest.raises(StoreUnavailable):
        store.check()  # type: ignore[attr-defined]
    if not replaced:
        assert not victim.exists(), "a new file would hide what the old one has"
    elsewhere.rename(victim)
    store.apply([Put(StoredJob(b"H:2", b"f", b""))])
    assert [job.handle for job in store.replay()] == [b"H:1", b"H:2"]
    store.close()


def _make_old(folder: Path) -> None:
    """Let a folder look as if no file was made in it for a day."""
    yesterday = time.time() - 86400
    os.utime(folder, (yesterday, yesterday))


@pytest.mark.parametrize("back", [False, True], ids=["nothing there", "an equal one there"])
def test_a_folder_that_is_moved_takes_no_jobs_along(tmp_path: Path, back: bool) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    store = store_for(f"sqlite:///{folder}/jobs.db")
    store.open()
    store.apply([Put(StoredJob(b"H:1", b"f", b""))])
    _make_old(folder)
    store.apply([Put(StoredJob(b"H:2", b"f", b""))])
    folder.rename(tmp_path / "moved")
    if back:
        shutil.copytree(tmp_path / "moved", folder)
        _make_old(folder)
    with pytest.raises(StoreUnavailable, match="was deleted or replaced"):
        store.apply([Put(StoredJob(b"H:3", b"f", b""))])
    store.close()


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_the_files_behind_a_link_are_watched_too(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "jobs.db").symlink_to("disk/jobs.db")
    store = store_for(f"sqlite:///{tmp_path}/jobs.db")
    store.open()
    store.apply([Put(StoredJob(b"H:1", b"f", b""))])
    for folder in (tmp_path, tmp_path / "disk"):
        _make_old(folder)
    store.apply([Put(StoredJob(b"H:2", b"f", b""))])
    (tmp_path / "disk" / f"jobs.db{suffix}").unlink()
    with pytest.raises(StoreUnavailable, match="was deleted or replaced"):
        store.apply([Put(StoredJob(b"H:3", b"f", b""))])
    store.close()


def test_a_connection_made_anew_makes_no_new_file(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    store = store_for(f"sqlite:///{path}")
    store.open()
    store.apply([Put(StoredJob(b"H:1", b"f", b""))])
    store._disconnect()  # type: ignore[attr-defined]  # as after a file that was locked for long
    path.rename(tmp_path / "moved away")
    with pytest.raises(StoreUnavailable, match="was deleted or replaced"):
        store.apply([Put(StoredJob(b"H:2", b"f", b""))])
    assert not path.exists()
    (tmp_path / "moved away").rename(path)
    store.apply([Put(StoredJob(b"H:2", b"f", b""))])
    assert len(list(store.replay())) == 2
    store.close()


def test_its_files_are_their_owners_unless_the_file_is_there_already(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        for name, mode in (("new.db", 0o600), ("shared.db", 0o660)):
            path = tmp_path / name
            if mode != 0o600:
                path.touch()
                path.chmod(mode)
            store = store_for(f"sqlite:///{path}")
            store.open()
            store.apply([Put(StoredJob(b"H:1", b"f", b"secret"))])
            for suffix in ("", "-wal", "-shm"):
                assert (tmp_path / f"{name}{suffix}").stat().st_mode & 0o777 == mode
            assert (tmp_path / f"{name}.lock").stat().st_mode & 0o777 == 0o600
            store.close()
    finally:
        os.umask(umask)


@pytest.mark.parametrize("name", ["per%20cent.db", "question?mark.db", "hash#.db", "ümlaut.db", "a&b=c;.db"])
def test_a_file_of_any_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    store = store_for(f"sqlite:///{quote(str(path))}")
    store.open()
    store.apply([Put(StoredJob(b"H:1", b"f", b""))])
    store.close()
    assert {one.name for one in tmp_path.iterdir()} == {name, f"{name}.lock"}
    assert all(finding.good for finding in check_table(f"sqlite:///{quote(str(path))}") if "waits" not in finding.text)
