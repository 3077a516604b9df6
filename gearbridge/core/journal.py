"""What the store has to be told, in order, and the replies that wait until it knows.

The journal gathers operations while the previous commit group is being applied; it does no I/O itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.records import Operation, Progress, Put, StoredJob, Update

if TYPE_CHECKING:
    from .jobs import Job
    from .peer import Peer

#: What an operation without a payload counts for, in bytes, when the journal's size is weighed.
_OPERATION_SIZE = 100


class Ticket:
    """A reply that waits for a commit. All peers whose submit became this job hold the same ticket."""

    __slots__ = ("peers", "reply")

    def __init__(self) -> None:
        self.reply: bytes | None = None
        self.peers: list[Peer] = []


class Journal:
    """The operations of the next commit group."""

    def __init__(self) -> None:
        self._operations: list[Operation] = []
        self._progress: dict[bytes, int] = {}  # where among them a job's progress is
        self.size = 0  # bytes that wait in memory for their commit, the group being applied included
        self._applying = 0  # of which in the group being applied

    def put(self, job: StoredJob, *, beyond: bool = False) -> None:
        """Keep this job, in memory too or `beyond` the window. Its size counts until its group is committed."""
        self._operations.append(Put(job, beyond))
        self.size += _OPERATION_SIZE + len(job.payload)

    def update(self, job: StoredJob) -> None:
        """The job's attempts have changed."""
        self._operations.append(Update(job.handle, job.attempts))
        self.size += _OPERATION_SIZE

    def end(self, ending: Operation) -> None:
        """A job has ended, so or so."""
        self._operations.append(ending)
        self.size += _OPERATION_SIZE

    def progress(self, job: Job) -> None:
        """A job is further than it was. Of what gathers for one group only the last word counts."""
        place = self._progress.get(job.handle)
        if place is None:
            self._progress[job.handle] = len(self._operations)
            self._operations.append(Progress(job.handle, job.numerator, job.denominator))
            self.size += _OPERATION_SIZE
        else:
            self._operations[place] = Progress(job.handle, job.numerator, job.denominator)

    def forget_ends(self) -> None:
        """Of what gathers, only new jobs are to be told to the store."""
        gathered = self.size - self._applying
        self._operations = [one for one in self._operations if isinstance(one, Put)]
        self._progress.clear()
        kept = sum(_OPERATION_SIZE + len(one.job.payload) for one in self._operations if isinstance(one, Put))
        self.size += kept - gathered

    def __bool__(self) -> bool:
        return bool(self._operations)

    def take_group(self) -> list[Operation]:
        """What gathered so far, as the commit group to apply now; call `group_done` before taking another."""
        group = self._operations
        self._operations = []
        self._progress.clear()
        self._applying = self.size
        return group

    def group_done(self) -> None:
        """The group last taken has been applied, or has failed for good."""
        self.size -= self._applying
        self._applying = 0
