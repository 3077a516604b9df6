"""Waits inside PostgreSQL: they can be cancelled, they have limits, and the next call starts clean."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import errors

from gearbridge.client.client import Client
from tests.fixtures.postgres import value
from tests.fixtures.processes import PATIENCE, wait_until
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fixtures.job_server import JobServer
    from tests.fixtures.postgres import Database, Session


@pytest.fixture
def deaf() -> Iterator[socket.socket]:
    """A server that takes connections and never says a word. It goes away after a while, lest a test waits for ever."""
    with socket.create_server(("127.0.0.1", 0)) as server, _given_up(lambda: server.shutdown(socket.SHUT_RDWR)):
        yield server


@contextlib.contextmanager
def _given_up(what: Callable[[], object]) -> Iterator[None]:
    """Do `what` when the block takes longer than a test should: a wait that hears nothing then ends as a failure."""
    timer = threading.Timer(PATIENCE, what)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def address_of(server: socket.socket) -> str:
    host, port = server.getsockname()
    return f"{host}:{port}"


CALLS = ["gman_do('f', 'x')", "gman_do_background('f', 'x')", "gman_status('H:1')", "gman_ping()"]


@pytest.mark.parametrize("call", CALLS)
def test_statement_timeout_ends_every_wait(session: Session, deaf: socket.socket, call: str) -> None:
    value(session, "SELECT gman_servers_set(%s)", address_of(deaf))
    session.execute("SET statement_timeout = '100ms'")
    for _ in range(2):
        with pytest.raises(errors.QueryCanceled, match="statement timeout"):
            value(session, f"SELECT {call}")


def test_after_a_timeout_the_next_call_works_and_gets_its_own_reply(
    direct: Session, shared_job_server: JobServer
) -> None:
    direct.execute("SET statement_timeout = '100ms'")
    with _given_up(shared_job_server.kill):
        for _ in range(3):
            with pytest.raises(errors.QueryCanceled, match="statement timeout"):
                value(direct, "SELECT gman_do('nobody_does_this', 'x')")
    direct.execute("RESET statement_timeout")
    with working(shared_job_server.address, upper=lambda job: job.payload.upper()):
        assert value(direct, "SELECT gman_do('upper', 'ok')") == "OK"


def test_pg_cancel_backend_ends_a_wait(
    direct: Session, shared_database: Database, shared_job_server: JobServer
) -> None:
    backend = direct.info.backend_pid
    outcome: list[BaseException] = []

    def wait() -> None:
        try:
            value(direct, "SELECT gman_do('cancelled', 'x')")
        except psycopg.Error as error:
            outcome.append(error)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    with Client(shared_job_server.address) as client, shared_database.connect() as other:
        wait_until(lambda: any(line.startswith("cancelled\t1") for line in client.admin("status")))
        assert value(other, "SELECT pg_cancel_backend(%s)", backend)
    thread.join(PATIENCE)
    assert isinstance(outcome[0], errors.QueryCanceled)
    assert "user request" in str(outcome[0])
    assert value(direct, "SELECT gman_ping() IS NOT NULL")


def test_pg_terminate_backend_ends_a_wait(
    direct: Session, shared_database: Database, shared_job_server: JobServer
) -> None:
    backend = direct.info.backend_pid
    outcome: list[BaseException] = []

    def wait() -> None:
        try:
            value(direct, "SELECT gman_do('terminated', 'x')")
        except psycopg.Error as error:
            outcome.append(error)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    with Client(shared_job_server.address) as client, shared_database.connect() as other:
        wait_until(lambda: any(line.startswith("terminated\t1") for line in client.admin("status")))
        assert value(other, "SELECT pg_terminate_backend(%s)", backend)
    thread.join(PATIENCE)
    assert isinstance(outcome[0], errors.AdminShutdown)


@pytest.mark.parametrize("call", ["gman_do('f', 'x')", "gman_do_background('f', 'x')", "gman_ping()"])
def test_a_server_that_does_not_answer_is_given_up(session: Session, deaf: socket.socket, call: str) -> None:
    value(session, "SELECT gman_servers_set(%s)", address_of(deaf))
    session.execute("SET gearbridge.reply_timeout = '50ms'")
    with pytest.raises(psycopg.Error, match="did not answer in time") as caught:
        value(session, f"SELECT {call}")
    assert caught.value.sqlstate == "GB004"
    assert "gearbridge.reply_timeout" in (caught.value.diag.message_hint or "")


def test_a_setting_that_was_just_changed_counts(session: Session, deaf: socket.socket) -> None:
    value(session, "SELECT gman_servers_set(%s)", address_of(deaf))
    session.execute("SET statement_timeout = '2s'")
    for reply_timeout, sqlstate in [("1h", "57014"), ("30", "GB004"), ("0", "57014"), ("0.05 s", "GB004")]:
        session.execute(f"SET gearbridge.reply_timeout = '{reply_timeout}'".encode())
        with pytest.raises(psycopg.Error) as caught:
            value(session, "SELECT gman_do_background('f', 'x')")
        assert (reply_timeout, caught.value.sqlstate) == (reply_timeout, sqlstate)


def test_the_reply_timeout_is_no_limit_for_the_job(direct: Session, shared_job_server: JobServer) -> None:
    finish = threading.Event()
    direct.execute("SET gearbridge.reply_timeout = '50ms'")

    def slow(_: object) -> str:
        # The caller's limit passes many times while we hold its job.
        finish.wait(0.3)
        return "done"

    with working(shared_job_server.address, slow=slow):
        assert value(direct, "SELECT gman_do('slow', 'x')") == "done"


def test_a_server_that_takes_no_connection_is_given_up(session: Session) -> None:
    # A full queue of connections that nobody accepts: Linux lets further ones wait.
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(2):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(full.getsockname())
        value(session, "SELECT gman_servers_set(%s)", address_of(full))
        session.execute("SET gearbridge.connect_timeout = '50ms'")
        with pytest.raises(psycopg.Error, match=r"no answer within 0\.05 s") as caught:
            value(session, "SELECT gman_ping()")
        assert caught.value.sqlstate == "08001"
        session.execute("SET gearbridge.connect_timeout = '1h'")
        session.execute("SET statement_timeout = '100ms'")
        with pytest.raises(errors.QueryCanceled):
            value(session, "SELECT gman_do_background('f', 'x')")


@pytest.mark.parametrize("setting", ["gearbridge.connect_timeout", "gearbridge.reply_timeout"])
@pytest.mark.parametrize("nonsense", ["soon", "-1", "5 parsecs"])
def test_a_setting_that_is_no_time_says_so(direct: Session, setting: str, nonsense: str) -> None:
    direct.execute(f"SET {setting} = '{nonsense}'".encode())
    with pytest.raises(errors.InvalidParameterValue, match=f'invalid value for setting "{setting}": "{nonsense}"'):
        value(direct, "SELECT gman_ping()")
    direct.execute(f"RESET {setting}".encode())
    assert value(direct, "SELECT gman_ping() IS NOT NULL")


def test_a_background_call_that_is_answered_at_once_asks_in_whose_name_and_no_more(direct: Session) -> None:
    # Each statement costs time in every call. On a busy machine a call may have to wait: of many, some need not.
    counts: list[str | None] = []
    direct.add_notice_handler(lambda notice: counts.append(notice.message_primary))
    value(direct, "SELECT gman_ping() IS NOT NULL")
    direct.execute("""
        DO LANGUAGE plpython3u $$
        run, queries = plpy.execute, []
        plpy.execute = lambda *query: queries.append(query) or run(*query)
        asked = []
        for _ in range(200):
            before = len(queries)
            GD["gearbridge"].do_background("f", "x", None)
            asked.append(len(queries) - before)
        GD["gearbridge"].ping()
        plpy.execute = run
        plpy.notice(f"{min(asked)}, then {len(queries) > sum(asked)}")
        $$
    """)
    assert counts == ["1, then True"]
