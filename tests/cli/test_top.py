"""`gearbridge top`: in a real terminal, in a pipe, against gearmand too; and the screen as text."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from typing import TYPE_CHECKING, Self

import pytest

from gearbridge import Client
from gearbridge.top.figures import Answers, Reading, read
from gearbridge.top.screen import age, lines
from tests.fixtures.processes import PATIENCE, free_port, wait_until
from tests.fixtures.server import GEARBRIDGE
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from types import TracebackType

    from gearbridge import Job
    from tests.fixtures.job_server import JobServer
    from tests.fixtures.processes import StartProcess


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", text)


class Window:
    """A program in a terminal of its own, and what it has written there."""

    def __init__(self, *argv: str, columns: int = 100, rows: int = 20) -> None:
        self._terminal, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(theirs)
        self._theirs = theirs
        self.process = subprocess.Popen(
            [GEARBRIDGE, *argv],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={key: value for key, value in os.environ.items() if key not in {"COLUMNS", "LINES"}},
        )
        self.written = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self._terminal, 65536):
                self.written += data.decode("utf-8", "replace")

    @property
    def screen(self) -> str:
        """The last screen that was drawn whole."""
        screens = self.written.split("\x1b[H")
        return plain(next((one for one in reversed(screens) if one.endswith("\x1b[J")), ""))

    def press(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    @property
    def settings(self) -> list[object]:
        return termios.tcgetattr(self._theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._theirs)
        self._reader.join(PATIENCE)
        os.close(self._terminal)


def test_in_a_terminal(job_server: JobServer) -> None:
    held, go = threading.Event(), threading.Event()

    def hold(_job: Job) -> bytes:
        held.set()
        go.wait(PATIENCE)
        return b""

    with (
        Client(job_server.address) as client,
        working(job_server.address, resize=hold),
        Window("top", "--servers", job_server.address, "--interval", "0.1") as window,
    ):
        client.do_background_many("resize", [b"x"] * 3)
        client.do_background_many("mail", [b"x"] * 5, priority=0)
        assert held.wait(PATIENCE)
        wait_until(lambda: re.search(r"^resize +2 +0 +2 +0 +1 +1 ", window.screen, re.MULTILINE), what="resize's row")
        assert re.search(r"^mail +5 +5 +0 +0 +0 +0 ", window.screen, re.MULTILINE)
        assert "7 waiting  1 running" in window.screen
        assert job_server.address in window.screen
        assert window.screen.index("mail") < window.screen.index("resize"), "most waiting first"
        window.press("ssss")
        wait_until(lambda: "by name" in window.screen)
        go.set()
        window.press("q")
        assert window.process.wait(PATIENCE) == 0
        assert window.settings == window.before, "the terminal is as it was"
        wait_until(lambda: window.written.endswith("\x1b[?1049l"))


def test_a_server_that_comes_and_goes(job_server: JobServer) -> None:
    with Window("top", "--servers", job_server.address, "--interval", "0.1") as window:
        wait_until(lambda: "0 waiting" in window.screen)
        job_server.kill()
        wait_until(lambda: "no server answers" in window.screen)
        job_server.start()
        wait_until(lambda: "no server answers" not in window.screen)


def test_in_a_pipe(job_server: JobServer, start_process: StartProcess) -> None:
    with Client(job_server.address) as client:
        client.do_background("resize", b"x")
    answer = start_process(GEARBRIDGE, "top", "--servers", job_server.address).succeed().decode()
    assert answer.splitlines() == [
        "FUNCTION  WAITING     HIGH   NORMAL      LOW  RUNNING  WORKERS",
        "resize          1        0        1        0        0        0",
    ]


def test_no_server(start_process: StartProcess) -> None:
    process = start_process(GEARBRIDGE, "top", "--once", "--servers", f"127.0.0.1:{free_port()}")
    assert process.wait(PATIENCE) == 3
    assert "127.0.0.1" in process.stderr


def reading(functions: int) -> Reading:
    status = [f"function-{number:05}\t{number}\t0\t1" for number in range(functions)]
    return read({"a:1": Answers("1.1", status, [], [])}, {"b:1": "refused"}, 1.0, None)


@pytest.mark.parametrize("size", [(100, 30), (40, 10), (20, 5), (12, 6)])
def test_every_screen_fits(size: tuple[int, int]) -> None:
    width, height = size
    for sort in ("waiting", "name"):
        for first in (0, 7, 99_999):
            screen = lines(reading(10_000), width, height, sort, first)
            assert len(screen) == height
            assert all(len(plain(line)) < width for line in screen)


def test_servers_are_added_up_and_changes_are_rates() -> None:
    one = Answers("x", ["f\t5\t1\t2"], ["f\t1\t2\t1\t2"], ["w"])
    before = read({"a": one}, {}, 10.0, None)
    assert before.rows["f"].change is None
    now = read({"a": one, "b": one}, {}, 12.0, before)
    assert now.rows["f"][1:] == (8, 2, 4, 2, 2, 4, 2.0)
    assert now.connections == 2


def test_what_nodes_share_is_counted_once() -> None:
    nodes = ["a\t4.0\t2\t1\t1.0\t*", "b\t4.0\t0\t1\t1.0\t-"]
    a = Answers("x", ["f\t9\t2\t2"], ["f\t0\t7\t0\t2"], ["w"], nodes)
    b = Answers("x", ["f\t9\t0\t1", "g\t1\t0\t0"], ["f\t0\t9\t0\t1", "g\t0\t1\t0\t0"], [], nodes)
    alone = Answers("x", ["f\t1\t0\t1"], ["f\t0\t1\t0\t1"], [])
    shown = read({"a": a, "b": b}, {}, 10.0, None).rows
    assert shown["f"][1:] == (7, 0, 7, 0, 2, 3, None)
    assert shown["g"][1:] == (1, 0, 1, 0, 0, 0, None)
    assert read({"a": a, "c": alone, "b": b}, {}, 10.0, None).rows["f"][1:] == (8, 0, 8, 0, 2, 4, None)


def test_the_age_of_counts_is_shown_where_they_are_old() -> None:
    def looked(*counted: str) -> Reading:
        answers = {
            str(number): Answers("1", ["f\t3\t0\t1"], ["f\t0\t3\t0\t1"], [], (), [one] if one else [])
            for number, one in enumerate(counted)
        }
        return read(answers, {}, 0.0, None)

    assert age(looked("", "OK -", "OK 9.9")) == []
    (note,) = age(looked("OK 41.6", "OK 3.0", ""))
    assert note.startswith("changes of the last 42 s by other programs may be missing")
    assert any(note[:50] in line for line in lines(looked("OK 41.6"), 200, 20))


def test_names_move_no_cursor() -> None:
    told = read({"a": Answers("1", ["\x1b[2Jevil\t1\t0\t0"], [], [])}, {}, 1.0, None)
    assert not any("\x1b[2J" in line for line in lines(told, 80, 10))
