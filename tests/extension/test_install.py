"""`gearbridge db`: installing as an administrator does, on a server of our own, and what is said when it fails."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from gearbridge.errors import ConfigurationError
from gearbridge.extension import database
from gearbridge.extension.assemble import EXTENSIONS
from gearbridge.extension.build import assembled
from gearbridge.extension.install import check, install, uninstall
from gearbridge.extension.sources import directory_of
from gearbridge.version import __version__
from tests.fixtures.postgres import make_database, value
from tests.fixtures.processes import free_port
from tests.fixtures.server import GEARBRIDGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gearbridge.extension.cluster import TemporaryCluster
    from tests.fixtures.postgres import Database
    from tests.fixtures.processes import Process, StartProcess


@pytest.fixture
def target(bare_cluster: TemporaryCluster) -> Iterator[Database]:
    """An empty database on a server without our files."""
    yield make_database(bare_cluster)
    for path in files_of(bare_cluster):
        path.unlink()


def files_of(cluster: TemporaryCluster) -> list[Path]:
    return sorted(cluster.installation.extensions.glob("*gearbridge*"))


def db_command(start_process: StartProcess, *arguments: str, url: str) -> Process:
    return start_process(GEARBRIDGE, "db", *arguments, env={"GEARBRIDGE_DATABASE": url})


def test_the_command_puts_the_files_in_place_and_creates_the_extensions(
    start_process: StartProcess, target: Database
) -> None:
    printed = start_process(GEARBRIDGE, "db", "install", "--database", target.url).succeed().decode()

    for name, text in assembled().items():
        path = target.cluster.installation.extensions / name
        assert path.read_text() == text
        assert f"{path} written" in printed
    assert "extension gearbridge_direct" in printed
    assert "gman_servers_set" in printed
    assert target.cluster.url().split(":")[2].split("@")[0] not in printed, "the password was shown"
    with target.connect() as db:
        assert value(db, "SELECT gman_version()") == __version__
        assert value(db, "SELECT gman_servers_set('127.0.0.1:1')")


def test_installing_again_changes_nothing(start_process: StartProcess, target: Database) -> None:
    install(target.url, lambda _: None)
    before = [(path, path.stat().st_mtime_ns) for path in files_of(target.cluster)]

    printed = db_command(start_process, "install", url=target.url).succeed().decode()

    assert printed.count("is there already") == len(before) + len(EXTENSIONS)
    assert [(path, path.stat().st_mtime_ns) for path in files_of(target.cluster)] == before


def test_check_before_and_after_and_uninstall(start_process: StartProcess, target: Database) -> None:
    before = db_command(start_process, "check", url=target.url)
    assert before.wait() == 1
    assert b"NO   extension gearbridge_direct is not installed; run: gearbridge db install" in before.stdout

    install(target.url, lambda _: None)
    after = db_command(start_process, "check", url=target.url).succeed().decode().splitlines()
    assert all(line.startswith("OK ") for line in after)
    assert f"OK   extension gearbridge_direct {__version__}" in after

    dropped = db_command(start_process, "uninstall", "--yes", url=target.url).succeed().decode()
    assert dropped.splitlines() == ["gearbridge_direct dropped", "gearbridge dropped"]
    with target.connect() as db:
        assert value(db, "SELECT count(*) FROM pg_extension WHERE extname LIKE 'gearbridge%'") == 0
    again = db_command(start_process, "uninstall", "--yes", url=target.url).succeed().decode()
    assert again.splitlines() == ["gearbridge_direct is not installed", "gearbridge is not installed"]


def test_a_server_without_plpython_takes_the_common_part(target: Database) -> None:
    control = target.cluster.installation.extensions / "plpython3u.control"
    away = control.rename(control.with_name("plpython3u.away"))
    try:
        with pytest.raises(ConfigurationError, match=r"the server has no PL/Python.*--no-direct"):
            install(target.url, lambda _: None)
        lines: list[str] = []
        install(target.url, lines.append, direct=False)
        assert lines[-1] == f"extension gearbridge {__version__} created"
        findings = {finding.text: finding.good for finding in check(target.url)}
        assert findings[f"extension gearbridge {__version__}"]
        assert not findings["PL/Python for the server"]
    finally:
        away.rename(control)


def test_uninstall_stops_where_something_depends_on_it(target: Database) -> None:
    install(target.url, lambda _: None)
    with target.connect() as db:
        db.execute("CREATE VIEW mine AS SELECT gman_version()")
        with pytest.raises(ConfigurationError, match=r"view public\.mine depends on function public\.gman_version"):
            uninstall(target.url, lambda _: None)
        assert value(db, "SELECT gman_version()") == __version__


def test_an_owner_without_superuser_gets_the_common_part(target: Database) -> None:
    install(target.url, lambda _: None)
    uninstall(target.url, lambda _: None)  # the files stay
    role = f"owner_of_{target.name}"
    with target.connect() as db:
        db.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'".encode())
        db.execute(f"ALTER DATABASE {target.name} OWNER TO {role}".encode())
    url = target.cluster.url(target.name, role).replace("@", ":secret@")
    with pytest.raises(ConfigurationError, match=f"{role} is not a superuser.*--no-direct"):
        install(url, lambda _: None)
    lines: list[str] = []
    install(url, lines.append, direct=False)
    assert lines[1:] == ["the server has the files already", f"extension gearbridge {__version__} created"]


@contextlib.contextmanager
def without_root() -> Iterator[None]:
    """Root may write anywhere: be nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_directory_that_is_not_ours_is_told_with_the_way_out(
    target: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = target.cluster.installation.extensions
    target.cluster.folder.chmod(0o755)
    # This checkout may lie where nobody but root can read.
    copy = target.cluster.folder / "sources"
    for name in ("sql", "plpython", "gearbridge"):
        shutil.copytree(directory_of(name), copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr("gearbridge.extension.sources._PACKAGE", copy / "gearbridge")
    mode = directory.stat().st_mode
    directory.chmod(0o555)
    try:
        with without_root(), pytest.raises(ConfigurationError) as caught:
            install(target.url, lambda _: None)
    finally:
        directory.chmod(mode)
        shutil.rmtree(copy)
    told = str(caught.value)
    assert f"cannot write into {directory}: Permission denied" in told
    assert "sudo" in told
    assert "python -m gearbridge.extension build --output" in told
    assert files_of(target.cluster) == []


def test_a_server_whose_directory_is_not_here_is_told_with_the_way_out(target: Database) -> None:
    # As a server on another machine shows it: it names a directory that this machine has not.
    directory = target.cluster.installation.extensions
    away = directory.rename(directory.with_name("away"))
    try:
        with pytest.raises(ConfigurationError, match="cannot be reached from here") as caught:
            install(target.url, lambda _: None, direct=False)
    finally:
        away.rename(directory)
    assert "python -m gearbridge.extension build" in str(caught.value)
    assert "on the server's machine" in str(caught.value)


def test_files_that_the_server_does_not_see_are_taken_back(
    target: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A container's server tells a directory that this machine has too, but it is another one.
    monkeypatch.setattr(database, "extension_directory", lambda _: tmp_path)
    with pytest.raises(ConfigurationError, match="does not see files that are written here"):
        install(target.url, lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_cannot_be_reached_is_one_line(start_process: StartProcess) -> None:
    process = db_command(start_process, "install", url=f"postgresql://postgres@127.0.0.1:{free_port()}/x")
    assert process.wait() == 1
    assert process.stderr.startswith("gearbridge: cannot connect to postgresql://postgres@127.0.0.1:")
    assert "Connection refused" in process.stderr
    assert "Traceback" not in process.stderr


def test_the_help_names_the_variable_and_an_example(start_process: StartProcess) -> None:
    told = start_process(GEARBRIDGE, "db", "install", "--help").succeed().decode()
    assert "GEARBRIDGE_DATABASE" in told
    assert "gearbridge db install --database postgresql://" in told
