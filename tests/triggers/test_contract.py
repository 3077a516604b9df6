"""What triggers do, the same in PostgreSQL, MariaDB and SQLite, through the driver's own connection."""

from __future__ import annotations

import json
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from gearbridge.triggers import Event, Trigger, create, drop, installed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.place import Place

#: The same expression as each database writes it.
OBJECT = {"postgresql": "jsonb_build_object", "mysql": "JSON_OBJECT", "sqlite": "json_object"}
LATER = {
    "postgresql": "now() + interval '1 hour'",
    "mysql": "NOW() + INTERVAL 1 HOUR",
    "sqlite": "datetime('now', '+1 hour')",
}

Connection = Any


@pytest.fixture
def db(place: Place) -> Iterator[Connection]:
    with closing(place.connect()) as connection:
        run(connection, "CREATE TABLE images (id INTEGER PRIMARY KEY, path VARCHAR(100), note VARCHAR(100))")
        connection.commit()
        yield connection


def run(db: Connection, statement: str) -> Connection:
    cursor = db.cursor()
    cursor.execute(statement)
    return cursor


def make(db: Connection, on: str = "insert", function: str = "f", **options: Any) -> None:
    create(db, Trigger("images", on, function, **options))
    db.commit()


def change(db: Connection, *statements: str) -> None:
    for statement in statements:
        run(db, statement)
    db.commit()


def payloads(place: Place) -> list[Any]:
    return [json.loads(bytes(row[0])) for row in place.rows("payload")]


CAT = {"id": 1, "path": "cät", "note": None}
DOG = {"id": 1, "path": "dog", "note": None}


def test_the_row_is_the_payload(place: Place, db: Connection) -> None:
    make(db, "insert,update,delete", "resize")
    change(db, "INSERT INTO images VALUES (1, 'cät', NULL)", "UPDATE images SET path = 'dog'", "DELETE FROM images")
    assert payloads(place) == [CAT, DOG, DOG]
    assert (
        place.rows("function, unique_key, priority, due, attempts, state, max_attempts, keep_result")
        == [("resize", "", 1, 0, 0, 1, 0, 0)] * 3
    )
    assert all(abs(row[0] - time.time()) < 60 for row in place.rows("enqueued"))
    assert all(row[0].startswith("S:") for row in place.rows("handle"))


def test_a_rollback_leaves_nothing(place: Place, db: Connection) -> None:
    make(db)
    run(db, "INSERT INTO images VALUES (1, 'a', NULL)")
    db.rollback()
    assert place.rows("handle") == []


def test_only_an_update_of_the_column_counts(place: Place, db: Connection) -> None:
    make(db, "update:path", columns=("path",))
    change(db, "INSERT INTO images VALUES (1, 'cat', NULL)", "UPDATE images SET note = 'x'")
    assert payloads(place) == []
    change(db, "UPDATE images SET path = 'Cat'")
    assert payloads(place) == [{"path": "Cat"}]


def test_old_new_or_both_and_some_columns(place: Place, db: Connection) -> None:
    make(db, "insert,update,delete", "old", row="old", columns=("path", "id"))
    make(db, "insert,update,delete", "both", row="both", columns=("path",), priority="low")
    change(db, "INSERT INTO images VALUES (1, 'a', NULL)", "UPDATE images SET path = 'b'", "DELETE FROM images")
    found: dict[str, list[Any]] = {}
    for function, payload in place.rows("function, payload"):
        found.setdefault(function, []).append(json.loads(bytes(payload)))
    assert found["old"] == [{"path": "a", "id": 1}, {"path": "a", "id": 1}, {"path": "b", "id": 1}]
    a, b = {"path": "a"}, {"path": "b"}
    assert found["both"] == [{"old": None, "new": a}, {"old": a, "new": b}, {"old": b, "new": None}]


def test_the_same_payloads_where_options_need_more_than_the_row_triggers_arguments(
    place: Place, db: Connection
) -> None:
    make(db, "insert,update,delete", "old", row="old", columns=("path", "id"), keep_result=True)
    make(db, "insert,update,delete", "both", row="both", columns=("path",), keep_result=True)
    make(db, "insert,update,delete", "new", keep_result=True)
    change(db, "INSERT INTO images VALUES (1, 'a', NULL)", "UPDATE images SET path = 'b'", "DELETE FROM images")
    found: dict[str, list[Any]] = {}
    for function, payload, keep in place.rows("function, payload, keep_result"):
        assert keep == 1
        found.setdefault(function, []).append(json.loads(bytes(payload)))
    assert found["old"] == [{"path": "a", "id": 1}, {"path": "a", "id": 1}, {"path": "b", "id": 1}]
    a, b = {"path": "a"}, {"path": "b"}
    assert found["both"] == [{"old": None, "new": a}, {"old": a, "new": b}, {"old": b, "new": None}]
    assert [row["path"] for row in found["new"]] == ["a", "b", "b"]


