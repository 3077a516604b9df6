"""Triggers that enqueue: a job for a row, in the transaction that changed it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import errors

from tests.fixtures.postgres import value

if TYPE_CHECKING:
    from tests.fixtures.postgres import Database, Session


@pytest.fixture
def sql(images: Session) -> Session:
    return images


def trigger(session: Session, *arguments: str, events: str = "INSERT OR UPDATE OR DELETE") -> None:
    told = ", ".join(f"'{argument}'" for argument in arguments)
    call = f"gman_enqueue_row({told})"
    session.execute(f"CREATE TRIGGER enqueue AFTER {events} ON images FOR EACH ROW EXECUTE FUNCTION {call}".encode())


def statement_trigger(session: Session, *arguments: str, event: str = "INSERT", rows: str = "NEW") -> None:
    told = ", ".join(f"'{argument}'" for argument in arguments)
    session.execute(
        f"CREATE TRIGGER enqueue AFTER {event} ON images REFERENCING {rows} TABLE AS gearbridge_rows"
        f" FOR EACH STATEMENT EXECUTE FUNCTION gman_enqueue_rows({told})".encode()
    )


def payloads(session: Session) -> list[Any]:
    rows = session.execute("SELECT payload FROM gearbridge.gearbridge_job ORDER BY id").fetchall()
    return [json.loads(row[0]) for row in rows]


def test_the_row_is_the_payload(sql: Session) -> None:
    trigger(sql, "resize")
    sql.execute("INSERT INTO images VALUES (1, 'cät', NULL)")
    sql.execute("UPDATE images SET path = 'dog'")
    sql.execute("DELETE FROM images")
    cat, dog = {"id": 1, "path": "cät", "note": None}, {"id": 1, "path": "dog", "note": None}
    assert payloads(sql) == [cat, dog, dog]
    assert value(sql, "SELECT DISTINCT function FROM gman_jobs") == "resize"


def test_a_rollback_takes_the_job_with_it(sql: Session) -> None:
    trigger(sql, "resize")
    sql.execute("BEGIN")
    sql.execute("INSERT INTO images VALUES (1)")
    sql.execute("ROLLBACK")
    assert payloads(sql) == []


def test_arguments_say_payload_unique_key_priority_delay_and_attempts(sql: Session) -> None:
    trigger(
        sql, "f", "payload=both", "columns=id,path", "unique_key=path", "priority=low", "delay=1 hour", "max_attempts=4"
    )
    sql.execute("INSERT INTO images VALUES (1, 'a', 'x'), (2, 'a', 'y')")
    sql.execute("UPDATE images SET path = 'b' WHERE id = 1")
    assert payloads(sql) == [
        {"old": None, "new": {"id": 1, "path": "a"}},
        {"old": {"id": 1, "path": "a"}, "new": {"id": 1, "path": "b"}},
    ]
    row = sql.execute(
        "SELECT priority, max_attempts, unique_key, run_at - now() BETWEEN '59 minutes' AND '61 minutes'"
        " FROM gman_jobs WHERE unique_key = 'b'"
    ).fetchone()
    assert row == ("low", 4, "b", True)


def test_old_is_the_row_before(sql: Session) -> None:
    trigger(sql, "f", "payload=old", "columns=path")
    sql.execute("INSERT INTO images VALUES (1, 'a')")
    sql.execute("UPDATE images SET path = 'b'")
    assert payloads(sql) == [{"path": "a"}, {"path": "a"}]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "does not say which function"),
        (("f", "priorty=low"), 'does not understand "priorty=low"'),
        (("f", "low"), 'does not understand "low"'),
        (("f", "payload=all"), 'does not understand "payload=all"'),
        (("f", "priority=low", "priority=high"), 'does not understand "priority=high"'),
        (("f", "priority=urgent"), "no such priority: urgent"),
        (("f", "columns=id,pth"), 'no column "pth"'),
    ],
)
def test_what_a_trigger_does_not_understand_is_refused(sql: Session, arguments: tuple[str, ...], text: str) -> None:
    trigger(sql, *arguments)
    with pytest.raises(errors.DatabaseError, match=text):
        sql.execute("INSERT INTO images VALUES (1)")
    assert value(sql, "SELECT count(*) FROM images") == 0


def test_a_statements_rows_are_enqueued_together(sql: Session) -> None:
    statement_trigger(sql, "f", "columns=id", "unique_key=path", "priority=high")
    sql.execute("INSERT INTO images SELECT n, 'path ' || n % 3 FROM generate_series(1, 5) AS n")
    assert payloads(sql) == [{"id": 1}, {"id": 2}, {"id": 3}]
    sql.execute("INSERT INTO images SELECT 9 WHERE false")
    assert value(sql, "SELECT count(*) FROM gman_jobs WHERE priority = 'high'") == 3


def test_a_statements_columns_must_be_there_and_may_be_all(sql: Session) -> None:
    statement_trigger(sql, "f", "columns=note,id,path")
    sql.execute("INSERT INTO images VALUES (1, 'a', 'b')")
    assert payloads(sql) == [{"id": 1, "path": "a", "note": "b"}]
    sql.execute("DROP TRIGGER enqueue ON images")
    statement_trigger(sql, "f", "columns=id,pth")
    with pytest.raises(errors.UndefinedColumn, match='no column "pth"'):
        sql.execute("INSERT INTO images VALUES (2)")


def test_the_transition_table_may_hold_old_rows(sql: Session) -> None:
    sql.execute("INSERT INTO images VALUES (1, 'a'), (2, 'b')")
    statement_trigger(sql, "f", event="DELETE", rows="OLD")
    sql.execute("DELETE FROM images")
    assert [row["path"] for row in payloads(sql)] == ["a", "b"]


def test_each_kind_of_trigger_refuses_the_others_place(sql: Session) -> None:
    sql.execute("CREATE TRIGGER wrong AFTER INSERT ON images EXECUTE FUNCTION gman_enqueue_row('f')")
    with pytest.raises(errors.InvalidParameterValue, match="FOR EACH ROW"):
        sql.execute("INSERT INTO images VALUES (1)")
    sql.execute("DROP TRIGGER wrong ON images")
    sql.execute("CREATE TRIGGER wrong AFTER INSERT ON images FOR EACH ROW EXECUTE FUNCTION gman_enqueue_rows('f')")
    with pytest.raises(errors.InvalidParameterValue, match="FOR EACH STATEMENT"):
        sql.execute("INSERT INTO images VALUES (1)")


def test_a_temporary_table_is_not_taken_for_the_transition_table(sql: Session) -> None:
    sql.execute("CREATE TEMPORARY TABLE gearbridge_rows AS SELECT 'secret' AS secret")
    sql.execute("CREATE TRIGGER wrong AFTER INSERT ON images EXECUTE FUNCTION gman_enqueue_rows('f')")
    with pytest.raises(errors.InvalidParameterValue, match="no transition table of the name"):
        sql.execute("INSERT INTO images VALUES (1)")


def test_who_changes_the_table_needs_no_right_to_enqueue(database: Database, sql: Session) -> None:
    trigger(sql, "f")
    sql.execute("CREATE ROLE writer_of_images")
    sql.execute("GRANT INSERT ON images TO writer_of_images")
    with database.connect("writer_of_images") as session:
        session.execute("INSERT INTO images VALUES (1)")
        with pytest.raises(errors.InsufficientPrivilege):
            session.execute("SELECT gman_enqueue('f', 'x')")
    assert len(payloads(sql)) == 1
    assert value(sql, "SELECT enqueued_by FROM gman_jobs") == "writer_of_images"
    sql.execute("DROP OWNED BY writer_of_images")
    sql.execute("DROP ROLE writer_of_images")
