"""The demo's two databases, an SQLite file and a temporary PostgreSQL: opened and asked as a user would type it."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, NamedTuple, Protocol

import psycopg

from ..extension.cluster import TemporaryCluster
from ..sqlite import functions as sqlite
from .stage import gearbridge_command, python_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .stage import Stage

_TABLE = "CREATE TABLE images (id {} PRIMARY KEY, path TEXT, width INTEGER, output TEXT)"


class Progress(NamedTuple):
    """The database's view of a job: the row as it shows it, whether the server has it, and the job table."""

    shown: str
    known: bool
    unfinished: bool


class Database(Protocol):
    """A database with a table of images, whose statements are shown as they are typed."""

    #: Its URL, for the job server and for `gearbridge trigger`.
    url: str

    def insert(self, path: Path, width: int, output: Path) -> str:
        """Insert an image; return the handle of the job that the trigger makes of it."""

    def ask(self, address: str, handle: str) -> None:
        """Type what asks the job server at this address for a job's status: the statement that `progress` runs."""

    def progress(self, handle: str) -> Progress:
        """Ask for the job's status by SQL."""


@contextlib.contextmanager
def open_sqlite(stage: Stage, output: Path) -> Iterator[Database]:
    """A program's own SQLite file, new."""
    file = output / "app.db"
    for old in output.glob("app.db*"):  # of the demo before: with its journal, and the job server's lock
        old.unlink()
    stage.say("A program has its data in an SQLite file, among them a table of images:")
    table = _TABLE.format("INTEGER")
    connect = f"sqlite3.connect({json.dumps(str(file))})"
    stage.run(python_command(), "-c", f'import sqlite3; {connect}.execute("{table}")')
    with contextlib.closing(sqlite3.connect(file)) as db:
        yield _Sqlite(stage, db, f"sqlite:///{file}", connect)


class _Sqlite:
    def __init__(self, stage: Stage, db: sqlite3.Connection, url: str, connect: str) -> None:
        self.url = url
        self._stage = stage
        self._db = db
        self._connect = connect

    def insert(self, path: Path, width: int, output: Path) -> str:
        self._stage.typed("$ ", python_command())
        statement, handle = _insert(path, width, output), "SELECT handle FROM gearbridge_job"
        for line in ("import sqlite3", f"db = {self._connect}", f"cursor = db.execute({_python_text(statement)})"):
            self._stage.typed(">>> ", line)
        self._db.execute(statement)
        self._typed(handle)
        found = str(self._value(handle))
        self._stage.answer(found)
        self._stage.typed(">>> ", "db.commit()")
        self._db.commit()
        return found

    def ask(self, address: str, handle: str) -> None:
        self._stage.typed(">>> ", "import gearbridge.sqlite")
        self._stage.typed(">>> ", f'functions = gearbridge.sqlite.register(db, "{address}")')
        self._functions = sqlite.register(self._db, address)
        self._typed(_status(handle))

    def progress(self, handle: str) -> Progress:
        unfinished = self._value(f"SELECT count(*) FROM gearbridge_job WHERE handle = {_literal(handle)}")
        with self._functions.errors():
            shown = str(self._value(_status(handle)))
        return Progress(shown, json.loads(shown)["known"], bool(unfinished))

    def _typed(self, statement: str) -> None:
        self._stage.typed(">>> ", f"print(*db.execute({_python_text(statement)}).fetchone())")

    def _value(self, statement: str) -> object:
        return self._db.execute(statement).fetchone()[0]


def _python_text(text: str) -> str:
    """The text as a Python program has it: three quotes spare the text's own from escapes."""
    return repr(text) if "\\" in text or '"""' in text else f'"""{text}"""'


def _status(handle: str) -> str:
    return f"SELECT gman_status({_literal(handle)})"


@contextlib.contextmanager
def open_postgresql(stage: Stage, _output: Path) -> Iterator[Database]:
    """A temporary PostgreSQL with the extensions, removed at the end."""
    stage.say("A PostgreSQL of its own, in a temporary folder and on a free port, to be removed at the end:")
    with TemporaryCluster() as cluster:
        url = cluster.url()
        stage.answer(f"PostgreSQL {cluster.installation.major} takes connections on port {cluster.port}")
        stage.say("Put the extension into it. For a database of yours: the same, with its URL")
        stage.run(gearbridge_command(), "db", "install", "--database", url)
        with psycopg.connect(url, autocommit=True, client_encoding="utf8") as db:
            database = _Postgresql(stage, db, url)
            stage.say("An application has its data there, among them a table of images:")
            stage.typed("$ ", f"psql {url}")
            database.run(_TABLE.format("SERIAL"))
            yield database


class _Postgresql:
    def __init__(self, stage: Stage, db: psycopg.Connection[tuple[object, ...]], url: str) -> None:
        self.url = url
        self._stage = stage
        self._db = db

    def run(self, statement: str) -> None:
        """Type and run a statement that has no row to show."""
        self._typed(statement)
        self._db.execute(statement.encode())

    def insert(self, path: Path, width: int, output: Path) -> str:
        self.run("BEGIN")
        self.run(_insert(path, width, output))
        handle = self._show("SELECT handle FROM gman_jobs")
        self.run("COMMIT")
        return handle

    def ask(self, address: str, handle: str) -> None:
        self._show(f"SELECT gman_servers_set({_literal(address)})")
        self._typed(_status_row(handle))

    def progress(self, handle: str) -> Progress:
        unfinished = self._row(f"SELECT count(*) FROM gman_jobs WHERE handle = {_literal(handle)}") != "0"
        shown = self._row(_status_row(handle))
        return Progress(shown, shown.startswith("t"), unfinished)

    def _show(self, statement: str) -> str:
        self._typed(statement)
        shown = self._row(statement)
        self._stage.answer(shown)
        return shown

    def _typed(self, statement: str) -> None:
        self._stage.typed("postgres=# ", f"{statement};")

    def _row(self, statement: str) -> str:
        row = self._db.execute(statement.encode()).fetchone()
        assert row is not None
        return " | ".join(_as_psql(value) for value in row)


def _insert(path: Path, width: int, output: Path) -> str:
    values = f"{_literal(str(path))}, {width}, {_literal(str(output))}"
    return f"INSERT INTO images (path, width, output) VALUES ({values})"


def _status_row(handle: str) -> str:
    return f"SELECT known, running, numerator, denominator, percentage FROM gman_status({_literal(handle)})"


def _as_psql(value: object) -> str:
    if isinstance(value, bool):
        return "t" if value else "f"
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _literal(text: str) -> str:
    """A SQL string literal, in SQLite and in PostgreSQL (standard_conforming_strings is on)."""
    return "'" + text.replace("'", "''") + "'"
