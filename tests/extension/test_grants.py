"""gearbridge.grant_* and revoke_*: what a role may do is what was granted, now and in everything that comes later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import errors

from tests.fixtures.postgres import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.postgres import Database, Session


#: What anybody may call.
EVERYBODYS = {"gman_version", "_payload", "_payloads"}


@pytest.fixture
def admin(database: Database) -> Iterator[Session]:
    """A superuser's session."""
    with database.connect() as session:
        yield session


@pytest.fixture
def role(database: Database, admin: Session) -> Iterator[str]:
    """A role that may connect and nothing else. Its name needs quotes."""
    name = f'Role "in" {database.name}'
    identifier = psycopg.sql.Identifier(name)
    admin.execute(psycopg.sql.SQL("CREATE ROLE {} LOGIN").format(identifier))
    yield name
    admin.execute(psycopg.sql.SQL("DROP OWNED BY {}").format(identifier))
    admin.execute(psycopg.sql.SQL("DROP ROLE {}").format(identifier))


def test_a_result_is_for_who_may_submit_the_function_or_monitor(database: Database, admin: Session, role: str) -> None:
    handle = value(admin, r"SELECT gman_enqueue('secret\x', 'x', keep_result => true)")
    assert value(admin, "SELECT gman_complete(%s, 'the result')", handle)
    admin.execute("SELECT gearbridge.grant_submit(%s, 'mail_*')", (role,))
    with database.connect(role) as app:
        for one in (handle, "S:0"):  # a job of others is as one that there is not
            for call in ("gman_result(%s)", "gearbridge._result(%s)"):
                assert value(app, f"SELECT {call}", one) is None
            assert value(app, "SELECT gman_wait(%s)", one)
        admin.execute(r"SELECT gearbridge.grant_submit(%s, 'secret\x')", (role,))
        assert value(app, "SELECT gman_result(%s)", handle) == b"the result"
        admin.execute(r"SELECT gearbridge.revoke_submit(%s, 'secret\x')", (role,))
        assert value(app, "SELECT gman_result(%s)", handle) is None
        admin.execute("SELECT gearbridge.grant_monitor(%s)", (role,))
        assert value(app, "SELECT gman_result(%s)", handle) == b"the result"


def test_a_role_is_confined_to_the_functions_that_match(database: Database, admin: Session, role: str) -> None:
    with database.connect(role) as app:
        with pytest.raises(errors.InsufficientPrivilege):
            value(app, "SELECT gman_enqueue('mail_send', 'x')")
        admin.execute(
            "SELECT gearbridge.grant_submit(%s, 'mail_*'), gearbridge.grant_submit(%s, '100%%')", (role, role)
        )
        for allowed in ("mail_send", "mail_", "100%"):
            assert value(app, "SELECT gman_enqueue(%s, 'x')", allowed)
            assert value(app, "SELECT gearbridge.may_submit(%s)", allowed)
        for refused in ("mailXsend", "email_send", "MAIL_send", "1000", "*", "mail", "\\"):
            with pytest.raises(errors.InsufficientPrivilege, match="may not submit jobs of function") as caught:
                value(app, "SELECT gman_enqueue(%s, 'x')", refused)
            assert "gearbridge.grant_submit(" in (caught.value.diag.message_hint or "")
            assert not value(app, "SELECT gearbridge.may_submit(%s)", refused)
        admin.execute("SELECT gearbridge.revoke_submit(%s, 'mail_*')", (role,))
        with pytest.raises(errors.InsufficientPrivilege):
            value(app, "SELECT gman_enqueue('mail_send', 'x')")
        assert value(app, "SELECT gman_enqueue('100%', 'x')")
        admin.execute("SELECT gearbridge.revoke_submit(%s)", (role,))
        with pytest.raises(errors.InsufficientPrivilege, match="permission denied for function gman_enqueue"):
            value(app, "SELECT gman_enqueue('100%', 'x')")


@pytest.mark.parametrize(
    "call",
    [
        "gman_enqueue_many('b', '{x}'::text[])",
        "gearbridge._enqueue('b', 'x', NULL, NULL, NULL, NULL, NULL)",
        "gearbridge._enqueue_many('b', '{x}', NULL, NULL, NULL, NULL, NULL)",
    ],
)
def test_there_is_no_way_round(database: Database, admin: Session, role: str, call: str) -> None:
    admin.execute("SELECT gearbridge.grant_submit(%s, 'a')", (role,))
    with database.connect(role) as app:
        with pytest.raises(errors.InsufficientPrivilege, match='function "b"'):
            value(app, f"SELECT {call}")
        assert value(app, "SELECT " + call.replace("'b'", "'a'"))


