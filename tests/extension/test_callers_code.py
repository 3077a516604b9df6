"""No code of a caller runs with more than the caller's rights: types, casts, operators, functions, temporary tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import errors

from tests.extension.decoys import make_decoys
from tests.fixtures.postgres import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg.errors import Diagnostic

    from tests.fixtures.postgres import Database, Session

#: A value of each type that our functions take, as the caller's cast gives it.
VALUES = {
    "text": "'mail_x'",
    "bytea": "'x'",
    "jsonb": "'{}'",
    "name": "current_user",
    "integer": "1",
    "boolean": "true",
    "interval": "'1 ms'",
    "timestamp with time zone": "now()",
    "oid": "1",
    "text[]": "'{mail_x}'",
    "bytea[]": "'{x}'",
    "jsonb[]": "'{1}'",
}

#: Ours, with the types of what they take; who calls is left to its default.
FUNCTIONS = """
    SELECT routine.oid::regproc::text, ARRAY(
        SELECT format_type(taken.type, NULL)
        FROM unnest(routine.proargtypes::oid[]) WITH ORDINALITY AS taken (type, place)
        WHERE taken.type <> 'gearbridge.caller'::regtype ORDER BY taken.place
    )
    FROM pg_proc AS routine JOIN gearbridge._own_objects() AS own ON own.objid = routine.oid
    WHERE own.classid = 'pg_proc'::regclass AND routine.prorettype <> 'trigger'::regtype AND routine.prokind = 'f'
"""


class LocalPeer:
    """A role's session, and in whose name its code has run."""

    def __init__(self, session: Session, name: str) -> None:
        self.session = session
        self.name = name
        self.ran_as: list[str] = []
        session.add_notice_handler(self._note)

    def _note(self, notice: Diagnostic) -> None:
        text = notice.message_primary or ""
        if text.startswith("ran as "):
            self.ran_as.append(text.removeprefix("ran as "))

    def try_it(self, statement: str) -> str | None:
        """Run a statement; its SQLSTATE, if it is refused."""
        try:
            self.session.execute(statement.encode())
        except psycopg.Error as error:
            return error.sqlstate or "?"
        return None


@pytest.fixture
def caller(database: Database) -> Iterator[LocalPeer]:
    """A role with all rights but the administrator's, and a schema of its own, first in its search_path."""
    name = f"caller_in_{database.name}"
    with database.connect() as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN; GRANT CREATE ON SCHEMA public TO {name}".encode())
        admin.execute(f"CREATE SCHEMA own AUTHORIZATION {name}".encode())
        for right in ("submit", "work"):
            admin.execute(f"SELECT gearbridge.grant_{right}('{name}', 'mail_*')".encode())
        admin.execute(f"SELECT gearbridge.grant_monitor('{name}')".encode())
        with database.connect(name) as session:
            session.execute("SET search_path = own, pg_temp, public, pg_catalog")
            yield LocalPeer(session, name)
        admin.execute(f"DROP OWNED BY {name} CASCADE".encode())
        admin.execute(f"DROP ROLE {name}".encode())


def cast_to(caller: LocalPeer, target: str, source: str, result: str, *, implicit: bool = True) -> None:
    """Make a cast of a type of the caller's that says in whose name it runs."""
    function = f"own.cast_{source.partition('.')[2]}_to_{''.join(filter(str.isalnum, target))}"
    caller.session.execute(
        f"CREATE FUNCTION {function}({source}) RETURNS {target} LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE NOTICE 'ran as %', current_user; RETURN {result}; END $$".encode()
    )
    how = " AS IMPLICIT" if implicit else ""
    caller.session.execute(f"CREATE CAST ({source} AS {target}) WITH FUNCTION {function}({source}){how}".encode())


def test_every_function_called_with_the_callers_types(database: Database, caller: LocalPeer) -> None:
    with database.connect() as admin:
        functions: list[tuple[str, list[str]]] = admin.execute(FUNCTIONS.encode()).fetchall()
        make_decoys(admin, "own")  # whoever made them: they run in the name of who calls them
    assert len(functions) > 60
    made: dict[str, str] = {}
    for number, (target, result) in enumerate(VALUES.items()):
        made[target] = f"'glad'::own.mood{number}"
        caller.session.execute(f"CREATE TYPE own.mood{number} AS ENUM ('glad')".encode())
        cast_to(caller, target, f"own.mood{number}", f"{result}::pg_catalog.{target}" if " " not in target else result)
    for table in ("gearbridge_job", "role_right", "own_object", "pg_class", "pg_proc", "gearbridge_rows"):
        caller.session.execute(f"CREATE TEMPORARY TABLE {table} AS SELECT 'theirs' AS handle, 3 AS state".encode())
    reached = 0
    for name, taken in functions:
        schema, _, short = name.rpartition(".")
        arguments = ", ".join(made.get(one, "NULL") for one in taken)
        state = caller.try_it(f"SELECT * FROM {schema or 'public'}.{short}({arguments})")
        reached += state is None
    assert reached > 12
    assert set(caller.ran_as) == {caller.name}


