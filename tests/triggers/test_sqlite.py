"""Triggers in SQLite fire for any program, with nothing of gearbridge in it."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from gearbridge.errors import ConfigurationError
from gearbridge.triggers import Trigger, create
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures.processes import StartProcess

INSERT = "INSERT INTO images (path) VALUES ('cat.jpg')"
PYTHON = f'import sqlite3; db = sqlite3.connect("app.db"); db.execute("{INSERT}"); db.commit()'
PROGRAMS = {
    "python": (sys.executable, "-I", "-S", "-c", PYTHON),
    "sqlite3": ("sqlite3", "app.db", INSERT),
    "php": ("php", "-r", f'$db = new SQLite3("app.db"); $db->exec("{INSERT}");'),
    "perl": ("perl", "-MDBI", "-e", f'DBI->connect("dbi:SQLite:app.db")->do("{INSERT}")'),
}
#: What tells that a language has SQLite here.
HAS = {"php": ("php", "-r", "exit(class_exists('SQLite3') ? 0 : 1);"), "perl": ("perl", "-MDBD::SQLite", "-e", "1")}


@pytest.mark.parametrize("language", PROGRAMS)
def test_any_programs_insert_is_a_job_that_a_worker_does(
    language: str, tmp_path: Path, start_process: StartProcess
) -> None:
    if language in HAS and (not shutil.which(language) or start_process(*HAS[language]).wait()):
        pytest.skip(f"{language} has no SQLite here")
    url = f"sqlite:///{tmp_path / 'app.db'}"
    done: list[bytes] = []
    with GearbridgeServer(tmp_path, "--store", url) as server:
        with closing(sqlite3.connect(tmp_path / "app.db")) as db:
            db.execute("CREATE TABLE images (id INTEGER PRIMARY KEY, path TEXT)")
            create(db, Trigger("images", "insert", "resize", payload="NEW.path"))
            db.commit()
        start_process(*PROGRAMS[language], cwd=tmp_path).succeed()
        with working(server.address, resize=lambda job: done.append(job.payload)):
            wait_until(lambda: done == [b"cat.jpg"])


def test_in_a_transaction_a_trigger_goes_with_it(tmp_path: Path) -> None:
    with GearbridgeServer(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / "jobs.db", isolation_level=None)) as db:
        db.execute("CREATE TABLE images (path)")
        db.execute("BEGIN")
        create(db, Trigger("images", "insert", "f"))
        db.execute("ROLLBACK")
        assert db.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'").fetchone() == (0,)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"schema": "main"}, "a schema"),
        ({"each": "statement"}, "for each statement"),
        ({"definer": True}, "whose rights"),
    ],
    ids=str,
)
def test_what_only_postgresql_has(tmp_path: Path, options: dict[str, str], text: str) -> None:
    with GearbridgeServer(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / "jobs.db")) as db:
        db.execute("CREATE TABLE images (path)")
        with pytest.raises(ConfigurationError, match=f"{text}.*: only PostgreSQL has that, not sqlite"):
            create(db, Trigger("images", "insert", "f", **options))  # type: ignore[arg-type]


def test_a_file_without_the_job_table_or_in_utf_16(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "app.db")) as db:
        db.execute("PRAGMA encoding = 'UTF-16'")
        with pytest.raises(ConfigurationError, match="gearbridge db script --sqlite"):
            create(db, Trigger("images", "insert", "f"))
        db.execute("CREATE TABLE gearbridge_job (id)")
        with pytest.raises(ConfigurationError, match="UTF-16"):
            create(db, Trigger("images", "insert", "f"))


def test_an_update_or_time_that_cannot_be_read_fails(tmp_path: Path) -> None:
    with GearbridgeServer(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / "jobs.db")) as db:
        db.execute("CREATE TABLE images (path)")
        create(db, Trigger("images", "insert", "f", run_at="NEW.path"))
        with pytest.raises(sqlite3.Error, match="the time of a job is none that SQLite can read"):
            db.execute("INSERT INTO images VALUES ('tomorrow or so')")
        db.execute("INSERT INTO images VALUES ('2030-01-01 00:00:00.5'), (1893456000), (-5)")
        dues = [row[0] for row in db.execute("SELECT due FROM gearbridge_job ORDER BY id")]
        assert dues == [1893456001, 1893456000, 0]
        create(db, Trigger("images", "insert", "f", delay="NEW.path"), replace=True)
        with pytest.raises(sqlite3.Error, match="the delay is no number of seconds"):
            db.execute("INSERT INTO images VALUES ('a while')")
        create(db, Trigger("images", "insert", "f", unique_key="NEW.path"), replace=True)
        with pytest.raises(sqlite3.Error, match="at most 255 bytes"):
            db.execute("INSERT INTO images VALUES (?)", ["ü" * 128])
