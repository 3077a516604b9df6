"""Which jobs that a bridge handed over are done: the last of them, so that none is done twice for a lost reply.

A bridge deletes a job's row when it has JOB_CREATED. One that is killed in between leaves the row to the next bridge,
which submits the job again under the same unique key, its handle in the database. While the job is unfinished, the
unique key alone makes one of both; this is for the time after. A handle is never given to another job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.records import ENQUEUED

if TYPE_CHECKING:
    from .jobs import Job

#: How many are remembered, at least; twice as many at most. A bridge claims 4,000 of a function.
REMEMBERED = 50_000


class RecentlyCompleted:
    """Unique keys of finished background jobs, for those who ask with the option `once`."""

    def __init__(self) -> None:
        self._young: dict[tuple[bytes, bytes], bytes] = {}
        self._old: dict[tuple[bytes, bytes], bytes] = {}

    def remember(self, job: Job) -> None:
        """A job has ended."""
        if not job.unique_key.startswith(ENQUEUED):
            return
        if len(self._young) >= REMEMBERED:
            self._old, self._young = self._young, {}
        self._young[job.function, job.unique_key] = job.handle

    def find(self, function: bytes, unique_key: bytes) -> bytes | None:
        """The handle under which the job was done."""
        key = (function, unique_key)
        return self._young.get(key) or self._old.get(key)
