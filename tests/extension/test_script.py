"""`gearbridge db script`: plain SQL, run by the database's own program, gives working functions."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from typing import TYPE_CHECKING

import pytest
from psycopg import errors

from gearbridge.errors import ConfigurationError
from gearbridge.extension import assemble, install
from gearbridge.extension.lint import lint
from gearbridge.extension.script import innodb_memcached_script, managed_script, plain_script
from gearbridge.stores.registry import store_for
from tests.fixtures.postgres import value
from tests.fixtures.server import GEARBRIDGE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fixtures.job_server import JobServer
    from tests.fixtures.postgres import Database


def script(*options: str) -> str:
    return subprocess.run([GEARBRIDGE, "db", "script", *options], check=True, capture_output=True, text=True).stdout


def psql(url: str, text: str) -> str:
    program = shutil.which("psql")
    assert program
    done = subprocess.run(
        [program, "--no-psqlrc", "--quiet", url],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PGOPTIONS": "--client-min-messages=warning"},
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("make", [managed_script, plain_script])
def test_an_older_postgresql_is_refused_before_anything_is_made(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch, make: Callable[[], str]
) -> None:
    for module in (assemble, install):
        monkeypatch.setattr(module, "OLDEST", 99)
    with empty_database.connect() as db:
        with pytest.raises(errors.FeatureNotSupported, match="gearbridge needs PostgreSQL 99 or later"):
            db.execute(make().replace("\\set", "--").encode())
        db.execute("ROLLBACK")
        assert value(db, "SELECT to_regnamespace('gearbridge')") is None
    with pytest.raises(ConfigurationError, match="PostgreSQL 99 or later is needed"):
        install.install(empty_database.url, lambda _: None)


def test_the_owner_of_a_managed_database_needs_no_extension(empty_database: Database) -> None:
    owner, app = (f"{who}_of_{empty_database.name}" for who in ("owner", "app"))
    with empty_database.connect() as superuser:
        superuser.execute(f"CREATE ROLE {owner} LOGIN PASSWORD 'secret'".encode())
        superuser.execute(f"CREATE ROLE {app}".encode())
        superuser.execute(f"ALTER DATABASE {empty_database.name} OWNER TO {owner}".encode())
    text = script("--managed")
    assert "plpython" not in text.lower()
    assert psql(empty_database.cluster.url(empty_database.name, owner).replace("@", ":secret@"), text) == ""
    with empty_database.connect(owner) as db:
        assert value(db, "SELECT count(*) FROM pg_extension WHERE extname LIKE 'gearbridge%'") == 0
        db.execute(f"SELECT gearbridge.grant_submit('{app}', 'mail_*')".encode())
        db.execute(f"SELECT gearbridge.grant_monitor('{app}')".encode())
    with empty_database.connect(app) as db:
        for kind in ("text", "bytea", "jsonb"):
            assert value(db, f"SELECT gman_do_background('mail_send', '1'::{kind}, '{kind}')")
        assert value(db, "SELECT gman_do_high_background('mail_send', 'x')")
        assert value(db, "SELECT gman_do_low_background('mail_send', 'x')")
        assert value(db, "SELECT array_agg(priority ORDER BY handle) FROM gman_jobs") == [
            *["normal"] * 3,
            "high",
            "low",
        ]
        with pytest.raises(errors.InsufficientPrivilege, match='may not submit jobs of function "other"'):
            value(db, "SELECT gman_do_background('other', 'x')")
        with pytest.raises(errors.InsufficientPrivilege, match="permission denied"):
            db.execute("SELECT * FROM gearbridge.gearbridge_job")


def test_both_extensions_as_a_script(empty_database: Database, shared_job_server: JobServer) -> None:
    assert psql(empty_database.url, script()) == ""
    role = f"app_of_{empty_database.name}"
    with empty_database.connect() as db:
        value(db, "SELECT gman_servers_set(%s)", shared_job_server.address)
        assert value(db, "SELECT gman_do_background('f', 'x')")
        db.execute(f"CREATE ROLE {role}".encode())
        db.execute(f"SELECT gearbridge.grant_submit('{role}')".encode())
        db.execute("SELECT gearbridge.allow_servers(%s)", (shared_job_server.address,))
    with empty_database.connect(role) as db:
        assert value(db, "SELECT gman_do_background('f', 'x')")


def test_a_script_that_is_run_again_changes_nothing(empty_database: Database) -> None:
    psql(empty_database.url, script("--managed"))
    with pytest.raises(AssertionError, match="already exists"):
        psql(empty_database.url, script("--managed"))
    with empty_database.connect() as db:
        assert value(db, "SELECT gman_do_background('f', 'x')")


def test_the_tables_for_sqlite_are_a_servers(tmp_path: Path) -> None:
    file = tmp_path / "jobs.db"
    with sqlite3.connect(file) as db:
        db.executescript(script("--sqlite"))
    db.close()
    store = store_for(f"sqlite:///{file}")
    store.open()
    try:
        assert list(store.replay()) == []
    finally:
        store.close()


def test_the_scripts_pass_the_lint() -> None:
    assert lint(managed_script()) == lint(plain_script()) == []


def test_the_table_for_the_memcached_plugin() -> None:
    """The store's tests run it: it is how their stand-in gets its table."""
    assert script("--innodb-memcached") == innodb_memcached_script()