def test_a_payload_is_any_expression_and_a_condition_too(place: Place, db: Connection) -> None:
    make(db, payload=f"{OBJECT[place.kind]}('of', NEW.path, 'semicolon', ';')", when="NEW.id > 1 AND NEW.path <> ');'")
    make(db, "update", "g", payload="OLD.path", when="OLD.path <> NEW.path")
    change(
        db,
        "INSERT INTO images VALUES (1, 'one', NULL), (2, 'two', NULL), (3, ');', NULL)",
        "UPDATE images SET path = 'two'",
    )
    assert place.rows("function")[0] == ("f",)
    assert payloads_of(place, "f") == [b'{"of": "two", "semicolon": ";"}'] or payloads_of(place, "f") == [
        b'{"of":"two","semicolon":";"}'
    ]
    assert sorted(payloads_of(place, "g")) == [b");", b"one"]


def payloads_of(place: Place, function: str) -> list[bytes]:
    return [bytes(payload) for name, payload in place.rows("function, payload") if name == function]


@pytest.mark.parametrize("keep", [False, True])
def test_equal_unique_keys_are_one_job(place: Place, db: Connection, keep: bool) -> None:
    make(db, unique_key="NEW.path", columns=("id",), keep_result=keep)
    change(
        db,
        "INSERT INTO images VALUES (1, 'a\\', NULL), (2, 'a\\', NULL), (3, 'b', NULL), (4, NULL, NULL)".replace(
            "\\", "\\\\" if place.kind == "mysql" else "\\"
        ),
        "INSERT INTO images VALUES (5, NULL, NULL)",
    )
    assert place.rows("unique_key") == [("a\\\\",), ("b",), ("",), ("",)]
    assert payloads(place) == [{"id": 1}, {"id": 3}, {"id": 4}, {"id": 5}]


def test_priority_attempts_and_the_result(place: Place, db: Connection) -> None:
    make(db, function="f\\g'h", priority="high", max_attempts=3, keep_result=True)
    change(db, "INSERT INTO images VALUES (1, 'a', NULL)")
    assert place.rows("function, priority, max_attempts, keep_result") == [("f\\\\g'h", 0, 3, 1)]


@pytest.mark.parametrize("delay", ["3600", "NEW.id * 3600"])
def test_a_delay_in_seconds(place: Place, db: Connection, delay: str) -> None:
    make(db, delay=delay)
    change(db, "INSERT INTO images VALUES (1, 'a', NULL)")
    assert 3540 < place.rows("due")[0][0] - time.time() < 3661


def test_a_time_to_run_at(place: Place, db: Connection) -> None:
    make(db, run_at=f"CASE WHEN NEW.id = 1 THEN {LATER[place.kind]} END")
    change(db, "INSERT INTO images VALUES (1, 'a', NULL)", "INSERT INTO images VALUES (2, 'a', NULL)")
    soon, at_once = (row[0] for row in place.rows("due"))
    assert 3540 < soon - time.time() < 3661
    assert at_once == 0


def test_a_statement_of_many_rows(place: Place, db: Connection) -> None:
    make(db, columns=("id",))
    values = ", ".join(f"({number}, 'p', NULL)" for number in range(1, 501))
    change(db, f"INSERT INTO images VALUES {values}")
    assert sorted(row["id"] for row in payloads(place)) == list(range(1, 501))
    assert len({row[0] for row in place.rows("handle")}) == 500


def test_what_a_job_cannot_have_fails_the_statement(place: Place, db: Connection) -> None:
    make(db, payload="NEW.path", unique_key="NEW.note")
    for row in ("(1, NULL, NULL)", f"(2, 'a', '{'k' * 100}')"):
        try:
            run(db, f"INSERT INTO images VALUES {row}")
        except Exception:
            db.rollback()
            assert "NULL, NULL" in row
        else:
            db.commit()
    assert place.rows("payload") == [(b"a",)]