@pytest.fixture
def moods(caller: LocalPeer) -> LocalPeer:
    """Types of every kind, all with a cast to json of the caller's, and a table `letters` of them."""
    run = caller.session.execute
    run("CREATE TYPE own.mood AS ENUM ('glad', 'it''s \"so\", \\so')")
    run("CREATE TYPE own.moods AS RANGE (SUBTYPE = own.mood)")
    run("CREATE TYPE own.pair AS (first own.mood, second integer)")
    run("CREATE DOMAIN own.temper AS own.mood")
    for source in ("own.mood", "own.moods", "own.pair"):
        cast_to(caller, "json", source, "'\"cast\"'", implicit=False)
    cast_to(caller, "text", "own.mood", "'cast'")
    run("""CREATE TABLE public.letters (
        one integer, mood own.mood, temper own.temper, many own.mood[], span own.moods, pair own.pair, pairs own.pair[],
        "it's ""a"" one" text
    )""")
    return caller


def payloads(database: Database) -> list[str]:
    """The payloads of all jobs, in order."""
    with database.connect() as admin:
        query = "SELECT convert_from(payload, 'UTF8') FROM gearbridge.gearbridge_job ORDER BY id"
        return [one for (one,) in admin.execute(query).fetchall()]


ROW = r"""(
    7, 'it''s "so", \so', 'glad', ARRAY['glad', NULL, 'it''s "so", \so']::own.mood[],
    '[glad,glad]', ('glad', 2), NULL, 'x'
)"""
JSON: dict[str, Any] = {
    "one": 7,
    "mood": 'it\'s "so", \\so',
    "temper": "glad",
    "many": ["glad", None, 'it\'s "so", \\so'],
    "span": "[glad,glad]",
    "pair": {"first": "glad", "second": 2},
    "pairs": None,
    'it\'s "a" one': "x",
}
TRIGGERS = [
    "AFTER INSERT ON letters FOR EACH ROW EXECUTE FUNCTION public.gman_enqueue_row",
    "BEFORE INSERT ON letters FOR EACH ROW EXECUTE FUNCTION public.gman_enqueue_row",
    "AFTER INSERT ON letters REFERENCING NEW TABLE AS gearbridge_rows"
    " FOR EACH STATEMENT EXECUTE FUNCTION public.gman_enqueue_rows",
]


@pytest.mark.parametrize("made", TRIGGERS)
def test_a_row_becomes_json_without_the_callers_casts(database: Database, moods: LocalPeer, made: str) -> None:
    moods.session.execute(f"CREATE TRIGGER t {made}('mail_x', 'unique_key=mood')".encode())
    moods.session.execute(f"INSERT INTO letters VALUES {ROW}".encode())
    with database.connect() as admin:
        admin.add_notice_handler(moods._note)
        payload = value(admin, "SELECT convert_from(payload, 'UTF8') FROM gearbridge.gearbridge_job")
        assert json.loads(payload) == JSON
        assert value(admin, "SELECT unique_key FROM gman_jobs") == JSON["mood"].replace("\\", "\\\\")
        admin.execute("INSERT INTO public.letters (one) VALUES (1)")
        assert value(admin, "SELECT count(*) FROM gman_jobs") == 2
    assert moods.ran_as == []


#: Rows of columns of PostgreSQL's own types and of an enum, and what they are as JSON.
ENUMS = [
    (
        "7, 'glad', '2024-05-06 00:00+00', 'x'",
        {"one": 7, "mood": "glad", "at": "2024-05-06T00:00:00+00:00", "a, b": "x"},
    ),
    ("7, NULL, NULL, '(,)'", {"one": 7, "mood": None, "at": None, "a, b": "(,)"}),
    (r"""NULL, 'it''s "so", \so', NULL, ''""", {"one": None, "mood": 'it\'s "so", \\so', "at": None, "a, b": ""}),
    ("DEFAULT, DEFAULT, DEFAULT, DEFAULT", {"one": None, "mood": None, "at": None, "a, b": None}),
]


