"""SQL written for pggearman and for the MySQL functions runs unchanged; no argument breaks out of its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg import errors

from tests.fixtures.postgres import value
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from gearbridge import Job
    from tests.fixtures.job_server import JobServer
    from tests.fixtures.postgres import Session


def test_pggearman_as_its_readme_calls_it(session: Session, shared_job_server: JobServer) -> None:
    """Servers from host and port, all six functions of (text, text), the handle into a variable."""
    host, port = shared_job_server.address.split(":")
    session.execute(
        f"""
        DO $$
        DECLARE
            host text := '{host}';
            port integer := {port};
            handle text;
        BEGIN
            PERFORM gman_servers_set(host || ':' || port);
            handle := gman_do_background('old_task', '{{"id": 7}}');
            IF handle NOT LIKE 'H:%' THEN
                RAISE EXCEPTION 'no handle: %', handle;
            END IF;
        END
        $$
    """.encode()
    )
    with working(shared_job_server.address, old_upper=lambda job: job.payload.upper(), old_empty=lambda _: b""):
        for function in ("gman_do", "gman_do_high", "gman_do_low"):
            assert value(session, f"SELECT {function}('old_upper', 'text')") == "TEXT"
            assert value(session, f"SELECT {function}('old_empty', 'text')") is None
        for function in ("gman_do_background", "gman_do_high_background", "gman_do_low_background"):
            assert value(session, f"SELECT {function}('old_task', 'text'::varchar)").startswith("H:")


def test_pggearmans_parameter_names_the_servers(session: Session, shared_job_server: JobServer) -> None:
    session.execute(f"SET pggearman.default_servers = '{shared_job_server.address}'".encode())
    assert value(session, "SELECT gman_do_background('old_task', 'x')")


def test_pggearmans_null_arguments(direct: Session) -> None:
    """Servers: NULL for NULL. A NULL function or workload is an error, and one of the transaction."""
    assert value(direct, "SELECT gman_servers_set(NULL)") is None
    with pytest.raises(errors.NullValueNotAllowed, match="gearman function cannot be NULL"):
        value(direct, "SELECT gman_do(NULL, 'x')")
    with pytest.raises(errors.NullValueNotAllowed, match="cannot be NULL"):
        value(direct, "SELECT gman_do_background('f', NULL)")


def test_the_mysql_functions_as_their_readme_calls_them(session: Session, shared_job_server: JobServer) -> None:
    """Three arguments, servers for one function, and the aggregate that adds what C's atoi reads."""
    assert value(session, "SELECT gman_servers_set(%s)", shared_job_server.address) is True
    assert value(session, "SELECT gman_servers_set(%s, 'old_length')", shared_job_server.address) is True

    def length(job: Job) -> str:
        return f"{len(job.payload)} characters"

    with working(shared_job_server.address, old_length=length, old_reverse=lambda job: job.payload[::-1]):
        assert value(session, "SELECT gman_do('old_reverse', word) FROM (VALUES ('abc')) AS t (word)") == "cba"
        assert value(session, "SELECT gman_do_high('old_reverse', 'abc', 'unique')") == "cba"
        assert value(session, "SELECT gman_sum('old_length', word) FROM (VALUES ('one'), ('three')) AS t (word)") == 8
    assert value(session, "SELECT gman_do_low_background('old_task', 'abc', 'unique')")


HOSTILE = [
    "it's", '"quoted"', "$$dollar$$ $function$ $python$", "100%s %d %%", "back\\slash \\x41 \\", "line\nfeed\r\ttab",
    "'; DROP SCHEMA gearbridge CASCADE; --", "caf\u00e9 \u65e5\u672c \U0001f600", "{braces} {0}", "@extschema@",
    "#comment", "' || x || '",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_and_payloads_arrive_as_they_are(
    direct: Session, shared_job_server: JobServer, text: str
) -> None:
    seen: list[tuple[bytes, bytes, bytes | None]] = []

    def note(job: Job) -> bytes:
        seen.append((job.function.encode(), job.payload, job.unique_key.encode() if job.unique_key else None))
        return job.payload

    with working(shared_job_server.address, **{text: note}):
        assert value(direct, "SELECT gman_do(%s, %s, %s)", text, text, text) == text
        assert value(direct, "SELECT gman_do_all(%s, %s::text[])", text, [text]) == [text]
        binary = text.encode() + bytes(range(256))
        assert value(direct, "SELECT gman_do(%s, %s)", text, binary) == binary
    octets = text.encode()
    assert [one[:2] for one in seen] == [(octets, octets), (octets, octets), (octets, binary)]
    assert seen[0][2] == octets


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_granted_and_confined_as_they_are(session: Session, text: str) -> None:
    with session.transaction(force_rollback=True):
        session.execute("SELECT gearbridge.grant_submit('public', %s)", (text,))
        session.execute("CREATE ROLE somebody_with_little")
        session.execute("SET LOCAL ROLE somebody_with_little")
        assert value(session, "SELECT gman_enqueue(%s, %s, %s) IS NOT NULL", text, text, text)
        with pytest.raises(errors.InsufficientPrivilege):
            value(session, "SELECT gman_enqueue(%s, '')", text + "x")


@pytest.mark.parametrize("call", ["gman_do({}, 'x')", "gman_do_background('f', 'x', {})", "gman_enqueue({}, 'x')"])
def test_nul_cannot_be_in_text(direct: Session, call: str) -> None:
    with pytest.raises(errors.CharacterNotInRepertoire):
        value(direct, "SELECT " + call.format(r"convert_from('\x6100', 'UTF8')"))