def test_a_null_payload_is_an_error_also_where_errors_are_to_be_ignored(place: Place, db: Connection) -> None:
    if place.kind != "sqlite":
        pytest.skip("only SQLite hands its OR IGNORE down to triggers")
    make(db, payload="NEW.path", unique_key="NEW.note")
    with pytest.raises(Exception, match="the payload of a job cannot be NULL"):
        run(db, "INSERT OR IGNORE INTO images VALUES (1, NULL, NULL)")
    db.rollback()
    change(db, "INSERT INTO images VALUES (1, 'a', 'k')")
    first = place.rows("handle, payload")
    change(db, "INSERT OR REPLACE INTO images VALUES (1, 'b', 'k')")
    assert place.rows("handle, payload") == first


def test_bytes_are_hex_in_json(place: Place, db: Connection) -> None:
    kind = {"postgresql": "bytea", "mysql": "BLOB", "sqlite": "BLOB"}[place.kind]
    change(db, f"ALTER TABLE images ADD COLUMN image {kind}")
    make(db)
    literal = {"postgresql": "'\\x00ff'", "mysql": "x'00ff'", "sqlite": "x'00ff'"}[place.kind]
    change(db, f"INSERT INTO images VALUES (1, 'a', NULL, {literal})")
    assert payloads(place)[0]["image"] == "\\x00ff"


def test_a_unique_key_of_bytes_is_hex(place: Place, db: Connection) -> None:
    kind = {"postgresql": "bytea", "mysql": "BINARY(4)", "sqlite": "BLOB"}[place.kind]
    change(db, f"ALTER TABLE images ADD COLUMN digest {kind}")
    make(db, unique_key="NEW.digest", columns=("id",))
    literal = {"postgresql": "'\\x00ff5c41'", "mysql": "x'00ff5c41'", "sqlite": "x'00ff5c41'"}[place.kind]
    change(db, f"INSERT INTO images VALUES (1, 'a', NULL, {literal}), (2, 'a', NULL, {literal})")
    assert place.rows("unique_key") == [(r"\\x00ff5c41",)]


@pytest.mark.parametrize("place", ["mysql"], indirect=True)
def test_bits_and_shapes_of_mysql_are_json(place: Place, db: Connection) -> None:
    change(db, "ALTER TABLE images ADD COLUMN flag BIT(1), ADD COLUMN bits BIT(64), ADD COLUMN place POINT")
    make(db)
    change(db, "INSERT INTO images VALUES (1, 'a', NULL, b'1', ~0, ST_GeomFromText('POINT(1 2)'))")
    change(db, "INSERT INTO images VALUES (2, 'b', NULL, b'0', 0, NULL)")
    first, second = payloads(place)
    assert (first["flag"], first["bits"]) == (1, 2**64 - 1)
    assert first["place"] == {"type": "Point", "coordinates": [1.0, 2.0]}
    assert (second["flag"], second["bits"], second["place"]) == (0, 0, None)


def test_bytes_are_a_payload_as_they_are(place: Place, db: Connection) -> None:
    kind = {"postgresql": "bytea", "mysql": "BLOB", "sqlite": "BLOB"}[place.kind]
    change(db, f"ALTER TABLE images ADD COLUMN image {kind}")
    make(db, payload="NEW.image")
    literal = {"postgresql": "'\\x00ff'", "mysql": "x'00ff'", "sqlite": "x'00ff'"}[place.kind]
    change(db, f"INSERT INTO images VALUES (1, 'a', NULL, {literal})")
    assert bytes(place.rows("payload")[0][0]) == b"\0\xff"


def test_our_triggers_are_listed_and_dropped(place: Place, db: Connection) -> None:
    make(db, "insert,update:path", "resize", columns=("id",))
    make(db, "insert", "index", payload="NEW.path", name="words")
    shown = {(one.name, one.table, one.events, one.function, one.enabled) for one in installed(db)}
    assert shown == {
        ("images_resize", "images", "insert,update:path", "resize", True),
        ("words", "images", "insert", "index", True),
    }
    drop(db, installed(db, name="words"))
    db.commit()
    assert [one.name for one in installed(db)] == ["images_resize"]
    drop(db, installed(db, table="images"))
    db.commit()
    assert installed(db) == []
    change(db, "INSERT INTO images VALUES (1, 'a', NULL)")
    assert place.rows("handle") == []


