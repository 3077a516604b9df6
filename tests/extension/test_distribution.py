"""The other ways in: `make -C sql install`, and what PGXN asks of a distribution."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from gearbridge.extension.assemble import EXTENSIONS
from gearbridge.extension.build import assembled
from gearbridge.version import __version__
from tests.fixtures.postgres import make_database, value

if TYPE_CHECKING:
    from gearbridge.extension.cluster import TemporaryCluster
    from tests.fixtures.processes import StartProcess

SQL = Path(__file__).parents[2] / "sql"
META = json.loads((SQL / "META.json").read_text(encoding="utf-8"))

# PGXN Meta Spec 1.0.0.
_TERM = r"[^\s/\\\x00-\x1f]{2,}"
_VERSION = r"\d+\.\d+\.\d+(-[A-Za-z][0-9A-Za-z-]*)?"


def test_make_installs_for_the_postgresql_of_pg_config(
    bare_cluster: TemporaryCluster, start_process: StartProcess
) -> None:
    pg_config = bare_cluster.installation.bin / "pg_config"
    there = bare_cluster.installation.extensions
    start_process("make", "-C", SQL, "install", f"PG_CONFIG={pg_config}").succeed(timeout=60)
    assert {path.name: path.read_text() for path in there.glob("gearbridge*")} == assembled()
    with make_database(bare_cluster).connect() as db:
        db.execute("CREATE EXTENSION gearbridge_direct CASCADE")
        assert value(db, "SELECT gman_version()") == __version__
    start_process("make", "-C", SQL, "uninstall", f"PG_CONFIG={pg_config}").succeed(timeout=60)
    assert list(there.glob("gearbridge*")) == []


def test_make_stages_for_packagers(tmp_path: Path, start_process: StartProcess) -> None:
    start_process("make", "-C", SQL, "install", f"DESTDIR={tmp_path}").succeed(timeout=60)
    assert sorted(path.name for path in tmp_path.rglob("gearbridge*") if path.is_file()) == sorted(assembled())


def test_the_distribution_says_what_pgxn_requires() -> None:
    for field in ("name", "version", "abstract", "maintainer", "license", "provides", "meta-spec"):
        assert META[field], f"{field} is required"
    assert re.fullmatch(_TERM, META["name"])
    assert re.fullmatch(_VERSION, META["version"])
    assert META["meta-spec"] == {"version": "1.0.0", "url": "https://pgxn.org/meta/spec.txt"}
    assert META["license"] == "mit"
    assert META["release_status"] in {"stable", "testing", "unstable"}
    assert all(re.fullmatch(r"[^/\\\x00-\x1f]{1,255}", tag) for tag in META["tags"])
    for name, extension in META["provides"].items():
        assert re.fullmatch(_TERM, name)
        assert {"file", "version"} <= set(extension) <= {"file", "version", "abstract", "docfile"}
        assert (SQL / extension["file"]).is_file()
    for phase in META["prereqs"].values():
        for versions in phase.values():
            assert all(version == 0 or re.fullmatch(_VERSION, version) for version in versions.values())


def test_the_distribution_is_of_the_packages_version() -> None:
    assert META["version"] == __version__
    assert {name: one["version"] for name, one in META["provides"].items()} == dict.fromkeys(EXTENSIONS, __version__)
