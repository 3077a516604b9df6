"""Loads the files of tests/fixtures as pytest plugins, and the settings of hypothesis."""

from pathlib import Path

import hypothesis
import pytest

# On a busy machine any example may take long: that says nothing about the code.
hypothesis.settings.register_profile("gearbridge", deadline=None)
hypothesis.settings.load_profile("gearbridge")

pytest.register_assert_rewrite("tests.fixtures")  # for those that another one imports first
fixtures = (Path(__file__).parent / "fixtures").glob("[!_]*.py")
pytest_plugins = [
    "tests.branch_coverage",
    *sorted(f"tests.fixtures.{file.stem}" for file in fixtures),
]  # it begins first
