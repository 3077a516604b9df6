"""How much memory functions, connections and the queue take, about. Large numbers are estimated from a sample."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from .enqueued import EnqueuedJob
from .function import FUNCTION_SIZE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from .jobs import Job
    from .peer import Peer

#: Bytes that a job takes beside its payload.
JOB_SIZE = 600
#: Jobs that are looked at to know the size of all.
_SAMPLE = 1000


def least_size_of_peer(peer: Peer) -> int:
    """Return the bytes of a connection's functions and of the jobs that it waits for, without their payloads."""
    return FUNCTION_SIZE * len(peer.functions) + JOB_SIZE * len(peer.awaited)


def size_of_peer(peer: Peer) -> int:
    """Return the bytes of a connection's functions, of the jobs that it waits for, and of the results it has sent."""
    results = sum(job.size for job in peer.jobs.values() if isinstance(job, EnqueuedJob))
    return FUNCTION_SIZE * len(peer.functions) + size_of_jobs(peer.awaited, peer.awaited.values()) + results


def size_of_jobs(jobs: Collection[bytes], some: Iterable[Job]) -> int:
    """Return the bytes of so many jobs; `some` are those of them to take a sample of."""
    sizes = [len(job.payload) + JOB_SIZE for job in islice(some, _SAMPLE)]
    return len(jobs) * sum(sizes) // len(sizes) if sizes else 0
