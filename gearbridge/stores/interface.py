"""What a store is. Blocking on purpose: drivers stay plain, and the thread they run in is the committer's."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from gearbridge.records import (
        Backlog,
        ClaimedJob,
        Limits,
        NodeStatus,
        Operation,
        Put,
        RowsWaiting,
        StoredJob,
        WaitingJob,
    )

_T = TypeVar("_T")

#: Heartbeats of a node in the time of one lease; before it removes another node it must have made so many in a row.
BEATS = 6


class Node(NamedTuple):
    """A server's name, which no other has, for how many seconds it leases its jobs, and its gearbridge's version."""

    name: str
    lease: float
    version: str


class Traits(NamedTuple):
    """The promises of a store.

    durable: what `apply` has returned for survives kill -9 of this process; a store without it keeps nothing.
    transactional: a group is applied whole or not at all. Without it a group that failed may have been done in part.
    max_payload: largest payload in bytes that is taken, whatever the names beside it, as far as the protocol allows
    them; None is no limit of the store's own.
    claimable: SQL can enqueue jobs beside the store's own, and `claim` takes them.
    exclusive: a place that another server has open is refused.
    shared: several servers have the place together, as nodes; then the store is a SharedStore.
    owned: it is this server's while a session lives, and then perhaps another one's; then the store is an OwnedStore.
    prompt: it writes a single job without a thread that waits for it; then the store is a SinglePutStore.
    """

    durable: bool
    transactional: bool
    max_payload: int | None = None
    claimable: bool = False
    exclusive: bool = True
    shared: bool = False
    prompt: bool = False
    owned: bool = False


class Store(Protocol):
    """Calls come one at a time, `open` first, from one thread at a time. Failures are raised as StoreError."""

    @property
    def traits(self) -> Traits:
        """The promises of this store."""

    def open(self) -> None:
        """Connect, create or check what is needed. Raises ConfigurationError when the store cannot be used so.

        StoreInUse is one of them: another server or bridge has it.
        """

    def replay(self) -> Iterator[StoredJob]:
        """The jobs kept from before, in order of submission."""

    def apply(self, group: Sequence[Operation]) -> None:
        """Do the operations, in order of their meaning; where transactional, all or none. Return when durable.

        A Put of a job that is there already changes nothing, and a Drop or Update of one that is not either: so
        a group may be applied again when it is not known whether it was. Raises StoreError where the handle of a Put is
        there with another content.
        """

    def close(self) -> None:
        """Release everything; harmless when not open."""


@runtime_checkable
class CheckedStore(Store, Protocol):
    """A store that can become unusable without a word, and is asked about it while nothing else is asked of it."""

    def check(self) -> None:
        """Raise StoreUnavailable where nothing could be kept now."""


@runtime_checkable
class FillableStore(Store, Protocol):
    """A store that raises StoreFull while its disk is full, and can be asked whether that is over."""

    def try_room(self, size: int) -> None:
        """Raise StoreFull where a job with a payload of so many bytes cannot be written; nothing stays of the trial."""


class OwnedStore(Store, Protocol):
    """A store with the ability `owned`."""

    def own(self) -> int:
        """Make sure that the store is this server's, over a new session where the last one has ended.

        Returns a descriptor of the session's socket, which the caller closes: it hangs up when the session has ended.
        Raises StoreInUse where the store is another server's, or was meanwhile; StoreUnavailable while it is away.
        """


class SinglePutStore(Store, Protocol):
    """A store with the ability `prompt`. From `begin_put` to the answer no other method may be called."""

    def begin_put(self, put: Put) -> int | None:
        """Send a job on its way, and return the descriptor that can be read when an answer has come; it never waits.

        None: not this one, or not now; `apply` it.
        """

    def put_ended(self) -> bool | None:
        """Return whether the job is written; None where the answer is incomplete. False: `apply` it."""

    def wait_for_put(self) -> bool:
        """Wait for the answer; return whether the job is written. False: `apply` it."""


class ClaimableStore(Store, Protocol):
    """A store with the ability `claimable`."""

    def claim(self, claim_capacity: Mapping[bytes, int], most_bytes: int = ...) -> list[ClaimedJob]:
        """Claim jobs that SQL enqueued and that are unclaimed, at most so many of each function.

        Their payloads have at most `most_bytes` together, and not more than the connection brings in about a second; a
        job that is larger comes alone. They are this store's until an operation ends them, or it is closed. Some may be
        due in a few seconds only.
        """

    @property
    def clock_offset(self) -> float:
        """Seconds that the clock by which jobs are due in the table is ahead of ours; read in any thread."""

    def prune(self, done_before: int, failed_before: int, at_most: int) -> int:
        """Delete what SQL enqueued and was done, or failed for good, before these times, in seconds since 1970.

        At most so many rows of each of the two, the oldest first. Returns how many.
        """

    def functions(self) -> list[bytes]:
        """Return the functions that SQL has enqueued jobs of, claimed or not, due or not."""

    def life(self) -> bytes:
        """Return the life of the database, 16 hex digits: equal over restarts, another in each copy of the database.

        Another, too, once the database was put back to what it was before (database_identity.py). Only the owner of
        the table may call it.
        """

    def count_waiting(self, *, again: bool) -> RowsWaiting:
        """Count some of the rows that wait and are not claimed here: those that came since the last call.

        With `again` a part of a pass over all rows, which finds what other sessions have changed; until all rows were
        counted once both are the same. Takes some hundredths of a second. Where there `has_more` call it again.
        """

    def wakeup(self) -> Wakeup:
        """A new doorbell of this table, on a connection of its own."""


class WindowedStore(ClaimableStore, Protocol):
    """A claimable store that keeps a server's spilled jobs: a spilled Put waits until it is claimed."""

    def backlog(self) -> list[Backlog]:
        """Count the waiting jobs that came over a socket, by function, priority and whether they are due later."""

    def find(self, handles: Sequence[bytes]) -> dict[bytes, WaitingJob]:
        """Find those of these jobs that wait, claimed or not, by handle."""


