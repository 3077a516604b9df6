"""Whether the files of an SQLite database are still those that were opened, by their device and inode.

A file that was deleted or replaced goes on to be written through the open descriptor, and is gone when that is closed.
"""

from __future__ import annotations

import os

#: The write-ahead log and the shared memory of a database in WAL mode, beside its file.
_COMPANIONS = ("-wal", "-shm")


class FileIdentity:
    """The files of the database at `path` as they were when `remember` was called."""

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)
        self._known: dict[str, tuple[int, int]] = {}

    def remember(self) -> None:
        """Record the files that exist now. Companions that SQLite makes later are recorded by `changed`."""
        self._known.clear()
        self.changed()
        identity = _identity(self._path)
        if identity is not None:
            self._known[self._path] = identity

    def forget_companions(self) -> None:
        """The connection was closed: SQLite may delete the companions, and makes new ones."""
        for suffix in _COMPANIONS:
            self._known.pop(self._path + suffix, None)

    def changed(self) -> str | None:
        """The path of a file that was deleted or replaced since it was recorded; None where all are as they were."""
        known = self._known
        for path in (self._path, *(self._path + suffix for suffix in _COMPANIONS)):
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
