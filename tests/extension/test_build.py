"""`python -m gearbridge.extension`: from a checkout and from a wheel, with the same result."""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from gearbridge.extension.build import assembled

if TYPE_CHECKING:
    from tests.fixtures.processes import StartProcess

TOP = Path(__file__).parents[2]


def test_build_writes_all_files_and_tells_their_names(start_process: StartProcess, tmp_path: Path) -> None:
    output = tmp_path / "new" / "directory"
    build = ("-m", "gearbridge.extension", "build", "--output", output)
    printed = start_process(sys.executable, *build).succeed().decode().splitlines()

    assert printed == [str(output / name) for name in assembled()]
    assert {path.name: path.read_text() for path in output.iterdir()} == assembled()


def test_lint_passes_over_our_own_sources(start_process: StartProcess) -> None:
    assert start_process(sys.executable, "-m", "gearbridge.extension", "lint").succeed() == b"OK\n"


def test_the_reference_page_is_up_to_date(start_process: StartProcess) -> None:
    page = (TOP / "docs" / "reference" / "sql.md").read_text(encoding="utf-8")
    made = start_process(sys.executable, "-m", "gearbridge.extension", "reference").succeed().decode()
    assert page == made, "run: python -m gearbridge.extension reference > docs/reference/sql.md"


def test_the_reference_page_names_every_sqlstate() -> None:
    page = (TOP / "docs" / "reference" / "sql.md").read_text(encoding="utf-8")
    source = "".join(path.read_text(encoding="utf-8") for path in (TOP / "plpython").glob("*.py"))
    states = set(re.findall(r'"([0-9A-Z]{5})"', source))
    assert {"08001", "GB001", "55000"} <= states
    assert {state for state in states if f"| `{state}` |" not in page} == set()


def test_a_wheel_has_the_sources_and_builds_the_same(start_process: StartProcess, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    pip = ("-m", "pip", "wheel", TOP, "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", wheels)
    start_process(sys.executable, *pip, cwd=tmp_path).succeed(timeout=120)
    installed = tmp_path / "installed"
    with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
        wheel.extractall(installed)

    output = tmp_path / "output"
    # -P: without the current directory; the wheel's content comes before the checkout, which is in site-packages.
    build = ("-P", "-m", "gearbridge.extension", "build", "--output", output)
    start_process(sys.executable, *build, cwd=tmp_path, env={"PYTHONPATH": str(installed)}).succeed()
    where = start_process(
        sys.executable, "-P", "-c", "import gearbridge; print(gearbridge.__file__)", env={"PYTHONPATH": str(installed)}
    )
    assert where.succeed().decode().startswith(str(installed))
    assert {path.name: path.read_text() for path in output.iterdir()} == assembled()
