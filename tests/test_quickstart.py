"""Pages followed literally: their files written, their commands run in one shell, their outputs compared."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from gearbridge.extension.cluster import TemporaryCluster
from gearbridge.ports import free_port

from .fixtures.processes import ProcessError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .fixtures.processes import StartProcess

DOCS = Path(__file__).parent.parent / "docs"
PAGES = (
    "quickstart.md",
    "examples/polyglot/README.md",
    "howto/exactly-once.md",
    "howto/high-availability.md",
    "howto/install.md",
    "howto/managed-postgresql.md",
    "howto/move-from-gearmand.md",
    "howto/replace-gearmand.md",
    "howto/security.md",
    "howto/several-servers.md",
    "howto/triggers.md",
    "howto/tuning.md",
    "howto/write-a-worker.md",
)
#: What `npm install` brings a reader.
NODE_MODULES = Path(__file__).parent / "interop" / "scripts" / "node" / "node_modules"
#: The ports on the pages: Gearman's own, that of a second server, that of a web page.
PORTS = ("4730", "4731", "8000")
#: Seconds for a whole page: some start dozens of programs, and a busy machine takes a second for each.
PAGE_PATIENCE = 300
_BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: a file to write (title), a script to run (sh), or what is to be seen (text)."""

    language: str
    title: str
    text: str


def blocks(page: str, ports: Mapping[str, int]) -> list[Block]:
    """The page's blocks, with other ports in the place of its own."""
    text = (DOCS / page).read_text(encoding="utf-8")
    text = re.sub(r"\b\d{4}\b", lambda found: str(ports.get(found[0], found[0])), text)
    return [Block(*found.groups(default="")) for found in _BLOCK.finditer(text)]


@pytest.fixture
def database_url() -> Iterator[str]:
    """A PostgreSQL as a newcomer has it: nothing of ours in it."""
    with TemporaryCluster({"fsync": "off"}) as cluster:
        yield cluster.url()


def script(page: list[Block], folder: Path, port: int) -> str:
    """All commands of the page as one script, with a marker line after each block; its files are written on the way."""
    lines = ["set -eu", "trap 'kill $(jobs -p) $(cat *.pid) 2>/dev/null || true' EXIT"]
    for number, block in enumerate(page):
        if block.title:
            (folder / block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "sh":
            lines.append(block.text.rstrip())
            if "gearbridge server" in block.text and "--daemon" not in block.text:
                # A reader's next command comes later than a script's.
                lines.append(
                    f"for _ in $(seq 300); do gearadmin -p {port} --getpid >/dev/null 2>&1 && break; sleep 0.1; done"
                )
        lines.append(f"echo; echo '=== {number}'")
    return "\n".join(lines)


def expected(text: str) -> re.Pattern[str]:
    """What the page shows, with … for what differs from run to run."""
    return re.compile(re.escape(text.strip()).replace("…", ".*"))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_does_what_it_says(name: str, tmp_path: Path, start_process: StartProcess, database_url: str) -> None:
    ports = {port: free_port() for port in PORTS}
    port = ports["4730"]
    page = blocks(name, ports)
    assert len([block for block in page if block.language == "sh"]) >= 2
    if name.startswith("examples/"):  # a page with its files beside it
        shutil.copytree((DOCS / name).parent, tmp_path, dirs_exist_ok=True)
    # libgearman adds the servers of the environment to those that a program names, and with two connections to one
    # server it may wait for ever beside an answer that has come. A reader's PHP has one.
    programs = tmp_path / "programs"
    programs.mkdir()
    real = f'exec env -u GEARMAN_SERVERS {shutil.which("php")} "$@"'
    (programs / "php").write_text(f"#!/bin/sh\n{real}\n", encoding="utf-8")
    (programs / "php").chmod(0o755)
    (tmp_path / "script.sh").write_text(script(page, tmp_path, port), encoding="utf-8")
    environment = {
        "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "DATABASE_URL": database_url,
        # What a reader's machine looks like to tools that are told no port.
        "GEARBRIDGE_SERVERS": f"127.0.0.1:{port}",
        "GEARBRIDGE_SERVER_PORT": str(port),
        "GEARBRIDGE_SERVER_LISTEN": "127.0.0.1",
        "GEARMAN_SERVERS": f"127.0.0.1:{port}",
        "JOB_SERVERS": f"127.0.0.1:{port}",
        "PORT": str(ports["8000"]),
        "NODE_PATH": str(NODE_MODULES),
        "PYTHONFAULTHANDLER": "1",
    }
    shell = start_process("bash", "script.sh", env=environment, cwd=tmp_path)
    try:
        status = shell.wait(PAGE_PATIENCE)
    except ProcessError as failure:
        os.killpg(shell.pid, signal.SIGABRT)  # what is in Python shows where it stood
        shell.wait()
        raise AssertionError(f"{failure}\n--- standard error at the end\n{shell.stderr}") from None
    output = shell.stdout.decode()
    assert status == 0, f"{output}\n{shell.stderr}"
    seen = {}
    position = 0
    for marker in re.finditer(r"^=== (\d+)$", output, re.MULTILINE):
        seen[int(marker[1])] = output[position : marker.start()].strip()
        position = marker.end()
    for number, block in enumerate(page):
        if block.language == "text":
            shown = seen[number - 1]
            assert expected(block.text).fullmatch(shown) or expected(block.text).search(shell.stderr), (
                f"after\n{page[number - 1].text}\nthe page shows\n{block.text}\nbut it was\n{shown}\n{shell.stderr}"
            )


@pytest.mark.parametrize("name", PAGES)
def test_every_block_is_run_or_compared(name: str) -> None:
    for block in blocks(name, {}):
        assert block.title or block.language in {"sh", "text"}, block
