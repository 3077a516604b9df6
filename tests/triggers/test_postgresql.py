"""What only PostgreSQL has: statements as a whole, whose rights a trigger has, schemas, triggers made by hand."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import errors

from gearbridge.errors import ConfigurationError
from gearbridge.triggers import Trigger, create, drop, installed
from tests.fixtures.postgres import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.postgres import Database, Session


@pytest.fixture
def sql(images: Session) -> Session:
    return images


def make(session: Session, on: str = "insert", **options: Any) -> str:
    return "\n".join(create(session, Trigger("images", on, "f", **options)))


def jobs(session: Session) -> list[tuple[Any, ...]]:
    columns = "convert_from(payload, 'UTF8'), unique_key"
    return session.execute(f"SELECT {columns} FROM gearbridge.gearbridge_job ORDER BY id".encode()).fetchall()


@pytest.mark.parametrize(
    ("options", "call"),
    [
        ({}, "gman_enqueue_row('f')"),
        ({"on": "delete", "unique_key": "OLD.path"}, "gman_enqueue_row('f', 'unique_key=path')"),
        (
            {"columns": ("id", "path"), "row": "both", "when": "NEW.id > 1", "priority": "low", "delay": "1.5"},
            "gman_enqueue_row('f', 'payload=both', 'columns=id,path', 'priority=low', 'delay=1.5 seconds')",
        ),
        ({"each": "statement", "max_attempts": 2}, "gman_enqueue_rows('f', 'max_attempts=2')"),
    ],
    ids=str,
)
def test_our_own_trigger_functions_do_it_where_their_arguments_say_enough(
    sql: Session, options: dict[str, Any], call: str
) -> None:
    made = make(sql, **options)
    assert f'"public".{call}' in made
    assert "CREATE FUNCTION" not in made
    sql.execute("INSERT INTO images VALUES (1, 'a'), (2, 'b')")
    sql.execute("DELETE FROM images")
    assert len(jobs(sql)) == (1 if "when" in options else 2)


def test_the_jobs_of_a_statement_are_enqueued_together(sql: Session) -> None:
    made = make(
        sql,
        "insert,update",
        each="statement",
        payload="jsonb_build_object('id', NEW.id, 'row', to_jsonb(NEW) - 'note')",
        when="NEW.id <> 2",
        unique_key="NEW.path",
        priority="high",
        delay="60",
    )
    assert "gearbridge._enqueue_many" in made
    sql.execute("INSERT INTO images SELECT n, 'p' || n FROM generate_series(1, 4) AS n")
    sql.execute("INSERT INTO images SELECT 9 WHERE false")
    assert [(json.loads(payload)["id"], key) for payload, key in jobs(sql)] == [(1, "p1"), (3, "p3"), (4, "p4")]
    assert json.loads(jobs(sql)[0][0])["row"] == {"id": 1, "path": "p1"}
    sql.execute("UPDATE images SET path = 'q' || id")
    assert [key for _, key in jobs(sql)][3:] == ["q1", "q3", "q4"]
    assert value(sql, "SELECT count(*) FROM gman_jobs WHERE priority = 'high' AND state = 'scheduled'") == 6


def test_the_rows_of_a_statement_may_be_the_old_ones(sql: Session) -> None:
    sql.execute("INSERT INTO images VALUES (1, 'a'), (2, 'b')")
    make(sql, "delete,update", each="statement", payload="OLD.path", keep_result=True)
    make(sql, "delete", each="statement", columns=("path",), name="plain")
    sql.execute("UPDATE images SET path = 'c' WHERE id = 1")
    sql.execute("DELETE FROM images")
    assert sorted(payload for payload, _ in jobs(sql)) == ["a", "b", "c", '{"path": "b"}', '{"path": "c"}']


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"on": "update:path"}, "name the columns of an update; use --each row"),
        ({"row": "both"}, "cannot have both; use --each row"),
        ({"on": "update", "payload": "NEW.path || OLD.path"}, "cannot have both"),
        ({"delay": "NEW.id"}, "the delay cannot name NEW"),
        ({"run_at": "now() + NEW.id * interval '1 s'"}, "the time cannot name NEW"),
    ],
    ids=str,
)
def test_what_a_statement_has_not(sql: Session, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        make(sql, **{"each": "statement", **options})


def test_an_expression_has_the_rights_of_who_changes_the_table(database: Database, sql: Session) -> None:
    make(sql, payload="NEW.path")
    sql.execute("CREATE ROLE writer_of_pictures")
    try:
        sql.execute("GRANT INSERT ON images TO writer_of_pictures")
        with database.connect("writer_of_pictures") as session:
            with pytest.raises(errors.InsufficientPrivilege, match=r"_enqueue|may not submit"):
                session.execute("INSERT INTO images VALUES (1, 'a')")
            sql.execute("SELECT gearbridge.grant_submit('writer_of_pictures', 'f')")
            session.execute("INSERT INTO images VALUES (1, 'a')")
            session.execute("CREATE TEMPORARY TABLE own (path text)")
            with pytest.raises(errors.InsufficientPrivilege):
                session.execute("CREATE TRIGGER t AFTER INSERT ON own EXECUTE FUNCTION images_f()")
            sql.execute("SELECT gearbridge.revoke_submit('writer_of_pictures', 'f')")
            create(sql, Trigger("images", "insert", "f", payload="NEW.path", definer=True), replace=True)
            session.execute("INSERT INTO images VALUES (2, 'b')")
    finally:
        sql.execute("DROP OWNED BY writer_of_pictures")
        sql.execute("DROP ROLE writer_of_pictures")
    assert [payload for payload, _ in jobs(sql)] == ["a", "b"]


def test_names_in_an_expression_are_not_those_of_the_session(sql: Session) -> None:
    make(sql, payload="upper(NEW.path)", definer=True)
    sql.execute("CREATE FUNCTION pg_temp.upper(text) RETURNS text LANGUAGE sql AS $$ SELECT 'mine' $$")
    sql.execute("CREATE SCHEMA other")
    sql.execute("CREATE FUNCTION other.upper(text) RETURNS text LANGUAGE sql AS $$ SELECT 'theirs' $$")
    sql.execute("SET search_path = other, pg_temp, pg_catalog")
    sql.execute("INSERT INTO public.images VALUES (1, 'a')")
    assert jobs(sql) == [("A", "")]


def test_what_the_session_finds_and_the_trigger_would_not_is_told_at_once(sql: Session) -> None:
    sql.execute("CREATE SCHEMA other")
    sql.execute("CREATE FUNCTION other.thumb(text) RETURNS text LANGUAGE sql AS $$ SELECT $1 $$")
    sql.execute("SET search_path = public, other")
    with pytest.raises(errors.UndefinedFunction, match="thumb"):
        make(sql, payload="thumb(NEW.path)")
    assert value(sql, "SELECT count(*) FROM pg_proc WHERE proname = 'images_f'") == 0
    make(sql, payload="other.thumb(NEW.path)")
    assert value(sql, "SHOW search_path") == "public, other"


def test_in_a_transaction_a_trigger_goes_with_it(database: Database, sql: Session) -> None:
    with psycopg.connect(database.url) as session:
        create(session, Trigger("images", "insert", "f", payload="NEW.path"))
        assert value(session, "SHOW search_path") == '"$user", public'
        session.rollback()
    assert installed(sql) == []


def test_the_schema_of_the_table(sql: Session) -> None:
    sql.execute("CREATE SCHEMA shop")
    sql.execute("CREATE TABLE shop.images (id integer, path text)")
    create(sql, Trigger("images", "insert", "f", payload="NEW.path", schema="shop"))
    create(sql, Trigger("images", "insert", "f", payload="NEW.note"))
    sql.execute("INSERT INTO shop.images VALUES (1, 'shop')")
    sql.execute("INSERT INTO images VALUES (1, 'path', 'note')")
    assert [payload for payload, _ in jobs(sql)] == ["shop", "note"]
    assert [(one.schema, one.name) for one in installed(sql)] == [("public", "images_f"), ("shop", "images_f")]
    drop(sql, [one for one in installed(sql) if one.schema == "shop"])
    assert value(sql, "SELECT count(*) FROM pg_proc WHERE proname = 'images_f'") == 1


def test_triggers_made_by_hand_are_ours_too_and_others_are_not(sql: Session) -> None:
    call = "FOR EACH ROW EXECUTE FUNCTION gman_enqueue_row('by \\ händ', 'columns=id')"
    sql.execute(f"CREATE TRIGGER hand AFTER INSERT OR UPDATE OF path, note ON images {call}".encode())
    sql.execute("CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$")
    sql.execute("CREATE TRIGGER other AFTER INSERT ON images EXECUTE FUNCTION nothing()")
    sql.execute("ALTER TABLE images DISABLE TRIGGER hand")
    (one,) = installed(sql)
    assert (one.name, one.events, one.function, one.enabled) == ("hand", "insert,update:path,note", "by \\ händ", False)
    drop(sql, installed(sql))
    assert value(sql, "SELECT array_agg(tgname::text) FROM pg_trigger WHERE tgrelid = 'images'::regclass") == ["other"]


def test_a_partitioned_tables_trigger_is_one(sql: Session) -> None:
    sql.execute("CREATE TABLE log (id integer, day integer) PARTITION BY LIST (day)")
    sql.execute("CREATE TABLE log_1 PARTITION OF log FOR VALUES IN (1)")
    create(sql, Trigger("log", "insert", "f", payload="NEW.id::text"))
    assert [one.table for one in installed(sql)] == ["log"]
    sql.execute("INSERT INTO log VALUES (7, 1)")
    assert jobs(sql) == [("7", "")]


def test_without_the_extension_it_says_what_to_do(empty_database: Database) -> None:
    with empty_database.connect() as session, pytest.raises(ConfigurationError, match="gearbridge db install"):
        create(session, Trigger("images", "insert", "f"))


@pytest.fixture
def shop(sql: Session) -> Iterator[str]:
    """A role with a schema and a table `images` of its own."""
    role = f"shop_in_{sql.info.dbname}"
    sql.execute(f"CREATE ROLE {role} LOGIN; CREATE SCHEMA shop AUTHORIZATION {role}".encode())
    sql.execute("CREATE TABLE shop.images (id integer, path text)")
    sql.execute(f"ALTER TABLE shop.images OWNER TO {role}".encode())
    yield role
    sql.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}".encode())


def test_a_function_of_the_schemas_owner_is_not_called_with_others_rights(sql: Session, shop: str) -> None:
    of_shop = Trigger("images", "insert", "f", payload="jsonb_build_object('path', NEW.path)", schema="shop")
    with pytest.raises(ConfigurationError, match=f"belongs to role {shop}"):
        create(sql, dataclasses.replace(of_shop, definer=True))
    # The table is the superuser's, and beside it others may write: nothing there is found.
    sql.execute(f"GRANT CREATE ON SCHEMA public TO {shop}".encode())
    make(sql, payload="jsonb_build_object('path', NEW.path)")
    make(sql, payload="jsonb_build_object('path', NEW.path)", definer=True, name="other")
    for name in ("jsonb_build_object(text, text)", "gman_enqueue(text, jsonb)", "gman_enqueue(text, varchar)"):
        returned = "jsonb" if name.startswith("jsonb") else "text"
        sql.execute(
            f"CREATE FUNCTION public.{name} RETURNS {returned} LANGUAGE plpgsql"
            " AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$".encode()
        )
    sql.execute("INSERT INTO images VALUES (1, 'a')")
    assert [json.loads(payload) for payload, _ in jobs(sql)] == [{"path": "a"}] * 2


def test_a_mark_on_anothers_trigger_drops_no_function_of_others(sql: Session, shop: str) -> None:
    sql.execute("CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$")
    make(sql, payload="NEW.path", name="images_f")
    with sql.transaction():
        sql.execute(f"SET LOCAL ROLE {shop}".encode())
        sql.execute("CREATE TRIGGER images_f AFTER INSERT ON shop.images FOR EACH ROW EXECUTE FUNCTION audit()")
        sql.execute(
            "COMMENT ON TRIGGER images_f ON shop.images IS "
            """'gearbridge trigger: {"name": "images_f", "function": "f", "on": "insert"}'"""
        )
    (marked,) = [one for one in installed(sql) if one.schema == "shop"]
    with pytest.raises(ConfigurationError, match=r"public.audit\(\) of trigger images_f on images belongs to role"):
        drop(sql, [marked])
    with pytest.raises(ConfigurationError, match="belongs to role"):
        create(sql, Trigger("images", "insert", "f", schema="shop", name="images_f"), replace=True)
    drop(sql, [one for one in installed(sql) if one.schema != "shop"])
    assert value(sql, "SELECT to_regprocedure('audit()') IS NOT NULL")


def test_a_superuser_drops_the_functions_of_the_tables_owner_and_not_of_a_third_role(sql: Session, shop: str) -> None:
    of_shop = Trigger("images", "insert", "f", payload="NEW.path", schema="shop", name="f")
    create(sql, of_shop)
    sql.execute(f"ALTER FUNCTION shop.images_f() OWNER TO {shop}".encode())
    create(sql, of_shop, replace=True)
    third = f"third_in_{sql.info.dbname}"
    sql.execute(f"CREATE ROLE {third}; GRANT CREATE ON SCHEMA shop TO {third}".encode())
    sql.execute(f"ALTER FUNCTION shop.images_f() OWNER TO {third}".encode())
    with pytest.raises(ConfigurationError, match=f"belongs to role {third}"):
        drop(sql, installed(sql))
    sql.execute(f"REASSIGN OWNED BY {third} TO {shop}; DROP OWNED BY {third}; DROP ROLE {third}".encode())
    drop(sql, installed(sql))
    assert value(sql, "SELECT to_regprocedure('shop.images_f()') IS NULL")


def test_a_type_of_others_is_no_matter_for_a_definers_trigger(sql: Session, shop: str) -> None:
    sql.execute("CREATE TYPE shop.mood AS ENUM ('glad')")
    sql.execute(f"ALTER TYPE shop.mood OWNER TO {shop}".encode())
    sql.execute("ALTER TABLE images ADD COLUMN moods shop.mood[]")
    with pytest.raises(ConfigurationError, match=rf"values of type shop\.mood.*, whose casts role {shop} makes"):
        make(sql, definer=True)
    make(sql, payload="NEW.path")


def test_a_dump_without_comments_keeps_triggers_known(
    database: Database, empty_database: Database, sql: Session
) -> None:
    make(sql, payload="NEW.path")
    make(sql, "insert,delete", each="statement", name="whole")
    make(sql, "insert,delete", each="statement", name="made", payload="'x'")
    dumping = ["pg_dump", "--no-comments", database.url]
    dump = subprocess.run(dumping, capture_output=True, text=True, check=True).stdout
    subprocess.run(
        ["psql", "-Xqv", "ON_ERROR_STOP=1", empty_database.url], input=dump, capture_output=True, text=True, check=True
    )
    with empty_database.connect() as copy:
        there = {(one.name, one.events, one.function, len(one.parts)) for one in installed(copy)}
        assert there == {
            ("images_f", "insert", "f", 1), ("whole", "delete,insert", "f", 2), ("made", "insert,delete", "f", 2)
        }  # fmt: skip
        create(copy, Trigger("images", "insert", "f", payload="NEW.path"), replace=True)
        create(copy, Trigger("images", "insert,delete", "f", each="statement", name="whole"), replace=True)
        drop(copy, installed(copy))
        assert value(copy, "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'images'::regclass") == 0
        assert value(copy, "SELECT count(*) FROM pg_proc WHERE proname LIKE 'images%'") == 0


@pytest.mark.parametrize("table", ["t" * 62, "\u00e4" * 31])
def test_a_table_whose_name_is_as_long_as_can_be(sql: Session, table: str) -> None:
    sql.execute(f'CREATE TABLE "{table}" (id integer)'.encode())
    create(sql, Trigger(table, "insert", "f", payload="NEW.id::text", name="n"))
    create(sql, Trigger(table, "insert", "f", payload="NEW.id::text", name="m"))
    sql.execute(f'INSERT INTO "{table}" VALUES (1)'.encode())
    assert [payload for payload, _ in jobs(sql)] == ["1", "1"]
    drop(sql, installed(sql))
