"""Where the job servers are: setting them, servers that are down, that come back, and that stand by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import errors

from tests.fixtures.postgres import value
from tests.fixtures.processes import free_port, wait_until
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from tests.fixtures.job_server import JobServer
    from tests.fixtures.postgres import Session


def test_servers_are_set_and_shown(session: Session) -> None:
    assert value(session, "SELECT gman_servers()") is None
    assert value(session, "SELECT gman_servers_set('10.0.0.5, [::1]:4731,gearman')") is True
    assert value(session, "SELECT gman_servers()") == "10.0.0.5:4730,[::1]:4731,gearman:4730"
    assert value(session, "SELECT gman_servers_set(NULL)") is None
    assert value(session, "SELECT gman_servers()") == "10.0.0.5:4730,[::1]:4731,gearman:4730"


@pytest.mark.parametrize("servers", ["", " , ", "host:port", "host:0", "host:99999", "[::1", "http://host", "a b"])
def test_what_is_no_list_of_servers_changes_nothing(session: Session, servers: str) -> None:
    value(session, "SELECT gman_servers_set('good:1')")
    with pytest.raises(errors.InvalidParameterValue):
        value(session, "SELECT gman_servers_set(%s)", servers)
    assert value(session, "SELECT gman_servers()") == "good:1"


@pytest.mark.parametrize(
    "call", ["gman_do('f', 'x')", "gman_do_background('f', 'x')", "gman_status('H')", "gman_ping()"]
)
def test_without_servers_the_error_says_what_to_do(session: Session, call: str) -> None:
    with pytest.raises(errors.ObjectNotInPrerequisiteState, match="no job servers are set") as caught:
        value(session, f"SELECT {call}")
    assert "SELECT gman_servers_set('127.0.0.1:4730')" in (caught.value.diag.message_hint or "")


def test_a_server_that_is_down_is_named(session: Session) -> None:
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    value(session, "SELECT gman_servers_set(%s)", ",".join(addresses))
    with pytest.raises(errors.SqlclientUnableToEstablishSqlconnection) as caught:
        value(session, "SELECT gman_do_background('f', 'x')")
    message = caught.value.diag.message_primary or ""
    assert message.startswith("gearbridge: ")
    assert all(address in message for address in addresses)
    assert "Connection refused" in message
    assert "gman_servers_set" in (caught.value.diag.message_hint or "")


def test_a_restarted_server_costs_no_error(session: Session, job_server: JobServer) -> None:
    value(session, "SELECT gman_servers_set(%s)", job_server.address)
    assert value(session, "SELECT gman_do_background('f', 'x')")
    job_server.restart()
    assert value(session, "SELECT gman_do_background('f', 'x')")


def test_a_server_that_comes_back_is_found(session: Session, job_server: JobServer) -> None:
    value(session, "SELECT gman_servers_set(%s)", job_server.address)
    job_server.stop()
    with pytest.raises(errors.SqlclientUnableToEstablishSqlconnection):
        value(session, "SELECT gman_ping()")
    job_server.start()
    assert value(session, "SELECT gman_ping() IS NOT NULL")


def test_a_server_that_dies_during_a_job_is_connection_lost(session: Session, job_server: JobServer) -> None:
    value(session, "SELECT gman_servers_set(%s)", job_server.address)

    def die(_: object) -> None:
        job_server.kill()

    with working(job_server.address, die=die), pytest.raises(errors.ConnectionFailure) as caught:
        value(session, "SELECT gman_do('die', 'x')")
    assert caught.value.sqlstate == "08006"
    assert "may or may not" in (caught.value.diag.message_detail or "")


def test_a_dead_server_is_skipped(session: Session, job_server: JobServer) -> None:
    dead = f"127.0.0.1:{free_port()}"
    value(session, "SELECT gman_servers_set(%s)", f"{dead},{job_server.address}")
    with working(job_server.address, upper=lambda job: job.payload.upper()):
        assert value(session, "SELECT gman_do('upper', 'x')") == "X"
    handle = value(session, "SELECT gman_do_background('f', 'x')")
    assert value(session, "SELECT known FROM gman_status(%s)", handle)


def test_each_session_has_its_own_connection(session: Session, job_server: JobServer) -> None:
    value(session, "SELECT gman_servers_set(%s)", job_server.address)
    value(session, "SELECT gman_ping()")
    mine = len(job_server.admin("workers"))
    value(session, "SELECT count(gman_ping()) FROM generate_series(1, 10)")
    assert len(job_server.admin("workers")) == mine
    session.close()
    wait_until(lambda: len(job_server.admin("workers")) == mine - 1)


def test_what_is_no_gearman_server_is_a_protocol_violation(session: Session) -> None:
    # PostgreSQL's own port answers, in its own protocol, or closes: either way it is an error of class 08.
    value(session, "SELECT gman_servers_set(%s)", f"127.0.0.1:{session.info.port}")
    with pytest.raises(psycopg.Error) as caught:
        value(session, "SELECT gman_ping()")
    assert (caught.value.sqlstate or "").startswith("08")


def test_one_function_may_have_servers_of_its_own(session: Session, job_server: JobServer) -> None:
    """The general server is down, before and after it is set: only the function with its own server gets through."""
    down = f"127.0.0.1:{free_port()}"
    assert value(session, "SELECT gman_servers_set(%s, 'special')", job_server.address) is True
    with pytest.raises(errors.ObjectNotInPrerequisiteState, match="no job servers are set"):
        value(session, "SELECT gman_do_background('f', 'x')")
    handle = value(session, "SELECT gman_do_background('special', 'x', 'key')")
    assert value(session, "SELECT known FROM gman_status(%s)", handle)
    assert value(session, "SELECT known FROM gman_status_by_unique_key('key')")
    value(session, "SELECT gman_servers_set(%s)", down)
    assert value(session, "SELECT gman_servers()") == down
    assert len(value(session, "SELECT gman_do_background_many('special', '{a,b}'::text[])")) == 2
    with working(job_server.address, special=lambda job: job.payload.upper()):
        assert value(session, "SELECT gman_do('special', 'x')") == "X"
        assert value(session, "SELECT gman_do_all('special', '{a,b}'::text[])") == ["A", "B"]
    with pytest.raises(errors.SqlclientUnableToEstablishSqlconnection, match=down):
        value(session, "SELECT gman_do_background('f', 'x')")
    assert value(session, "SELECT gman_servers_set('a:1', NULL)") is None
    with pytest.raises(errors.InvalidParameterValue, match="function name"):
        value(session, "SELECT gman_servers_set('a:1', '')")


@pytest.mark.parametrize("end", ["DISCARD ALL", "RESET ALL"])
def test_what_a_client_of_a_pool_has_set_ends_with_it(session: Session, end: str) -> None:
    value(session, "SELECT gman_servers_set('10.0.0.5')")
    value(session, "SELECT gman_servers_set('10.0.0.6', 'f')")
    session.execute(end.encode())
    assert value(session, "SELECT gman_servers()") is None
    with pytest.raises(errors.ObjectNotInPrerequisiteState, match="no job servers are set"):
        value(session, "SELECT gman_do_background('f', 'x')")
    value(session, "SELECT gman_servers_set('10.0.0.7')")
    assert value(session, "SELECT gman_servers()") == "10.0.0.7:4730"


def test_a_rollback_brings_back_the_servers_of_before(session: Session) -> None:
    value(session, "SELECT gman_servers_set('10.0.0.5')")
    with session.transaction(force_rollback=True):
        value(session, "SELECT gman_servers_set('10.0.0.6')")
        assert value(session, "SELECT gman_servers()") == "10.0.0.6:4730"
    assert value(session, "SELECT gman_servers()") == "10.0.0.5:4730"
