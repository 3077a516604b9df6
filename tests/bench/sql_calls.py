"""Processor time of the SQL functions for each job, beside those of another checkout of gearbridge.

    python -m tests.bench.sql_calls FOLDER [--rounds N] [--only WORD] [--postgresql BIN]

FOLDER is the other checkout, an earlier version for instance. Each has a PostgreSQL of its own with the same settings.
A round runs a statement in both, one after the other, in the order A B B A; what counts is the time that the session's
own process was on a processor, without the client's. The ratio is the median of the rounds' ratios.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import psycopg

from gearbridge.extension.build import build
from gearbridge.extension.cluster import TemporaryCluster
from gearbridge.extension.installation import find_installation, read_installation
from tests.fixtures.postgres import make_database, value
from tests.fixtures.server import GearbridgeServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.postgres import Session

_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1h",
}
_TABLE = "gearbridge.gearbridge_job"
_MANY = 1000
_PREPARE = """
CREATE ROLE application;
CREATE ROLE watcher;
CREATE ROLE boss;
CREATE ROLE customer;
SELECT gearbridge.grant_submit('application', 'f');
SELECT gearbridge.grant_submit('application', 'mail_*');
SELECT gearbridge.grant_submit('customer', 'other');
SELECT gearbridge.grant_monitor('watcher');
SELECT gearbridge.grant_admin('boss');
CREATE SCHEMA app AUTHORIZATION application;
GRANT USAGE ON SCHEMA app TO PUBLIC;
SET SESSION AUTHORIZATION application;
CREATE TYPE app.mood AS ENUM ('sad', 'glad');
CREATE DOMAIN app.path AS text CHECK (VALUE <> '');
CREATE TABLE app.plain (id integer, path text);
CREATE TABLE app.enum (id integer, mood app.mood);
CREATE TABLE app.domain (id integer, path app.path);
CREATE TABLE app.options (id integer, path text);
CREATE TABLE app.all (id integer, path text);
CREATE TABLE app.all_enum (id integer, mood app.mood);
GRANT INSERT ON ALL TABLES IN SCHEMA app TO PUBLIC;
"""
_TRIGGERS = """
CREATE TRIGGER put AFTER INSERT ON app.plain FOR EACH ROW EXECUTE FUNCTION gman_enqueue_row('f');
CREATE TRIGGER put AFTER INSERT ON app.enum FOR EACH ROW EXECUTE FUNCTION gman_enqueue_row('f');
CREATE TRIGGER put AFTER INSERT ON app.domain FOR EACH ROW EXECUTE FUNCTION gman_enqueue_row('f');
CREATE TRIGGER put AFTER INSERT ON app.options FOR EACH ROW
    EXECUTE FUNCTION gman_enqueue_row('f', 'columns=id', 'unique_key=id', 'priority=low');
CREATE TRIGGER put AFTER INSERT ON app.all REFERENCING NEW TABLE AS gearbridge_rows
    FOR EACH STATEMENT EXECUTE FUNCTION gman_enqueue_rows('f');
CREATE TRIGGER put AFTER INSERT ON app.all_enum REFERENCING NEW TABLE AS gearbridge_rows
    FOR EACH STATEMENT EXECUTE FUNCTION gman_enqueue_rows('f');
