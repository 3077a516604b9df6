"""What can be said of examples that cannot be run here, or are run under another name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .interop.languages import SCRIPTS
from .test_quickstart import DOCS, blocks

if TYPE_CHECKING:
    from pathlib import Path

    from .fixtures.processes import StartProcess

POLYGLOT = DOCS / "examples" / "polyglot"
RUBY = {
    "the example's": (POLYGLOT / "worker.rb").read_text(encoding="utf-8"),
    **{block.title: block.text for block in blocks("howto/write-a-worker.md", {}) if block.language == "ruby"},
}


@pytest.mark.parametrize("program", RUBY)
def test_ruby_reads_the_workers_without_a_warning(program: str, tmp_path: Path, start_process: StartProcess) -> None:
    (tmp_path / "worker.rb").write_text(RUBY[program], encoding="utf-8")
    checked = start_process("ruby", "-wc", tmp_path / "worker.rb")
    assert checked.succeed() == b"Syntax OK\n"
    assert not checked.stderr


def test_the_example_asks_for_the_node_library_that_it_is_tested_with() -> None:
    asked = json.loads((POLYGLOT / "package.json").read_text(encoding="utf-8"))["dependencies"]
    installed = json.loads((SCRIPTS / "node" / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert asked == {"gearman": installed["gearman"]}
