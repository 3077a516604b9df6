"""Whether the files of an SQLite database are still those that were opened, by their device and inode.

A file that was deleted or replaced goes on to be written through the open descriptor, and is gone when that is closed.
To delete, replace or move one changes its folder's time of modification: while that is as it was, one look is enough.
"""

from __future__ import annotations

import os
import time

#: The write-ahead log and the shared memory of a database in WAL mode, beside its file.
_COMPANIONS = ("-wal", "-shm")
#: Nanoseconds of the coarsest clock that a filesystem keeps times by: within it a second change shows no other time.
_COARSEST_CLOCK = 3_000_000_000


class FileIdentity:
    """The files of the database at `path` as they were when `remember` was called."""

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)
        beside = os.path.realpath(path)  # where SQLite makes the companions
        self._paths = (self._path, *(beside + suffix for suffix in _COMPANIONS))
        # Where it is a link, that is in one folder and the file in another.
        self._folder = os.path.dirname(beside) if beside == self._path else None
        self._known: dict[str, tuple[int, int]] = {}
        self._unchanged: tuple[int, int, int] | None = None  # the folder, while no file in it has changed

    def remember(self) -> None:
        """Record the files that exist now. Companions that SQLite makes later are recorded by `changed`."""
        self._known.clear()
        self._look()
        identity = _identity(self._path)
        if identity is not None:
            self._known[self._path] = identity

    def forget_companions(self) -> None:
        """The connection was closed: SQLite may delete the companions, and makes new ones."""
        self._unchanged = None
        for path in self._paths[1:]:
            self._known.pop(path, None)

    def changed(self) -> str | None:
        """The path of a file that was deleted or replaced since it was recorded; None where all are as they were."""
        if self._folder is None:
            return self._look()
        try:
            found = os.stat(self._folder)
        except OSError:
            return self._look()
        folder = (found.st_mtime_ns, found.st_ino, found.st_dev)
        if folder == self._unchanged:
            return None
        changed = self._look()
        is_sure = changed is None and time.time_ns() - found.st_mtime_ns > _COARSEST_CLOCK
        self._unchanged = folder if is_sure else None
        return changed

    def _look(self) -> str | None:
        known = self._known
        for path in self._paths:
            identity = _identity(path)
            if path in known:
                if identity != known[path]:
                    return path
            elif identity is not None and path != self._path:
                known[path] = identity
        return None


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
