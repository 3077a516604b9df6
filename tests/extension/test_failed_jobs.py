"""Failed jobs in SQL: listed, found, looked into, retried with another payload, discarded, one or many at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import errors

from tests.fixtures.postgres import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gearbridge.extension.cluster import TemporaryCluster
    from tests.fixtures.postgres import Database, Session


@pytest.fixture
def sql(database: Database) -> Iterator[Session]:
    with database.connect() as session:
        yield session


def fail(sql: Session, **columns: Any) -> str:
    """Enqueue a job and have it failed, as a server does; its handle."""
    columns = {"function": "f", "unique_key": "", "payload": b"x", "error": "no disk", "finished": 1000, **columns}
    handle = value(
        sql, "SELECT gman_enqueue(%s, %s::bytea, %s)", columns["function"], columns["payload"], columns["unique_key"]
    )
    sql.execute(
        "UPDATE gearbridge.gearbridge_job SET state = 2, attempts = 3, error = %s, finished = %s WHERE handle = %s",
        (columns["error"], columns["finished"], handle),
    )
    return str(handle)


def found(sql: Session, arguments: str = "") -> list[str]:
    return [row[0] for row in sql.execute(f"SELECT handle FROM gman_failed({arguments})".encode())]


def test_failed_jobs_are_found_by_what_is_known_of_them_the_last_one_first(sql: Session) -> None:
    first = fail(sql, finished=1000, unique_key="key")
    second = fail(sql, finished=2000, function="a\\b", error="No disk")
    third = fail(sql, finished=3000, payload=b'{"user": 7}\xff', error="no user")
    value(sql, "SELECT gman_enqueue('f', 'waits')")
    assert found(sql) == [third, second, first]
    assert found(sql, "'f'") == [third, first]
    assert found(sql, r"'a\b'") == [second]
    assert found(sql, "error => 'no '") == [third, first]
    assert found(sql, "unique_key => 'key'") == [first]
    assert found(sql, """payload => '"user": 7'""") == [third]
    assert found(sql, "since => to_timestamp(2000)") == [third, second]
    assert found(sql, "until => to_timestamp(2000)") == [second, first]
    assert found(sql, "'f', error => 'user', payload => 'user', since => to_timestamp(2500)") == [third]
    assert found(sql, "'f', error => 'Disk'") == found(sql, "'%'") == []
    row = sql.execute("SELECT state, attempts, error, enqueued_by = session_user FROM gman_failed('a\\b')").fetchone()
    assert row == ("failed", 3, "No disk", True)


def test_pages_follow_each_other_whatever_is_retried_in_between(sql: Session) -> None:
    handles = {fail(sql, finished=1000 + number // 4) for number in range(10)}
    seen: list[str] = []
    page = "at_most => 3"
    while rows := sql.execute(f"SELECT handle, finished_at FROM gman_failed({page})".encode()).fetchall():
        seen += [handle for handle, _ in rows]
        handle, until = rows[-1]
        assert value(sql, "SELECT gman_retry(%s)", handle)
        page = f"at_most => 3, until => '{until}', after => '{handle}'"
    assert len(seen) == len(set(seen)) == 10
    assert set(seen) == handles
    for wrong in ("at_most => 0", "at_most => 10001", "after => 'S:1'"):
        with pytest.raises(errors.InvalidParameterValue):
            found(sql, wrong)


def test_a_page_is_read_by_the_index(sql: Session) -> None:
    sql.execute(
        "INSERT INTO gearbridge.gearbridge_job (handle, function, unique_key, priority, payload, due, attempts, "
        "reducer, state, error, finished) SELECT 'S:' || number, 'f', '', 1, '', 0, 1, '', 2, 'no', number "
        "FROM generate_series(1, 20000) AS number"
    )
    sql.execute("ANALYZE gearbridge.gearbridge_job")
    assert found(sql, "at_most => 2") == ["S:20000", "S:19999"]
    before = value(sql, "SELECT idx_tup_read FROM pg_stat_all_indexes WHERE indexrelname = 'gearbridge_job_finished'")
    assert before is not None
    sql.execute("SET enable_sort TO off")
    plan = "\n".join(
        row[0]
        for row in sql.execute(
            "EXPLAIN SELECT handle FROM gearbridge.gearbridge_job "
            "WHERE state = 2 AND finished >= 0 AND finished <= 19000 "
            'ORDER BY finished DESC, handle COLLATE "C" DESC LIMIT 2'
        )
    )
    assert "gearbridge_job_finished" in plan


def test_one_is_looked_into_and_retried_with_another_payload(sql: Session) -> None:
    handle = fail(sql, payload=b"\x00\xff")
    assert value(sql, "SELECT gman_payload(%s)", handle) == b"\x00\xff"
    assert value(sql, "SELECT gman_payload('S:0')") is None
    for literal, sent in (("'text'", b"text"), (r"'\x0001'::bytea", b"\0\1"), ("jsonb '[1]'", b"[1]")):
        assert value(sql, f"SELECT gman_retry(%s, {literal})", handle)
        assert value(sql, "SELECT gman_payload(%s)", handle) == sent
        assert not value(sql, f"SELECT gman_retry(%s, {literal})", handle), "it waits, and is no failed job any more"
        assert sql.execute("SELECT state, attempts, error FROM gman_jobs").fetchall() == [("ready", 0, None)]
        sql.execute("UPDATE gearbridge.gearbridge_job SET state = 2, finished = 1")
    with pytest.raises(errors.NullValueNotAllowed):
        value(sql, "SELECT gman_retry(%s, NULL::text)", handle)
    sql.execute("BEGIN")
    assert value(sql, "SELECT gman_retry(%s, 'other')", handle)
    sql.execute("ROLLBACK")
    assert value(sql, "SELECT gman_payload(%s)", handle) == b"[1]"
    assert found(sql) == [handle]


def test_one_is_discarded_unless_it_was_retried(sql: Session) -> None:
    one, other = fail(sql), fail(sql)
    assert value(sql, "SELECT gman_discard(%s)", one)
    assert not value(sql, "SELECT gman_discard(%s)", one)
    assert value(sql, "SELECT gman_retry(%s)", other)
    assert not value(sql, "SELECT gman_discard(%s)", other)
    assert value(sql, "SELECT handle FROM gman_jobs") == other


def test_all_that_match_are_retried_but_for_those_in_whose_place_another_one_waits(sql: Session) -> None:
    plain = {fail(sql) for _ in range(5)}
    keyed = [fail(sql, unique_key="key") for _ in range(3)]
    stays = [fail(sql, error="no user"), *(fail(sql, unique_key="taken", finished=2000) for _ in range(3))]
    value(sql, "SELECT gman_enqueue('f', 'x', 'taken')")
    counts: list[int] = []
    while not counts or counts[-1]:
        counts.append(value(sql, "SELECT gman_retry_failed('f', error => 'disk', at_most => 2)"))
    assert sum(counts) == len(plain) + 1
    assert max(counts) == 2
    assert set(found(sql)) == {*stays, *keyed} - {
        value(sql, "SELECT handle FROM gman_jobs WHERE unique_key = 'key' AND state = 'ready'")
    }
    assert value(sql, "SELECT count(*) FROM gman_jobs WHERE state = 'ready' AND unique_key IS NULL") == len(plain)


def test_all_that_match_are_discarded(sql: Session) -> None:
    stays = fail(sql, error="no user")
    for _ in range(3):
        fail(sql)
    sql.execute("BEGIN")
    assert value(sql, "SELECT gman_discard_failed(error => 'disk')") == 3
    sql.execute("ROLLBACK")
    assert value(sql, "SELECT gman_discard_failed(error => 'disk', at_most => 2)") == 2
    assert value(sql, "SELECT gman_discard_failed(payload => 'x', error => 'disk')") == 1
    assert found(sql) == [stays]


def test_of_two_that_retry_at_once_one_has_done_it(database: Database, sql: Session) -> None:
    handles = [fail(sql) for _ in range(200)]
    counts: list[int] = []
    begin = threading.Barrier(2)

    def retry() -> None:
        with database.connect() as session:
            begin.wait(30)
            counts.append(value(session, "SELECT gman_retry_failed(at_most => 10000)"))
            counts.extend(value(session, "SELECT gman_retry(%s)::integer", handle) for handle in handles)

    threads = [threading.Thread(target=retry) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert sum(counts) == len(handles)


def test_who_monitors_sees_them_without_payloads_and_administrators_act(
    postgres_cluster: TemporaryCluster, database: Database, sql: Session
) -> None:
    role = f"watcher_in_{database.name}"
    handle = fail(sql)
    acts = (
        "SELECT * FROM gman_failed(payload => 'x')",
        f"SELECT gman_payload('{handle}')",
        f"SELECT gman_retry('{handle}', 'y')",
        f"SELECT gman_discard('{handle}')",
        "SELECT gman_retry_failed()",
        "SELECT gman_discard_failed()",
    )
    sql.execute(f"CREATE ROLE {role} LOGIN".encode())
    try:
        with database.connect(role) as session:
            for query in ("SELECT * FROM gman_failed()", *acts):
                with pytest.raises(errors.InsufficientPrivilege):
                    session.execute(query.encode())
            sql.execute(f"SELECT gearbridge.grant_monitor('{role}')".encode())
            assert found(session) == [handle]
            for query in acts:
                with pytest.raises(errors.InsufficientPrivilege):
                    session.execute(query.encode())
            # Whoever gave EXECUTE: each function asks for the right itself.
            sql.execute(f"GRANT ALL ON ALL FUNCTIONS IN SCHEMA public, gearbridge TO {role}".encode())
            for query in acts:
                with pytest.raises(errors.InsufficientPrivilege, match="has not the right"):
                    session.execute(query.encode())
            sql.execute(f"SELECT gearbridge._apply_rights(), gearbridge.grant_admin('{role}')".encode())
            for query in acts:
                session.execute(query.encode())
        assert value(sql, "SELECT convert_from(gman_payload(%s), 'UTF8')", handle) == "y"
    finally:
        sql.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())
