"""An upgrade gives what a fresh install gives, and keeps what was there; where no way leads on, that is said."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from gearbridge.errors import ConfigurationError
from gearbridge.extension.assemble import EXTENSIONS, assemble
from gearbridge.extension.install import upgrade
from gearbridge.extension.sources import read_source
from gearbridge.version import __version__
from tests.fixtures.postgres import make_database, value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gearbridge.extension.cluster import TemporaryCluster
    from tests.fixtures.postgres import Database, Session

OLD = "0.0.1"

#: What the catalogues say of all that belongs to our extensions: source, rights, comments, columns.
CATALOGUE = """
    WITH member AS (
        SELECT classid, objid, extname FROM pg_depend JOIN pg_extension ON pg_extension.oid = refobjid
        WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass AND extname LIKE 'gearbridge%'
    )
    SELECT pg_describe_object(classid, objid, 0), extname,
        (SELECT row(prosrc, pg_get_function_sqlbody(oid), provolatile, proparallel, proisstrict, prosecdef, proconfig,
            prokind, prorettype::regtype,
            pg_get_function_arguments(oid), (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(proacl) AS a))::text
            FROM pg_proc WHERE oid = objid AND classid = 'pg_proc'::regclass),
        (SELECT row(relkind, reloptions, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(relacl) AS a),
            (SELECT array_agg(row(attname, atttypid::regtype, attnotnull, attgenerated)::text ORDER BY attnum)
                FROM pg_attribute WHERE attrelid = objid AND attnum > 0 AND NOT attisdropped),
            CASE relkind WHEN 'v' THEN pg_get_viewdef(oid) END,
            (SELECT array_agg(pg_get_indexdef(indexrelid) ORDER BY indexrelid::regclass::text)
                FROM pg_index WHERE indrelid = objid),
            (SELECT array_agg(pg_get_constraintdef(c.oid) ORDER BY conname)
                FROM pg_constraint AS c WHERE conrelid = objid),
            (SELECT array_agg(pg_get_triggerdef(t.oid) ORDER BY tgname)
                FROM pg_trigger AS t WHERE tgrelid = objid))::text
            FROM pg_class WHERE oid = objid AND classid = 'pg_class'::regclass),
        (SELECT array_agg(objsubid || description ORDER BY objsubid) FROM pg_description AS d
            WHERE d.classoid = member.classid AND d.objoid = objid)
    FROM member
    UNION ALL
    SELECT 'extension', extname, extversion, array_length(extconfig, 1)::text, NULL
    FROM pg_extension WHERE extname LIKE 'gearbridge%'
    ORDER BY 1
"""

#: How to make an older version's sources of ours. What the upgrade below does not bring back shows as a difference.
OLDER = {
    "sql/gearbridge.sql": [(r"\\i gearbridge/gman_retry\.sql\n", "")],
    "sql/gearbridge/gman_result.sql": [("STABLE PARALLEL SAFE", "VOLATILE PARALLEL UNSAFE"), ("The result of", "Of")],
    "sql/gearbridge/gman_jobs.sql": [(r"COMMENT ON VIEW @extschema@\.gman_jobs IS\n.*?;\$comment\$;", "")],
    "sql/gearbridge/role_right.sql": [(r"COMMENT ON COLUMN gearbridge\.role_right\.pattern IS '[^']*';", "")],
    "sql/gearbridge_direct.sql": [(r"\\i gearbridge_direct/gman_server_jobs\.sql\n", "")],
    "plpython/gearbridge_pg.py": [('"""Return the time that an echo takes', '"""Older: return the time')],
}

STEPS = {
    "gearbridge": """\
\\i gearbridge/begin.sql
\\i gearbridge/gman_retry.sql
\\replace gearbridge/gman_result.sql
\\replace gearbridge/gman_jobs.sql
\\replace gearbridge/gman_version.sql
COMMENT ON COLUMN gearbridge.role_right.pattern IS
'functions of which the role may submit or complete jobs; * matches any number of characters';
\\i gearbridge/finish.sql
""",
    "gearbridge_direct": """\