RESET SESSION AUTHORIZATION;
GRANT TEMPORARY ON DATABASE {} TO PUBLIC;
"""


class Case(NamedTuple):
    """A statement of which the processor time is measured."""

    name: str
    statement: str  #: once for each job, or once for `_MANY` where it is `in_one`
    role: str | None = None
    handles: str | None = None  #: what enqueues the jobs that the statement gets as its parameter
    direct: bool = False  #: whether it calls a job server
    in_one: bool = False
    allowed: int = 3  #: percent more than in the other


_KEPT = "array_agg(gman_enqueue('f', 'x'::text, keep_result => true))"
_PLAIN = "gman_enqueue_many('f', array_agg('x'::text))"
_ARRAY = "SELECT gman_enqueue_many('f', array_agg({})) FROM generate_series(1, %s)"


def _cases() -> Iterator[Case]:
    for role in (None, "application"):
        for type_, payload in (("text", "'user=7'"), ("bytea", "'user=7'"), ("jsonb", "'{\"user\": 7}'")):
            yield Case(f"gman_enqueue {type_}", f"SELECT gman_enqueue('f', {payload}::{type_})", role, allowed=10)
        key = "SELECT gman_enqueue('f', 'x'::text, unique_key => 'k' || clock_timestamp())"
        yield Case("gman_enqueue, new key", key, role, allowed=10)
        yield Case("gman_enqueue, met key", "SELECT gman_enqueue('f', 'x'::text, unique_key => 'k')", role, allowed=10)
        many = "SELECT gman_enqueue('f', 'user=7'::text) FROM generate_series(1, %s)"
        yield Case("gman_enqueue, many in one", many, role, in_one=True, allowed=10)
        for type_, payload in (("text", "'user=7'"), ("bytea", "'user=7'"), ("jsonb", "'{\"user\": 7}'")):
            yield Case(f"gman_enqueue_many {type_}", _ARRAY.format(f"{payload}::{type_}"), role, in_one=True)
        one = "SELECT gman_enqueue_many('f', ARRAY['x'::text])"
        yield Case("gman_enqueue_many, of one", one, role)
        for table, given in (
            ("plain", "'cat.jpg'"),
            ("options", "'cat.jpg'"),
            ("domain", "'cat.jpg'"),
            ("enum", "'glad'"),
        ):
            row = f"INSERT INTO app.{table} VALUES (7, {given})"
            yield Case(f"row trigger, {table}", row, role, allowed=10)
        for table, given in (("plain", "'cat.jpg'"), ("enum", "'glad'")):
            rows = f"INSERT INTO app.{table} SELECT n, {given} FROM generate_series(1, %s) AS n"
            yield Case(f"row trigger, {table}, many in one", rows, role, in_one=True, allowed=10)
        for table, given in (("all", "'cat.jpg'"), ("all_enum", "'glad'")):
            yield Case(
                f"statement trigger, {table}, of one", f"INSERT INTO app.{table} VALUES (7, {given})", role, allowed=10
            )
            rows = f"INSERT INTO app.{table} SELECT n, {given} FROM generate_series(1, %s) AS n"
            yield Case(f"statement trigger, {table}", rows, role, in_one=True, allowed=10)
        yield Case("gman_do_background", "SELECT gman_do_background('f', 'x')", role, direct=True)
    row = "INSERT INTO app.plain VALUES (7, 'cat.jpg')"
    yield Case("row trigger, plain", row, "customer", allowed=10)
    for role in (None, "application", "watcher"):
        yield Case("gman_result, done", "SELECT gman_result(%s)", role, "done")
        yield Case("gman_result, not done", "SELECT gman_result(%s)", role, _PLAIN)
        yield Case("gman_status", "SELECT * FROM gman_status(%s)", role, _PLAIN)
        yield Case("gman_job", "SELECT * FROM gman_job(%s)", role, _PLAIN)
        if role != "watcher":
            yield Case("gman_wait, done", "SELECT gman_wait(%s)", role, "done")
            yield Case("gman_wait, in vain", "SELECT gman_wait(%s, '0')", role, _PLAIN)
    for role in (None, "boss"):
        yield Case("gman_complete", "SELECT gman_complete(%s)", role, _PLAIN)
        yield Case("gman_complete, kept", "SELECT gman_complete(%s, 'y')", role, _KEPT)
        yield Case("gman_cancel", "SELECT gman_cancel(%s)", role, _PLAIN)
        yield Case("gman_retry", "SELECT gman_retry(%s)", role, "done")


class Side:
    """One checkout: its cluster and its sessions."""

    def __init__(self, cluster: TemporaryCluster, server: GearbridgeServer) -> None:
        self._database = make_database(cluster)
        self._sessions: dict[str | None, Session] = {}
        with self._session(None).cursor() as admin:
            admin.execute("CREATE EXTENSION gearbridge_direct CASCADE")
            admin.execute((_PREPARE + _TRIGGERS.format(self._database.name)).encode())
            admin.execute("SELECT gearbridge.allow_servers(%s)", (server.address,))

    def seconds(self, case: Case, count: int) -> float:
        """Return the processor time of so many statements, in the role's session."""
        admin = self._session(None)
        admin.execute(
            f"TRUNCATE {_TABLE}, app.plain, app.enum, app.domain, app.options, app.all, app.all_enum".encode()
        )
        parameters: list[tuple[Any, ...]] = [(_MANY,) if case.in_one else ()] * count
        if case.handles:
            parameters = [(handle,) for handle in self._handles(case.handles, count)]
        session = self._session(case.role)
        session.execute(case.statement.encode(), parameters[0], prepare=True)
        before = _processor_seconds(session)
        for one in parameters[1:]:
            session.execute(case.statement.encode(), one, prepare=True)
        return _processor_seconds(session) - before

    def close(self) -> None:
        """End its sessions."""
        for session in self._sessions.values():
            session.close()

    def _handles(self, kind: str, count: int) -> list[str]:
        admin = self._session(None)
        put = _KEPT if kind == "done" else kind
        found: list[str] = value(admin, f"SELECT {put} FROM generate_series(1, %s)", count)
        if kind == "done":
            admin.execute("SELECT gman_complete(handle) FROM unnest(%s::text[]) AS handle", (found,))
        return found

    def _session(self, role: str | None) -> Session:
        if role not in self._sessions:
            self._sessions[role] = self._database.connect(role)
        return self._sessions[role]


