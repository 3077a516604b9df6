"""Jobs that failed lately, with their errors and what it needs to do them again. It knows no packet."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from gearbridge.records import StoredJob

from .enqueued import EnqueuedJob

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .jobs import Job

#: How many failures are remembered.
MOST_FAILURES = 200
#: Bytes of payloads that are remembered with them. The payload of a job that is larger than a tenth is not kept.
MOST_BYTES = 16_000_000
#: Characters of an error that are remembered.
MOST_ERROR = 2000


class Failure(NamedTuple):
    """A job that failed for good. `when` is on the shell's clock; `repeatable`: its payload is still here.

    A foreground job is not repeatable: its client is gone.
    """

    job: StoredJob
    error: str
    when: float
    background: bool
    enqueued: bool
    repeatable: bool


class Failures:
    """The last failures. Few enough that finding one may look at all."""

    def __init__(self) -> None:
        self._failures: deque[Failure] = deque()
        self._bytes = 0

    def __iter__(self) -> Iterator[Failure]:
        """The last failure first."""
        return reversed(self._failures)

    def note(self, job: Job, error: str, when: float) -> None:
        """A job has failed for good."""
        repeatable = job.background and len(job.payload) <= MOST_BYTES // 10
        kept = StoredJob(
            job.handle,
            job.function,
            job.payload if repeatable else b"",
            job.unique_key,
            job.priority,
            0,
            job.attempts,
            job.reducer,
        )
        enqueued = isinstance(job, EnqueuedJob)
        self._failures.append(Failure(kept, error[:MOST_ERROR], when, job.background, enqueued, repeatable))
        self._bytes += len(kept.payload)
        while len(self._failures) > MOST_FAILURES or self._bytes > MOST_BYTES:
            self._bytes -= len(self._failures.popleft().job.payload)

    def find(self, handle: bytes) -> Failure | None:
        """The last failure of the job with this handle."""
        return next((failure for failure in self if failure.job.handle == handle), None)

    def forget(self, failure: Failure) -> None:
        """It is of no interest any more."""
        self._failures.remove(failure)
        self._bytes -= len(failure.job.payload)

    def forget_job(self, handle: bytes) -> None:
        """The last failure of the job with this handle, if there is one, is of no interest any more."""
        failure = self.find(handle)
        if failure is not None:
            self.forget(failure)
