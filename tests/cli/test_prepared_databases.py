"""Commands that an administrator runs in a database that somebody else has prepared: nothing of theirs runs in the
administrator's name.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from psycopg import sql

import gearbridge
from tests.fixtures.postgres import value
from tests.fixtures.processes import PATIENCE
from tests.fixtures.server import GEARBRIDGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.postgres import Database, Session
    from tests.fixtures.processes import StartProcess

#: Counts in a sequence, which no rollback takes back.
_CAUGHT = "PERFORM pg_catalog.nextval('public.caught') WHERE current_user OPERATOR(pg_catalog.<>) 'preparer'"
_BODY = f"LANGUAGE plpgsql SET search_path = pg_catalog AS $$ BEGIN {_CAUGHT}; RETURN NULL; END $$"

#: The same functions and operators as PostgreSQL's, and operators for pairs of types that it has none for.
_DECOYS = """
DO $decoys$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT DISTINCT routine.proname AS name, pg_get_function_identity_arguments(routine.oid) AS taken,
            pg_get_function_result(routine.oid) AS given
        FROM pg_proc AS routine
        WHERE routine.pronamespace = 'pg_catalog'::regnamespace AND routine.prokind = 'f'
            AND routine.proname = ANY ({names}::text[]) AND routine.proargmodes IS NULL
            AND NOT routine.proretset AND NOT '{{internal,cstring,void,trigger}}'::regtype[]::oid[] && (
                routine.proargtypes::oid[] || routine.prorettype
            )
    LOOP
        EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS %s ' || {body}, one.name, one.taken, one.given);
    END LOOP;
    FOR one IN
        SELECT DISTINCT operator.oprname AS name, left_type, right_type FROM pg_operator AS operator,
            unnest({types}::text[]) AS left_type, unnest({types}::text[]) AS right_type
        WHERE operator.oprname IN ('=', '<>', '<', '>', '>=', '<=', '||', '&', '~', '-', '+')
    LOOP
        EXECUTE format('CREATE OR REPLACE FUNCTION public.decoy(%s, %s) RETURNS boolean ' || {body},
            one.left_type, one.right_type);
        EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = public.decoy)',
            one.name, one.left_type, one.right_type);
    END LOOP;
