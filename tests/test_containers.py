"""docker/, as far as it can be checked without an engine: by a linter, by the schema, and what it copies and runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import yaml
from click.testing import CliRunner

from gearbridge.cli.main import cli
from gearbridge.ports import free_port

if TYPE_CHECKING:
    from .fixtures.postgres import Database
    from .fixtures.processes import StartProcess
    from .fixtures.server import GearbridgeServer

ROOT = Path(__file__).parent.parent
DOCKER = ROOT / "docker"
DOCKERFILES = sorted(DOCKER.glob("*Dockerfile"))
BIN = Path(sys.executable).parent
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]

each_dockerfile = pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)


def instructions(path: Path) -> list[tuple[str, str]]:
    """A Dockerfile's instructions: the word, and what follows it on one line."""
    text = re.sub(r"^#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def stages(path: Path) -> dict[str, list[tuple[str, str]]]:
    """The instructions of each stage by its name, those of the stage it builds upon before them."""
    found: dict[str, list[tuple[str, str]]] = {}
    for word, rest in instructions(path):
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            found[name] = list(found.get(base, []))
        else:
            found[name].append((word, rest))
    return found


@each_dockerfile
def test_the_linter_has_nothing_to_say(path: Path, start_process: StartProcess) -> None:
    start_process(BIN / "hadolint", path).succeed()


def test_the_compose_file_is_valid(start_process: StartProcess) -> None:
    start_process(
        BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", DOCKER / "compose.yaml"
    ).succeed()


@each_dockerfile
def test_what_is_copied_is_there_and_bases_are_pinned(path: Path) -> None:
    names = set(stages(path))
    for word, rest in instructions(path):
        if word == "COPY" and not rest.startswith("--from="):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), rest
        if word == "FROM":
            image = rest.split()[0]
            assert image in names or re.search(r":\d+\.\d+\S*$", image), f"{image}: no version"


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_runs_as_root_and_those_that_serve_are_watched(name: str) -> None:
    service = SERVICES[name]
    built = service.get("build")
    if built is None:
        assert re.search(r":\d+\.\d+", service["image"])
        assert service["user"] != "root"
        assert service["healthcheck"]["test"]
        return
    stage = stages(ROOT / built["dockerfile"])[built["target"]]
    users = [rest for word, rest in stage if word == "USER"]
    assert users, f"{name} runs as root"
    assert int(users[-1]) > 0
    if "ports" in service or name == "db":
        assert any(word == "HEALTHCHECK" for word, _ in stage)
    for condition in service.get("depends_on", {}).values():
        assert condition == {"condition": "service_healthy"}


@pytest.mark.parametrize("name", [name for name in SERVICES if name.startswith(("server", "bridge", "python"))])
def test_the_commands_of_the_services_are_taken(name: str) -> None:
    stage = stages(DOCKER / "Dockerfile")["gearbridge"]
    variables = dict(re.findall(r"(GEARBRIDGE_\w+)=(\S+)", " ".join(rest for word, rest in stage if word == "ENV")))
    variables |= SERVICES[name]["environment"]
    taken = CliRunner().invoke(cli, [*(SERVICES[name].get("command") or ["server"])[:1], "--help"], env=variables)
    assert taken.exit_code == 0
    for variable in variables:
        assert f"`{variable}`" in (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8"), variable


def test_the_database_is_made_as_the_image_makes_it(
    empty_database: Database, tmp_path: Path, start_process: StartProcess
) -> None:
    """The scripts of docker-entrypoint-initdb.d, in their order, by psql."""
    schema = ROOT / "docs" / "examples" / "polyglot" / "schema.sql"
    try:
        for script in (DOCKER / "create-extensions.sql", schema, DOCKER / "create-orders.sql"):
            start_process("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", empty_database.url, "-f", script).succeed()
        with psycopg.connect(empty_database.cluster.url("orders")) as db:
            db.execute("SELECT gman_enqueue('shout', 'hello', keep_result => true)")
    finally:
        with psycopg.connect(empty_database.url, autocommit=True) as db:
            db.execute("DROP DATABASE IF EXISTS orders WITH (FORCE)")
    with psycopg.connect(empty_database.url, autocommit=True) as db:
        db.execute("INSERT INTO customer (name, email) VALUES ('Ada', 'ada@example.com')")
        assert db.execute("SELECT function FROM gman_jobs").fetchall() == [("welcome",)]
        assert db.execute("SELECT servers FROM gearbridge.allowed_servers").fetchall() != []


def test_the_bridge_is_well_as_its_health_check_says(
    tmp_path: Path, gearbridge_server: GearbridgeServer, start_process: StartProcess
) -> None:
    """With the service's own settings and check, but for the addresses."""
    service = SERVICES["bridge"]
    port = free_port()
    settings = {
        **service["environment"],
        "GEARBRIDGE_BRIDGE_DATABASE": f"sqlite:///{tmp_path / 'orders.db'}",
        "GEARBRIDGE_SERVERS": gearbridge_server.address,
        "GEARBRIDGE_BRIDGE_HTTP": f"0.0.0.0:{port}",
    }
    word, program, *rest = service["healthcheck"]["test"]
    assert (word, program) == ("CMD", "python3")
    check = [sys.executable, *(part.replace("8081", str(port)) for part in rest)]
    assert start_process(*check).wait() != 0
    bridge = start_process(BIN / "gearbridge", *service["command"], env=settings)
    bridge.wait_for_stderr("connected to job server")
    start_process(*check).succeed()


def test_the_image_is_built_from_what_it_copies(tmp_path: Path) -> None:
    """A wheel and the extensions' files, from those files alone; only the download of dependencies is left out."""
    for word, rest in stages(DOCKER / "Dockerfile")["build"]:
        if word == "COPY":
            for source in rest.split()[:-1]:
                (tmp_path / source).parent.mkdir(exist_ok=True)
                copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
                copy(ROOT / source, tmp_path / source)
    subprocess.run(
        [BIN / "python", "-m", "hatchling", "build", "--target", "wheel"], cwd=tmp_path, check=True, capture_output=True
    )
    assert list(tmp_path.glob("dist/*.whl"))
    built = subprocess.run(
        [BIN / "python", "-m", "gearbridge.extension", "build", "--output", tmp_path / "extension"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "gearbridge_direct.control" in built.stdout
