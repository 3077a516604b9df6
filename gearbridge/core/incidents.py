"""What an operator wants to know about single jobs: time-outs, lost workers, failures. The shell logs them.

Rules of this file:
1. A busy server has many: at most MOST of a kind are kept between two ticks, the others are counted.
2. The first asks for a tick at once; those of the next PAUSE seconds wait for the one after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .jobs import Job, Worker
    from .signals import Signals

#: Incidents of a kind that are kept for the shell.
MOST = 20
#: Seconds between two ticks while there are incidents.
PAUSE = 1.0


class TimeOut(NamedTuple):
    """A job was taken from its worker. `seconds` is the time that it had."""

    handle: bytes
    function: bytes
    address: str
    client_id: bytes
    seconds: float


class LostWorker(NamedTuple):
    """A worker's connection ended while it ran a job. `attempts`: how often that happened to the job before."""

    handle: bytes
    function: bytes
    address: str
    client_id: bytes
    attempts: int


class FailedJob(NamedTuple):
    """A background job has failed and is not tried again. `attempts`: how often a worker was lost or failed before."""

    handle: bytes
    function: bytes
    error: str
    attempts: int


Incident = TimeOut | LostWorker | FailedJob


class Incidents:
    """The incidents since the shell last took them."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._kept: dict[type[Incident], list[Incident]] = {TimeOut: [], LostWorker: [], FailedJob: []}
        self._more: dict[type[Incident], int] = dict.fromkeys(self._kept, 0)
        self._watched = False  # whether a tick is planned

    def timed_out(self, job: Job, worker: Worker, seconds: float) -> None:
        """A worker had a job for longer than it asked for."""
        if self._has_room(TimeOut):
            self._keep(TimeOut(job.handle, job.function, worker.address, worker.client_id, seconds))

    def lost(self, job: Job, worker: Worker) -> None:
        """A worker has left and did not finish this job."""
        if self._has_room(LostWorker):
            self._keep(LostWorker(job.handle, job.function, worker.address, worker.client_id, job.attempts))

    def failed(self, job: Job, error: str) -> None:
        """A background job has failed for good."""
        if self._has_room(FailedJob):
            self._keep(FailedJob(job.handle, job.function, error, job.attempts))

    def take(self) -> list[tuple[list[Incident], int]]:
        """Return the incidents by kind, with how many more there were of each."""
        taken = [(kept, self._more[kind]) for kind, kept in self._kept.items() if kept]
        if taken:
            self._kept = {kind: [] for kind in self._kept}
            self._more = dict.fromkeys(self._kept, 0)
        return taken

    def next_look(self) -> float | None:
        """Seconds until the shell should look again; None when there is nothing new."""
        self._watched = any(self._kept.values())
        return PAUSE if self._watched else None

    def _has_room(self, kind: type[Incident]) -> bool:
        if len(self._kept[kind]) < MOST:
            return True
        self._more[kind] += 1
        return False

    def _keep(self, incident: Incident) -> None:
        self._kept[type(incident)].append(incident)
        if not self._watched:
            self._watched = self._signals.wants_tick = True