def _processor_seconds(session: Session) -> float:
    text = Path(f"/proc/{session.info.backend_pid}/schedstat").read_text(encoding="ascii")
    return int(text.split()[0]) / 1e9


def _measure(sides: tuple[Side, Side], case: Case, rounds: int, count: int) -> tuple[float, float, float]:
    """Return microseconds a job in the other checkout, here, and the median of the ratios."""
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for which in (0, 1) if number % 2 else (1, 0):
            found[which].append(sides[which].seconds(case, count))
    jobs = (count - 1) * (_MANY if case.in_one else 1)
    other, ours = (1e6 * statistics.median(part) / jobs for part in found)
    return other, ours, statistics.median(one / before for before, one in zip(*found, strict=True))


def _build_other(folder: Path, output: Path) -> None:
    command: list[str | Path] = [sys.executable, "-m", "gearbridge.extension", "build", "--output", output]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--rounds", default=9, show_default=True, help="Pairs of measurements of a statement.")
@click.option("--calls", default=200, show_default=True, help="Statements in each measurement.")
@click.option("--only", default="", help="Only the cases with this in their name.")
@click.option("--postgresql", help="The folder of the programs of the PostgreSQL to run.")
def main(folder: Path, rounds: int, calls: int, only: str, postgresql: str | None) -> None:
    """Measure and print a line for each case: microseconds in FOLDER, and here, and their ratio."""
    source = read_installation(Path(postgresql)) if postgresql else find_installation()
    with ExitStack() as stack:
        clusters = [stack.enter_context(TemporaryCluster(_SETTINGS, source)) for _ in range(2)]
        _build_other(folder, clusters[0].installation.extensions)
        build(clusters[1].installation.extensions)
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(GearbridgeServer(place, "--store", "memory:"))
        sides = Side(clusters[0], server), Side(clusters[1], server)
        for side in sides:
            stack.callback(side.close)
        click.echo(f"{'us a job':52} {'there':>8} {'here':>8}  ratio")
        for case in _cases():
            name = f"{case.name} ({case.role or 'superuser'})"
            if only not in name:
                continue
            try:
                other, ours, ratio = _measure(sides, case, rounds, max(2, calls // 50) if case.in_one else calls)
            except psycopg.Error as error:
                click.echo(f"{name:52} {str(error).splitlines()[0]}")
                continue
            over = "" if ratio <= 1 + case.allowed / 100 else f"  over {1 + case.allowed / 100:.2f}"
            click.echo(f"{name:52} {other:8.1f} {ours:8.1f} {ratio:6.3f}{over}")


if __name__ == "__main__":
    main()
