"""Demonstration of commands: prints the command line, then its output. Knows no Gearman and no picture.

Rules of this file:
1. What is printed after a prompt is what was run, so that a user can type it himself.
2. Every program that was started ends with the stage, last started first, whatever happens.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

Found = TypeVar("Found")

_PATIENCE = 30.0  # seconds for a program to get ready, or to end


class Stage:
    """Prints the demo's steps and runs their programs; a context manager that ends them."""

    def __init__(self, logs: Path) -> None:
        """Keep the programs' output in files in the folder `logs`."""
        self._logs = logs
        self._ending = contextlib.ExitStack()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.close()

    def say(self, text: str) -> None:
        """Explain the next step."""
        click.echo()
        click.secho(f"# {text}", fg="cyan")

    def typed(self, prompt: str, text: str) -> None:
        """Print what is typed."""
        click.echo(click.style(prompt, dim=True) + click.style(text, bold=True))

    def answer(self, text: str) -> None:
        """Print what came of it."""
        click.echo(text)

    def run(self, *command: str) -> None:
        """Type a command, run it, and print its output. Raises ConfigurationError where it fails."""
        self.typed("$ ", shlex.join(command))
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE * 2, check=False)
        if done.returncode:
            raise ConfigurationError(f"{shlex.join(command)} failed:\n{done.stderr.strip()}")
        if done.stdout.strip():
            self.answer(done.stdout.rstrip())

    def start(self, name: str, *command: str, ready: str | None = None) -> None:
        """Type a command that stays in the background; with `ready` wait for a line of it that matches, and print it.

        Its output goes to NAME.log. Raises ConfigurationError where it ends instead.
        """
        self.typed("$ ", f"{shlex.join(command)} &")
        log = self._logs / f"{name}.log"
        with log.open("wb") as output:
            # Its own session: Ctrl-C in the terminal is for the demo, which then ends its programs in order.
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        self._ending.callback(_end, process)
        self._processes[name] = process
        if ready is not None:
            line = self.wait_for(name, lambda: re.search(f"^.*{ready}.*$", self.log_of(name), re.MULTILINE))
            self.answer(line[0])

    def wait_for(self, name: str, condition: Callable[[], Found | None]) -> Found:
        """Wait until the condition gives something true, and return that.

        Raises ConfigurationError, with the program's output, where it ends before or half a minute goes by.
        """
        deadline = time.monotonic() + _PATIENCE
        while True:
            ended = self._processes[name].poll() is not None  # asked first: what it did just before counts
            found = condition()
            if found:
                return found
            if ended or time.monotonic() > deadline:
                what = "ended too early" if ended else "did not get ready"
                raise ConfigurationError(f"the {name} {what}; its output:\n{self.log_of(name)}")
            time.sleep(0.01)

    def log_of(self, name: str) -> str:
        """Return a program's output so far."""
        return (self._logs / f"{name}.log").read_text(errors="replace").strip()

    def elapsed(self) -> float:
        """Seconds since the stage was made."""
        return time.monotonic() - self._started


def gearbridge_command() -> str:
    """Return the word to type for `gearbridge`: just that, or the path to the command of this very installation."""
    return _shown("gearbridge")


def python_command() -> str:
    """Return the word to type for the Python that has gearbridge."""
    return _shown(Path(sys.executable).name)


def _shown(program: str) -> str:
    # Not resolved: a virtual environment's Python is a link to the system's, and knows its packages by its own path.
    ours = Path(sys.executable).with_name(program)
    on_path = shutil.which(program)
    if not ours.exists():
        if on_path is None:
            raise ConfigurationError(f"the command {program} is not beside {sys.executable}: is gearbridge installed?")
        return on_path
    if on_path is not None and Path(on_path) == ours:
        return program
    here = Path.cwd()
    return str(ours.relative_to(here)) if ours.is_relative_to(here) else str(ours)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
