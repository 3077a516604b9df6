"""The floors of the house: who may import whom, who must stay pure, and what must run on an old Python."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "gearbridge"

#: The floor of each part. A part imports from floors below its own, and from itself.
FLOORS = {
    "errors": 0,
    "version": 0,
    "escaping": 0,
    "ports": 1,
    "wire": 1,
    "records": 1,
    "traceparent": 1,
    "backoff": 1,
    "dbapi": 1,
    "tls_files": 1,
    "private_files": 1,
    "top": 1,
    "enqueue": 2,
    "core": 2,
    "stores": 2,
    "process": 2,
    "persistence": 3,
    "client": 3,
    "moving": 3,
    "server": 4,
    "bridge": 4,
    "extension": 4,
    "sqlite": 4,
    "bench": 4,
    "triggers": 5,  # quotes as the extension does
    "doctor": 5,  # looks at servers, stores and extensions, and is shown by the command line
    "dashboard": 5,  # of a server and of a bridge
    "demo": 5,  # shows the extension and SQLite, and is itself shown by the command line
    "cli": 6,
    "__main__": 7,
    "__init__": 7,  # only gathers the public names
}

#: The floors inside stores/: each part imports from those before it, and from itself.
STORE_FLOORS = [
    {"interface"},
    {"memory", "database"},
    {"jobtable", "memcached"},
    {"ownership", "sqlite", "redis", "failed_jobs"},
    {"postgresql", "mysql"},
    {"innodb_memcached"},
    {"registry"},
]

#: What others may import of the core: the engine, what it takes and gives, incidents and rules of retries among it, and
#: what a bridge shares with a server: the journal, and jobs that SQL enqueued.
CORE_FACES = {
    "engine",
    "settings",
    "signals",
    "snapshot",
    "peer",
    "pending_reply",
    "footprint",
    "histograms",
    "incidents",
    "retry_rules",
    "unworked",
    "journal",
    "enqueued",
}

#: What a pure module may not know: sockets, threads, clocks, chance, logs.
IMPURE = {"asyncio", "socket", "selectors", "threading", "time", "datetime", "random", "secrets", "logging", "os"}
PURE = [
    "wire/*.py",
    "core/**/*.py",
    "bridge/relay.py",
    "bridge/tally.py",
    "client/server_order.py",
    "client/requests.py",
    "client/session.py",
    "client/batches.py",
    "client/worker_session.py",
    "client/worker_rotation.py",
    "moving/lines.py",
    "escaping.py",
    "top/figures.py",
    "top/screen.py",
    "records.py",
    "traceparent.py",
    "backoff.py",
    "errors.py",
]

#: What is embedded in PostgreSQL, whose Python may be old: the extension's own list of it.
_LIST = (ROOT / "sql" / "gearbridge_direct" / "_modules.sql").read_text(encoding="utf-8")
EMBEDDED = [ROOT / path for path in re.findall(r"^\s*\\embed \S+ (\S+)$", _LIST, re.MULTILINE)]


def modules(*patterns: str) -> list[Path]:
    found = [path for pattern in patterns for path in sorted(PACKAGE.glob(pattern))]
    assert found
    return found


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports_of(path: Path) -> set[str]:
    """The modules that a file imports anywhere in it, type-checking imports included, with their full names."""
    return imports_in(ast.parse(path.read_text(encoding="utf-8")), path)


def imports_in(tree: ast.Module, path: Path) -> set[str]:
    """The modules that a tree imports, with their full names; it is that of a file, or a part of it."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join((*base, *(node.module.split(".") if node.module else ())))
            # A name may be a module: from . import x.
            names = {f"{stem}.{alias.name}" for alias in node.names}
            submodules = set(filter(is_module, names))
            found |= submodules if submodules == names else {stem, *submodules}
    return found


def is_module(name: str) -> bool:
    """Return whether the project has a module of this name."""
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def part_of(module: str) -> str | None:
    """The part of the package that a module belongs to."""
    words = module.split(".")
    return words[1] if words[0] == "gearbridge" and len(words) > 1 else None


