"""A PostgreSQL with the extension, or the plain script: whether jobs can be enqueued there, and are claimed."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from gearbridge.errors import ConfigurationError
from gearbridge.extension import database
from gearbridge.extension.assemble import EXTENSIONS
from gearbridge.extension.installation import OLDEST
from gearbridge.stores.postgresql import LOCK_CLASS
from gearbridge.version import __version__

from .alike import ABOUT, clock_finding, jobs_finding
from .finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_COMMON, _DIRECT = EXTENSIONS
_TABLE = "gearbridge.gearbridge_job"
#: Seconds that NOTIFY may take.
_PATIENCE = 3.0
#: What a server does to the job table.
_SERVING = ("SELECT", "INSERT", "UPDATE", "DELETE")
#: Who holds the lock that says "a server or bridge has this table".
_HOLDER = f"""
    SELECT pid FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND classid = {LOCK_CLASS} AND objid = '{_TABLE}'::regclass
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def check_postgresql(url: str, functions: Sequence[str] = ()) -> Iterator[Finding]:
    """Look at a database. `functions` are those that the role must be allowed to submit."""
    try:
        db = database.connect(url)
    except ConfigurationError as error:
        yield Finding(ABOUT, False, "the database cannot be reached", str(error))
        return
    with db:
        major = database.server_major(db)
        yield Finding(ABOUT, major >= OLDEST, f"PostgreSQL {major}, {database.describe(db)}", f"{OLDEST} is needed")
        for looks in (_installed(db), _rights(db, functions), _jobs(db), _notified(db, url), _clock(db)):
            try:
                yield from looks
            except psycopg.Error as error:
                yield Finding(ABOUT, False, f"a question failed: {error}".strip(), "which right is missing?")


def _installed(db: database.Connection) -> Iterator[Finding]:
    version = database.installed_version(db, _COMMON)
    if version is None and _value(db, "SELECT to_regproc('gman_version')") is not None:
        version = str(_value(db, "SELECT gman_version()"))
        yield Finding(
            ABOUT, version == __version__, f"plain script {version}", "run what gearbridge db script --managed prints"
        )
        return
    text = f"extension {_COMMON} {version or 'is not installed'}"
    yield Finding(ABOUT, version == __version__, text, _install("install" if version is None else "upgrade"))
    direct = database.installed_version(db, _DIRECT)
    if direct is None:
        yield Finding(ABOUT, True, f"extension {_DIRECT} is not installed: gman_do and PL/Python are not used here")
        return
    yield Finding(ABOUT, direct == __version__, f"extension {_DIRECT} {direct}", _install("upgrade"))
    try:
        db.execute("SELECT gearbridge._load()")
    except psycopg.errors.InsufficientPrivilege:
        yield Finding(ABOUT, True, "PL/Python is there; this role may not load it")
    except psycopg.Error as error:
        yield Finding(
            ABOUT, False, f"PL/Python does not load gman_do: {error.diag.message_primary}", "see the server's log"
        )
    else:
        yield Finding(ABOUT, True, "PL/Python loads gman_do and the others")


def _rights(db: database.Connection, functions: Sequence[str]) -> Iterator[Finding]:
    role = str(_value(db, "SELECT current_user"))
    for name in functions:
        yield Finding(
            ABOUT,
            _may_enqueue(db, name),
            f"{role} may submit jobs of {name}",
            f"SELECT gearbridge.grant_submit('{role}', '{name}')",
        )
    if not functions and _value(db, "SELECT to_regproc('gearbridge.may_submit')") is not None:
        every = " AND ".join(f"has_table_privilege('{_TABLE}', '{word}')" for word in _SERVING)
        serves = _value(db, f"SELECT {every}")
        submits = _value(db, "SELECT gearbridge.may_submit('%')")
        parts = [word for word, may in (("submit jobs of any function", submits), ("serve jobs", serves)) if may]
        remedy = f"SELECT gearbridge.grant_submit('{role}'), or name its functions with --function"
        text = f"{role} may {' and '.join(parts) or 'neither submit jobs of any function nor serve them'}"
        yield Finding(ABOUT, bool(parts), text, remedy)


def _may_enqueue(db: database.Connection, function: str) -> bool:
    """Tried for real, and rolled back: who may only submit may not ask about rights."""
    try:
        with db.transaction(force_rollback=True):
            db.execute("SELECT gman_enqueue(%s::text, ''::text)", (function,))
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def _jobs(db: database.Connection) -> Iterator[Finding]:
    if not _value(db, "SELECT coalesce(has_schema_privilege(to_regnamespace('gearbridge'), 'USAGE'), true)"):
        yield Finding(ABOUT, True, "this role may not see the job table, as a role that only submits should not")
        return
    if _value(db, f"SELECT to_regclass('{_TABLE}')") is None:
        yield Finding(ABOUT, False, "there is no job table", _install("install"))
        return
    if not _value(db, "SELECT has_table_privilege(%s, 'SELECT')", _TABLE):
        yield Finding(ABOUT, True, "this role may not read the job table, as a role that only submits should not")
        return
    counted = f"SELECT count(*) FILTER (WHERE state = 1), count(*) FILTER (WHERE state = 2) FROM {_TABLE}"
    waiting, failed = db.execute(counted.encode()).fetchone() or (0, 0)
    yield jobs_finding(waiting, failed, _value(db, _HOLDER) is not None)


def _notified(db: database.Connection, url: str) -> Iterator[Finding]:
    channel = sql.Identifier(f"gearbridge_doctor_{secrets.token_hex(4)}")
    db.execute(sql.SQL("LISTEN {}").format(channel))
    with database.connect(url) as other:
        other.execute(sql.SQL("NOTIFY {}").format(channel))
    heard = any(True for _ in db.notifies(timeout=_PATIENCE, stop_after=1))
    db.execute("UNLISTEN *")
    remedy = "a pooler that shares sessions stands between: give servers a connection of their own; jobs are polled for"
    yield Finding(ABOUT, heard, "NOTIFY reaches who listens", remedy)


def _clock(db: database.Connection) -> Iterator[Finding]:
    yield clock_finding(lambda: float(_value(db, "SELECT extract(epoch FROM clock_timestamp())")))


def _install(how: str) -> str:
    return f"gearbridge db {how} --database URL"


def _value(db: database.Connection, query: str, *parameters: object) -> Any:
    row = db.execute(query.encode(), parameters or None).fetchone()
    return row[0] if row else None
