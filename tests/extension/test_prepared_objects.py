"""What others have prepared in a database before gearbridge comes: none of it is bound, and none is taken over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg import errors

from gearbridge.extension.script import managed_script
from tests.extension.decoys import make_decoys
from tests.fixtures.postgres import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.postgres import Database, Session

#: What objects in public others than their own our objects were bound to, also through rules, defaults and indexes.
BOUND = """
WITH RECURSIVE ours (classid, objid) AS (
    SELECT classid, objid FROM gearbridge._own_objects()
    UNION
    SELECT part.classid, part.objid
    FROM pg_depend AS part JOIN ours ON (part.refclassid, part.refobjid) = (ours.classid, ours.objid)
    WHERE part.deptype IN ('a', 'i')
)
SELECT DISTINCT pg_describe_object(used.refclassid, used.refobjid, 0)
FROM ours JOIN pg_depend AS used ON (used.classid, used.objid) = (ours.classid, ours.objid)
LEFT JOIN pg_proc AS routine ON used.refclassid = 'pg_proc'::regclass AND routine.oid = used.refobjid
LEFT JOIN pg_operator AS operator ON used.refclassid = 'pg_operator'::regclass AND operator.oid = used.refobjid
WHERE 'public'::regnamespace IN (routine.pronamespace, operator.oprnamespace)
    AND (used.refclassid, used.refobjid) NOT IN (SELECT classid, objid FROM ours)
