"""Files for their owner alone: stores, logs, pid files and exports hold what others may not read.

The mode of a file that exists stays. `--file-mode` gives new stores, logs and pid files another one; files of locks and
exports remain their owner's, since every user that can open a lock file can hold the lock.
"""

from __future__ import annotations

import contextlib
import os

from gearbridge.errors import ConfigurationError

#: The mode of a new file.
MODE = 0o600
#: The bits that the owner needs, and those that are never given: to execute, and for all to write.
_NEEDED, _REFUSED = 0o600, ~0o664


class NewFiles:
    """The mode of new stores, logs and pid files. There is one for the process, as there is one umask."""

    mode = MODE


def read_mode(text: str) -> int:
    """Read a mode in octal digits. Raises ConfigurationError."""
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and not set(text) & set("89")):
        raise ConfigurationError(f"{text!r} is no mode: write three or four octal digits, such as 0640")
    mode = int(text, 8)
    if mode & _NEEDED != _NEEDED:
        raise ConfigurationError(
            f"with mode {text} the owner could not read and write: it begins with 06, as 0640 does"
        )
    if mode & _REFUSED:
        raise ConfigurationError(f"mode {text} lets others write or execute; at most it is 0664")
    return mode


def private(path: str, flags: int) -> int:
    """An `opener` for `open`: a file that it creates is readable and writable for its owner only."""
    return os.open(path, flags, MODE)


def with_mode(path: str, flags: int, mode: int | None = None) -> int:
    """Open a file, as an `opener`; one that it creates has this mode, or that of new files, whatever the umask is."""
    mode = NewFiles.mode if mode is None else mode
    if mode == MODE:
        return private(path, flags)
    try:
        descriptor = os.open(path, flags | os.O_EXCL, MODE)
    except FileExistsError:
        return private(path, flags)
    os.fchmod(descriptor, mode)
    return descriptor


def create_empty(path: str) -> None:
    """Create an empty file; one that exists is left as it is, unopened. Raises OSError where it cannot be created."""
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(os.path.realpath(path), flags, MODE)
        if NewFiles.mode != MODE:
            os.fchmod(descriptor, NewFiles.mode)
        os.close(descriptor)


def mode_of(path: str) -> int:
    """The permissions of a file; those of a new one where there is none."""
    try:
        return os.stat(path).st_mode & 0o777
    except OSError:
        return MODE