END
$decoys$
"""
_TYPES = ["oid", "regclass", "regproc", "regrole", "name", "text", '"char"', "int2", "int4", "int8", "bool", "varchar"]

#: What is called by name where gearbridge is thought to be.
_OURS = {
    "public": ("gman_version() RETURNS text", "gman_enqueue(text, text) RETURNS text"),
    "gearbridge": (
        "may_submit(text) RETURNS boolean",
        "_load() RETURNS void",
        "_acl_differences(OUT kind text, OUT name text, OUT grantee oid, OUT privilege text, OUT missing boolean) "
        "RETURNS record",
        "_holder() RETURNS void",
        "_own_objects(OUT classid oid, OUT objid oid) RETURNS record",
        "_enqueue(text, bytea, text, text, timestamptz, integer, boolean) RETURNS text",
        "caught() RETURNS integer",
    ),
}
_VIEWS = {
    "gearbridge_job": "1::smallint AS state, ''::text AS function",
    "role_right": "''::text AS role, 0::oid AS role_oid, ''::text AS \"right\", ''::text AS pattern",
    "gearbridge_schema": "1 AS version",
}


@cache
def _called() -> list[str]:
    """Every name that our sources call like a function."""
    files = Path(gearbridge.__file__).parent.rglob("*.py")
    return sorted({*(name for file in files for name in re.findall(r"(\w+)\(", file.read_text())), "current_schema"})


def _prepare(session: Session) -> None:
    session.execute("CREATE SEQUENCE public.caught; GRANT USAGE ON SEQUENCE public.caught TO PUBLIC")
    session.execute(
        sql.SQL(_DECOYS).format(names=sql.Literal(_called()), body=sql.Literal(_BODY), types=sql.Literal(_TYPES))
    )


def _prepare_ours(session: Session) -> None:
    session.execute("CREATE SCHEMA IF NOT EXISTS gearbridge")
    for space, functions in _OURS.items():
        for function in functions:
            body = _BODY.replace("RETURN NULL", "RETURN") if "void" in function or "OUT" in function else _BODY
            session.execute(f"CREATE FUNCTION {space}.{function} {body}".encode())
    for name, columns in _VIEWS.items():
        session.execute(f"CREATE VIEW gearbridge.{name} AS SELECT {columns} WHERE gearbridge.caught() IS NULL".encode())


@pytest.fixture
def prepared(empty_database: Database) -> Iterator[Database]:
    """A database of the role `preparer`, in which names are looked for in its own schema first."""
    with empty_database.connect() as superuser:
        superuser.execute("CREATE ROLE preparer LOGIN")
        superuser.execute(f"ALTER DATABASE {empty_database.name} OWNER TO preparer".encode())
        with empty_database.connect("preparer") as session:
            _prepare(session)
            session.execute(f"ALTER DATABASE {empty_database.name} SET search_path = public, pg_catalog".encode())
        yield empty_database
        superuser.execute("SET search_path = pg_catalog")
        superuser.execute(f"ALTER DATABASE {empty_database.name} OWNER TO postgres".encode())
        superuser.execute("DROP OWNED BY preparer CASCADE")
        superuser.execute("DROP ROLE preparer")


def _caught(database: Database) -> int:
    with database.connect() as session:
        session.execute("SET search_path = pg_catalog")
        return int(value(session, "SELECT count(*) FROM public.caught WHERE is_called"))


COMMANDS = {
    "check": ("db", "check", "--database"),
    "doctor": ("doctor", "--function", "f", "--database"),
    "doctor of all": ("doctor", "--database"),
    "upgrade": ("db", "upgrade", "--database"),
    "uninstall": ("db", "uninstall", "--yes", "--database"),
    "create": ("trigger", "create", "--table", "letters", "--on", "insert", "--function", "f", "--database"),
    "list": ("trigger", "list", "--database"),
    "drop": ("trigger", "drop", "--name", "t", "--database"),
    "export": ("db", "export", "-", "--store"),
    "server": ("server", "--port", "0", "--store"),
    "node": ("server", "--port", "0", "--node", "a", "--store"),
    "bridge": ("bridge", "--servers", "127.0.0.1:1", "--database"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_that_pretends_to_have_gearbridge(
    prepared: Database, start_process: StartProcess, command: str
) -> None:
    with prepared.connect("preparer") as session:
        session.execute("SET search_path = pg_catalog")
        _prepare_ours(session)
        session.execute("CREATE TABLE public.letters (id integer)")
    process = start_process(GEARBRIDGE, *COMMANDS[command], prepared.url)
    process.wait(PATIENCE)
    assert _caught(prepared) == 0, process.stderr


@pytest.mark.parametrize("command", ["check", "doctor", "doctor of all", "create", "list", "drop", "uninstall"])
def test_a_database_whose_owner_makes_better_matches(
    prepared: Database, start_process: StartProcess, command: str
) -> None:
    with prepared.connect() as superuser:
        superuser.execute("SET search_path = pg_catalog")
        superuser.execute("CREATE EXTENSION gearbridge SCHEMA public")
        superuser.execute("CREATE TABLE public.letters (id integer)")
        if command == "drop":
            superuser.execute(
                "CREATE TRIGGER t AFTER INSERT ON public.letters "
                "FOR EACH ROW EXECUTE FUNCTION public.gman_enqueue_row('f')"
            )
    process = start_process(GEARBRIDGE, *COMMANDS[command], prepared.url)
    status = process.wait(PATIENCE)
    assert _caught(prepared) == 0, process.stderr
    assert (status, process.stderr) == (1 if command in {"check", "doctor", "doctor of all"} else 0, "")