@pytest.mark.parametrize(
    ("caller", "error"),
    [
        ("'postgres'", errors.CheckViolation),
        ("NULL", errors.CheckViolation),
        ("(SELECT NULL::gearbridge.caller WHERE false)", errors.InsufficientPrivilege),
    ],
)
def test_nobody_calls_in_another_ones_name(
    database: Database, admin: Session, role: str, caller: str, error: type[psycopg.Error]
) -> None:
    admin.execute("SELECT gearbridge.grant_submit(%s, 'a')", (role,))
    with database.connect(role) as app:
        for call in ("_enqueue('b', 'x', ", "_enqueue_many('b', '{x}', "):
            with pytest.raises(error):
                value(app, f"SELECT gearbridge.{call}NULL, NULL, NULL, NULL, NULL, {caller})")
        with pytest.raises(errors.InsufficientPrivilege, match="permission denied for type"):
            app.execute("CREATE TEMP TABLE kept_for_others (name gearbridge.caller)")
    assert value(admin, "SELECT count(*) FROM gman_jobs") == 0


@pytest.mark.parametrize(
    "made",
    [
        "AFTER INSERT ON stock FOR EACH ROW EXECUTE FUNCTION public.gman_enqueue_row",
        "AFTER INSERT ON stock REFERENCING NEW TABLE AS gearbridge_rows"
        " FOR EACH STATEMENT EXECUTE FUNCTION public.gman_enqueue_rows",
    ],
)
def test_a_trigger_acts_in_the_name_of_the_tables_owner(
    database: Database, admin: Session, role: str, made: str
) -> None:
    admin.execute(psycopg.sql.SQL("CREATE SCHEMA AUTHORIZATION {}").format(psycopg.sql.Identifier(role)))
    admin.execute("SELECT gearbridge.grant_submit(%s, 'a')", (role,))
    with database.connect(role) as app:
        app.execute("CREATE TABLE stock (n integer)")
        app.execute(f"CREATE TRIGGER allowed {made}('a')".encode())
        app.execute("INSERT INTO stock VALUES (1)")
        app.execute(f"CREATE TRIGGER beyond {made}('b')".encode())
        with pytest.raises(errors.InsufficientPrivilege, match='may not submit jobs of function "b"'):
            app.execute("INSERT INTO stock VALUES (2)")
    with pytest.raises(errors.InsufficientPrivilege, match='may not submit jobs of function "b"'):
        admin.execute(psycopg.sql.SQL("INSERT INTO {}.stock VALUES (3)").format(psycopg.sql.Identifier(role)))
    assert [one for (one,) in admin.execute("SELECT function FROM gman_jobs")] == ["a"]


def test_a_security_definer_function_acts_in_its_owners_name(database: Database, admin: Session, role: str) -> None:
    """Who calls it needs no right, and lends it none."""
    admin.execute("SELECT gearbridge.grant_submit(%s, 'a')", (role,))
    admin.execute("CREATE SCHEMA shop")
    admin.execute("""
        CREATE FUNCTION shop.submit(text) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
        AS $$ SELECT gman_enqueue($1, 'x') $$
    """)
    admin.execute(psycopg.sql.SQL("ALTER FUNCTION shop.submit OWNER TO {}").format(psycopg.sql.Identifier(role)))
    assert value(admin, "SELECT shop.submit('a')")
    with pytest.raises(errors.InsufficientPrivilege, match='may not submit jobs of function "b"'):
        value(admin, "SELECT shop.submit('b')")


def test_members_have_what_their_group_has(database: Database, admin: Session, role: str) -> None:
    admin.execute(f"CREATE ROLE group_in_{database.name}".encode())
    admin.execute(
        psycopg.sql.SQL("GRANT {} TO {}").format(
            psycopg.sql.Identifier(f"group_in_{database.name}"), psycopg.sql.Identifier(role)
        )
    )
    admin.execute(f"SELECT gearbridge.grant_submit('group_in_{database.name}', 'g')".encode())
    with database.connect(role) as app:
        assert value(app, "SELECT gman_enqueue('g', 'x')")
        with pytest.raises(errors.InsufficientPrivilege):
            value(app, "SELECT gman_enqueue('h', 'x')")
    admin.execute(f"DROP OWNED BY group_in_{database.name}".encode())
    admin.execute(f"DROP ROLE group_in_{database.name}".encode())


def test_everybody_is_named_public(database: Database, admin: Session, role: str) -> None:
    admin.execute("SELECT gearbridge.grant_submit('public', 'open_*')")
    with database.connect(role) as app:
        assert value(app, "SELECT gman_enqueue('open_one', 'x')")
        with pytest.raises(errors.InsufficientPrivilege):
            value(app, "SELECT gman_enqueue('other', 'x')")
    admin.execute("SELECT gearbridge.revoke_submit('public')")
    with database.connect(role) as app, pytest.raises(errors.InsufficientPrivilege):
        value(app, "SELECT gman_enqueue('open_one', 'x')")


@pytest.mark.parametrize("right", ["submit", "work", "monitor", "admin", "server"])
def test_each_right_opens_what_the_list_says_and_no_more(
    database: Database, admin: Session, role: str, right: str
) -> None:
    admin.execute(f"SELECT gearbridge.grant_{right}(%s)".encode(), (role,))
    listed = {
        row[0] for row in admin.execute("SELECT name FROM gearbridge._right_of() WHERE %s = ANY (rights)", (right,))
    }
    assert may_use(admin, role) == (listed & ours(admin)) | EVERYBODYS | {"_holder"}
    admin.execute(f"SELECT gearbridge.revoke_{right}(%s)".encode(), (role,))
    assert may_use(admin, role) == EVERYBODYS


