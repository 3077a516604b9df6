"""Tables that others have prepared are not taken over: what is there would run with the server's rights."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from gearbridge.errors import ConfigurationError
from gearbridge.records import Put, StoredJob
from gearbridge.stores.registry import store_for
from tests.fixtures.mysql import SERVERS

from .place import Place, make_place
from .sharing import node

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures.postgres import Database

_numbers = itertools.count(1)

TRAP = "CREATE FUNCTION public.trap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
VALUE = "CREATE FUNCTION public.value() RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 1; END'"
JOB = "gearbridge.gearbridge_job"


def make_role(database: Database) -> str:
    """A role that may create schemas in the database; its name."""
    name = f"trust_{next(_numbers)}"
    with database.connect() as session:
        session.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'trust'".encode())
        session.execute(f"GRANT CREATE ON DATABASE {database.name} TO {name}".encode())
        session.execute(f"GRANT CREATE ON SCHEMA public TO {name}".encode())
    return name


def url_of(database: Database, role: str) -> str:
    return database.cluster.url(database.name, f"{role}:trust")


def open_once(url: str) -> None:
    store = store_for(url)
    store.open()
    store.close()


@pytest.mark.parametrize(
    ("statements", "match"),
    [
        ((TRAP, f"CREATE TRIGGER t BEFORE INSERT ON {JOB} FOR EACH ROW EXECUTE FUNCTION public.trap()"), "trigger t"),
        ((f"CREATE RULE r AS ON INSERT TO {JOB} DO ALSO SELECT 1",), "rule r"),
        ((f"CREATE POLICY p ON {JOB}",), "policy p"),
        ((f"ALTER TABLE {JOB} ENABLE ROW LEVEL SECURITY",), "row level security"),
        ((f"CREATE TABLE public.child () INHERITS ({JOB})",), "inherited"),
        ((f"ALTER TABLE {JOB} ADD CHECK (priority < 9)",), "constraint"),
        ((VALUE, f"ALTER TABLE {JOB} ALTER COLUMN due SET DEFAULT public.value()"), "value"),
        ((f"ALTER TABLE {JOB} ALTER COLUMN due SET DEFAULT length(current_user)",), "column due"),
        ((f"ALTER TABLE {JOB} ADD COLUMN more bigint GENERATED ALWAYS AS (due + 1) STORED",), "generated column more"),
        ((f"ALTER TABLE {JOB} ADD COLUMN more bigint",), "column more"),
        ((f"ALTER TABLE {JOB} DROP COLUMN error CASCADE",), "column error"),
        ((f"ALTER TABLE {JOB} ALTER COLUMN priority TYPE bigint",), "column priority"),
        ((f"CREATE INDEX i ON {JOB} ((upper(handle)))",), "index with an expression"),
        ((f"CREATE INDEX i ON {JOB} (handle) WHERE length(handle) > 1",), "index with an expression"),
        (
            ("DROP TABLE gearbridge.gearbridge_limit", "CREATE VIEW gearbridge.gearbridge_limit AS SELECT 1"),
            "plain",
        ),
    ],
)
def test_tables_that_run_something_are_refused_whoever_owns_them(
    empty_database: Database, statements: tuple[str, ...], match: str
) -> None:
    open_once(empty_database.url)
    with empty_database.connect() as session:
        for statement in statements:
            session.execute(statement.encode())
    with pytest.raises(ConfigurationError, match=match):
        open_once(empty_database.url)
    with pytest.raises(ConfigurationError, match=match):
        node(Place("postgresql", empty_database.url), "a").open()


def test_a_superuser_does_not_take_over_another_roles_tables(empty_database: Database) -> None:
    role = make_role(empty_database)
    open_once(url_of(empty_database, role))
    with pytest.raises(ConfigurationError, match=f"schema gearbridge belongs to the role {role}.*rights of postgres"):
        open_once(empty_database.url)
    open_once(url_of(empty_database, role))


def test_a_role_does_not_take_over_another_roles_tables_though_it_may_use_them(empty_database: Database) -> None:
    role, other = make_role(empty_database), make_role(empty_database)
    open_once(url_of(empty_database, role))
    with empty_database.connect() as session:
        session.execute(f"GRANT ALL ON SCHEMA gearbridge TO {other}".encode())
        session.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA gearbridge TO {other}".encode())
    with pytest.raises(ConfigurationError, match=f"belongs to the role {role}"):
        open_once(url_of(empty_database, other))


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE FUNCTION gearbridge.lower(varchar) RETURNS text LANGUAGE sql AS 'SELECT 1::text'",
        "CREATE TABLE gearbridge.more ()",
        "CREATE TYPE gearbridge.kind AS ENUM ()",
        "CREATE OPERATOR gearbridge.@#@ (FUNCTION = pg_catalog.texteq, LEFTARG = text, RIGHTARG = text)",
    ],
)
def test_what_another_role_has_in_the_schema_is_refused(empty_database: Database, statement: str) -> None:
    role = make_role(empty_database)
    open_once(empty_database.url)
    with empty_database.connect() as session:
        session.execute(f"GRANT CREATE, USAGE ON SCHEMA gearbridge TO {role}".encode())
    with empty_database.connect(role) as session:
        session.execute(statement.encode())
    with pytest.raises(ConfigurationError, match=f"belongs to the role {role}"):
        open_once(empty_database.url)


@pytest.mark.parametrize("of_superuser", [False, True])
def test_tables_in_public_are_brought_over_by_their_owner_only(empty_database: Database, of_superuser: bool) -> None:
    role = make_role(empty_database)
    url = empty_database.url if of_superuser else url_of(empty_database, role)
    open_once(url)
    with empty_database.connect() as session:
        for name in ("job", "node", "limit", "schema"):
            session.execute(f"ALTER TABLE gearbridge.gearbridge_{name} SET SCHEMA public".encode())
        session.execute("DROP SCHEMA gearbridge")
    other = url_of(empty_database, role) if of_superuser else empty_database.url
    if not of_superuser:
        with pytest.raises(ConfigurationError, match=f"public.gearbridge_job belongs to the role {role}"):
            open_once(other)
    open_once(url)


def test_a_role_that_was_granted_the_server_runs_over_the_extensions_tables(database: Database) -> None:
    role = make_role(database)
    with database.connect() as session:
        session.execute("SELECT gearbridge.grant_server(%s)", (role,))
    store = store_for(url_of(database, role))
    store.open()
    store.apply([Put(StoredJob(b"H:1", b"f", b""))])
    store.close()
    open_once(database.url)


@pytest.mark.parametrize("kind", SERVERS)
def test_a_trigger_or_a_view_in_mysql_is_refused(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> None:
    place = make_place(request, kind, tmp_path / "none")
    open_once(place.url)
    place.run("CREATE TRIGGER t BEFORE INSERT ON gearbridge_job FOR EACH ROW SET NEW.due = 0")
    with pytest.raises(ConfigurationError, match="gearbridge_job has the trigger t"):
        open_once(place.url)
    place.run("DROP TRIGGER t", "ALTER TABLE gearbridge_job ADD COLUMN more BIGINT")
    with pytest.raises(ConfigurationError, match="has the column more"):
        open_once(place.url)
    place.run(
        "ALTER TABLE gearbridge_job DROP COLUMN more",
        "RENAME TABLE gearbridge_limit TO other",
        "CREATE VIEW gearbridge_limit AS SELECT * FROM other",
    )
    with pytest.raises(ConfigurationError, match="gearbridge_limit is no plain table"):
        open_once(place.url)
