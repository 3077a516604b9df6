"""The job queue: jobs, functions and priorities. It knows no packet, socket or clock; times are arguments.

Rules of this file:
1. A job's state changes here and nowhere else, along `jobs.TRANSITIONS`.
2. A job that is not GONE is in `jobs`, in its function's `total`, and under its coalescing key if it has one. What
   is spilled to the table is in `total` alone, and counted in `spilled`.
3. Order is by priority over all functions of a worker, then functions take turns, then first come first served.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .due_jobs import DueJobs
from .function import FOUR_ZEROS, ZEROS, Function
from .jobs import GONE, QUEUED, RUNNING, STORING, Job, ReclaimedJob, line_of
from .known_functions import KnownFunctions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .jobs import Worker


#: A function's ghosts are swept out once there are this many and they are the greater part.
_SWEEP_AT = 1024
_ONE_TURN = range(1)


def coalescing_key(unique_key: bytes, payload: bytes) -> object:
    """Return the key by which jobs of a function coalesce: None for jobs that never do.

    As gearmand: no key, no coalescing; the key "-" stands for the payload itself, unless that is empty.
    """
    if unique_key != b"-":
        return unique_key or None
    return (payload,) if payload else None


class JobQueue(KnownFunctions):
    """All jobs of one server that are not finished, and the functions that they are of."""

    def __init__(self, most_names: float = math.inf) -> None:
        super().__init__(most_names)
        self.jobs: dict[bytes, Job] = {}  # by handle
        self.running = 0  # jobs of all functions that a worker has
        self.look_at = math.inf  # at so many of them gate.py looks
        self.spilled = 0  # jobs of all functions that wait beyond the window, or are on their way there
        self.claimed_bytes = 0  # of the payloads of jobs that were claimed
        self.returned = 0  # jobs of all functions that did, and are in memory now
        self._due = DueJobs()
        self.withheld = False  # background jobs are not given out
        self.open_until = math.inf  # until then `take` is for every worker; afterwards gate.py looks, and sets it anew
        self.wall_ahead = 0.0  # seconds since 1970 less `now`, as of the last tick; 0 before the first one
        self.now = 0.0  # in seconds on a clock that never steps, set by the shell before it passes what it has read

    def find_unique(self, unique_key: bytes) -> Job | None:
        """The first unfinished job with this unique key in any function, as GET_STATUS_UNIQUE asks."""
        for function in self.functions.values():
            job = function.uniques.get(unique_key)
            if job is not None:
                return job
        return None

    def add(self, function: Function, job: Job, key: object) -> None:
        """Add a new job; it is STORING, and not given out, until `make_ready`."""
        job.state = STORING
        self.jobs[job.handle] = job
        if key is not None:
            (function.uniques or function.own_uniques())[key] = job
        function.total += 1
        function.added += 1

    def take_back(self, function: Function, job: ReclaimedJob, key: object) -> None:
        """Take in a job that waited beyond the window. One that is not in the counts came there by another node."""
        self.add(function, job, key)
        job.in_line = not job.due
        if job.in_line:
            returned = function.returned
            if returned is ZEROS:
                returned = function.own("returned")
            returned[job.priority] += 1
            self.returned += 1
        function.added -= 1
        line = line_of(job.priority, job.due)
        if function.spilled[line]:
            function.total -= 1
            self.count_spilled(function, line, -1)
        else:
            function.moved += 1

    def give_back(self, job: Job) -> None:
        """Return a claimed job to the table, where it waits to be claimed again."""
        function = self.functions[job.function]
        self.remove(job)
        if isinstance(job, ReclaimedJob):
            function.total += 1
            self.count_spilled(function, line_of(job.priority, job.due), 1)
        else:  # what SQL enqueued is counted while it is claimed
            function.moved -= 1

    def claimed(self, function: Function) -> Iterator[Job]:
        """The claimed jobs of a function that no worker has yet."""
        for ready in function.ready:
            yield from (job for job in ready if job.state == QUEUED and job.claimed)
        yield from (job for job in self._due if job.function == function.name and job.claimed and job.due)

    def recount(self, function: Function, spilled: list[int]) -> None:
        """Set the counts of jobs that wait in the table, by line, those on their way there included."""
        change = sum(spilled) - sum(function.spilled)
        function.spilled = spilled
        function.total += change
        function.moved += change
        self.spilled += change

    def count_spilled(self, function: Function, line: int, count: int) -> None:
        """Add to the count of spilled jobs, in one of the function's lines."""
        spilled = function.spilled
        if spilled is FOUR_ZEROS:
            spilled = function.own("spilled")
        spilled[line] += count
        self.spilled += count

    def let_go(self, job: Job) -> None:
        """STORING to GONE, but the job lives: it waits beyond the window."""
        job.state = GONE
        del self.jobs[job.handle]

    def make_ready(self, function: Function, job: Job) -> bool:
        """STORING to QUEUED. True when a worker may take it now; False when it waits for its due time."""
        job.state = QUEUED
        if job.due:
            self._due.add(job)
            return False
        job.since = self.now
        (function.ready[job.priority] or function.line(job.priority)).append(job)
        return True

    def take(self, functions: Sequence[Function], start: int, worker: Worker) -> tuple[Job, Function] | None:
        """QUEUED to RUNNING: the best job among `functions` for this worker, and its function.

        `start` is the index of the function whose turn it is; among equal priorities the search begins there. The
        worker's turn is then the next one's.
        """
        count = len(functions)
        turns = range(start, start + count) if count != 1 else _ONE_TURN  # many a worker has one function
        for priority in (0, 1, 2):
            for turn in turns:
                function = functions[turn if turn < count else turn - count]
                ready = function.ready[priority]
                while ready:
                    job = ready.popleft()
                    if job.state == QUEUED:
                        job.state = RUNNING
                        job.worker = worker
                        function.running += 1
                        self.running += 1
                        if self.running >= self.look_at:
                            self.open_until = -math.inf
                        worker.turn = (turn + 1) % count
                        return job, function
                    function.ghosts[priority] -= 1
        return None

    def take_from(self, function: Function, priority: int, worker: Worker) -> Job | None:
        """QUEUED to RUNNING: the first job of this function and priority."""
        job = function.first(priority)
        if job is not None:
            function.ready[priority].popleft()
            job.state = RUNNING
            job.worker = worker
            function.running += 1
            self.running += 1
            if self.running >= self.look_at:
                self.open_until = -math.inf
        return job

    def has_ready(self, functions: Sequence[Function]) -> bool:
        """Return whether `take` would find a job: the same jobs, so that no worker spins between the two."""
        if self.withheld:
            return any(self._foreground(function) for function in functions)
        for function in functions:
            high, normal, low = function.ready
            if (high or normal or low) and any(function.first(priority) is not None for priority in (0, 1, 2)):
                return True
        return False

    def take_foreground(self, functions: Sequence[Function], worker: Worker) -> tuple[Job, Function] | None:
        """QUEUED to RUNNING: as `take`, but no background job, and the first functions first."""
        found = [(job.priority, index, job) for index, one in enumerate(functions) if (job := self._foreground(one))]
        if not found:
            return None
        _, index, job = min(found, key=lambda one: one[:2])
        functions[index].ready[job.priority].remove(job)
        functions[index].running += 1
        self.running += 1
        job.state = RUNNING
        job.worker = worker
        return job, functions[index]

    def _foreground(self, function: Function) -> Job | None:
        """The first job of the function that is no background job."""
        waiting = (job for ready in function.ready for job in ready if job.state == QUEUED and not job.background)
        return next(waiting, None)

    def requeue(self, job: Job) -> None:
        """RUNNING to QUEUED, at the tail of its priority, as gearmand; its progress starts again."""
        self._try_again(job)
        self.functions[job.function].line(job.priority).append(job)

    def postpone(self, job: Job, due: int) -> None:
        """RUNNING to QUEUED, to be taken from `due` on, in seconds since 1970; its progress starts again."""
        self._try_again(job)
        job.due = due
        self._due.add(job)

    def _try_again(self, job: Job) -> None:
        function = self.functions[job.function]
        function.running -= 1
        self.running -= 1
        job.state = QUEUED
        job.worker = None
        job.numerator = job.denominator = 0
        job.since = self.now
        function.lost += 1

    def withhold(self, job: Job) -> None:
        """QUEUED to STORING: no worker gets it from this server any more."""
        self._leave_line(job)
        job.state = STORING

    def remove(self, job: Job) -> None:
        """Any state to GONE: finished, cancelled or abandoned. Harmless when it is GONE already."""
        if job.state == GONE:
            return
        function = self.functions[job.function]
        was_queued = job.state == QUEUED
        if job.state == RUNNING:
            function.running -= 1
            self.running -= 1
        elif was_queued:
            self._leave_line(job)
        job.state = GONE
        job.worker = None
        function.total -= 1
        if job.claimed:
            function.claimed[job.priority] -= 1
            self.claimed_bytes -= len(job.payload)
            if job.in_line:
                function.returned[job.priority] -= 1
                self.returned -= 1
        elif job.spilled:
            self.count_spilled(function, job.line, -1)
        del self.jobs[job.handle]
        key = coalescing_key(job.unique_key, job.payload)
        if key is not None and function.uniques.get(key) is job:
            del function.uniques[key]
        if was_queued and job.ticket is None:
            job.payload = b""  # its place in line may be kept for long; only a Put on its way needs this
        if not function.total and self.many:
            function.rest()

    def due_jobs(self, wall: float) -> list[Job]:
        """Move the jobs whose time has come to their queues and return them. `wall` is in seconds since 1970."""
        ready = self._due.take(wall)
        for job in ready:
            job.due = 0
            job.since = self.now
            self.functions[job.function].line(job.priority).append(job)
        return ready

    def next_due(self) -> int | None:
        """Return when the next job falls due, in seconds since 1970."""
        return self._due.next()

    def _leave_line(self, job: Job) -> None:
        # It stays where it is, as a ghost: removing it from the middle of a deque is expensive.
        if job.due:
            self._due.leave(job)
        else:
            function = self.functions[job.function]
            ghosts = function.own("ghosts")
            ghosts[job.priority] += 1
            if ghosts[job.priority] > _SWEEP_AT:
                self._sweep(function, job)

    def _sweep(self, function: Function, leaving: Job) -> None:
        ready = function.ready[leaving.priority]
        if function.ghosts[leaving.priority] * 2 < len(ready):
            return
        kept = [job for job in ready if job.state == QUEUED and job is not leaving]
        ready.clear()
        ready.extend(kept)
        function.ghosts[leaving.priority] = 0
