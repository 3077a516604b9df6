"""The installed extensions as the database shows them: complete, commented, and gone when they are dropped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from gearbridge.extension.assemble import embedded_modules
from gearbridge.extension.sources import read_source
from gearbridge.version import __version__
from tests.fixtures.postgres import make_database, value
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from gearbridge.client.job import Job
    from gearbridge.extension.cluster import TemporaryCluster
    from tests.fixtures.job_server import JobServer
    from tests.fixtures.postgres import Database, Session

CATALOGUE = """
    SELECT 'function', oid::regprocedure::text FROM pg_proc
    UNION ALL SELECT 'schema', nspname FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'
    UNION ALL SELECT 'relation', oid::regclass::text FROM pg_class
    UNION ALL SELECT 'type', oid::regtype::text FROM pg_type
    UNION ALL SELECT 'language', lanname FROM pg_language
    UNION ALL SELECT 'comment', description FROM pg_description
    UNION ALL SELECT 'extension', extname FROM pg_extension
    ORDER BY 1, 2
"""


def test_what_is_embedded_is_the_source(session: Session) -> None:
    modules = embedded_modules("sql/gearbridge_direct/_modules.sql", read_source)
    rows = session.execute("SELECT name, source FROM gearbridge._modules()").fetchall()
    assert [name for name, _ in rows] == list(modules)
    for name, source in rows:
        assert source == read_source(modules[name]), f"{name} was changed on its way into the database"


def test_the_version_is_the_packages(session: Session) -> None:
    assert value(session, "SELECT gman_version()") == __version__


def test_every_function_has_its_help_in_the_database(session: Session) -> None:
    rows = session.execute("""
        SELECT p.oid::regprocedure::text, coalesce(obj_description(p.oid, 'pg_proc'), ''), p.prokind, p.proconfig::text,
            p.prosqlbody IS NOT NULL AND NOT p.prosecdef
        FROM pg_proc AS p JOIN pg_depend AS d ON d.objid = p.oid AND d.deptype = 'e'
        JOIN pg_extension AS e ON e.oid = d.refobjid WHERE e.extname LIKE 'gearbridge%'
    """).fetchall()
    assert len(rows) >= 13
    for name, comment, kind, settings, bound in rows:
        assert "Example: " in comment, name
        assert "ROLLBACK" in comment, name
        if kind != "a" and not bound:  # an aggregate has no settings, its functions have
            assert "search_path=pg_catalog, pg_temp" in settings, name


def test_drop_extension_leaves_nothing(empty_database: Database) -> None:
    with empty_database.connect() as db:
        before = db.execute(CATALOGUE).fetchall()
        db.execute("CREATE EXTENSION gearbridge_direct CASCADE")
        assert value(db, "SELECT gman_servers_set('127.0.0.1:1')")
        db.execute("DROP EXTENSION gearbridge_direct, gearbridge, plpython3u")
        assert db.execute(CATALOGUE).fetchall() == before


def test_the_functions_go_where_the_administrator_says(empty_database: Database) -> None:
    with empty_database.connect() as db:
        db.execute("CREATE SCHEMA jobs")
        db.execute("CREATE EXTENSION gearbridge")
        db.execute("CREATE EXTENSION plpython3u")
        db.execute("CREATE EXTENSION gearbridge_direct SCHEMA jobs")
        assert value(db, "SELECT jobs.gman_servers_set('127.0.0.1:1')")
        assert value(db, "SELECT jobs.gman_servers()") == "127.0.0.1:1"


def test_an_installed_gearbridge_in_the_servers_python_is_no_danger(session: Session) -> None:
    session.execute("""
        DO LANGUAGE plpython3u $$
        import sys, types
        sys.modules["gearbridge"] = types.ModuleType("gearbridge")
        plpy.execute("SELECT gman_servers_set('127.0.0.1:1')")
        assert not hasattr(sys.modules["gearbridge"], "client")
        assert not any(name.startswith("gearbridge.") for name in sys.modules)
        $$
    """)
    assert value(session, "SELECT gman_servers()") == "127.0.0.1:1"


@pytest.mark.parametrize("encoding", ["LATIN1", "EUC_JP", "SQL_ASCII"])
def test_other_encodings_send_utf8(
    postgres_cluster: TemporaryCluster, shared_job_server: JobServer, encoding: str
) -> None:
    text = "日本" if encoding == "EUC_JP" else "caf\u00e9"
    seen: list[bytes] = []

    def note(job: Job) -> bytes:
        seen.append(job.payload)
        return job.payload

    database = make_database(postgres_cluster, f"TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
    with database.connect() as db, working(shared_job_server.address, note=note):
        db.execute("SET client_encoding = 'UTF8'")
        db.execute("CREATE EXTENSION gearbridge_direct CASCADE")
        value(db, "SELECT gman_servers_set(%s)", shared_job_server.address)
        assert value(db, "SELECT gman_do('note', %s)", text) == text
        value(db, "SELECT gman_do('note', jsonb_build_object('key', %s::text))", text)
    assert seen[0] == text.encode()
    assert json.loads(seen[1]) == {"key": text}


def test_a_result_that_the_encoding_lacks_is_an_error(
    postgres_cluster: TemporaryCluster, shared_job_server: JobServer
) -> None:
    def fail(_: Job) -> bytes:
        raise RuntimeError("no \u20ac here")

    database = make_database(postgres_cluster, "TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    with database.connect() as db, working(shared_job_server.address, euro=lambda _: "\u20ac", fail=fail):
        db.execute("CREATE EXTENSION gearbridge_direct CASCADE")
        value(db, "SELECT gman_servers_set(%s)", shared_job_server.address)
        with pytest.raises(Exception, match="has no equivalent in encoding") as caught:
            value(db, "SELECT gman_do('euro', 'x')")
        assert getattr(caught.value, "sqlstate", None) == "22P05"
        assert value(db, "SELECT gman_do('euro', 'x'::bytea)") == "\u20ac".encode()
        with pytest.raises(Exception, match=r"no \\u20ac here") as caught:
            value(db, "SELECT gman_do('fail', 'x')")
        assert getattr(caught.value, "sqlstate", None) == "GB002"
