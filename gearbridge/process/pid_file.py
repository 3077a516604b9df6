"""The pid file.

The messages are gearmand's; scripts that start it may look for them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from gearbridge.errors import ConfigurationError
from gearbridge.private_files import with_mode

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def pid_file(path: str, *, needed: bool = True) -> Iterator[None]:
    """Keep this process's id in a file while it runs. '' is no file.

    Raises ConfigurationError when the file cannot be written and is `needed`.
    """
    file = Path(path)
    if path:
        try:
            with open(path, "w", encoding="ascii", opener=with_mode) as written:
                written.write(f"{os.getpid()}\n")
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