class SharedStore(WindowedStore, Protocol):
    """A windowed store that this server has together with others, as one node among them, under a lease.

    All Puts are beyond. What a claim brings is this node's until an operation ends or releases it, or its lease is
    over and another node has removed this one. Then `apply` and `claim` raise StoreFenced, and change nothing, until
    `rejoin`. `close` gives everything back at once.
    """

    def take_joined(self) -> dict[bytes, bytes]:
        """The Puts since the last call that joined an unfinished job by its unique key: handle put to handle joined."""

    def beat(self, jobs: int, workers: int) -> list[str]:
        """Renew this node's lease and record its load; then remove nodes whose lease is over, and return their names.

        None is removed where this node was cut off itself, until it has beaten for the time of a lease.
        Called from a thread of its own, over a connection of its own, and not after `close`. Raises StoreFenced when
        this node was removed, StoreUnavailable while the database is away; the next call connects anew.
        """

    def rejoin(self) -> frozenset[bytes]:
        """Renew the lease; where this node was removed be a new one, with its claimed jobs that no other node has.

        Returns the handles of the others, which this node does not have any more. Waits until another node of this name
        is gone, as long as its lease is; StoreInUse when it is at work.
        """

    def nodes(self) -> list[NodeStatus]:
        """All nodes, by name."""

    def limits(self) -> dict[bytes, Limits]:
        """Return the limits of waiting jobs that were set, by function. They outlive the nodes."""

    def set_limits(self, changed: Mapping[bytes, Limits]) -> None:
        """Let all nodes know these; three zeros are no limit."""


@runtime_checkable
class TransactingStore(Protocol):
    """A store that is a table of a database."""

    def transact(self, work: Callable[[Connection], _T]) -> _T:
        """Do something with the table in one transaction, which may be a long one for other calls to wait for."""


@runtime_checkable
class StandbyStore(Protocol):
    """A store whose database has standbys that it may be set to wait for."""

    def require_synchronous(self) -> None:
        """Take nothing for written that no standby has; to be called before `open`.

        While the database waits for none, StoreUnavailable is raised.
        """


@runtime_checkable
class LockingStore(Protocol):
    """A store whose jobs other transactions of its database may hold, for as long as they like."""

    def locked(self, handles: Sequence[bytes]) -> set[bytes]:
        """Those of these jobs that another transaction holds; it waits for none of them.

        Raises StoreUnavailable where it is the whole table that is held.
        """

    def holders(self) -> str:
        """Describe the sessions that hold jobs, oldest first; for people, and empty where it cannot be known."""


class Wakeup(Protocol):
    """The notification that SQL has enqueued something. A hint: the table is the truth, and is polled anyway.

    Calls block and come from one thread, which is not the store's; `interrupt` comes from any. Failures are raised as
    StoreError, and the next call connects anew.
    """

    #: Seconds between two looks into the table while it cannot be armed: at first, and in the end.
    first_pause: float
    longest_pause: float

    def arm(self) -> bool:
        """Let every commit ring from now on. False: not now, somebody is just committing, or never here."""

    def disarm(self) -> None:
        """Request no more notifications; they cost the transactions that send them."""

    def wait(self, seconds: float) -> bool:
        """Wait until it rings, at most so long; whether it has rung."""

    def interrupt(self) -> None:
        """End a wait, or the next one, early."""

    def close(self) -> None:
        """Disconnect."""
