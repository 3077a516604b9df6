"""Jobs from SQL: what a worker gets, what comes back, and which error tells what went wrong."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import errors

from gearbridge.errors import JobException, JobFailed
from tests.fixtures.postgres import value
from tests.fixtures.processes import PATIENCE, wait_until
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from gearbridge.client.job import Job
    from tests.fixtures.job_server import JobServer
    from tests.fixtures.postgres import Session

BYTES = bytes(range(256))
HOSTILE = "'; DROP TABLE x; -- \" $$ $python$ % %s \\ \\\\ \n\r\t line é € 🐘 \u202e"


def echo(job: Job) -> bytes:
    return job.payload


def test_a_foreground_job_gives_its_result_in_the_type_of_its_payload(
    direct: Session, shared_job_server: JobServer
) -> None:
    seen: list[bytes] = []

    def keep(job: Job) -> bytes:
        seen.append(job.payload)
        return job.payload[::-1]

    with working(shared_job_server.address, keep=keep):
        assert value(direct, "SELECT gman_do('keep', 'hello')") == "olleh"
        assert value(direct, "SELECT pg_typeof(gman_do('keep', 'hello'))::text") == "text"
        assert value(direct, "SELECT gman_do('keep', '\\x00ff'::bytea)") == b"\xff\x00"
        assert value(direct, "SELECT gman_do(function => 'keep', payload => 'a', unique_key => 'k')") == "a"
        assert value(direct, "SELECT gman_do('keep', '1'::jsonb)") == "1"
        assert value(direct, "SELECT pg_typeof(gman_do('keep', '1'::jsonb))::text") == "text"
        value(direct, "SELECT gman_do('keep', jsonb_build_object('key', 1))")
    assert seen[:4] == [b"hello", b"hello", b"\x00\xff", b"a"]
    assert json.loads(seen[-1]) == {"key": 1}


@pytest.mark.parametrize("payload", [HOSTILE, "x" * 1_000_000], ids=["hostile", "1 MB"])
def test_text_arrives_as_utf8_and_comes_back(direct: Session, shared_job_server: JobServer, payload: str) -> None:
    def check(job: Job) -> bytes:
        assert job.payload == payload.encode()
        return job.payload

    with working(shared_job_server.address, check=check):
        assert value(direct, "SELECT gman_do('check', %s)", payload) == payload


@pytest.mark.parametrize("payload", [b"", BYTES, BYTES * 4096, BYTES * 80_000], ids=["empty", "256 B", "1 MB", "20 MB"])
def test_bytes_arrive_and_come_back_as_they_are(direct: Session, shared_job_server: JobServer, payload: bytes) -> None:
    with working(shared_job_server.address, echo=echo):
        assert value(direct, "SELECT gman_do('echo', %s::bytea)", payload) == payload


def test_an_empty_result_is_null_for_text_as_in_pggearman(direct: Session, shared_job_server: JobServer) -> None:
    with working(shared_job_server.address, echo=echo):
        assert value(direct, "SELECT gman_do('echo', '') IS NULL")
        assert value(direct, "SELECT gman_do('echo', ''::bytea)") == b""


def test_data_sent_ahead_is_the_beginning_and_a_warning_is_a_warning(
    direct: Session, shared_job_server: JobServer
) -> None:
    def talk(job: Job) -> str:
        job.send_data("one, ")
        job.send_warning("not much \xe9".encode() + b"\0\xff left")
        job.send_data("two, ")
        return "three"

    notices: list[tuple[str | None, str | None]] = []
    direct.add_notice_handler(lambda notice: notices.append((notice.severity, notice.message_primary)))
    with working(shared_job_server.address, talk=talk):
        assert value(direct, "SELECT gman_do('talk', '')") == "one, two, three"
    assert notices == [("WARNING", "not much é\\x00\\xff left")]


def test_a_failed_job_and_an_exception_are_two_errors(direct: Session, shared_job_server: JobServer) -> None:
    def fail(_: Job) -> bytes:
        raise JobFailed("", "no")

    def explode(_: Job) -> bytes:
        raise JobException("", "no such picture: é\0".encode())

    with working(shared_job_server.address, fail=fail, explode=explode):
        with pytest.raises(psycopg.Error) as failed:
            value(direct, "SELECT gman_do('fail', '')")
        assert failed.value.sqlstate == "GB001"
        assert "worker's log" in (failed.value.diag.message_hint or "")
        with pytest.raises(psycopg.Error) as exploded:
            value(direct, "SELECT gman_do('explode', '')")
        assert exploded.value.sqlstate == "GB002"
        assert exploded.value.diag.message_primary == "gearbridge: no such picture: é\\x00"


def test_plpgsql_can_catch_them(direct: Session, shared_job_server: JobServer) -> None:
    def fail(_: Job) -> bytes:
        raise JobFailed("", "no")

    direct.execute("""
        CREATE FUNCTION pg_temp.careful() RETURNS text LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM gman_do('fail', '');
            RETURN 'done';
        EXCEPTION
            WHEN SQLSTATE 'GB001' THEN RETURN 'failed, as expected';
        END $$
    """)
    with working(shared_job_server.address, fail=fail):
        assert value(direct, "SELECT pg_temp.careful()") == "failed, as expected"


@pytest.mark.parametrize("result", [b"\xff", b"a\0b"], ids=["not UTF-8", "NUL"])
def test_a_result_that_is_no_text_points_to_bytea(direct: Session, shared_job_server: JobServer, result: bytes) -> None:
    with working(shared_job_server.address, odd=lambda _: result):
        with pytest.raises(errors.CharacterNotInRepertoire) as caught:
            value(direct, "SELECT gman_do('odd', '')")
        assert "as bytea" in (caught.value.diag.message_hint or "")
        assert value(direct, "SELECT gman_do('odd', ''::bytea)") == result


@pytest.mark.parametrize(
    "call",
    [f"gman_do{priority}{kind}" for priority in ("", "_high", "_low") for kind in ("", "_background")],
)
@pytest.mark.parametrize("payload", ["text", "bytea", "jsonb"])
def test_null_is_refused_in_pggearmans_words(direct: Session, call: str, payload: str) -> None:
    with pytest.raises(errors.NullValueNotAllowed, match="gearman function cannot be NULL"):
        value(direct, f"SELECT {call}(NULL, '1'::{payload})")
    with pytest.raises(errors.NullValueNotAllowed, match="gearman payload cannot be NULL"):
        value(direct, f"SELECT {call}('f', NULL::{payload})")


def test_a_function_without_a_name_is_refused(direct: Session) -> None:
    with pytest.raises(errors.InvalidParameterValue, match="function name"):
        value(direct, "SELECT gman_do_background('', 'x')")
    assert value(direct, "SELECT gman_ping() IS NOT NULL")


def test_a_background_job_is_followed_from_waiting_to_gone(direct: Session, shared_job_server: JobServer) -> None:
    going, finish = threading.Event(), threading.Event()

    def slow(job: Job) -> bytes:
        job.send_status(1, 4)
        going.set()
        assert finish.wait(PATIENCE)
        return b""

    handle = value(direct, "SELECT gman_do_background('slow', 'x')")
    row = "SELECT row_to_json(s) FROM gman_status(%s) AS s"
    nothing = {"numerator": 0, "denominator": 0, "percentage": None, "waiting_clients": None}
    waiting = {"known": True, "running": False, **nothing}
    gone = {"known": False, "running": False, **nothing}
    assert value(direct, row, handle) == waiting
    with working(shared_job_server.address, slow=slow):
        assert going.wait(PATIENCE)
        running = {**waiting, "running": True, "numerator": 1, "denominator": 4, "percentage": 25}
        wait_until(lambda: value(direct, row, handle) == running)
        finish.set()
        wait_until(lambda: value(direct, row, handle) == gone)


def test_the_status_of_null_is_a_row_of_nulls(direct: Session) -> None:
    assert direct.execute("SELECT * FROM gman_status(NULL)").fetchall() == [(None,) * 6]


def test_one_unique_key_is_one_job(direct: Session, shared_job_server: JobServer) -> None:
    submit = "SELECT gman_do_background('unique', %s, %s)"
    first = value(direct, submit, "a", "key")
    assert value(direct, submit, "b", "key") == first
    assert value(direct, submit, "b", None) != first
    done: list[bytes] = []

    def keep(job: Job) -> bytes:
        done.append(job.payload)
        return b""

    with working(shared_job_server.address, unique=keep):
        wait_until(lambda: len(done) == 2)
    assert sorted(done) == [b"a", b"b"]


@pytest.mark.parametrize(
    ("literal", "payload"), [("'x'", b"x"), ("'\\x0041'::bytea", b"\0A"), ("'[1]'::jsonb", b"[1]")]
)
def test_background_payloads_of_every_type_arrive(
    direct: Session, shared_job_server: JobServer, literal: str, payload: bytes
) -> None:
    arrived: list[bytes] = []
    value(direct, f"SELECT gman_do_background('typed', {literal})")
    with working(shared_job_server.address, typed=lambda job: arrived.append(job.payload)):
        wait_until(lambda: arrived == [payload])


def test_one_statement_submits_a_job_for_each_row(direct: Session, shared_job_server: JobServer) -> None:
    arrived: list[bytes] = []
    query = "SELECT count(DISTINCT gman_do_background('each', n::text)) FROM generate_series(1, 500) AS n"
    assert value(direct, query) == 500
    with working(shared_job_server.address, each=lambda job: arrived.append(job.payload)):
        wait_until(lambda: len(arrived) == 500)
    assert sorted(map(int, arrived)) == list(range(1, 501))


def test_rollback_does_not_take_a_job_back(direct: Session, shared_job_server: JobServer) -> None:
    with direct.transaction(force_rollback=True):
        handle = value(direct, "SELECT gman_do_background('rolled_back', 'x')")
    assert value(direct, "SELECT known FROM gman_status(%s)", handle)
    with working(shared_job_server.address, rolled_back=echo):
        wait_until(lambda: not value(direct, "SELECT known FROM gman_status(%s)", handle))


def test_a_trigger_submits(direct: Session, shared_job_server: JobServer) -> None:
    arrived: list[bytes] = []
    direct.execute("CREATE TEMP TABLE account (name text)")
    direct.execute("""
        CREATE FUNCTION pg_temp.welcome() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM gman_do_background('welcome', to_jsonb(new));
            RETURN new;
        END $$
    """)
    direct.execute("CREATE TRIGGER w AFTER INSERT ON account FOR EACH ROW EXECUTE FUNCTION pg_temp.welcome()")
    direct.execute("INSERT INTO account VALUES ('Ada')")
    with working(shared_job_server.address, welcome=lambda job: arrived.append(job.payload)):
        wait_until(lambda: arrived == [b'{"name": "Ada"}'])