@pytest.mark.parametrize("timezone", ["UTC", "Asia/Tokyo"])
@pytest.mark.parametrize("made", TRIGGERS)
def test_an_enum_becomes_text_without_the_callers_casts(
    database: Database, moods: LocalPeer, made: str, timezone: str
) -> None:
    run = moods.session.execute
    run('DROP TABLE letters; CREATE TABLE public.letters (one integer, mood own.mood, at timestamptz, "a, b" text)')
    run(f"CREATE TRIGGER t {made}('mail_x')".encode())
    run(f"SET timezone = '{timezone}'".encode())
    for row, _ in ENUMS:
        run(f"INSERT INTO letters VALUES ({row})".encode())
    assert [json.loads(one) for one in payloads(database)] == [expected for _, expected in ENUMS]
    run("ALTER TABLE letters DROP one, DROP at, DROP \"a, b\"; INSERT INTO letters VALUES ('glad'), (NULL)")
    assert [json.loads(one) for one in payloads(database)[len(ENUMS) :]] == [{"mood": "glad"}, {"mood": None}]
    assert moods.ran_as == []


def test_both_rows_of_an_update_have_the_enum(database: Database, moods: LocalPeer) -> None:
    run = moods.session.execute
    run("DROP TABLE letters; CREATE TABLE public.letters (one integer, mood own.mood)")
    run("INSERT INTO letters VALUES (1, 'glad')")
    run(
        "CREATE TRIGGER t AFTER UPDATE OR DELETE ON letters FOR EACH ROW"
        " EXECUTE FUNCTION public.gman_enqueue_row('mail_x', 'payload=both')"
    )
    run(r"""UPDATE letters SET mood = NULL; UPDATE letters SET mood = 'it''s "so", \so'; DELETE FROM letters""")
    moved = [
        (one["old"] and one["old"]["mood"], one["new"] and one["new"]["mood"])
        for one in map(json.loads, payloads(database))
    ]
    assert moved == [("glad", None), (None, JSON["mood"]), (JSON["mood"], None)]
    assert moods.ran_as == []


@pytest.mark.parametrize(
    "columns", ["path own.path", "path own.path, mood own.mood", "mood own.mood, others own.path[]"]
)
@pytest.mark.parametrize("made", TRIGGERS)
def test_the_check_of_a_domain_has_the_callers_rights(
    database: Database, moods: LocalPeer, made: str, columns: str
) -> None:
    run = moods.session.execute
    run(
        "CREATE FUNCTION own.noted(text) RETURNS boolean LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE NOTICE 'ran as %', current_user; RETURN true; END $$"
    )
    run("CREATE DOMAIN own.path AS text CHECK (own.noted(VALUE))")
    run(f"DROP TABLE letters; CREATE TABLE public.letters (one integer, {columns})".encode())
    run(f"CREATE TRIGGER t {made}('mail_x')".encode())
    run("INSERT INTO letters SELECT 1")
    run("INSERT INTO letters (one) VALUES (2)")
    assert [json.loads(one)["one"] for one in payloads(database)] == [1, 2]
    assert set(moods.ran_as) <= {moods.name}