\\i gearbridge/begin.sql
\\replace gearbridge_direct/_modules.sql
\\i gearbridge_direct/gman_server_jobs.sql
\\i gearbridge_direct/finish.sql
""",
}


def read_older(name: str) -> str:
    text = read_source(name)
    for pattern, replacement in OLDER.get(name, []):
        text, count = re.subn(pattern, replacement, text, flags=re.DOTALL)
        assert count, f"{name} has no {pattern}"
    return text


def read_with_steps(name: str) -> str:
    step = re.fullmatch(r"sql/upgrades/(\w+)--.*", name)
    return STEPS[step.group(1)] if step else read_source(name)


@pytest.fixture
def older_files(postgres_cluster: TemporaryCluster) -> Iterator[None]:
    """The server has an older version of both extensions, and the way from there."""
    files: dict[str, str] = {}
    for extension in EXTENSIONS:
        old = assemble(extension, OLD, read_older, upgrades=())
        new = assemble(extension, __version__, read_with_steps, upgrades=[(OLD, __version__)])
        files |= {name: text for name, text in {**old, **new}.items() if f"--{OLD}" in name}
    assert len(files) == 4
    paths = [postgres_cluster.installation.extensions / name for name in files]
    for path, text in zip(paths, files.values(), strict=True):
        path.write_text(text, encoding="ascii")
    yield
    for path in paths:
        path.unlink()


def install_older(db: Session) -> None:
    db.execute("CREATE EXTENSION plpython3u")
    for extension in EXTENSIONS:
        db.execute(f"CREATE EXTENSION {extension} VERSION '{OLD}'".encode())


@pytest.mark.usefixtures("older_files")
def test_an_upgrade_gives_what_a_fresh_install_gives(postgres_cluster: TemporaryCluster, database: Database) -> None:
    older = make_database(postgres_cluster)
    with database.connect() as fresh, older.connect() as db:
        install_older(db)
        assert db.execute(CATALOGUE).fetchall() != fresh.execute(CATALOGUE).fetchall()
        lines: list[str] = []
        upgrade(older.url, lines.append)
        assert lines[-2:] == [f"extension {extension} {OLD} updated to {__version__}" for extension in EXTENSIONS]
        assert db.execute(CATALOGUE).fetchall() == fresh.execute(CATALOGUE).fetchall()


@pytest.mark.usefixtures("older_files")
def test_jobs_rights_and_servers_stay_and_grow(empty_database: Database) -> None:
    role = f"role_in_{empty_database.name}"
    with empty_database.connect() as db:
        db.execute(f"CREATE ROLE {role}".encode())
        install_older(db)
        handle = value(db, "SELECT gman_enqueue('f', 'x')")
        db.execute(f"SELECT gearbridge.grant_monitor('{role}')".encode())
        db.execute("SELECT gearbridge.allow_servers('a:1')")
        upgrade(empty_database.url, lambda _: None)
        assert value(db, "SELECT handle FROM gman_jobs") == handle
        assert value(db, "SELECT servers FROM gearbridge.allowed_servers") == "a:1"
        assert value(db, f"SELECT has_function_privilege('{role}', 'gman_server_jobs()', 'EXECUTE')")
        assert value(db, "SELECT gman_version()") == __version__


def test_where_no_way_leads_on_it_is_said_and_nothing_changes(
    postgres_cluster: TemporaryCluster, empty_database: Database
) -> None:
    files = assemble("gearbridge", OLD, read_source, upgrades=())
    path = postgres_cluster.installation.extensions / f"gearbridge--{OLD}.sql"
    path.write_text(files[path.name], encoding="ascii")
    with empty_database.connect() as db:
        db.execute(f"CREATE EXTENSION gearbridge VERSION '{OLD}'".encode())
        path.unlink()
        with pytest.raises(ConfigurationError, match=f"of version {OLD}, from which no way leads to {__version__}"):
            upgrade(empty_database.url, lambda _: None)
        assert value(db, "SELECT extversion FROM pg_extension WHERE extname = 'gearbridge'") == OLD


def test_what_is_not_installed_is_not_upgraded(empty_database: Database) -> None:
    with pytest.raises(ConfigurationError, match="gearbridge db install"):
        upgrade(empty_database.url, lambda _: None)
