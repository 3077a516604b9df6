"""Memory of this process and of the machine or container it runs in. It knows nothing of jobs.

Read from /proc and /sys where the system has them; elsewhere the answers are None.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
from pathlib import Path

#: Limits of a container, of both kinds of control groups.
_CGROUP_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_PROCESS_LIMITS = (resource.RLIMIT_AS, resource.RLIMIT_DATA)
#: Names in malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
#: Blocks of so many bytes are mapped for themselves, and given back to the system when they are freed.
_MAPPED = 1024 * 1024
#: Free bytes at the end of the heap that are kept.
_SPARE = 16 * 1024 * 1024


def available() -> int | None:
    """Return the memory available to this process in bytes: the machine's, or the limit of a container or ulimit."""
    found: list[int] = []
    with contextlib.suppress(ValueError, OSError):
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for file in _CGROUP_FILES:
        with contextlib.suppress(OSError, ValueError):
            found.append(int(Path(file).read_text(encoding="ascii")[:20]))
    limits = (resource.getrlimit(limit)[0] for limit in _PROCESS_LIMITS)
    found += [limit for limit in limits if limit != resource.RLIM_INFINITY]
    return min((size for size in found if size > 0), default=None)


class ResidentMemory:
    """Reads how much memory this process has, without opening a file each time."""

    def __init__(self) -> None:
        self._page = resource.getpagesize()
        try:
            self._file = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._file = -1

    def read(self) -> int | None:
        """Return the resident bytes; None where the system does not report them."""
        if self._file < 0:
            return None
        return int(os.pread(self._file, 128, 0).split()[1]) * self._page

    def close(self) -> None:
        """Read no more."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class Allocator:
    """The C library's malloc, where it is glibc's; elsewhere nothing happens."""

    def __init__(self) -> None:
        try:
            self._library: ctypes.CDLL | None = ctypes.CDLL(None)
            self._trim = self._library.malloc_trim
        except (OSError, AttributeError):
            self._library = None

    def tune(self) -> None:
        """Have large blocks given back to the system as soon as they are freed.

        glibc raises its threshold for that to 32 MB when large blocks are freed; what is between them stays then.
        """
        if self._library is not None:
            self._library.mallopt(_M_MMAP_THRESHOLD, _MAPPED)
            self._library.mallopt(_M_TRIM_THRESHOLD, _SPARE)
            self._library.mallopt(_M_TOP_PAD, _MAPPED)

    def trim(self) -> None:
        """Give back what is free in the midst of the heap."""
        if self._library is not None:
            self._trim(ctypes.c_size_t(0))