def test_a_name_is_taken_until_it_is_to_be_replaced(place: Place, db: Connection) -> None:
    make(db, payload="NEW.path")
    with pytest.raises(Exception, match="there is a trigger images_f on images already"):
        make(db)
    db.rollback()
    create(db, Trigger("images", "insert,update", "f", payload="NEW.note"), replace=True)
    db.commit()
    change(db, "INSERT INTO images VALUES (1, 'a', 'note')")
    assert place.rows("payload") == [(b"note",)]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"payload": "NEW.pth"}, "pth"),
        ({"unique_key": "NEW.pth", "keep_result": True}, "pth"),
        ({"unique_key": "NEW.pth"}, "pth"),
        ({"columns": ("id", "pth")}, "the table images has no column pth; it has id, path, note"),
        ({"on": "update:pth"}, "no column pth"),
        ({"on": "update", "when": "OLD.pth IS NULL"}, "pth"),
        ({"payload": "OLD.path"}, "names OLD, and there is no OLD row on insert"),
        ({"on": "insert,delete", "payload": "NEW.path"}, "no NEW row on delete"),
        ({"payload": "'x'); DROP TABLE images; --"}, "must be one SQL expression"),
        ({"when": "1 = 1; DELETE FROM images"}, "the condition must be one SQL expression"),
        ({"unique_key": ""}, "it is empty"),
        ({"payload": "1, 2"}, "that makes two"),
        ({"payload": "nosuchfunction(NEW.path)"}, "(?i)nosuchfunction"),
    ],
    ids=str,
)
def test_what_cannot_be_is_told_before_and_leaves_nothing(
    place: Place, db: Connection, options: dict[str, Any], text: str
) -> None:
    if place.kind == "mysql" and "nosuchfunction" in str(options):
        pytest.skip("MySQL looks for a trigger's functions when it fires")
    with pytest.raises(Exception, match=text):
        make(db, **{"on": "insert", **options})
    db.rollback()
    assert installed(db) == []
    change(db, "INSERT INTO images VALUES (1, 'a', NULL)", "UPDATE images SET path = 'b'", "DELETE FROM images")
    assert place.rows("handle") == []


def test_a_part_that_fails_takes_the_others_with_it(place: Place, db: Connection) -> None:
    with pytest.raises(Exception, match="pth"):
        make(db, "insert,update", payload="NEW.path", when="NEW.pth = 1")
    db.rollback()
    make(db, "insert,update", payload="NEW.path")


@pytest.mark.parametrize("name", ['a"b', "a`b", "a'b", "a;b--", "a b", "ü", "a]b", "select"])
def test_strange_names(place: Place, db: Connection, name: str) -> None:
    quote = "`" if place.kind == "mysql" else '"'
    table, column = (f"{quote}{one.replace(quote, quote * 2)}{quote}" for one in (name, f"{name} c"))
    change(db, f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, {column} VARCHAR(10))")
    create(db, Trigger(name, [Event("insert"), Event("update", (f"{name} c",))], f"f {name}"))
    db.commit()
    change(db, f"INSERT INTO {table} VALUES (1, 'x')", f"UPDATE {table} SET {column} = 'y'")
    assert payloads(place) == [{"id": 1, f"{name} c": "x"}, {"id": 1, f"{name} c": "y"}]
    assert [(one.table, one.function) for one in installed(db)] == [(name, f"f {name}")]
    drop(db, installed(db))
    db.commit()
    assert installed(db) == []


@pytest.mark.parametrize("options", [{}, {"columns": ("path",)}, {"unique_key": "NEW.path"}, {"payload": "NEW.path"}])
def test_a_column_that_is_renamed_later_is_an_error_or_followed(
    place: Place, db: Connection, options: dict[str, Any]
) -> None:
    make(db, **options)
    change(db, "ALTER TABLE images RENAME COLUMN path TO way")
    if place.kind == "sqlite" or (place.kind == "postgresql" and not options):
        change(db, "INSERT INTO images VALUES (1, 'a', NULL)")
        assert place.rows("unique_key") == [("a" if "unique_key" in options else "",)]
        return
    with pytest.raises(Exception, match=r"(?i)path.*(does not exist|has no)|no (field|column).*path|unknown column"):
        change(db, "INSERT INTO images VALUES (1, 'a', NULL)")
    db.rollback()
    assert place.rows("handle") == []
    create(db, Trigger("images", "insert", "f", columns=("way",)), replace=True)
    db.commit()
    change(db, "INSERT INTO images VALUES (1, 'a', NULL)")
    assert payloads(place) == [{"way": "a"}]
