"""PostgreSQL's privileges follow the table of rights: for roles, not for names, whatever others have given or taken."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import errors

from gearbridge.doctor.postgresql_rights import privileges
from gearbridge.extension.script import managed_script
from tests.fixtures.postgres import dump, make_database, restore, value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gearbridge.extension.cluster import TemporaryCluster
    from tests.fixtures.postgres import Database, Session

DEFAULTS = """
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO {role};
ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO {role};
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO {role};
ALTER DEFAULT PRIVILEGES GRANT ALL ON TYPES TO {role};
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON FUNCTIONS TO {role} WITH GRANT OPTION
"""

#: What a role may do with something of ours.
HELD = """
SELECT pg_describe_object(own.classid, own.objid, 0)
FROM gearbridge._own_objects() AS own
LEFT JOIN pg_proc AS routine ON own.classid = 'pg_proc'::regclass AND routine.oid = own.objid
LEFT JOIN pg_class AS relation ON own.classid = 'pg_class'::regclass AND relation.oid = own.objid
LEFT JOIN pg_type AS type ON own.classid = 'pg_type'::regclass AND type.oid = own.objid
LEFT JOIN pg_namespace AS space ON own.classid = 'pg_namespace'::regclass AND space.oid = own.objid
CROSS JOIN LATERAL aclexplode(coalesce(routine.proacl, relation.relacl, type.typacl, space.nspacl)) AS given
WHERE given.grantee = %s::regrole
"""


@pytest.fixture
def admin(database: Database) -> Iterator[Session]:
    with database.connect() as session:
        yield session


@pytest.fixture
def role(postgres_cluster: TemporaryCluster, database: Database) -> Iterator[str]:
    """A role that may connect; it is dropped at the end, however it is called then."""
    name = f"role_in_{database.name}"
    with database.connect() as session:
        session.execute(f"CREATE ROLE {name} LOGIN".encode())
        yield name
        for (one,) in session.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE %s", (f"%{name}",)).fetchall():
            session.execute(f"DROP OWNED BY {one} CASCADE; DROP ROLE {one}".encode())


def submit(database: Database, role: str, function: str = "f") -> str:
    with database.connect(role) as session:
        return str(value(session, "SELECT gman_enqueue(%s, 'x')", function))


def drop(admin: Session, role: str, *, create: bool = True) -> None:
    admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())
    if create:
        admin.execute(f"CREATE ROLE {role} LOGIN".encode())


@pytest.mark.parametrize("way", ["extension", "script"])
def test_default_privileges_give_nothing(empty_database: Database, way: str) -> None:
    role = f"anon_in_{empty_database.name}"
    with empty_database.connect() as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN".encode())
        admin.execute(DEFAULTS.format(role=role).encode())
        made = "CREATE EXTENSION gearbridge_direct CASCADE" if way == "extension" else managed_script()
        admin.execute(made.replace("\\set", "--").encode())
        assert admin.execute(HELD.encode(), (role,)).fetchall() == []
        assert value(admin, "SELECT count(*) FROM gearbridge._acl_differences()") == 0
        handle = value(admin, "SELECT gman_enqueue('pay', 'x')")
        with empty_database.connect(role) as anon:
            for call in ("gman_cancel(%s)", "gman_complete(%s)", "gman_retry(%s)", "gman_result(%s)", "gman_wait(%s)"):
                with pytest.raises(errors.InsufficientPrivilege):
                    anon.execute(f"SELECT {call}".encode(), (handle,))
        admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


def test_a_function_asks_for_itself_where_somebody_has_given_execute(
    admin: Session, database: Database, role: str
) -> None:
    handle = value(admin, "SELECT gman_enqueue('pay', 'x', keep_result => true)")
    admin.execute(f"GRANT ALL ON ALL FUNCTIONS IN SCHEMA public, gearbridge TO {role}".encode())
    assert value(admin, "SELECT count(*) FROM gearbridge._acl_differences() WHERE NOT missing") > 0
    with database.connect(role) as session:
        for call in (
            f"gman_cancel('{handle}')",
            f"gearbridge._retry('{handle}')",
            "gearbridge.prune('0 s')",
            "gearbridge.grant_admin(current_user)",
            "gearbridge._grant(current_user, 'admin', '*')",
            "gearbridge.revoke_admin('postgres')",
            "gearbridge.allow_servers('*')",
            "gearbridge.forbid_servers()",
            "gman_enqueue('pay', 'x')",
            "gearbridge._enqueue_many('pay', '{x}', NULL, NULL, NULL, NULL, NULL)",
            "gearbridge.may_submit('pay', 'postgres')",
        ):
            with pytest.raises(errors.InsufficientPrivilege, match=r"has not the right|may not submit"):
                session.execute(f"SELECT {call}".encode())
        assert value(session, f"SELECT gman_complete('{handle}')") is False
        assert session.execute(f"SELECT * FROM gman_job('{handle}')".encode()).fetchall() == []
        assert value(session, f"SELECT gman_wait('{handle}')")
    assert value(admin, "SELECT state FROM gman_jobs") == "ready"
    admin.execute("SELECT gearbridge._apply_rights()")
    assert value(admin, "SELECT count(*) FROM gearbridge._acl_differences()") == 0


def test_a_newcomer_inherits_nothing_of_a_dropped_role(admin: Session, database: Database, role: str) -> None:
    admin.execute(f"SELECT gearbridge.grant_admin('{role}'), gearbridge.grant_submit('{role}', 'payroll_*')".encode())
    admin.execute(f"SELECT gearbridge.allow_servers('host:1', '{role}')".encode())
    drop(admin, role)
    admin.execute("SELECT gearbridge.grant_submit('public', 'open')")  # everybody may execute gman_enqueue
    assert not value(admin, f"SELECT gearbridge.may_submit('payroll_x', '{role}')")
    with pytest.raises(errors.InsufficientPrivilege):
        submit(database, role, "payroll_x")
    admin.execute(f"SELECT gearbridge.grant_submit('{role}', 'one')".encode())
    assert submit(database, role, "one")
    with database.connect(role) as session:
        assert value(session, "SELECT count(*) FROM gearbridge.my_servers") == 0
        for call in ("gman_enqueue('payroll_x', 'x')", "gman_cancel('S:1')", "gearbridge.grant_admin(current_user)"):
            with pytest.raises(errors.InsufficientPrivilege):
                session.execute(f"SELECT {call}".encode())
    admin.execute("SELECT gearbridge.revoke_submit('public')")
    admin.execute(f"SELECT gearbridge.revoke_admin('{role}')".encode())  # what was left of the first one
    assert value(admin, "SELECT count(*) FROM gearbridge.role_right WHERE \"right\" = 'admin'") == 0


def test_a_renamed_role_keeps_its_rights_and_leaves_none_behind(admin: Session, database: Database, role: str) -> None:
    admin.execute(
        f"SELECT gearbridge.grant_submit('{role}', 'a'), gearbridge.allow_servers('host:1', '{role}')".encode()
    )
    admin.execute(f"ALTER ROLE {role} RENAME TO new_{role}; CREATE ROLE {role} LOGIN".encode())
    assert submit(database, f"new_{role}", "a")
    with pytest.raises(errors.InsufficientPrivilege):
        submit(database, role, "a")
    with database.connect(f"new_{role}") as session:
        assert value(session, "SELECT nearness FROM gearbridge.my_servers") == "0"
    admin.execute(f"SELECT gearbridge.grant_submit('new_{role}', 'b')".encode())
    names = admin.execute("SELECT role::text, pattern FROM gearbridge.role_right ORDER BY pattern").fetchall()
    assert names == [(f"new_{role}", "a"), (f"new_{role}", "b")]
    admin.execute(f"SELECT gearbridge.revoke_submit('new_{role}')".encode())
    with pytest.raises(errors.InsufficientPrivilege):
        submit(database, f"new_{role}", "a")


def test_what_drop_owned_has_taken_does_not_come_back(admin: Session, database: Database, role: str) -> None:
    admin.execute(f"SELECT gearbridge.grant_admin('{role}'), gearbridge.grant_submit('{role}')".encode())
    admin.execute(f"DROP OWNED BY {role}".encode())
    admin.execute("SELECT gearbridge.grant_submit('public', 'open')")
    assert submit(database, role, "open")
    with pytest.raises(errors.InsufficientPrivilege):
        submit(database, role, "f")
    for _ in range(2):
        admin.execute(f"SELECT gearbridge.grant_submit('{role}', 'f')".encode())
        assert submit(database, role, "f")
        with database.connect(role) as session, pytest.raises(errors.InsufficientPrivilege):
            session.execute("SELECT gman_cancel('S:1')")
        admin.execute(f"DROP OWNED BY {role}".encode())
    admin.execute("SELECT gearbridge.revoke_submit('public')")


def test_grants_at_once_all_hold(admin: Session, database: Database, role: str) -> None:
    roles = [f"{letter}_{role}" for letter in "abcd"]
    for one in roles:
        admin.execute(f"CREATE ROLE {one} LOGIN".encode())
    together, failed = threading.Barrier(len(roles)), []

    def grant(name: str) -> None:
        with database.connect() as session:
            for number in range(5):
                together.wait(30)
                try:
                    session.execute(f"SELECT gearbridge.grant_submit('{name}', 'f{number}')".encode())
                except psycopg.Error as error:
                    failed.append(error)

    threads = [threading.Thread(target=grant, args=(one,)) for one in roles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert value(admin, "SELECT count(*) FROM gearbridge.role_right") == 20
    assert value(admin, "SELECT count(*) FROM gearbridge._acl_differences()") == 0
    assert all(submit(database, one, "f4") for one in roles)


def test_an_object_of_the_same_name_and_owner_is_not_ours(admin: Session, database: Database, role: str) -> None:
    admin.execute("CREATE SCHEMA partman")
    admin.execute(f"GRANT USAGE ON SCHEMA partman TO {role}".encode())
    admin.execute("CREATE TABLE partman.role_right (a integer)")
    admin.execute("CREATE FUNCTION partman.gman_cancel(text) RETURNS text LANGUAGE sql RETURN $1")
    admin.execute("REVOKE EXECUTE ON FUNCTION partman.gman_cancel FROM PUBLIC")
    admin.execute(f"SELECT gearbridge.grant_admin('{role}')".encode())
    with database.connect(role) as session:
        for query in ("SELECT * FROM partman.role_right", "SELECT partman.gman_cancel('x')"):
            with pytest.raises(errors.InsufficientPrivilege):
                session.execute(query.encode())


def test_a_worker_completes_its_functions_jobs_and_does_nothing_else(
    admin: Session, database: Database, role: str
) -> None:
    admin.execute(f"SELECT gearbridge.grant_work('{role}', 'deposit\\_*')".replace("\\", "").encode())
    mine, other = (value(admin, "SELECT gman_enqueue(%s, 'x')", name) for name in ("deposit_a", "payroll"))
    with database.connect(role) as worker:
        assert [value(worker, "SELECT gman_complete(%s)", one) for one in (mine, mine, other, "S:0")] == [True] + [
            False
        ] * 3
        for call in (
            "gman_cancel(%s)",
            "gman_retry(%s)",
            "gman_result(%s)",
            "gman_enqueue('deposit_a', %s)",
            "gman_wait(%s)",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                worker.execute(f"SELECT {call}".encode(), (other,))
        with pytest.raises(errors.InsufficientPrivilege):
            worker.execute("SELECT * FROM gman_jobs")
    assert value(admin, "SELECT handle FROM gman_jobs") == other
    admin.execute(f"SELECT gearbridge.revoke_work('{role}')".encode())
    with database.connect(role) as worker, pytest.raises(errors.InsufficientPrivilege):
        worker.execute("SELECT gman_complete('S:0')")


def test_waiting_for_a_job_of_a_savepoint_is_refused(admin: Session) -> None:
    with admin.transaction():
        for _ in range(2):
            with admin.transaction():
                handle = value(admin, "SELECT gman_enqueue('f', 'x')")
            admin.execute("SET LOCAL statement_timeout = '20 s'")
            with pytest.raises(errors.ObjectNotInPrerequisiteState), admin.transaction():
                value(admin, "SELECT gman_wait(%s)", handle)
    assert value(admin, "SELECT gman_wait(%s, '1 ms')", handle) is False


@pytest.fixture
def dumped(postgres_cluster: TemporaryCluster, role: str) -> Iterator[tuple[Database, Database]]:
    """Two databases that belong to `owner_ROLE`."""
    both = make_database(postgres_cluster), make_database(postgres_cluster)
    with both[0].connect() as admin:
        admin.execute(f"CREATE ROLE owner_{role} LOGIN; CREATE ROLE app_{role} LOGIN; CREATE ROLE left_{role}".encode())
        for one in both:
            admin.execute(f"ALTER DATABASE {one.name} OWNER TO owner_{role}".encode())
    yield both
    for one in both:
        with one.connect() as admin:
            admin.execute(f"ALTER DATABASE {one.name} OWNER TO postgres".encode())
            for (name,) in admin.execute(
                "SELECT rolname FROM pg_roles WHERE rolname LIKE %s", (f"%{role}",)
            ).fetchall():
                admin.execute(f"REASSIGN OWNED BY {name} TO postgres; DROP OWNED BY {name} CASCADE".encode())


@pytest.mark.parametrize("way", ["extension", "script"])
def test_a_dump_by_the_owner_has_jobs_and_rights_by_todays_names(
    dumped: tuple[Database, Database], role: str, way: str
) -> None:
    source, target = dumped
    app = f"app_{role}"
    with source.connect() as admin, source.connect(f"owner_{role}") as session:
        made = "CREATE EXTENSION gearbridge" if way == "extension" else managed_script().replace("\\set", "--")
        session.execute(made.encode())
        handle = value(session, "SELECT gman_enqueue('f', 'x')")
        session.execute(
            f"SELECT gearbridge.grant_submit('{app}', 'f'), gearbridge.grant_submit('left_{role}')".encode()
        )
        if way == "extension":  # only its dump says how a role is called now
            admin.execute(f"ALTER ROLE {app} RENAME TO new_{app}; CREATE ROLE {app} LOGIN".encode())
            app = f"new_{app}"
        admin.execute(f"DROP OWNED BY left_{role}; DROP ROLE left_{role}".encode())
    # Not the test's role logs in, which has no password: its rights are taken on.
    restore(target, dump(source, f"--role=owner_{role}"))
    assert submit(target, app, "f")
    with target.connect() as session:
        assert value(session, "SELECT handle FROM gman_jobs ORDER BY enqueued_at LIMIT 1") == handle
        assert value(session, "SELECT count(*) FROM gearbridge._acl_differences() WHERE missing") == 0
        assert value(session, "SELECT count(*) FROM gearbridge._grants_of(%s, '{submit}')", app) == 1


def test_doctor_shows_what_differs_and_what_is_nobodys(admin: Session, database: Database, role: str) -> None:
    assert [one.good for one in privileges(admin)] == [True, True]
    admin.execute(f"SELECT gearbridge.grant_submit('{role}', 'mail_*'), gearbridge.grant_monitor('{role}')".encode())
    admin.execute(f"GRANT EXECUTE ON FUNCTION gman_cancel TO {role}; GRANT CREATE ON SCHEMA public TO {role}".encode())
    admin.execute(f"REVOKE SELECT ON gman_jobs FROM {role}".encode())
    differing, _, writer = privileges(admin)
    assert f"{role} has EXECUTE on public.gman_cancel(text)" in differing.text
    assert f"{role} lacks SELECT on public.gman_jobs" in differing.text
    assert f"{role} may create functions in schema public" in writer.text
    drop(admin, role)
    _, orphans = privileges(admin)
    assert not orphans.good
    assert f"monitor * of {role}, submit mail_* of {role}" in orphans.text
    with database.connect(role) as session:
        assert list(privileges(session)) == []


@pytest.mark.parametrize("way", ["extension", "script"])
def test_an_owner_that_is_no_superuser_sees_what_differs(empty_database: Database, way: str) -> None:
    owner, anon = (f"{one}_in_{empty_database.name}" for one in ("owner", "anon"))
    with empty_database.connect() as admin:
        admin.execute(f"CREATE ROLE {owner} LOGIN; CREATE ROLE {anon} LOGIN".encode())
        admin.execute(f"ALTER DATABASE {empty_database.name} OWNER TO {owner}".encode())
    with empty_database.connect(owner) as session:
        session.execute(
            "CREATE EXTENSION gearbridge" if way == "extension" else managed_script().replace("\\set", "--").encode()
        )
        assert [one.good for one in privileges(session)] == [True, True]
        session.execute(f"SELECT gearbridge.grant_submit('{anon}')".encode())
    with empty_database.connect() as admin:
        admin.execute(f"GRANT EXECUTE ON FUNCTION gman_cancel TO {anon}; GRANT SELECT ON gman_jobs TO PUBLIC".encode())
        admin.execute(f"REVOKE EXECUTE ON FUNCTION gman_wait FROM {anon}".encode())
    with empty_database.connect(owner) as session:
        differing, _ = privileges(session)
        for part in (
            f"{anon} has EXECUTE on public.gman_cancel(text)",
            f"{anon} lacks EXECUTE on public.gman_wait",
            "everybody has SELECT on public.gman_jobs",
        ):
            assert part in differing.text
        session.execute(differing.remedy.encode())
        assert [one.good for one in privileges(session)] == [True, True]
    with empty_database.connect(anon) as session:
        assert list(privileges(session)) == []
        for function in ("privilege_differences", "restore_privileges", "_privilege_differences"):
            with pytest.raises(errors.InsufficientPrivilege):
                session.execute(f"SELECT gearbridge.{function}()".encode())
    with empty_database.connect() as admin, empty_database.connect(owner) as session:
        admin.execute(f"REVOKE EXECUTE ON FUNCTION gearbridge.privilege_differences FROM {owner}".encode())
        (blind,) = privileges(session)
        assert not blind.good
        admin.execute("SELECT gearbridge._apply_rights()")
        assert [one.good for one in privileges(session)] == [True, True]
        admin.execute(f"DROP OWNED BY {anon}; DROP ROLE {anon}".encode())


def test_an_administrator_gives_and_takes_privileges_on_nothing_else(
    database: Database, admin: Session, role: str
) -> None:
    admin.execute(f"SELECT gearbridge.grant_admin('{role}')".encode())
    admin.execute("CREATE SCHEMA others; GRANT USAGE ON SCHEMA others TO PUBLIC; CREATE TABLE others.role_right ()")
    with database.connect(role) as session:
        for name in ("others.role_right", "pg_catalog.pg_class"):
            with pytest.raises(errors.InsufficientPrivilege):
                session.execute("INSERT INTO gearbridge.own_object VALUES ('relation', %s)", (name,))
        session.execute("SELECT gearbridge.grant_monitor('public')")
        with pytest.raises(errors.InsufficientPrivilege):
            session.execute("SELECT FROM others.role_right")
    held = {one for (one,) in admin.execute(HELD.encode(), (role,))}
    assert "table gearbridge.role_right" in held
    assert "table gearbridge.own_object" not in held