"""

TABLES = ("gearbridge_job", "gearbridge_node", "gearbridge_limit", "gearbridge_schema")


@pytest.fixture
def decoys(empty_database: Database) -> Iterator[Session]:
    """A session of a database whose schema public is full of better matches for what our scripts call."""
    with empty_database.connect() as session:
        make_decoys(session, "public")
        yield session


@pytest.mark.parametrize("way", ["extension", "script"])
def test_nothing_of_public_is_bound(decoys: Session, way: str) -> None:
    assert value(decoys, "SELECT count(*) FROM pg_operator WHERE oprnamespace = 'public'::regnamespace") > 800
    made = "CREATE EXTENSION gearbridge" if way == "extension" else managed_script().replace("\\set", "--")
    decoys.execute(made.encode())
    assert decoys.execute(BOUND.encode()).fetchall() == []
    decoys.execute("SET search_path = pg_catalog")
    handle = value(decoys, "SELECT public.gman_enqueue('f', 'x'::text, unique_key => 'k')")
    assert value(decoys, "SELECT handle FROM public.gman_jobs WHERE state = 'ready'") == handle
    assert value(decoys, "SELECT public.gman_enqueue_many('f', ARRAY['x'::text])")


@pytest.fixture
def server_made(empty_database: Database) -> Iterator[tuple[Database, Session]]:
    """A database in which the tables are as a server would have made them, by the superuser."""
    with empty_database.connect() as session:
        session.execute("CREATE EXTENSION gearbridge")
        for name in (*TABLES, "gearbridge_job_id_seq", "gearbridge_node_epoch_seq"):
            kind = "SEQUENCE" if name.endswith("_seq") else "TABLE"
            session.execute(f"ALTER EXTENSION gearbridge DROP {kind} gearbridge.{name}".encode())
        session.execute("ALTER EXTENSION gearbridge DROP SCHEMA gearbridge")
        session.execute("CREATE SCHEMA kept")
        for name in TABLES:
            session.execute(f"ALTER TABLE gearbridge.{name} SET SCHEMA kept".encode())
        session.execute("DROP SCHEMA gearbridge CASCADE")
        session.execute("DROP EXTENSION IF EXISTS gearbridge")
        session.execute("ALTER SCHEMA kept RENAME TO gearbridge")
        yield empty_database, session


def test_what_a_server_of_the_same_role_has_made_is_taken_over(server_made: tuple[Database, Session]) -> None:
    _, session = server_made
    session.execute("INSERT INTO gearbridge.gearbridge_limit SELECT 'f', 1 WHERE false")
    session.execute("CREATE EXTENSION gearbridge")
    assert value(session, "SELECT gman_enqueue('f', 'x')")
    assert value(session, "SELECT count(*) FROM gearbridge._acl_differences()") == 0


@pytest.mark.parametrize(
    ("made", "text"),
    [
        ("CREATE TRIGGER trap BEFORE INSERT ON {job} FOR EACH ROW EXECUTE FUNCTION trap()", "trigger trap"),
        ("CREATE RULE trap AS ON INSERT TO {job} DO ALSO SELECT trapped()", "rule trap"),
        ("CREATE POLICY trap ON {job} USING (trapped())", "policy trap"),
        ("ALTER TABLE {job} ENABLE ROW LEVEL SECURITY", "row level security"),
        ("ALTER TABLE {job} ADD COLUMN trap boolean DEFAULT trapped()", "column trap|default"),
        ("ALTER TABLE {job} ALTER COLUMN enqueued SET DEFAULT length(trapped()::text)", "default"),
        ("ALTER TABLE {job} ADD COLUMN trap boolean GENERATED ALWAYS AS (trapped()) STORED", "default"),
        ("ALTER TABLE {job} ADD CHECK (trapped())", "constraint"),
        ("CREATE INDEX trap ON {job} (trapped())", "INDEX trap"),
        ("CREATE INDEX trap ON {job} (id) WHERE trapped()", "INDEX trap"),
        ("CREATE STATISTICS gearbridge.trap ON id, handle FROM {job}", "trap"),
        ("CREATE TABLE public.child () INHERITS ({job})", "inheritance"),
        ("ALTER TABLE {job} DROP COLUMN owner", "missing column"),
        ("ALTER TABLE {job} ALTER COLUMN priority TYPE integer", "column priority"),
        (
            "CREATE FUNCTION gearbridge._priority(varchar) RETURNS smallint LANGUAGE sql AS 'SELECT 1::smallint'",
            "_priority",
        ),
        ("CREATE TYPE gearbridge.caller AS ENUM ()", "type gearbridge.caller"),
        ("CREATE VIEW gearbridge.other AS SELECT 1", "view gearbridge.other"),
        ("ALTER TABLE {job} OWNER TO {role}", "belongs to role"),
        ("ALTER TABLE gearbridge.gearbridge_node OWNER TO {role}", "belongs to role"),
        ("ALTER SCHEMA gearbridge OWNER TO {role}", "belongs to role"),
    ],
    ids=lambda one: one if " " not in one else None,
)
def test_what_others_have_added_is_not(server_made: tuple[Database, Session], made: str, text: str) -> None:
    database, session = server_made
    role = f"other_in_{database.name}"
    session.execute(f"CREATE ROLE {role} NOINHERIT".encode())
    session.execute("CREATE FUNCTION trapped() RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'")
    session.execute("CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
    session.execute(made.format(job="gearbridge.gearbridge_job", role=role).encode())
    with pytest.raises(errors.InsufficientPrivilege, match=f"(?s)not taken over.*({text})"):
        session.execute("CREATE EXTENSION gearbridge")
    assert value(session, "SELECT count(*) FROM pg_extension WHERE extname = 'gearbridge'") == 0
    session.execute(f"DROP OWNED BY {role} CASCADE".encode())
    session.execute(f"DROP ROLE {role}".encode())


def test_the_trusted_extension_does_not_take_over_what_the_databases_owner_has(
    empty_database: Database,
) -> None:
    name = f"keeper_of_{empty_database.name}"
    with empty_database.connect() as superuser:
        superuser.execute(f"CREATE ROLE {name} LOGIN".encode())
        superuser.execute(f"ALTER DATABASE {empty_database.name} OWNER TO {name}".encode())
        with empty_database.connect(name) as owner:
            owner.execute("CREATE SCHEMA gearbridge")
            with pytest.raises(errors.InsufficientPrivilege, match=f"belongs to role {name}"):
                owner.execute("CREATE EXTENSION gearbridge")
        superuser.execute(f"ALTER DATABASE {empty_database.name} OWNER TO postgres".encode())
        superuser.execute(f"DROP OWNED BY {name} CASCADE".encode())
        superuser.execute(f"DROP ROLE {name}".encode())
