"""The number of files that the process may have open.

The messages are gearmand's; scripts that start it may look for them."""

from __future__ import annotations

import contextlib
import os
import resource

from gearbridge.errors import ConfigurationError


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


def raise_descriptors() -> None:
    """Raise the limit of open files to the hard limit: the soft one is often 1,024, for select() alone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
