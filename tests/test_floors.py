"""The floors of the house: who may import whom, who must stay pure, and what must run on an old Python."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "gearbridge"

#: The floor of each part. A part imports from floors below its own, and from itself.
FLOORS = {
    "errors": 0,
    "version": 0,
    "ports": 1,
    "wire": 1,
    "records": 1,
    "traces": 1,
    "connections": 1,
    "certificates": 1,
    "top": 1,
    "enqueueing": 2,
    "following": 2,
    "core": 2,
    "stores": 2,
    "server": 3,
    "client": 3,
    "moving": 3,
    "extension": 4,
    "sqlite": 4,
    "bench": 4,
    "triggers": 5,  # quotes as the extension does
    "doctor": 5,  # looks at servers, stores and extensions, and is shown by the command line
    "bridge": 4,
    "dashboard": 5,  # of a bridge too
    "demo": 5,  # shows the extension and SQLite, and is itself shown by the command line
    "cli": 6,
    "__main__": 7,
    "__init__": 7,  # only gathers the public names
}

#: What a pure module may not know: sockets, threads, clocks, chance, logs.
IMPURE = {"asyncio", "socket", "selectors", "threading", "time", "datetime", "random", "secrets", "logging", "os"}
PURE = [
    "wire/*.py",
    "core/*.py",
    "bridge/relay.py",
    "bridge/tally.py",
    "client/choice.py",
    "client/requests.py",
    "client/session.py",
    "client/batches.py",
    "client/worker_session.py",
    "client/worker_turns.py",
    "moving/lines.py",
    "top/figures.py",
    "top/screen.py",
    "records.py",
    "traces.py",
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
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join((*base, *(node.module.split(".") if node.module else ())))
            found.add(stem)
            if stem.count(".") == 0:  # from gearbridge import x, from . import x
                found.update(f"{stem}.{alias.name}" for alias in node.names)
    return found


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
