"""Who may do what: nobody anything, until an administrator grants it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import errors

from tests.fixtures.postgres import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.job_server import JobServer
    from tests.fixtures.postgres import Database

CALLS = [
    "gman_servers_set('127.0.0.1:1')",
    "gman_servers_set('127.0.0.1:1', 'f')",
    "gman_servers()",
    "gman_ping()",
    "gman_do('f', 'x')",
    "gman_do('f', 'x'::bytea)",
    "gman_do('f', '1'::jsonb)",
    "gman_do_background('f', 'x')",
    "gman_do_background('f', 'x'::bytea)",
    "gman_do_background('f', '1'::jsonb)",
    "gman_do_background('f', 'x', now())",
    "gman_do_background('f', 'x'::bytea, now())",
    "gman_do_background('f', '1'::jsonb, now())",
    "gman_do_high('f', 'x')",
    "gman_do_high('f', 'x'::bytea)",
    "gman_do_high('f', '1'::jsonb)",
    "gman_do_low('f', 'x')",
    "gman_do_low('f', 'x'::bytea)",
    "gman_do_low('f', '1'::jsonb)",
    "gman_do_high_background('f', 'x')",
    "gman_do_high_background('f', 'x'::bytea)",
    "gman_do_high_background('f', '1'::jsonb)",
    "gman_do_low_background('f', 'x')",
    "gman_do_low_background('f', 'x'::bytea)",
    "gman_do_low_background('f', '1'::jsonb)",
    "gman_do_background_many('f', '{x}'::text[])",
    "gman_do_background_many('f', '{x}'::bytea[])",
    "gman_do_all('f', '{x}'::text[])",
    "gman_do_all('f', '{x}'::bytea[])",
    "gman_sum('f', 'x')",
    "gman_status('H:1')",
    "gman_status_by_unique_key('k')",
    "gman_server_status()",
    "gman_server_workers()",
    "gman_server_jobs()",
    "gearbridge._load()",
    "gearbridge._modules()",
    "gearbridge._sum_add(NULL, 'f', 'x')",
    "gearbridge._sum_do('{f,x}')",
]


@pytest.fixture
def role(database: Database) -> Iterator[str]:
    """A role that may connect and nothing else."""
    name = f"role_in_{database.name}"
    with database.connect() as db:
        db.execute(f"CREATE ROLE {name} LOGIN".encode())
        yield name
        db.execute(f"DROP OWNED BY {name}".encode())
        db.execute(f"DROP ROLE {name}".encode())


@pytest.mark.parametrize("call", CALLS)
def test_an_unprivileged_role_may_call_nothing(database: Database, role: str, call: str) -> None:
    with database.connect(role) as db, pytest.raises(errors.InsufficientPrivilege, match="permission denied"):
        value(db, f"SELECT {call}")


def test_every_function_of_ours_is_in_the_list_above(database: Database) -> None:
    with database.connect() as db:
        names = db.execute("""
            SELECT DISTINCT p.oid::regproc::text FROM pg_proc AS p JOIN pg_depend AS d ON d.objid = p.oid
            JOIN pg_extension AS e ON e.oid = d.refobjid AND d.deptype = 'e' WHERE e.extname = 'gearbridge_direct'
        """).fetchall()
    assert {name.removeprefix("public.") for (name,) in names} == {call.partition("(")[0] for call in CALLS}


def test_everybody_may_ask_for_the_version(database: Database, role: str) -> None:
    with database.connect(role) as db:
        assert value(db, "SELECT gman_version()")


def test_a_granted_role_may_do_that_and_no_more(database: Database, role: str, shared_job_server: JobServer) -> None:
    with database.connect() as db:
        granted = "gearbridge._load(), gman_servers_set(text), gman_do_background(text, text, text)"
        db.execute(f"GRANT EXECUTE ON FUNCTION {granted} TO {role}".encode())
    with database.connect(role) as db:
        value(db, "SELECT gman_servers_set(%s)", shared_job_server.address)
        assert value(db, "SELECT gman_do_background('f', 'x')")
        for refused in ("gman_do('f', 'x')", "gman_do_background('f', 'x'::bytea)", "gearbridge._modules()"):
            with pytest.raises(errors.InsufficientPrivilege):
                value(db, f"SELECT {refused}")
    with database.connect() as db:
        db.execute(f"REVOKE EXECUTE ON FUNCTION gman_do_background(text, text, text) FROM {role}".encode())
    with database.connect(role) as db, pytest.raises(errors.InsufficientPrivilege):
        value(db, "SELECT gman_do_background('f', 'x')")


def test_the_callers_search_path_is_never_used(database: Database, shared_job_server: JobServer) -> None:
    with database.connect() as db:
        db.execute("CREATE SCHEMA trap")
        db.execute("""
            CREATE FUNCTION trap.current_setting(text, boolean) RETURNS text LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'trapped'; END $$
        """)
        db.execute("SET search_path = trap, public, pg_catalog")
        value(db, "SELECT gman_servers_set(%s)", shared_job_server.address)
        assert value(db, "SELECT gman_ping() IS NOT NULL")


def test_the_owner_of_a_database_may_install_the_common_part_alone(empty_database: Database, role: str) -> None:
    with empty_database.connect() as db:
        db.execute(f"ALTER DATABASE {empty_database.name} OWNER TO {role}".encode())
    with empty_database.connect(role) as db:
        db.execute("CREATE EXTENSION gearbridge")
        assert value(db, "SELECT gman_version()")
        with pytest.raises(psycopg.Error, match=r"permission denied to create extension|must be superuser"):
            db.execute("CREATE EXTENSION gearbridge_direct CASCADE")
        db.execute("DROP EXTENSION gearbridge")
    with empty_database.connect() as db:
        db.execute(f"ALTER DATABASE {empty_database.name} OWNER TO postgres".encode())
