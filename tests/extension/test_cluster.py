"""The temporary cluster: a whole PostgreSQL of one's own that leaves no trace."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest

from gearbridge.errors import ConfigurationError
from gearbridge.extension.cluster import TemporaryCluster
from gearbridge.extension.installation import find_installation
from tests.fixtures.postgres import value


def test_it_is_an_installation_of_its_own_and_vanishes() -> None:
    system = find_installation().extensions
    before = sorted(system.iterdir())

    with TemporaryCluster({"fsync": "off"}) as cluster, psycopg.connect(cluster.url(), autocommit=True) as db:
        share = value(db, "SELECT setting FROM pg_config WHERE name = 'SHAREDIR'")
        assert Path(share) == cluster.installation.share
        assert cluster.folder in Path(share).parents
        assert not (cluster.installation.extensions).is_symlink()
        (cluster.installation.extensions / "toy.control").write_text("default_version = '1'\n")
        (cluster.installation.extensions / "toy--1.sql").write_text("CREATE FUNCTION toy() RETURNS int RETURN 7;\n")
        db.execute("CREATE EXTENSION toy")
        assert value(db, "SELECT toy()") == 7
        db.execute("CREATE EXTENSION plpython3u")
        pid, folder = cluster.pid, cluster.folder

    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert sorted(system.iterdir()) == before


def test_it_never_runs_as_root_and_asks_for_its_password(postgres_cluster: TemporaryCluster) -> None:
    assert Path(f"/proc/{postgres_cluster.pid}").stat().st_uid != 0
    url = postgres_cluster.url()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url.replace(postgres_cluster.url().split(":")[2].split("@")[0], "wrong"))


def test_it_starts_again_with_its_data() -> None:
    with TemporaryCluster({"fsync": "off"}) as cluster:
        with psycopg.connect(cluster.url(), autocommit=True) as db:
            db.execute("CREATE TABLE kept AS SELECT 1 AS n")
        cluster.restart()
        with psycopg.connect(cluster.url()) as db:
            assert value(db, "SELECT n FROM kept") == 1


def test_a_server_that_does_not_start_says_why_and_leaves_nothing() -> None:
    cluster = TemporaryCluster({"shared_buffers": "nonsense"})
    with pytest.raises(ConfigurationError, match='invalid value for parameter "shared_buffers"'):
        cluster.start()
    assert not cluster.folder.exists()


def test_a_machine_without_postgresql_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        ConfigurationError, match=r"no PostgreSQL server at all.*apt-get install postgresql-15 postgresql-pl"
    ):
        find_installation(searched=(f"{tmp_path}/*/bin",))
