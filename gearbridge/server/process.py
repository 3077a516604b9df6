"""What a server asks of the system for its process: descriptors, a user, a pid file. It knows nothing of jobs.

The messages are gearmand's; scripts that start it may look for them.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import resource
from pathlib import Path
from typing import TYPE_CHECKING

from gearbridge.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator


def limit_descriptors(number: int) -> None:
    """Allow this process so many open files. Raises ConfigurationError when the system refuses."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, max(number, hard)))
    except (OSError, ValueError, OverflowError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "Operation not permitted"
        raise ConfigurationError(
            "Failed to set limit for the number of file descriptors.  "
            f"Try running as root or giving a smaller value to -f. ({reason})"
        ) from error


def switch_user(name: str) -> None:
    """Become this user, with its group and no other, for good. Raises ConfigurationError when that cannot be."""
    if os.geteuid() != 0:
        raise ConfigurationError("Must be root to switch users.")
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        raise ConfigurationError(f"Could not find user : {name}") from None
    try:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    except OSError as error:
        raise ConfigurationError(f"Could not switch to user : {name}") from error


@contextlib.contextmanager
def pid_file(path: str, *, needed: bool = True) -> Iterator[None]:
    """Keep this process's id in a file while it runs. '' is no file.

    Raises ConfigurationError when the file cannot be written and is `needed`.
    """
    file = Path(path)
    if path:
        try:
            file.write_text(f"{os.getpid()}\n", encoding="ascii")
        except OSError as error:
            if needed:
                raise ConfigurationError(
                    f"Could not open pid file for writing: {path}({error.strerror}) ({error.strerror})"
                ) from error
            path = ""
    try:
        yield
    finally:
        if path:
            # Another server may have taken the file meanwhile: then it is not ours to remove.
            with contextlib.suppress(OSError):
                if file.read_text(encoding="ascii") == f"{os.getpid()}\n":
                    file.unlink()
