"""What of a job survives a restart, and the operations that a store is asked to do with it.

This file runs inside PostgreSQL too (the client needs `Priority`): standard library only, Python 3.9 and later.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, Union

#: Longest function name, in bytes; of a reducer too.
MAX_FUNCTION = 512
#: Longest unique key, in bytes. gearmand accepts 64 and corrupts the last one.
MAX_UNIQUE_KEY = 255
#: Longest handle, in bytes: Gearman's libraries hold 63 and a NUL, the job table's column is as long.
MAX_HANDLE = 64
#: Latest due time, in seconds since 1970: what fits a 64-bit signed integer of microseconds.
MAX_DUE = 9_000_000_000_000
#: Names of the priorities, in the order of their numbers.
PRIORITIES = ("high", "normal", "low")

#: What the handles of jobs that SQL enqueued begin with; no server's do.
ENQUEUED = b"S:"


class Priority(IntEnum):
    """A job's priority; the numbers are gearmand's, in its stores too."""

    HIGH = 0
    NORMAL = 1
    LOW = 2


class StoredJob:
    """A background job as a store keeps it. Nothing here changes after submission, except by failed attempts.

    `due` is the time before which the job must not run, in seconds since 1970; 0 means at once. `attempts` counts how
    often a worker that held it was lost, and failed attempts that were not the last. Empty `unique_key` and `reducer`
    mean none; with the reducer, or in its place, there may be a traceparent (traceparent.py).
    """

    __slots__ = ("attempts", "due", "function", "handle", "payload", "priority", "reducer", "unique_key")

    def __init__(
        self,
        handle: bytes,
        function: bytes,
        payload: bytes,
        unique_key: bytes = b"",
        priority: int = Priority.NORMAL,
        due: int = 0,
        attempts: int = 0,
        reducer: bytes = b"",
    ) -> None:
        self.handle = handle
        self.function = function
        self.payload = payload
        self.unique_key = unique_key
        self.priority = priority
        self.due = due
        self.attempts = attempts
        self.reducer = reducer


class ClaimedJob(StoredJob):
    """A job that SQL enqueued, or that was put beyond the window, as a claim brings it.

    `max_attempts` is how often it is tried before it counts as failed, at least once; 0 means once. With `keep_result`
    the row stays when the job is done, with its result. `life` is the database's life in which the row was read,
    set for a bridge only. `enqueued` is when SQL did it, in seconds since 1970; None where that is unknown.
    """

    __slots__ = ("enqueued", "keep_result", "life", "max_attempts")

    enqueued: int | None
    max_attempts: int
    keep_result: bool
    life: bytes


class Put(NamedTuple):
    """Keep this job; `spilled` the window it waits until it is claimed, and comes back with no replay."""

    job: StoredJob
    spilled: bool = False


class Update(NamedTuple):
    """The job with this handle has been lost by `attempts` workers so far."""

    handle: bytes
    attempts: int


class Drop(NamedTuple):
    """Forget the job with this handle. Not an error where there is none."""

    handle: bytes


class Release(NamedTuple):
    """A claimed job is given back: let any node claim it."""

    handle: bytes


class Progress(NamedTuple):
    """Progress of a claimed job, as last reported by its worker."""

    handle: bytes
    numerator: int
    denominator: int


class Done(NamedTuple):
    """A claimed job is done: keep its row, with the result."""

    handle: bytes
    result: bytes


class Retry(NamedTuple):
    """A job's attempt failed: it is tried again after a pause that grows with the attempts (backoff.py).

    A claimed job may be claimed again then, by any node. Another one stays its server's.
    """

    handle: bytes
    attempts: int
    error: str


class Failed(NamedTuple):
    """A job has failed for good: keep its row, with the error. `attempts` None leaves them as they are.

    Only for a store whose jobs can be claimed: others have no place for it.
    """

    handle: bytes
    attempts: int | None
    error: str


Operation = Union[Put, Update, Drop, Release, Progress, Done, Retry, Failed]


#: How many jobs of a function may wait, by priority; 0 is no limit.
Limits = tuple[int, int, int]


class WaitingJob(NamedTuple):
    """A job that waits in the store's table.

    Where nodes share the table: `running` is whether one has claimed it, followed by its progress.
    """

    handle: bytes
    function: bytes
    priority: int
    due: int
    running: bool = False
    numerator: int = 0
    denominator: int = 0


class NodeStatus(NamedTuple):
    """A server among those that share a job table.

    `lease` is how many seconds are left of it by the database's clock, below zero when it is over; `since` is when the
    node joined, in seconds since 1970.
    """

    name: str
    mine: bool
    lease: float
    jobs: int
    workers: int
    version: str
    since: int


class Backlog(NamedTuple):
    """A count of spilled jobs of one function and priority; those that are `due` later are counted apart."""

    function: bytes
    priority: int
    due: bool
    jobs: int


class WaitingRows(NamedTuple):
    """The rows of a function that wait in the job table and that this server has not claimed.

    `enqueued` are those of SQL: ready ones by priority, then those that are due later. `spilled` are those that came
    over a socket, in the same order, with all that have a due time as the last. `oldest` is when the oldest ready row
    that no node has was enqueued, in seconds since 1970; of those that came over a socket, when it was first counted.
    """

    function: bytes
    enqueued: tuple[int, int, int, int]
    spilled: tuple[int, int, int, int]
    oldest: int | None


class RowsWaiting(NamedTuple):
    """A count of the waiting rows: of the functions that have changed or, where it `is_whole`, of all that have any.

    `has_more`: more rows are to be counted.
    """

    functions: list[WaitingRows]
    is_whole: bool
    has_more: bool


class FailedQuery(NamedTuple):
    """A search among failed jobs; None leaves a condition out.

    `error` and `payload` are contained in the job's. Times are in seconds since 1970. `after` is the handle of the last
    job of the page before, which failed at `until`.
    """

    function: bytes | None = None
    unique_key: bytes | None = None
    error: str | None = None
    payload: bytes | None = None
    since: int | None = None
    until: int | None = None
    after: str | None = None


class FailedJob(NamedTuple):
    """A job that failed for good and is kept. `reducer` may have its trace; `size` is that of its payload."""

    handle: bytes
    function: bytes
    unique_key: bytes
    priority: int
    attempts: int
    max_attempts: int
    error: str
    enqueued: int | None
    enqueued_by: str | None
    finished: int
    reducer: bytes
    size: int
