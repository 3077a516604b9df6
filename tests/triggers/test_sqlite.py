"""Triggers in SQLite fire for any program, with nothing of gearbridge in it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from gearbridge.errors import ConfigurationError
from gearbridge.extension.tables import tables_script
from gearbridge.triggers import Trigger, create
from gearbridge.triggers.names import quote_name
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


def rows_as_json(statements: str, *values: object, trusted: bool = True, **options: Any) -> list[Any]:
    """The payloads of a table's rows, by a trigger of ours in a database that needs no file."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.executescript(tables_script("sqlite"))
        db.executescript(statements)
        create(db, Trigger("t", "insert", "f", **options))
        if not trusted:
            db.execute("PRAGMA trusted_schema = OFF")
        for value in values:
            db.execute("INSERT INTO t VALUES (?)", [value])
        found = db.execute("SELECT payload FROM gearbridge_job ORDER BY id").fetchall()
    return [json.loads(payload, parse_constant=pytest.fail) for (payload,) in found]


@pytest.mark.parametrize("trusted", [True, False])
def test_the_row_is_json_whatever_is_in_it(trusted: bool) -> None:
    """Also where the application distrusts its schema, as SQLite's authors advise."""
    texts = [
        "",
        "größe 日本",
        'quote " and \\ backslash \\u0041',
        "".join(map(chr, range(1, 32))) + "\x7f\u2028",
        "'{}'",
    ]
    numbers = [
        0,
        -1,
        2**63 - 1,
        -(2**63),
        0.5,
        0.1,
        0.1 + 0.2,
        1e300,
        -1.5e-300,
        5e-324,
        2.0**53,
    ]
    values = [*texts, *numbers, None, b"\0\xff"]
    found = rows_as_json("CREATE TABLE t (v)", *values, float("inf"), float("-inf"), trusted=trusted)
    assert [row["v"] for row in found] == [*texts, *numbers, None, "\\x00ff", None, None]
    assert [type(row["v"]) for row in found[: len(values) - 2]] == [type(value) for value in values[:-2]]


def test_an_infinite_number_in_a_column_of_numbers() -> None:
    assert rows_as_json("CREATE TABLE t (v REAL)", float("inf"), 1) == [{"v": None}, {"v": 1.0}]
    assert rows_as_json("CREATE TABLE t (v TEXT)", "Inf", 9e999) == [{"v": "Inf"}, {"v": "Inf"}]


def test_names_of_columns_are_json_too() -> None:
    name = """a "b" \\ 'c' ü"""
    (found,) = rows_as_json(f"CREATE TABLE t ({quote_name(name, 'sqlite')})", 1, row="both")
    assert found == {"old": None, "new": {name: 1}}


def test_many_columns() -> None:
    columns = [f"c{number}" for number in range(150)]
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.executescript(tables_script("sqlite"))
        db.execute(f"CREATE TABLE t ({', '.join(columns)})")
        create(db, Trigger("t", "update", "f", row="both"))
        db.execute("INSERT INTO t DEFAULT VALUES")
        db.execute("UPDATE t SET c0 = 'x\n', c149 = 2.5")
        ((payload,),) = db.execute("SELECT payload FROM gearbridge_job")
    found = json.loads(payload)
    assert found["old"] == dict.fromkeys(columns)
    assert found["new"] == {**dict.fromkeys(columns), "c0": "x\n", "c149": 2.5}
