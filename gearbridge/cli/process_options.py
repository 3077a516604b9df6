"""What watches over a command that runs for long: its pid file, and going to the background. It knows no Gearman."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gearbridge.errors import ConfigurationError
from gearbridge.private_files import MODE, NewFiles, read_mode, with_mode

from .output import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def pid_file_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --pid-file; the function gets `pid_file`, a path or None, to hand to `pid_file_at`."""
    return click.option(
        "--pid-file",
        "-i",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Keep the process id in this file while the command runs.",
    )(command)


def file_mode_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --file-mode, which holds for the process; the function gets nothing."""
    return click.option(
        "--file-mode",
        metavar="MODE",
        expose_value=False,
        callback=_use_mode,
        help="Mode of new SQLite, log and pid files in octal digits, such as 0640 to let a group read them; existing "
        "files keep theirs. [default: 0600]",
    )(command)


def _use_mode(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    try:
        NewFiles.mode = MODE if value is None else read_mode(value)
    except ConfigurationError as error:
        raise click.BadParameter(str(error), ctx, param) from error


@contextlib.contextmanager
def pid_file_at(path: Path | None) -> Iterator[None]:
    """Keep this process's id in a file while the block runs. Raises ConfigurationError where it cannot be written."""
    if path is None:
        yield
        return
    try:
        with open(path, "w", encoding="ascii", opener=with_mode) as written:
            written.write(f"{os.getpid()}\n")
    except OSError as error:
        raise ConfigurationError(f"the pid file {path} cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def announce(line: str) -> None:
    """Print a daemon's first line at once, on standard error."""
    say(line, err=True)


def detach() -> None:
    """Go on as a child in the background, in a session of its own, deaf and dumb; the parent ends with status 0.

    To be called before anything has threads.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if os.fork():
        os._exit(0)
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)
