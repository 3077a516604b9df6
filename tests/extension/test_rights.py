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
    "gearbridge._direct_status('H:1')",
    "gman_status_by_unique_key('k')",
    "gman_server_status()",
    "gman_server_workers()",
    "gman_server_jobs()",
    "gearbridge.allow_servers('127.0.0.1:1')",
    "gearbridge.forbid_servers()",
    "gearbridge._allow_servers('127.0.0.1:1', 'public')",
    "gearbridge._forbid_servers('public')",
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


def test_a_granted_role_submits_what_matches_to_what_is_allowed(
    database: Database, role: str, shared_job_server: JobServer
) -> None:
    with database.connect() as admin, database.connect(role) as app:
        admin.execute("SELECT gearbridge.grant_submit(%s, 'mail_*')", (role,))
        with pytest.raises(errors.ObjectNotInPrerequisiteState, match="no job servers are set"):
            value(app, "SELECT gman_do_background('mail_send', 'x')")
        with pytest.raises(errors.InsufficientPrivilege, match="may not reach job server") as caught:
            value(app, "SELECT gman_servers_set(%s)", shared_job_server.address)
        assert "gearbridge.allow_servers()" in (caught.value.diag.message_hint or "")
        admin.execute("SELECT gearbridge.allow_servers(%s, %s)", (shared_job_server.address, role))
        assert value(app, "SELECT gman_servers()") == shared_job_server.address
        handle = value(app, "SELECT gman_do_background('mail_send', 'x')")  # to the servers that are allowed
        assert value(app, "SELECT known FROM gman_status(%s)", handle)
        for call in (
            "gman_do('f', 'x')",
            "gman_do_background('f', 'x')",
            "gman_do_background('f', 'x', now())",
            "gman_do_background_many('f', '{x}'::text[])",
            "gman_do_all('f', '{x}'::bytea[])",
            "gman_sum('f', 'x')",
        ):
            with pytest.raises(errors.InsufficientPrivilege, match='may not submit jobs of function "f"'):
                value(app, f"SELECT {call}")
        for call in ("gearbridge._modules()", "gman_server_status()", "gearbridge.allow_servers('*')"):
            with pytest.raises(errors.InsufficientPrivilege, match="permission denied"):
                value(app, f"SELECT {call}")
        admin.execute("SELECT gearbridge.forbid_servers(%s)", (role,))
        with pytest.raises(errors.ObjectNotInPrerequisiteState):
            value(app, "SELECT gman_do_background('mail_send', 'x')")
        admin.execute("SELECT gearbridge.revoke_submit(%s)", (role,))
        with pytest.raises(errors.InsufficientPrivilege, match="permission denied"):
            value(app, "SELECT gman_do_background('mail_send', 'x')")


def test_a_parameter_chooses_among_what_is_allowed(database: Database, role: str) -> None:
    with database.connect() as admin, database.connect(role) as app:
        admin.execute("SELECT gearbridge.grant_submit(%s)", (role,))
        admin.execute("SELECT gearbridge.allow_servers('First:1, second:2,[::1]:3')")
        assert value(app, "SELECT gman_servers()") == "first:1,second:2,[::1]:3"
        app.execute("SET pggearman.default_servers = 'second:2'")
        assert value(app, "SELECT gman_servers()") == "second:2"
        assert value(app, "SELECT gman_servers_set('[::1]:3,FIRST:1')")
        app.execute("SET pggearman.default_servers = 'evil:2'")
        for servers in ("evil:2", "second", "first:1,second:3", "*"):
            with pytest.raises(errors.InsufficientPrivilege, match="may not reach job server"):
                value(app, "SELECT gman_servers_set(%s)", servers)
        assert value(app, "SELECT gman_servers()") == "[::1]:3,first:1"
    with database.connect(role) as app:
        app.execute("SET pggearman.default_servers = 'evil:2'")
        with pytest.raises(errors.InsufficientPrivilege, match="may not reach job server evil:2"):
            value(app, "SELECT gman_do_background('f', 'x')")


def test_what_one_role_set_another_of_the_session_does_not_reach(database: Database, role: str) -> None:
    with database.connect() as admin:
        admin.execute("SELECT gearbridge.grant_submit(%s)", (role,))
        admin.execute("SELECT gearbridge.allow_servers('only:1', %s)", (role,))
        value(admin, "SELECT gman_servers_set('anywhere:1')")
        admin.execute(psycopg.sql.SQL("SET ROLE {}").format(psycopg.sql.Identifier(role)))
        with pytest.raises(errors.InsufficientPrivilege, match="may not reach job server anywhere:1") as caught:
            value(admin, "SELECT gman_do_background('f', 'x')")
        assert caught.value.diag.message_detail == "It may reach only:1."
        admin.execute("RESET ROLE")
        assert value(admin, "SELECT gman_servers()") == "anywhere:1"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("allow_servers('host:port')", errors.InvalidParameterValue),
        ("allow_servers('')", errors.InvalidParameterValue),
        ("allow_servers('host', 'nobody at all')", errors.UndefinedObject),
    ],
)
def test_what_cannot_be_allowed_is_refused(database: Database, call: str, error: type[psycopg.Error]) -> None:
    with database.connect() as admin:
        with pytest.raises(error):
            value(admin, f"SELECT gearbridge.{call}")
        assert value(admin, "SELECT count(*) FROM gearbridge.allowed_servers") == 0


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