#: What a table's owner does after another transaction's snapshot was taken, and what that transaction then writes.
CHANGES = {
    "a column": ("ALTER TABLE letters ADD mood own.mood", "INSERT INTO letters VALUES (1, NULL, 'glad')"),
    "an attribute": ("ALTER TYPE own.pair ADD ATTRIBUTE mood own.mood", "INSERT INTO letters VALUES (1, (1, 'glad'))"),
    "a type": (
        "ALTER TABLE letters ALTER one TYPE own.mood USING 'glad'",
        "INSERT INTO letters VALUES ('glad', NULL)",
    ),
    "a table": (
        "ALTER TABLE letters RENAME TO others; CREATE TABLE letters (mood own.mood); CREATE TRIGGER t {}('mail_x')",
        "INSERT INTO letters VALUES ('glad')",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("made", TRIGGERS)
def test_a_change_newer_than_the_snapshot_is_refused(
    database: Database, caller: LocalPeer, made: str, change: str
) -> None:
    run = caller.session.execute
    run("CREATE TYPE own.mood AS ENUM ('glad')")
    cast_to(caller, "json", "own.mood", "'\"cast\"'", implicit=False)
    run("CREATE TYPE own.pair AS (first integer); CREATE TABLE public.letters (one integer, pair own.pair)")
    run("SET search_path = public, own")
    run(f"CREATE TRIGGER t {made}('mail_x')".encode())
    alter, insert = CHANGES[change]
    with database.connect(caller.name) as session:
        session.add_notice_handler(caller._note)
        session.execute("SET search_path = public, own; BEGIN ISOLATION LEVEL REPEATABLE READ")
        session.execute("INSERT INTO letters VALUES (1)")
        session.execute("COMMIT; BEGIN ISOLATION LEVEL REPEATABLE READ")
        session.execute("SELECT FROM gman_jobs")
        run(alter.format(made).encode())
        with pytest.raises(errors.SerializationFailure, match="concurrent change of the table"):
            session.execute(insert.encode())
        session.execute("ROLLBACK")
        session.execute(insert.encode())
        session.execute(f"BEGIN ISOLATION LEVEL SERIALIZABLE; {insert}; COMMIT".encode())
    assert caller.ran_as == []


@pytest.mark.parametrize("made", TRIGGERS)
def test_the_right_is_asked_for_before_a_row_is_looked_at(moods: LocalPeer, made: str) -> None:
    moods.session.execute(f"CREATE TRIGGER t {made}('payroll')".encode())
    with pytest.raises(errors.InsufficientPrivilege, match='may not submit jobs of function "payroll"'):
        moods.session.execute(f"INSERT INTO letters VALUES {ROW}".encode())
    assert moods.ran_as == []


def test_types_of_an_extension_are_converted_as_everywhere(database: Database) -> None:
    with database.connect() as admin:
        admin.execute("CREATE TYPE weather AS ENUM ('rain')")
        wet = """SELECT '{"wet": true}'::json"""
        admin.execute(f"CREATE FUNCTION as_json(weather) RETURNS json LANGUAGE sql AS $${wet}$$".encode())
        admin.execute("CREATE CAST (weather AS json) WITH FUNCTION as_json(weather)")
        admin.execute("CREATE TABLE days (w weather)")
        admin.execute("CREATE TRIGGER t AFTER INSERT ON days FOR EACH ROW EXECUTE FUNCTION gman_enqueue_row('f')")
        admin.execute("INSERT INTO days VALUES ('rain')")
        payload = value(admin, "SELECT convert_from(payload, 'UTF8') FROM gearbridge.gearbridge_job")
        assert json.loads(payload) == {"w": {"wet": True}}


def test_cascades_and_partitions_need_the_right_of_the_triggers_maker(database: Database, caller: LocalPeer) -> None:
    other = f"other_in_{database.name}"
    run = caller.session.execute
    run("CREATE TABLE public.parent (id integer PRIMARY KEY)")
    run("CREATE TABLE public.part (id integer REFERENCES parent ON DELETE CASCADE) PARTITION BY RANGE (id)")
    run("CREATE TABLE public.part_1 PARTITION OF part FOR VALUES FROM (0) TO (10)")
    run("CREATE TRIGGER t AFTER INSERT OR DELETE ON part FOR EACH ROW EXECUTE FUNCTION gman_enqueue_row('mail_x')")
    with database.connect() as admin:
        admin.execute(f"CREATE ROLE {other}".encode())
        admin.execute(f"ALTER TABLE public.part_1 OWNER TO {other}".encode())
        run("INSERT INTO parent VALUES (1)")
        run("INSERT INTO part VALUES (1)")
        run("DELETE FROM parent")
        assert value(admin, "SELECT count(*) FROM gman_jobs") == 2
        admin.execute(f"SELECT gearbridge.revoke_submit('{caller.name}')".encode())
        admin.execute(f"SELECT gearbridge.grant_submit('{other}')".encode())
        run("INSERT INTO parent VALUES (2)")
        with pytest.raises(errors.InsufficientPrivilege, match="may not submit"):
            run("INSERT INTO part VALUES (2)")
        admin.execute(f"DROP OWNED BY {other} CASCADE".encode())
        admin.execute(f"DROP ROLE {other}".encode())


SETTINGS = {
    "bytea_output": "escape",
    "timezone": "Asia/Tokyo",
    "intervalstyle": "iso_8601",
    "datestyle": "German",
    "extra_float_digits": "-5",
    "standard_conforming_strings": "off",
    "search_path": "pg_catalog",
}


@pytest.mark.parametrize("made", [one.replace("letters", "public.values") for one in (TRIGGERS[0], TRIGGERS[2])])
def test_no_setting_of_the_session_changes_a_payload(database: Database, made: str) -> None:
    with database.connect() as session:
        session.execute(
            "CREATE TABLE public.values"
            " (a bytea, b timestamptz, c interval, d date, e float8, f tstzrange, g regclass, h money)"
        )
        session.execute(f"CREATE TRIGGER t {made}('f')".encode())
        insert = (
            r"INSERT INTO public.values VALUES (E'\\x00ff', '2024-05-06 07:08:09.123+02', interval '1 day 2 hours',"
            " date '2024-05-06', 1.0 / 3, tstzrange('2024-05-06 00:00+02', NULL), 'public.values'::regclass,"
            " 1.5::money)"
        )
        session.execute(insert.encode())
        for name, to in SETTINGS.items():
            session.execute(f"SET {name} = {to if name == 'search_path' else repr(to)}".encode())
        session.execute(insert.encode())
        session.execute("RESET ALL")
        payloads = [one for (one,) in session.execute("SELECT payload FROM gearbridge.gearbridge_job ORDER BY id")]
    assert len(payloads) == 2
    assert payloads[0] == payloads[1]
