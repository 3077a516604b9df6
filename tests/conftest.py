"""Loads the files of tests/fixtures as pytest plugins, and does nothing else."""

from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.fixtures")  # for those that another one imports first
fixtures = (Path(__file__).parent / "fixtures").glob("[!_]*.py")
pytest_plugins = sorted(f"tests.fixtures.{file.stem}" for file in fixtures)
