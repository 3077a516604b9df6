"""The demo's two databases, SQLite and a temporary PostgreSQL: opened and asked as a user would type it."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, NamedTuple, Protocol

import psycopg

from .. import sqlite
from ..extension.cluster import TemporaryCluster
from .stage import gearbridge_command, python_command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .stage import Stage


class Progress(NamedTuple):
    """What the database says about a job: the row as it shows it, and whether the server still knows the job."""

    shown: str
    known: bool


class Database(Protocol):
    """A database with the gman_* functions, whose statements are shown as they are typed."""

    def submit(self, function: str, payload: str) -> str:
        """Submit a background job by SQL; return its handle."""

    def show_status(self, handle: str) -> None:
        """Type the statement that `progress` runs."""

    def progress(self, handle: str) -> Progress:
        """Ask for the job's status by SQL."""


@contextlib.contextmanager
def open_sqlite(stage: Stage, address: str) -> Iterator[Database]:
    """A Python program's own SQLite database, in memory."""
    stage.say("A Python program gives its SQLite connection the functions gman_*, and submits a job by SQL:")
    connect = 'db = sqlite3.connect(":memory:")'
    register = f'functions = gearbridge.sqlite.register(db, "{address}")'
    stage.typed("$ ", python_command())
    for line in ("import sqlite3, gearbridge.sqlite", connect, register):
        stage.typed(">>> ", line)
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        functions = sqlite.register(db, address)
        with contextlib.closing(functions), functions.errors():
            yield _Sqlite(stage, db)


class _Sqlite:
    def __init__(self, stage: Stage, db: sqlite3.Connection) -> None:
        self._stage = stage
        self._db = db

    def submit(self, function: str, payload: str) -> str:
        statement = f"SELECT gman_do_background({_literal(function)}, {_literal(payload)})"
        self._typed(statement)
        handle = str(self._value(statement))
        self._stage.answer(handle)
        return handle

    def show_status(self, handle: str) -> None:
        self._typed(_status(handle))

    def progress(self, handle: str) -> Progress:
        shown = str(self._value(_status(handle)))
        return Progress(shown, json.loads(shown)["known"])

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
def open_postgresql(stage: Stage, address: str) -> Iterator[Database]:
    """A temporary PostgreSQL with the extensions, removed at the end."""
    stage.say("A PostgreSQL of its own, in a temporary folder and on a free port, to be removed at the end:")
    with TemporaryCluster() as cluster:
        url = cluster.url()
        stage.answer(f"PostgreSQL {cluster.installation.major} takes connections on port {cluster.port}")
        stage.say("Put the extension into it. For a database of yours: the same, with its URL")
        stage.run(gearbridge_command(), "db", "install", "--database", url)
        stage.say("Any session of it submits jobs by SQL:")
        stage.typed("$ ", f"psql {url}")
        with psycopg.connect(url, autocommit=True) as db:
            database = _Postgresql(stage, db)
            database.show(f"SELECT gman_servers_set({_literal(address)})")
            yield database


class _Postgresql:
    def __init__(self, stage: Stage, db: psycopg.Connection[tuple[object, ...]]) -> None:
        self._stage = stage
        self._db = db

    def show(self, statement: str) -> str:
        """Type and run a statement; print and return its row."""
        self._typed(statement)
        shown = self._row(statement)
        self._stage.answer(shown)
        return shown

    def submit(self, function: str, payload: str) -> str:
        return self.show(f"SELECT gman_do_background({_literal(function)}, {_literal(payload)})")

    def show_status(self, handle: str) -> None:
        self._typed(_status_row(handle))

    def progress(self, handle: str) -> Progress:
        shown = self._row(_status_row(handle))
        return Progress(shown, shown.startswith("t"))

    def _typed(self, statement: str) -> None:
        self._stage.typed("postgres=# ", f"{statement};")

    def _row(self, statement: str) -> str:
        row = self._db.execute(statement.encode()).fetchone()
        assert row is not None
        return " | ".join(_as_psql(value) for value in row)


def _status_row(handle: str) -> str:
    return f"SELECT known, running, numerator, denominator, percentage FROM gman_status({_literal(handle)})"


def _as_psql(value: object) -> str:
    if isinstance(value, bool):
        return "t" if value else "f"
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _literal(text: str) -> str:
    """A SQL string literal, in SQLite and in PostgreSQL (standard_conforming_strings is on)."""
    return "'" + text.replace("'", "''") + "'"