@pytest.mark.parametrize("path", modules("**/*.py"), ids=name_of)
def test_imports_go_downwards(path: Path) -> None:
    words = path.relative_to(PACKAGE).with_suffix("").parts
    own = words[0]
    assert own in FLOORS, f"{own} has no floor yet: give it one"
    for module in imports_of(path):
        part = part_of(module)
        if part is not None and part != own and part in FLOORS:
            assert FLOORS[part] < FLOORS[own], f"{name_of(path)} (floor {FLOORS[own]}) imports {module}"


@pytest.mark.parametrize("path", modules("stores/**/*.py"), ids=name_of)
def test_imports_inside_stores_go_downwards(path: Path) -> None:
    own = path.relative_to(PACKAGE / "stores").with_suffix("").parts[0]
    floors = {part: floor for floor, parts in enumerate(STORE_FLOORS) for part in parts}
    for module in imports_of(path):
        words = module.split(".")
        if words[:2] == ["gearbridge", "stores"] and len(words) > 2 and words[2] != own:
            assert floors[words[2]] < floors[own], f"{name_of(path)} imports {module}"


def test_only_the_faces_of_the_core_are_imported_from_outside() -> None:
    found = [
        f"{name_of(path)} imports {module}"
        for path in modules("**/*.py")
        if not path.is_relative_to(PACKAGE / "core")
        for module in imports_of(path)
        if module.startswith("gearbridge.core.") and module.removeprefix("gearbridge.core.") not in CORE_FACES
    ]
    assert found == []


@pytest.mark.parametrize(
    "path", modules("server/*.py", "persistence/*.py", "bridge/*.py", "dashboard/*.py"), ids=name_of
)
def test_nothing_outside_the_core_reaches_through_the_engine(path: Path) -> None:
    """Not into its lifecycle, queue or peers; and no clock of it is set but by an argument."""
    reached = re.findall(r"\.lifecycle\b|\bengine\.(?:_\w+|queue|peers)\b", path.read_text(encoding="utf-8"))
    assert reached == []


@pytest.mark.parametrize("folder", [PACKAGE / "stores", *(PACKAGE / "stores").glob("*/")], ids=name_of)
def test_no_folder_of_stores_has_more_than_15_files(folder: Path) -> None:
    assert len(list(folder.glob("*.py"))) <= 15


@pytest.mark.parametrize("path", modules("**/*.py"), ids=name_of)
def test_no_file_has_more_than_300_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    """Not even for annotations, or in a function: a reader can begin at the bottom."""
    everywhere = {module_of(path): imports_of(path) for path in modules("**/*.py")}
    order = TopologicalSorter(
        {module: imported & everywhere.keys() - {module} for module, imported in everywhere.items()}
    )
    order.prepare()  # raises CycleError, which names the circle


def module_of(path: Path) -> str:
    """The full name of the module in a file."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", modules(*PURE), ids=name_of)
def test_pure_modules_know_no_outside(path: Path) -> None:
    assert {module.partition(".")[0] for module in imports_of(path)} & IMPURE == set()


@pytest.mark.parametrize("path", EMBEDDED, ids=name_of)
def test_embedded_modules_are_written_in_python_3_9(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))


def test_embedded_modules_run_on_the_oldest_python_there_is(tmp_path: Path) -> None:
    """In a package of another name, without the rest of gearbridge, as PostgreSQL runs them."""
    package = tmp_path / "embedded"
    for path in EMBEDDED:
        if not path.is_relative_to(PACKAGE):
            continue  # PL/Python's own, which only PostgreSQL can run
        target = package / path.relative_to(PACKAGE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    (package / "__init__.py").touch()
    (package / "client" / "__init__.py").touch()
    names = ("python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3")
    python = next(filter(works, filter(None, map(shutil.which, names))))
    shown = "print(Client('127.0.0.1:1').servers, 'ssl' in sys.modules)"
    code = f"import sys; from embedded.client.client import Client; {shown}"
    done = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "('127.0.0.1:1',) False\n", "TLS is loaded by those who use it"


def works(python: str) -> bool:
    """Whether this is a Python, and not a stand-in for one that is not installed."""
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
