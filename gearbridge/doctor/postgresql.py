"""A PostgreSQL with the extension, or the plain script: whether jobs can be enqueued there, and are claimed."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from gearbridge.errors import ConfigurationError
from gearbridge.extension import database
from gearbridge.extension.assemble import EXTENSIONS
from gearbridge.extension.installation import OLDEST
from gearbridge.stores.jobtable.queries import LEAST_TRIAL
from gearbridge.stores.postgresql.owner_lock import LONG_HOLDERS, holders
from gearbridge.stores.postgresql.trust import others
from gearbridge.version import __version__

from .alike import ABOUT, LARGEST, clock_finding, held_findings, jobs_finding, largest_findings, room_finding
from .finding import Finding
from .postgresql_rights import privileges

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_COMMON, _DIRECT = EXTENSIONS
_TABLE = "gearbridge.gearbridge_job"
_NODES = "gearbridge.gearbridge_node"
_ALIVE = f"SELECT name FROM {_NODES} WHERE lease_until >= extract(epoch FROM clock_timestamp()) ORDER BY name"
#: Seconds that NOTIFY may take.
_PATIENCE = 3.0
#: What a server does to the job table.
_SERVING = ("SELECT", "INSERT", "UPDATE", "DELETE")
#: The holder of the owner's lock of the job table, a server or bridge.
_HOLDERS = holders(f"'{_TABLE}'::regclass")
#: What of our schema belongs to a role that could do more with our rights than with its own.
_OTHERS = others("true", "'gearbridge'")
#: Where a plain script has put the functions: who owns our schema owns them.
_PLAIN = (
    "SELECT space.nspname FROM pg_proc AS routine JOIN pg_namespace AS space ON space.oid = routine.pronamespace "
    "WHERE routine.proname = 'gman_version' AND routine.pronargs = 0 "
    "AND routine.proowner = (SELECT nspowner FROM pg_namespace WHERE nspname = 'gearbridge') LIMIT 1"
)
#: Not gman_enqueue(), beside which somebody may have a function that fits better.
_ENQUEUE = "SELECT gearbridge._enqueue(%s::text, ''::bytea, NULL, 'normal', NULL, NULL, false)"
#: A job that no server takes, for it is rolled back.
_TRIAL = (
    f"INSERT INTO {_TABLE} (handle, function, unique_key, priority, payload, due, attempts, reducer) "
    "VALUES (%s, '', '', 0, %s, 0, 0, '')"
)
_HOLDER = f"SELECT FROM ({_HOLDERS}) AS holder (pid, key, counts, described) WHERE counts"


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
        own = (_installed(db), _rights(db, functions), privileges(db), _jobs(db))
        strange = _strange(db)
        yield from strange
        for looks in (*(() if strange else own), _notified(db, url), _clock(db)):
            try:
                yield from looks
            except psycopg.Error as error:
                yield Finding(ABOUT, False, f"a question failed: {error}".strip(), "which right is missing?")


def _strange(db: database.Connection) -> list[Finding]:
    """Find what another role has in our schema: looking further could run its code with our rights."""
    found = db.execute(_OTHERS.encode()).fetchone()
    if found is None:
        return []
    kind, name, owner = found
    text = f"the {kind} {name if kind == 'schema' else f'gearbridge.{name}'} belongs to role {owner}, so all else"
    remedy = f"run this as {owner}; if that role should have nothing there, look at it and drop it"
    return [Finding(ABOUT, False, f"{text} in schema gearbridge is not looked at", remedy)]


def _installed(db: database.Connection) -> Iterator[Finding]:
    version = database.installed_version(db, _COMMON)
    space = _value(db, _PLAIN) if version is None else None
    if space is not None:
        query = sql.SQL("SELECT {}()").format(sql.Identifier(str(space), "gman_version"))
        (version,) = db.execute(query).fetchone() or (None,)
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
            db.execute(_ENQUEUE, (function,))
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
    may_read_nodes = _value(db, "SELECT has_table_privilege(to_regclass(%s), 'SELECT')", _NODES)
    nodes = [str(row[0]) for row in db.execute(_ALIVE.encode())] if may_read_nodes else []
    yield jobs_finding(waiting, failed, _value(db, f"SELECT EXISTS ({_HOLDER})"), nodes)
    yield from largest_findings(db.execute(LARGEST.format(_TABLE).encode()).fetchone())
    yield from _room(db)
    yield from held_findings([str(row[0]) for row in db.execute(LONG_HOLDERS.encode())])


def _room(db: database.Connection) -> Iterator[Finding]:
    """Write a job and roll it back; no finding where this role may not."""
    if not _value(db, "SELECT has_table_privilege(%s, 'INSERT')", _TABLE):
        return
    try:
        with db.transaction(force_rollback=True):
            db.execute(_TRIAL, (f"trial:{secrets.token_hex(16)}", os.urandom(LEAST_TRIAL)))
    except psycopg.errors.DiskFull as error:
        yield room_finding(str(error).strip())
    else:
        yield room_finding(None)


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
