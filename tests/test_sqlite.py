"""The gman_* functions on an SQLite connection, against real servers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest

import gearbridge.sqlite
from gearbridge import ConfigurationError, Job, JobException, JobFailed, ReplyTimeout, ServersUnreachable
from gearbridge.wire import commands as c
from gearbridge.wire.packets import request, response
from tests.client.scripted import Scripted
from tests.fixtures.processes import PATIENCE, free_port, wait_until
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gearbridge.sqlite.functions import Functions
    from tests.fixtures.job_server import JobServer


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(":memory:", check_same_thread=False)) as connection:
        yield connection


@pytest.fixture
def functions(db: sqlite3.Connection, shared_job_server: JobServer) -> Functions:
    return gearbridge.sqlite.register(db, shared_job_server.address, timeout=PATIENCE)


def one(db: sqlite3.Connection, statement: str, *values: object) -> object:
    (value,) = db.execute(statement, values).fetchone()
    return value


def reverse(job: Job) -> bytes:
    return job.payload[::-1]


def test_gman_do_keeps_the_payloads_type(
    db: sqlite3.Connection, functions: Functions, shared_job_server: JobServer
) -> None:
    with working(shared_job_server.address, reverse=reverse):
        assert one(db, "SELECT gman_do('reverse', 'hello')") == "olleh"
        assert one(db, "SELECT gman_do('reverse', ?)", b"\0\xff\n") == b"\n\xff\0"
        assert one(db, "SELECT gman_do('reverse', 123)") == "321"
        assert one(db, "SELECT gman_do('reverse', 1.5)") == "5.1"
        assert one(db, "SELECT gman_do('reverse', 'ab', 'a key')") == "ba"
        assert one(db, "SELECT gman_do('reverse', '')") is None  # as in PostgreSQL
        assert one(db, "SELECT gman_do('reverse', x'')") == b""


def test_the_walkthrough(db: sqlite3.Connection, functions: Functions, shared_job_server: JobServer) -> None:
    handle = one(db, "SELECT gman_do_background('resize', ?, 'picture-7')", "x")
    assert one(db, "SELECT gman_do_background('resize', ?, 'picture-7')", "y") == handle
    assert json.loads(str(one(db, "SELECT gman_status(?)", handle))) == {
        "known": True,
        "running": False,
        "numerator": 0,
        "denominator": 0,
        "percentage": None,
    }
    shown: list[object] = []

    def resize(job: Job) -> None:
        job.send_status(1, 4)
        wait_until(lambda: shown)

    with working(shared_job_server.address, resize=resize):
        wait_until(lambda: one(db, "SELECT gman_status(?) ->> 'percentage'", handle) == 25.0)
        shown.append(one(db, "SELECT gman_status(?) ->> 'running'", handle))
        wait_until(lambda: not one(db, "SELECT gman_status(?) ->> 'known'", handle))
    assert shown == [1]
    assert one(db, "SELECT gman_status(NULL)") is None


def test_a_trigger_submits(db: sqlite3.Connection, functions: Functions, shared_job_server: JobServer) -> None:
    db.executescript(
        """
        CREATE TABLE picture (id INTEGER PRIMARY KEY, handle TEXT);
        CREATE TRIGGER submit AFTER INSERT ON picture BEGIN
            UPDATE picture SET handle = gman_do_background('triggered', json_object('id', new.id)) WHERE id = new.id;
        END;
        """
    )
    db.executemany("INSERT INTO picture (id) VALUES (?)", [(1,), (2,)])
    done: list[bytes] = []
    with working(shared_job_server.address, triggered=lambda job: done.append(job.payload)):
        wait_until(lambda: len(done) == 2)
    assert done == [b'{"id":1}', b'{"id":2}']
    assert one(db, "SELECT count(DISTINCT handle) FROM picture") == 2


def test_many_calls_in_one_statement(db: sqlite3.Connection, functions: Functions) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)"
    assert one(db, f"{numbers} SELECT count(DISTINCT gman_do_background('many', i)) FROM n") == 500


def test_servers(db: sqlite3.Connection, shared_job_server: JobServer) -> None:
    functions = gearbridge.sqlite.register(db)
    assert one(db, "SELECT gman_servers()") is None
    with pytest.raises(sqlite3.OperationalError):
        db.execute("SELECT gman_ping()")
    assert one(db, "SELECT gman_last_error()") == ("no job server is set: SELECT gman_servers_set('127.0.0.1:4730')")
    assert one(db, "SELECT gman_servers_set(?)", f" {shared_job_server.address}, other") == 1
    assert one(db, "SELECT gman_servers()") == f"{shared_job_server.address},other:4730"
    assert 0 <= float(str(one(db, "SELECT gman_ping()"))) < PATIENCE
    for wrong in (None, 7, "host:port"):
        with pytest.raises(ConfigurationError), functions.errors():
            db.execute("SELECT gman_servers_set(?)", [wrong])
    assert one(db, "SELECT gman_servers()") == f"{shared_job_server.address},other:4730"  # as it was
    with pytest.raises(ConfigurationError):
        gearbridge.sqlite.register(db, "")


def test_an_error_can_be_had_in_three_ways(db: sqlite3.Connection, caplog: pytest.LogCaptureFixture) -> None:
    dead = f"127.0.0.1:{free_port()}"
    functions = gearbridge.sqlite.register(db, dead)
    said = f"no job server can be reached: {dead} (Connection refused)"
    assert one(db, "SELECT gman_last_error()") is None
    with pytest.raises(sqlite3.OperationalError, match="user-defined function raised exception"):
        db.execute("SELECT gman_do_background('f', 'x')")
    assert one(db, "SELECT gman_last_error()") == said
    assert [record.getMessage() for record in caplog.records] == [f"gman_do_background: {said}"]
    with pytest.raises(ServersUnreachable) as caught, functions.errors():
        db.execute("SELECT gman_do('f', 'x')")
    assert str(caught.value) == said
    with pytest.raises(sqlite3.OperationalError, match="no such table"), functions.errors():
        db.execute("SELECT * FROM nowhere")


def test_a_job_that_fails(db: sqlite3.Connection, functions: Functions, shared_job_server: JobServer) -> None:
    def fail(job: Job) -> None:
        raise JobFailed(job.handle, "no luck") if job.payload == b"fail" else ValueError("bad value")

    with working(shared_job_server.address, fail=fail, raw=lambda job: b"\xff"):
        with pytest.raises(JobFailed), functions.errors():
            db.execute("SELECT gman_do('fail', 'fail')")
        with pytest.raises(JobException, match="ValueError: bad value"), functions.errors():
            db.execute("SELECT gman_do('fail', 'raise')")
        with pytest.raises(ValueError, match="give the payload as a BLOB"), functions.errors():
            db.execute("SELECT gman_do('raw', 'x')")
        assert one(db, "SELECT gman_do('raw', x'')") == b"\xff"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("gman_do(NULL, 'x')", "gearman function cannot be NULL"),
        ("gman_do_background('f', NULL)", "gearman payload cannot be NULL"),
        ("gman_do_background('', 'x')", "a function name cannot be empty"),
    ],
)
def test_bad_arguments(db: sqlite3.Connection, functions: Functions, call: str, said: str) -> None:
    with pytest.raises(ValueError, match=said), functions.errors():
        db.execute(f"SELECT {call}")


def test_a_timeout(db: sqlite3.Connection, shared_job_server: JobServer) -> None:
    functions = gearbridge.sqlite.register(db, shared_job_server.address, timeout=0.05)
    with pytest.raises(ReplyTimeout, match=r"was not done within 0\.05 s"), functions.errors():
        db.execute("SELECT gman_do('nobody_does_this', 'x')")


def test_interrupt_ends_a_wait_and_the_next_call_starts_clean(
    db: sqlite3.Connection, functions: Functions, shared_job_server: JobServer
) -> None:
    def interrupt() -> None:
        wait_until(lambda: "interrupted_f\t1\t0\t0" in shared_job_server.admin("status"))
        db.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(sqlite3.OperationalError, match="interrupted"), functions.errors():
        db.execute("SELECT gman_do('interrupted_f', 'x')")
    thread.join(PATIENCE)
    assert one(db, "SELECT gman_ping() >= 0") == 1


def test_ctrl_c_ends_a_wait(db: sqlite3.Connection, functions: Functions, shared_job_server: JobServer) -> None:
    def interrupt() -> None:
        wait_until(lambda: "ctrl_c_f\t1\t0\t0" in shared_job_server.admin("status"))
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        thread.start()
        with pytest.raises(KeyboardInterrupt), functions.errors():
            db.execute("SELECT gman_do('ctrl_c_f', 'x')")
    finally:
        signal.signal(signal.SIGINT, before)
    thread.join(PATIENCE)
    assert one(db, "SELECT gman_ping() >= 0") == 1


def test_a_rollback_does_not_take_a_job_back(tmp_path: Path, shared_job_server: JobServer) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "app.db")) as db:
        gearbridge.sqlite.register(db, shared_job_server.address)
        db.execute("CREATE TABLE t (handle)")
        db.execute("INSERT INTO t VALUES (gman_do_background('rolled_back', 'x'))")
        handle = one(db, "SELECT handle FROM t")
        db.rollback()
        assert one(db, "SELECT count(*) FROM t") == 0
        assert one(db, "SELECT gman_status(?) ->> 'known'", handle) == 1


def test_closing_the_database_closes_the_connections_to_the_servers() -> None:
    with Scripted() as server:
        db = sqlite3.connect(":memory:", check_same_thread=False)
        gearbridge.sqlite.register(db, server.address)
        thread = threading.Thread(target=lambda: one(db, "SELECT gman_ping()"))
        thread.start()
        peer = server.accept()
        assert peer.recv(4096) == request(c.ECHO_REQ, b"gearbridge")
        peer.sendall(response(c.ECHO_RES, b"gearbridge"))
        thread.join(PATIENCE)
        db.close()
        assert peer.recv(4096) == b""


def test_close_and_call_again(db: sqlite3.Connection, functions: Functions) -> None:
    one(db, "SELECT gman_ping()")
    functions.close()
    assert one(db, "SELECT gman_ping() >= 0") == 1
    again = gearbridge.sqlite.register(db, str(one(db, "SELECT gman_servers()")))
    assert one(db, "SELECT gman_ping() >= 0") == 1
    again.close()


def test_what_was_enqueued_here_is_told_by_the_table_without_a_server(tmp_path: Path) -> None:
    finish = threading.Event()

    def slow(job: Job) -> bytes:
        job.send_status(1, 4)
        assert finish.wait(PATIENCE)
        return b"done"

    file = tmp_path / "app.db"
    with (
        GearbridgeServer(tmp_path, "--store", f"sqlite:///{file}") as server,
        contextlib.closing(sqlite3.connect(file, isolation_level=None)) as db,
    ):
        gearbridge.sqlite.register(db)
        db.row_factory = sqlite3.Row
        handle = gearbridge.enqueue(db, "f", "four", unique_key="key", priority="low", max_attempts=3, keep_result=True)
        job = json.loads(str(one(db, "SELECT gman_job(?)", handle)))
        asked = ("handle", "function", "unique_key", "priority", "state", "attempts", "max_attempts", "payload_size")
        assert [job[name] for name in asked] == [handle, "f", "key", "low", "ready", 0, 3, 4]
        assert one(db, "SELECT gman_job('S:0')") is None
        gone = {"known": False, "running": False, "numerator": 0, "denominator": 0, "percentage": None}
        assert json.loads(str(one(db, "SELECT gman_status(?)", handle))) == {**gone, "known": True}
        with working(server.address, f=slow):
            running = {"known": True, "running": True, "numerator": 1, "denominator": 4, "percentage": 25}
            wait_until(lambda: json.loads(str(one(db, "SELECT gman_status(?)", handle))) == running)
            finish.set()
            wait_until(lambda: json.loads(str(one(db, "SELECT gman_status(?)", handle))) == gone)
        assert one(db, "SELECT gman_job(?) ->> 'state'", handle) == "done"
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        functions = gearbridge.sqlite.register(db)
        with pytest.raises(ConfigurationError, match="no job table"), functions.errors():
            one(db, "SELECT gman_job('S:1')")
