"""`gearbridge demo` as a user meets it, with SQLite and with PostgreSQL."""

from __future__ import annotations

import re
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.fixtures.processes import wait_until
from tests.fixtures.server import GEARBRIDGE

if TYPE_CHECKING:
    from tests.fixtures.processes import StartProcess

VARIANTS = pytest.mark.parametrize("options", [(), ("--postgres",)], ids=["sqlite", "postgresql"])


@VARIANTS
def test_the_demo_shows_a_job_from_an_insert_to_the_thumbnail(
    start_process: StartProcess, tmp_path: Path, options: tuple[str, ...]
) -> None:
    shown = start_process(GEARBRIDGE, "demo", *options, cwd=tmp_path).succeed(90).decode()
    with Image.open(tmp_path / "demo-out" / "thumbnail.png") as thumbnail:
        assert thumbnail.size == (480, 320)
    assert "demo-out/picture.jpg: 3840 x 2560 pixels" in shown
    assert "demo-out/thumbnail.png: 480 x 320 pixels" in shown
    assert "INSERT INTO images (path, width, output) VALUES (" in shown
    progress = [
        float(value) for value in re.findall(r"^(?:t \|.* \| |.*percentage\": )(\d[\d.]*)", shown, re.MULTILINE)
    ]
    assert progress
    assert progress == sorted(progress)
    assert not processes_that_name(address_in(shown))
    for folder in re.findall(r"/\S*gearbridge-pg-\w+", shown):
        assert not Path(folder).exists()


def test_what_the_demo_prints_can_be_typed_again(start_process: StartProcess, tmp_path: Path) -> None:
    shown = start_process(GEARBRIDGE, "demo", cwd=tmp_path).succeed(90).decode()
    thumbnail = tmp_path / "demo-out" / "thumbnail.png"
    thumbnail.unlink()
    commands = [shlex.split(line) for line in re.findall(r"^\$ (.*)", shown, re.MULTILINE)]
    table, server, worker, status, trigger, python = commands
    for old in (tmp_path / "demo-out").glob("app.db*"):
        old.unlink()
    start_process(*table, cwd=tmp_path).succeed()
    started = [start_process(*command[:-1], cwd=tmp_path) for command in (server, worker) if command[-1] == "&"]
    started[0].wait_for_stderr("listening on")
    wait_until(lambda: b"resize       0        0        1" in start_process(*status, cwd=tmp_path).succeed(), what="it")
    start_process(*trigger, cwd=tmp_path).succeed()
    typed = "\n".join(re.findall(r"^>>> (.*)", shown, re.MULTILINE))
    session = start_process(*python, "-", cwd=tmp_path, stdin=f"{typed}\ndb.close()\n".encode())
    handle, _ = session.succeed().decode().split("\n", 1)
    assert handle.startswith("S:")
    wait_until(thumbnail.exists, what="the thumbnail")


def test_an_image_of_the_users_own(start_process: StartProcess, tmp_path: Path) -> None:
    Image.new("RGBA", (960, 1200), (200, 30, 30, 128)).save(tmp_path / "it's mine.png")
    command = (GEARBRIDGE, "demo", "--image", "it's mine.png", "--output", "deep/er")
    shown = start_process(*command, cwd=tmp_path).succeed().decode()
    assert "it's mine.png: 960 x 1200 pixels" in shown
    with Image.open(tmp_path / "deep" / "er" / "thumbnail.png") as thumbnail:
        assert thumbnail.size == (480, 600)
    assert not (tmp_path / "demo-out").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@VARIANTS
def test_an_interrupted_demo_leaves_nothing_running(
    start_process: StartProcess, tmp_path: Path, number: signal.Signals, options: tuple[str, ...]
) -> None:
    demo = start_process(GEARBRIDGE, "demo", *options, cwd=tmp_path)
    demo.wait_for_stdout(r"^resize +0 +0 +1")
    demo.send_signal(number)
    assert demo.wait() in {1, 143}
    shown = demo.stdout.decode()
    assert not processes_that_name(address_in(shown))
    assert not processes_that_name(str(tmp_path))
    for port in re.findall(r"takes connections on port (\d+)", shown):
        assert not processes_that_name(f"port={port}")


def test_a_file_that_is_no_picture_is_refused_at_once(start_process: StartProcess, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear reader")
    demo = start_process(GEARBRIDGE, "demo", "--image", "letter.txt", cwd=tmp_path)
    assert demo.wait() == 1
    assert demo.stderr.startswith("gearbridge: letter.txt is no picture that Pillow can read")
    assert b"$ " not in demo.stdout


def test_a_folder_that_cannot_be_written_is_told_with_what_to_do(start_process: StartProcess, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    demo = start_process(GEARBRIDGE, "demo", "--output", "file/x", cwd=tmp_path)
    assert demo.wait() == 1
    assert demo.stderr.startswith("gearbridge: the demo cannot write into file/x: Not a directory; --output FOLDER")


def test_a_worker_that_does_not_start_is_told_of(start_process: StartProcess, tmp_path: Path) -> None:
    """Here because its module `json` is another one's."""
    (tmp_path / "json.py").write_text("raise SystemExit('wrong module')")
    demo = start_process(GEARBRIDGE, "demo", cwd=tmp_path)
    assert demo.wait() == 1
    assert "gearbridge: the worker ended too early; its output:\nwrong module" in demo.stderr
    assert not processes_that_name(address_in(demo.stdout.decode()))


def test_without_pillow_the_demo_says_what_to_install(start_process: StartProcess, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['PIL'] = None; from gearbridge.cli.main import main; sys.argv = ['x', 'demo']; main()"
    )
    demo = start_process(sys.executable, "-c", code, cwd=tmp_path)
    assert demo.wait() == 1
    assert demo.stderr == "gearbridge: the demo needs Pillow: pip install 'gearbridge[demo]'\n"


def address_in(shown: str) -> str:
    [address] = set(re.findall(r"listening on (127\.0\.0\.1:\d+)", shown))
    return str(address)


def processes_that_name(text: str) -> list[str]:
    """The command lines of running processes with this word in them; of an address the port alone counts too."""
    words = {text, text.rpartition(":")[2]}
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes().decode("utf-8", "replace").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if words.intersection(command):
            found.append(" ".join(command))
    return found
