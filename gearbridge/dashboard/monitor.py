"""What can be seen of a job server, as plain values, and who shows it: its dashboard and metrics know nothing else.

Names and handles are bytes, as in Gearman; times are in seconds, moments in seconds since 1970.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from gearbridge.core.histograms import Histogram
    from gearbridge.core.snapshot import FailureSnapshot, FunctionSnapshot, JobSnapshot, TimesSnapshot, WorkerSnapshot
    from gearbridge.persistence.store_thread import Committer


class StoreSnapshot(NamedTuple):
    """The store. `trouble`: why it cannot be used, None while it can; `full`: because there is no room on its disk.

    `kept`: ends that it could not take yet. `unsettled`: ends and attempts that are not durable yet, those included.
    """

    where: str
    durable: bool
    trouble: str | None
    full: bool
    waiting_bytes: int
    kept: int
    unsettled: int
    group_sizes: Histogram
    group_seconds: Histogram


class NodesSnapshot(NamedTuple):
    """The nodes that share the job table, none where it is one server's.

    `removed`: how many of them this one has removed because their lease was over.
    """

    known: int
    removed: int


class Ended(NamedTuple):
    """The end of a foreground job: "complete", "fail" or "exception", and the worker's data."""

    handle: bytes
    how: str
    data: bytes


class Submission(NamedTuple):
    """A job to submit. `due` is in seconds since 1970; 0 is at once."""

    function: bytes
    payload: bytes
    unique_key: bytes = b""
    priority: int = 1
    due: int = 0
    traceparent: bytes = b""


class Monitor(Protocol):
    """The view of a server. All of it is called in the event loop, and none of it blocks.

    Raises ServerError where the job server refuses a request.
    """

    #: What it is, in a word.
    kind: str

    def not_ready(self) -> str | None:
        """Return why no work should be sent here now; None when it may."""

    def functions(self) -> list[FunctionSnapshot]:
        """All functions, in the order they became known, but for those forgotten again."""

    def forgotten(self) -> FunctionSnapshot:
        """Return the counts of functions that are not known any more."""

    def counted(self) -> float | None:
        """Return for how many seconds changes by other sessions may be missing in what waits in the job table.

        None where no job can wait there, or it was not counted yet.
        """

    def times(self, limit: int) -> list[TimesSnapshot]:
        """The times of the first functions, in the order of `functions`."""

    def connections(self) -> int:
        """Return the number of connections."""

    def workers(self) -> list[WorkerSnapshot]:
        """The connections that can do a function."""

    def failures(self) -> list[FailureSnapshot]:
        """The last failures, the last one first."""

    def store(self) -> StoreSnapshot:
        """The store."""

    def nodes(self) -> NodesSnapshot:
        """The nodes that share the job table."""

    def job(self, handle: bytes) -> JobSnapshot | None:
        """A job that is not done; None where there is none of this handle."""

    async def submit(self, job: Submission) -> bytes:
        """Submit a background job; its handle, once it is durable."""

    async def do(self, job: Submission) -> Ended:
        """Do a foreground job and wait for its end; cancelled with the task that waits. `due` has no meaning."""

    def committer(self) -> Committer:
        """Return the owner of the store's thread, which can be asked about its table."""

    def may_change(self, address: str) -> bool:
        """Return whether this address may cancel jobs."""

    def cancel(self, handle: bytes) -> bool:
        """End a job that is not done; whether there was one."""

    async def retry(self, handle: bytes) -> bool:
        """Do a job again that failed lately; False when that is not possible any more."""
