"""The C programs of the tests here, compiled."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.processes import PATIENCE

from .languages import C_PROGRAMS, SCRIPTS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def c_programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile them with Debian's libgearman-dev; the environment tells languages.py where they are."""
    folder = tmp_path_factory.mktemp("c")
    for name in ("client", "worker"):
        source = SCRIPTS / "c" / f"{name}.c"
        options = ["-Wall", "-Wextra", "-Werror", "-o", str(folder / name), str(source), "-lgearman"]
        subprocess.run(["gcc", *options], check=True, timeout=PATIENCE)
    os.environ[C_PROGRAMS] = str(folder)
    return folder