def test_everything_of_ours_is_listed_with_who_may_use_it(admin: Session) -> None:
    """Inner parts, which begin with _, are for nobody, or are listed because PostgreSQL asks for the right to them."""
    listed = {row[0] for row in admin.execute("SELECT name FROM gearbridge._right_of()")}
    # The list of our own objects is for nobody but the owner: who could change it could be given rights to anything.
    assert {name for name in ours(admin) - listed if name[0] != "_"} == {"own_object"}


def test_an_admin_grants_to_others(database: Database, admin: Session, role: str) -> None:
    admin.execute("SELECT gearbridge.grant_admin(%s)", (role,))
    with database.connect(role) as operator:
        operator.execute("SELECT gearbridge.grant_submit('public', 'x')")
        operator.execute("SELECT gearbridge.revoke_submit('public', 'x')")
        assert value(operator, "SELECT gman_enqueue('anything', 'x')")
    assert value(admin, "SELECT array_agg(role)::text[] FROM gearbridge.role_right") == [role]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("grant_submit('nobody at all')", errors.UndefinedObject),
        ("grant_submit(NULL)", errors.UndefinedObject),
        ("grant_submit('public', '')", errors.InvalidParameterValue),
        ("grant_submit('public', NULL)", errors.InvalidParameterValue),
        ("grant_admin('x; DROP SCHEMA gearbridge')", errors.UndefinedObject),
    ],
)
def test_what_cannot_be_granted_is_refused(admin: Session, call: str, error: type[psycopg.Error]) -> None:
    with pytest.raises(error):
        value(admin, f"SELECT gearbridge.{call}")
    assert value(admin, "SELECT count(*) FROM gearbridge.role_right") == 0


def test_the_owner_of_a_trusted_extension_administers_it(empty_database: Database) -> None:
    name = f"owner_of_{empty_database.name}"
    with empty_database.connect() as superuser:
        superuser.execute(f"CREATE ROLE {name} LOGIN".encode())
        superuser.execute(f"ALTER DATABASE {empty_database.name} OWNER TO {name}".encode())
        with empty_database.connect(name) as owner:
            owner.execute("CREATE EXTENSION gearbridge")
            owner.execute("SELECT gearbridge.grant_submit('public', 'open')")
            assert value(owner, "SELECT gman_enqueue('anything', 'x')")
            owner.execute("DROP EXTENSION gearbridge")
        superuser.execute(f"ALTER DATABASE {empty_database.name} OWNER TO postgres".encode())
        superuser.execute(f"DROP OWNED BY {name}".encode())
        superuser.execute(f"DROP ROLE {name}".encode())


def ours(admin: Session) -> set[str]:
    """The names of our functions, tables, views and sequences."""
    return _names(admin, "true", "true")


def may_use(admin: Session, role: str) -> set[str]:
    """Which of them a role may use in any way."""
    return _names(
        admin,
        "has_function_privilege(%(role)s, oid, 'EXECUTE')",
        """
        CASE relkind WHEN 'S' THEN has_sequence_privilege(%(role)s, oid, 'USAGE, SELECT, UPDATE')
        ELSE has_any_column_privilege(%(role)s, oid, 'SELECT, INSERT, UPDATE, REFERENCES')
            OR has_table_privilege(%(role)s, oid, 'DELETE, TRUNCATE, TRIGGER') END
        """,
        role=role,
    )


def _names(admin: Session, function: str, relation: str, **parameters: str) -> set[str]:
    query = f"""
        WITH member AS (
            SELECT classid, objid FROM pg_depend JOIN pg_extension ON pg_extension.oid = refobjid
            WHERE deptype = 'e' AND extname LIKE 'gearbridge%%'
        )
        SELECT proname FROM pg_proc JOIN member ON objid = oid AND classid = 'pg_proc'::regclass WHERE {function}
        UNION
        SELECT relname FROM pg_class JOIN member ON objid = oid AND classid = 'pg_class'::regclass
        WHERE relkind IN ('r', 'v', 'S') AND {relation}
    """
    return {row[0] for row in admin.execute(query.encode(), parameters or {"": ""})}


def test_what_comes_later_is_opened_too(empty_database: Database) -> None:
    with empty_database.connect() as admin:
        admin.execute("CREATE EXTENSION gearbridge")
        admin.execute("SELECT gearbridge.grant_monitor('public')")
        admin.execute("CREATE EXTENSION gearbridge_direct CASCADE")
        assert value(admin, "SELECT has_function_privilege('public', 'gman_server_status()', 'EXECUTE')")
        admin.execute("SELECT gearbridge.revoke_monitor('public')")
        assert not value(admin, "SELECT has_function_privilege('public', 'gman_server_status()', 'EXECUTE')")
