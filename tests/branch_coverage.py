"""Branch coverage of the core and of the protocol, by their own tests, printed at the end of a run.

`make test` sets GEARBRIDGE_TEST_COVERAGE. Measured is what tests/core and tests/wire enter of gearbridge/core and
gearbridge/wire, which do no input or output. All else is tested in processes of its own, where this would cost more
time than the tests themselves.
"""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import coverage
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_TESTS = Path(__file__).parent
_PACKAGE = _TESTS.parent / "gearbridge"
#: What is measured, and by the tests of which folders.
_MEASURED = [str(_PACKAGE / "core"), str(_PACKAGE / "wire")]
_BY = (_TESTS / "core", _TESTS / "wire")
#: What no test enters by its nature.
_LEFT_OUT = ["if TYPE_CHECKING:", r"\.\.\.$"]
#: Whether this process shares the tests with others, and another one prints the sum.
_IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ
_DATA = _TESTS.parent / "build" / "coverage" / "data"


def _coverage(**options: object) -> coverage.Coverage:
    found = coverage.Coverage(data_file=str(_DATA), config_file=False, branch=True, **options)  # type: ignore[arg-type]
    found.set_option("report:exclude_also", _LEFT_OUT)
    found.set_option("run:disable_warnings", ["no-data-collected", "module-not-measured", "module-not-imported"])
    return found


class BranchCoverage:
    """The measurement in one process. It begins at once, for imports enter a module's own lines, and then pauses."""

    def __init__(self) -> None:
        if not _IS_WORKER:  # and so the first of all processes
            shutil.rmtree(_DATA.parent, ignore_errors=True)
        self._coverage = _coverage(data_suffix=True, source=_MEASURED)
        self._running = False
        self._resume()

    def _resume(self) -> None:
        if not self._running:
            self._coverage.start()
            self._running = True

    def _pause(self) -> None:
        if self._running:
            self._coverage.stop()
            self._running = False

    def pytest_collection_finish(self) -> None:
        """Modules have been imported."""
        self._pause()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Measure tests of the measured folders."""
        if any(folder in item.path.parents for folder in _BY):
            self._resume()
        else:
            self._pause()
        return (yield)

    def pytest_sessionfinish(self) -> None:
        """Write what this process has measured."""
        self._pause()
        self._coverage.save()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print, for each file, which lines and branches no test has entered, and the total of all processes."""
        if _IS_WORKER:
            return
        whole = _coverage()
        whole.combine([str(_DATA.parent)])
        text = io.StringIO()
        whole.report(file=text, show_missing=True, skip_covered=True)
        terminalreporter.section("branch coverage of gearbridge/core and gearbridge/wire")
        terminalreporter.write(text.getvalue())


MEASURED = BranchCoverage() if os.environ.get("GEARBRIDGE_TEST_COVERAGE") else None


def pytest_configure(config: pytest.Config) -> None:
    """Take part in the run, where it is asked for."""
    if MEASURED is not None:
        config.pluginmanager.register(MEASURED)
