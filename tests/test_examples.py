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
PAGE = "howto/write-a-worker.md"
RUBY = {
    "the example's": (POLYGLOT / "worker.rb").read_text(encoding="utf-8"),
    **{block.title: block.text for block in blocks(PAGE, {}) if block.language == "ruby"},
}

#: What the worker in Java uses of its library, as the library declares it.
JAVA = {
    "Gearman": "public class Gearman { public static Gearman createGearman() { return null; } "
    "public GearmanWorker createGearmanWorker() { return null; } "
    "public GearmanServer createGearmanServer(String host, int port) { return null; } }",
    "GearmanWorker": "public interface GearmanWorker { "
    "GearmanFunction addFunction(String name, GearmanFunction function); "
    "boolean addServer(GearmanServer server); }",
    "GearmanServer": "public interface GearmanServer { }",
    "GearmanFunctionCallback": "public interface GearmanFunctionCallback { }",
    "GearmanFunction": "public interface GearmanFunction { "
    "byte[] work(String function, byte[] data, GearmanFunctionCallback callback) throws Exception; }",
}


def test_java_compiles_the_worker_against_what_it_uses_of_its_library(
    tmp_path: Path, start_process: StartProcess
) -> None:
    (program,) = (block for block in blocks(PAGE, {}) if block.language == "java")
    library = tmp_path / "org" / "gearman"
    library.mkdir(parents=True)
    for name, declaration in JAVA.items():
        (library / f"{name}.java").write_text(f"package org.gearman;\n{declaration}\n", encoding="utf-8")
    (tmp_path / program.title).write_text(program.text, encoding="utf-8")
    compiled = start_process(
        "javac", "-Werror", "-Xlint:all", "-sourcepath", tmp_path, "-d", tmp_path, tmp_path / program.title
    )
    compiled.succeed()
    assert (tmp_path / "Words.class").exists()


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
