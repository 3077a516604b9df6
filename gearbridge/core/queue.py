"""The job queue. It knows jobs and time as it is told; it knows no packet, socket or clock.

Rules of this file:
1. A job's state changes here and nowhere else, along `jobs.TRANSITIONS`.
2. A job that is not GONE is in `jobs`, in its function's `total`, and under its coalescing key if it has one. What
   waits beyond the window is in `total` alone, and counted in `beyond`.
3. Order is by priority over all functions of a worker, then functions take turns, then first come first served.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from .jobs import GONE, QUEUED, RUNNING, STORING, Function, Job, ReturnedJob, line_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .peer import Peer

#: A function's ghosts are swept out once there are this many and they are the greater part.
_SWEEP_AT = 1024
_ONE_TURN = range(1)
#: Functions known before those that nobody uses are forgotten.
FORGET_AT = 10_000


def coalescing_key(unique_key: bytes, payload: bytes) -> object:
    """What makes two jobs of a function one: None for jobs that never coalesce.

    As gearmand: no key, no coalescing; the key "-" stands for the payload itself, unless that is empty.
    """
    if unique_key != b"-":
        return unique_key or None
    return (payload,) if payload else None


class JobQueue:
    """All jobs of one server that are not finished."""

    def __init__(self) -> None:
        self.jobs: dict[bytes, Job] = {}  # by handle
        self.functions: dict[bytes, Function] = {}
        self.beyond = 0  # jobs of all functions that wait beyond the window, or are on their way there
        self.returned = 0  # jobs of all functions that did, and are in memory now
        self._due: list[tuple[int, int, Job]] = []  # heap of jobs whose time has not come
        self._serial = 0  # keeps jobs due in the same second in order
        self._forget_at = FORGET_AT
        self.now = 0.0  # in seconds on a clock that never steps, as the shell tells it before what it has read
        self.forgotten = Function(b"")  # the counts of functions that are not known any more

    def function(self, name: bytes) -> Function:
        """The function of this name, made known if it was not; others that are idle may be forgotten for it."""
        function = self.functions.get(name)
        if function is None:
            if len(self.functions) >= self._forget_at:
                self._forget_idle()
            function = self.functions[name] = Function(name)
        return function

    def find_unique(self, unique_key: bytes) -> Job | None:
        """The first unfinished job with this unique key in any function, as GET_STATUS_UNIQUE asks."""
        for function in self.functions.values():
            job = function.uniques.get(unique_key)
            if job is not None:
                return job
        return None

    def add(self, function: Function, job: Job, key: object) -> None:
        """Take in a new job; it is STORING and nobody's until `make_ready`."""
        job.state = STORING
        self.jobs[job.handle] = job
        if key is not None:
            function.uniques[key] = job
        function.total += 1
        function.added += 1

    def take_back(self, function: Function, job: ReturnedJob, key: object) -> None:
        """Take in a job that waited beyond the window. One that is not in the counts came there by another node."""
        self.add(function, job, key)
        job.in_line = not job.due
        if job.in_line:
            function.returned[job.priority] += 1
            self.returned += 1
        function.added -= 1
        line = line_of(job.priority, job.due)
        if function.beyond[line]:
            function.total -= 1
            self.count_beyond(function, line, -1)
        else:
            function.moved += 1

    def give_back(self, job: Job) -> None:
        """A claimed job waits in the table again, for whoever claims it."""
        function = self.functions[job.function]
        self.remove(job)
        if isinstance(job, ReturnedJob):
            function.total += 1
            self.count_beyond(function, line_of(job.priority, job.due), 1)
        else:  # what SQL enqueued is counted while it is in hand
            function.moved -= 1

    def claimed(self, function: Function) -> Iterator[Job]:
        """The claimed jobs of a function that no worker has yet."""
        for ready in function.ready:
            yield from (job for job in ready if job.state == QUEUED and job.claimed)
        yield from (job for _, _, job in self._due if job.function == function.name and job.claimed and job.due)

    def recount(self, function: Function, beyond: list[int]) -> None:
        """So many wait in the table, by line, as it was counted there; jobs on their way there come on top."""
        for job in self.jobs.values():
            if job.beyond and job.function == function.name:
                beyond[job.line] += 1
        change = sum(beyond) - sum(function.beyond)
        function.beyond = beyond
        function.total += change
        function.moved += change
        self.beyond += change

    def count_beyond(self, function: Function, line: int, count: int) -> None:
        """So many more wait beyond the window, in one of the function's lines."""
        function.beyond[line] += count
        self.beyond += count

    def let_go(self, job: Job) -> None:
        """STORING to GONE, but the job lives: it waits beyond the window."""
        job.state = GONE
        del self.jobs[job.handle]

    def make_ready(self, function: Function, job: Job) -> bool:
        """STORING to QUEUED. True when a worker may take it now; False when it waits for its due time."""
        job.state = QUEUED
        if job.due:
            self._serial += 1
            heappush(self._due, (job.due, self._serial, job))
            return False
        job.since = self.now
        function.ready[job.priority].append(job)
        return True

    def take(self, functions: Sequence[Function], start: int, worker: Peer) -> tuple[Job, int] | None:
        """QUEUED to RUNNING: the best job among `functions` for this worker, and the index of its function.

        `start` is the index of the function whose turn it is; among equal priorities the search begins there.
        """
        count = len(functions)
        turns = range(start, start + count) if count != 1 else _ONE_TURN  # many a worker has one function
        for priority in (0, 1, 2):
            for turn in turns:
                index = turn if turn < count else turn - count
                function = functions[index]
                ready = function.ready[priority]
                while ready:
                    job = ready.popleft()
                    if job.state == QUEUED:
                        job.state = RUNNING
                        job.worker = worker
                        function.running += 1
                        return job, index
                    function.ghosts[priority] -= 1
        return None

    def has_ready(self, functions: Sequence[Function]) -> bool:
        """Whether `take` would find a job: the same jobs, so that no worker spins between the two."""
        return any(function.first(priority) is not None for function in functions for priority in (0, 1, 2))

    def requeue(self, job: Job) -> None:
        """RUNNING to QUEUED, at the tail of its priority, as gearmand; its progress starts again."""
        function = self.functions[job.function]
        function.running -= 1
        job.state = QUEUED
        job.worker = None
        job.numerator = job.denominator = 0
        job.since = self.now
        function.lost += 1
        function.ready[job.priority].append(job)

    def withhold(self, job: Job) -> None:
        """QUEUED to STORING: no worker gets it from this server any more."""
        self._leave_line(job)
        job.state = STORING

    def remove(self, job: Job) -> None:
        """Any state to GONE: finished, cancelled or abandoned. Harmless when it is GONE already."""
        if job.state == GONE:
            return
        function = self.functions[job.function]
        if job.state == RUNNING:
            function.running -= 1
        elif job.state == QUEUED:
            self._leave_line(job)
        job.state = GONE
        job.worker = None
        function.total -= 1
        if job.claimed:
            function.claimed[job.priority] -= 1
            if job.in_line:
                function.returned[job.priority] -= 1
                self.returned -= 1
        elif job.beyond:
            self.count_beyond(function, job.line, -1)
        del self.jobs[job.handle]
        key = coalescing_key(job.unique_key, job.payload)
        if key is not None and function.uniques.get(key) is job:
            del function.uniques[key]

    def drop_function(self, name: bytes) -> None:
        """Forget a function that has neither jobs nor workers."""
        self.forgotten.count_in(self.functions.pop(name))

    def _forget_idle(self) -> None:
        # gearmand: keeps every name it has ever heard, so names made up at random fill its memory; here: they are
        # forgotten when they are very many. The next look is when there are twice as many as are in use.
        for name in [name for name, function in self.functions.items() if function.idle()]:
            self.drop_function(name)
        self._forget_at = max(FORGET_AT, 2 * len(self.functions))

    def due_jobs(self, wall: float) -> list[Job]:
        """Move the jobs whose time has come to their queues and return them. `wall` is in seconds since 1970."""
        ready: list[Job] = []
        heap = self._due
        while heap and (heap[0][0] <= wall or heap[0][2].state == GONE):
            job = heappop(heap)[2]
            if job.state != QUEUED:
                continue
            job.due = 0
            job.since = self.now
            self.functions[job.function].ready[job.priority].append(job)
            ready.append(job)
        return ready

    def next_due(self) -> int | None:
        """When the next job falls due, in seconds since 1970."""
        return self._due[0][0] if self._due else None

    def _leave_line(self, job: Job) -> None:
        # It stays where it is, as a ghost: a place in the middle of a deque is dear to remove.
        if not job.due:
            function = self.functions[job.function]
            function.ghosts[job.priority] += 1
            if function.ghosts[job.priority] > _SWEEP_AT:
                self._sweep(function, job)

    def _sweep(self, function: Function, leaving: Job) -> None:
        ready = function.ready[leaving.priority]
        if function.ghosts[leaving.priority] * 2 < len(ready):
            return
        kept = [job for job in ready if job.state == QUEUED and job is not leaving]
        ready.clear()
        ready.extend(kept)
        function.ghosts[leaving.priority] = 0
