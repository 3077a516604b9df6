"""gman_enqueue: a job is a row of the caller's transaction, one for each unique key."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from psycopg import errors
from sqlalchemy.engine import make_url

from gearbridge.errors import ConfigurationError
from gearbridge.records import Put, StoredJob
from gearbridge.stores.postgresql.store import PostgreSQLStore
from gearbridge.stores.registry import store_for
from tests.fixtures.postgres import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.postgres import Database, Session


@pytest.fixture
def sql(database: Database) -> Iterator[Session]:
    with database.connect() as session:
        yield session


def rows(session: Session) -> list[tuple[object, ...]]:
    columns = "handle, function, payload, unique_key, priority, due, state, max_attempts, keep_result"
    return session.execute(f"SELECT {columns} FROM gearbridge.gearbridge_job ORDER BY id".encode()).fetchall()


def test_a_job_is_a_row_with_all_that_was_said(sql: Session) -> None:
    handle = value(
        sql,
        "SELECT gman_enqueue('resize', 'cat'::text, 'key', 'high', to_timestamp(1800000000.25), 5, true)",
    )
    assert rows(sql) == [(handle, "resize", b"cat", "key", 0, 1_800_000_001, 1, 5, 1)]
    who = value(sql, "SELECT enqueued_by = session_user AND enqueued > 1.7e9 FROM gearbridge.gearbridge_job")
    assert who


def test_no_handle_is_given_twice_when_the_numbers_begin_again(sql: Session) -> None:
    given: set[str] = set()
    for _ in range(3):  # as a copy of the database does, or one that is put back to what it was
        sql.execute("SELECT setval('gearbridge.gearbridge_job_id_seq', 1000)")
        given.update(value(sql, "SELECT gman_enqueue('f', 'x')") for _ in range(5))
        given.update(value(sql, "SELECT gman_enqueue_many('f', ARRAY['a', 'b', 'c'])"))
        sql.execute("DELETE FROM gearbridge.gearbridge_job")
    assert len(given) == 3 * 8
    assert all(re.fullmatch(r"S:10\d\d-[0-9a-f]{16}", handle) for handle in given)
    assert len({handle.partition("-")[0] for handle in given}) == 8
    assert len({handle.partition("-")[2] for handle in given}) == 3 * 8


def test_each_handle_of_a_call_has_a_random_part_of_its_own(sql: Session) -> None:
    many = "SELECT gman_enqueue_many('f', array_agg(n::text)) FROM generate_series(1, %s) AS n"
    given = [handle for count in (1, 7, 8, 9, 1000) for handle in value(sql, many, count)]
    parts = {handle.partition("-")[2] for handle in given}
    assert len(parts) == 1 + 7 + 8 + 9 + 1000
    assert all(re.fullmatch(r"[0-9a-f]{16}", part) for part in parts)


def test_what_is_left_out_is_usual(sql: Session) -> None:
    handle = value(sql, "SELECT gman_enqueue('resize', 'cat')")
    assert rows(sql) == [(handle, "resize", b"cat", "", 1, 0, 1, 0, 0)]


@pytest.mark.parametrize(
    ("literal", "payload"),
    [
        ("'h\u00e9'::text", "h\u00e9".encode()),
        (r"'\x00ff'::bytea", b"\0\xff"),
        ("'[1, 2]'::jsonb", b"[1, 2]"),
        ("''", b""),
    ],
)
def test_every_kind_of_payload(sql: Session, literal: str, payload: bytes) -> None:
    value(sql, f"SELECT gman_enqueue('f', {literal})")
    assert [row[2] for row in rows(sql)] == [payload]


@pytest.mark.parametrize(
    "name", ["it's", 'a"b', "back\\slash", "new\nline", "100%", "$$;DROP TABLE x", "\u00fc\u20ac", " "]
)
def test_hostile_names_arrive_intact(sql: Session, name: str) -> None:
    value(sql, "SELECT gman_enqueue(%s, %s::text, %s)", name, name, name)
    (row,) = rows(sql)
    stored = name.replace("\\", "\\\\")  # a name that is not plain is stored so (stores/jobtable/names.py)
    assert row[1:4] == (stored, name.encode(), stored)
    assert value(sql, "SELECT gman_enqueue(%s, 'other', %s)", name, name) == row[0]


def test_a_rollback_leaves_nothing(sql: Session) -> None:
    sql.execute("BEGIN")
    value(sql, "SELECT gman_enqueue('f', 'x')")
    sql.execute("ROLLBACK")
    assert rows(sql) == []


def test_equal_unique_keys_of_a_function_are_one_job(sql: Session) -> None:
    first = value(sql, "SELECT gman_enqueue('f', 'a', 'key')")
    assert value(sql, "SELECT gman_enqueue('f', 'b', 'key')") == first
    assert value(sql, "SELECT gman_enqueue('g', 'c', 'key')") != first
    assert value(sql, "SELECT gman_enqueue('f', 'd', 'KEY')") != first
    assert [row[2] for row in rows(sql)] == [b"a", b"c", b"d"]


def test_jobs_without_a_unique_key_are_not_one(sql: Session) -> None:
    assert value(sql, "SELECT gman_enqueue('f', 'a')") != value(sql, "SELECT gman_enqueue('f', 'a')")
    assert value(sql, "SELECT gman_enqueue('f', 'a', '')") != value(sql, "SELECT gman_enqueue('f', 'a', '')")


def test_of_many_at_once_with_one_unique_key_there_is_one(database: Database) -> None:
    def enqueue(number: int) -> list[str]:
        with database.connect() as session:
            return [value(session, "SELECT gman_enqueue('f', %s::text, %s)", str(number), f"k{n}") for n in range(50)]

    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(enqueue, range(6)))
    assert all(handles == told[0] for handles in told)
    with database.connect() as session:
        assert [row[0] for row in sorted(rows(session))] == sorted(told[0])


def test_a_handle_is_that_of_the_job_that_a_rolled_back_one_made_room_for(database: Database) -> None:
    with database.connect() as one, database.connect() as other, ThreadPoolExecutor(1) as pool:
        one.execute("BEGIN")
        value(one, "SELECT gman_enqueue('f', 'lost', 'key')")
        waiting = pool.submit(value, other, "SELECT gman_enqueue('f', 'kept', 'key')")
        one.execute("ROLLBACK")
        handle = waiting.result(30)
        assert [row[0:3] for row in rows(other)] == [(handle, "f", b"kept")]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ("NULL, 'x'", errors.NullValueNotAllowed, "gearman function cannot be NULL"),
        ("'f', NULL::text", errors.NullValueNotAllowed, "gearman payload cannot be NULL"),
        ("'', 'x'", errors.InvalidParameterValue, "cannot be empty"),
        ("repeat('f', 513), 'x'", errors.InvalidParameterValue, "512 bytes"),
        ("'f', 'x', repeat('k', 256)", errors.InvalidParameterValue, "255 bytes"),
        ("'f', 'x', priority => 'urgent'", errors.InvalidParameterValue, "no such priority: urgent"),
        ("'f', 'x', run_at => 'infinity'", errors.InvalidParameterValue, "run_at"),
        ("'f', 'x', run_at => '1969-01-01'", errors.InvalidParameterValue, "run_at"),
        ("'f', 'x', max_attempts => -1", errors.InvalidParameterValue, "negative"),
    ],
)
def test_what_cannot_be_is_refused(sql: Session, arguments: str, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        value(sql, f"SELECT gman_enqueue({arguments})")
    assert rows(sql) == []


def test_the_longest_names_fit_into_the_index(sql: Session) -> None:
    handle = value(sql, "SELECT gman_enqueue(repeat('\\', 512), 'x', repeat('\\', 255))")
    assert value(sql, "SELECT gman_enqueue(repeat('\\', 512), 'x', repeat('\\', 255))") == handle


def test_a_table_that_a_server_made_before_is_taken_over_with_its_jobs(empty_database: Database) -> None:
    store = store_for(empty_database.url)
    store.open()
    store.close()
    with empty_database.connect() as session:
        session.execute(
            "INSERT INTO gearbridge.gearbridge_job"
            " (handle, function, unique_key, priority, payload, due, attempts, reducer)"
            " VALUES ('H:a:1', 'f', '', 1, 'x', 0, 0, '')"
        )
        session.execute("CREATE EXTENSION gearbridge")
        handle = value(session, "SELECT gman_enqueue('f', 'y')")
        assert [row[0] for row in rows(session)] == ["H:a:1", handle]
        session.execute("DROP EXTENSION gearbridge")
        assert value(session, "SELECT to_regnamespace('gearbridge') IS NULL")


def test_a_store_opens_on_the_extensions_table(database: Database, sql: Session) -> None:
    value(sql, "SELECT gman_enqueue('f', 'y')")
    store = store_for(database.url)
    store.open()
    assert list(store.replay()) == []  # what SQL enqueued is claimed, not replayed
    store.close()
    assert len(rows(sql)) == 1


def test_a_role_that_was_granted_it_keeps_a_servers_jobs_and_claims(database: Database, sql: Session) -> None:
    sql.execute("CREATE ROLE keeper_of_jobs LOGIN PASSWORD 'password'")
    url = make_url(database.url).set(username="keeper_of_jobs", password="password")
    store = store_for(url.render_as_string(hide_password=False))
    with pytest.raises(ConfigurationError, match="permission denied"):
        store.open()
    sql.execute("SELECT gearbridge.grant_server('keeper_of_jobs')")
    value(sql, "SELECT gman_enqueue('f', 'x')")
    store.open()
    store.apply([Put(StoredJob(b"H:a:1", b"f", b"y"))])
    assert isinstance(store, PostgreSQLStore)
    assert [job.payload for job in store.claim({b"f": 5})] == [b"x"]
    assert [job.payload for job in store.replay()] == [b"y"]
    store.close()
    sql.execute("SELECT gearbridge.revoke_server('keeper_of_jobs')")
    with pytest.raises(ConfigurationError, match="permission denied"):
        store.open()
    sql.execute("DROP ROLE keeper_of_jobs")


def test_a_schema_of_somebody_else_is_not_taken_over(empty_database: Database) -> None:
    with empty_database.connect() as session:
        session.execute("CREATE ROLE squatter_of_gearbridge")
        session.execute("CREATE ROLE owner_of_database")
        session.execute(f"ALTER DATABASE {empty_database.name} OWNER TO owner_of_database".encode())
        session.execute("CREATE SCHEMA gearbridge AUTHORIZATION squatter_of_gearbridge")
    with (
        empty_database.connect("owner_of_database") as session,
        pytest.raises(errors.InsufficientPrivilege, match="belongs to role"),
    ):
        session.execute("CREATE EXTENSION gearbridge")
