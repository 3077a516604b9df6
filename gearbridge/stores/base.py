"""What a store is. Blocking on purpose: drivers stay plain, and the thread they run in is the committer's."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gearbridge.records import Backlog, ClaimedJob, Limits, NodeStatus, Operation, Put, StoredJob, WaitingJob


class Abilities(NamedTuple):
    """What a store promises.

    durable: what `apply` has returned for survives kill -9 of this process; a store without it keeps nothing.
    transactional: a group is applied whole or not at all. Without it a group that failed may have been done in part.
    max_payload: largest payload in bytes that is taken, whatever the names beside it, as far as the protocol allows
    them; None is no limit of the store's own.
    claimable: SQL can enqueue jobs beside the store's own, and `claim` takes them.
    exclusive: a place that another server has open is refused.
    shared: several servers have the place together, as nodes; then the store is a SharedStore.
    prompt: it writes a single job without a thread that waits for it; then the store is a PromptStore.
    """

    durable: bool
    transactional: bool
    max_payload: int | None = None
    claimable: bool = False
    exclusive: bool = True
    shared: bool = False
    prompt: bool = False


class Store(Protocol):
    """Calls come one at a time, `open` first, from one thread at a time. Failures are raised as StoreError."""

    @property
    def abilities(self) -> Abilities:
        """What this store promises."""

    def open(self) -> None:
        """Connect, create or check what is needed. Raises ConfigurationError when the store cannot be used so.

        StoreInUse, which is one of them, says that another server or bridge has it.
        """

    def replay(self) -> Iterator[StoredJob]:
        """The jobs kept from before, in order of submission."""

    def apply(self, group: Sequence[Operation]) -> None:
        """Do the operations, in order of their meaning; where transactional, all or none. Return when durable.

        A Put of a handle that is there already changes nothing, and a Drop or Update of one that is not either: so
        a group may be applied again when it is not known whether it was.
        """

    def close(self) -> None:
        """Release everything; harmless when not open."""


class PromptStore(Store, Protocol):
    """A store whose abilities say that it is prompt. From `begin_put` to the answer nothing else may be asked of it."""

    def begin_put(self, put: Put) -> int | None:
        """Send a job on its way, and return the descriptor that can be read when an answer has come; it never waits.

        None: not this one, or not now; `apply` it.
        """

    def put_ended(self) -> bool | None:
        """Whether the job is written, as far as the answer has come. None: not far enough. False: `apply` it."""

    def wait_for_put(self) -> bool:
        """Whether the job is written, waiting for the answer. False: `apply` it."""


class ClaimableStore(Store, Protocol):
    """A store whose abilities say that it is claimable."""

    def claim(self, rooms: Mapping[bytes, int]) -> list[ClaimedJob]:
        """Jobs that SQL enqueued and nobody has in hand, at most so many of each function.

        They are this store's until an operation ends them, or it is closed. Some may be due in a few seconds only.
        """

    def prune(self, done_before: int, failed_before: int, at_most: int) -> int:
        """Delete what SQL enqueued and was done, or failed for good, before these times, in seconds since 1970.

        At most so many rows of each of the two, the oldest first. Returns how many.
        """

    def functions(self) -> list[bytes]:
        """The functions that SQL has enqueued jobs of, in hand or not, due or not."""

    def doorbell(self) -> Doorbell:
        """A new doorbell of this table, on a connection of its own."""


class WindowedStore(ClaimableStore, Protocol):
    """A claimable store that keeps what is beyond a server's window: a Put that says so waits until it is claimed."""

    def backlog(self) -> list[Backlog]:
        """How many jobs wait that came over a socket, by function, priority and whether they are due later."""

    def find(self, handles: Sequence[bytes]) -> dict[bytes, WaitingJob]:
        """Those of these jobs that wait, in hand or not, by handle."""


class SharedStore(WindowedStore, Protocol):
    """A windowed store that this server has together with others, as one node among them, under a lease.

    All Puts are beyond. What a claim brings is this node's until an operation ends or releases it, or its lease is
    over. Then `apply` and `claim` raise StoreFenced, and change nothing, until `rejoin`. `close` gives everything back
    at once.
    """

    def take_joined(self) -> dict[bytes, bytes]:
        """The Puts since the last call that joined an unfinished job by its unique key: handle put to handle joined."""

    def beat(self, jobs: int, workers: int) -> list[str]:
        """Renew this node's lease and say its load; then remove the nodes whose lease is over, and return their names.

        Called from a thread of its own, over a connection of its own, and not after `close`. Raises StoreFenced when
        this node was removed, StoreUnavailable while the database is away; the next call connects anew.
        """

    def rejoin(self) -> None:
        """Be a new node, which has no jobs: leave what this one still has to the others.

        Waits until another node of this name is gone, as long as its lease is; StoreInUse when it is at work.
        """

    def nodes(self) -> list[NodeStatus]:
        """All nodes, by name."""

    def limits(self) -> dict[bytes, Limits]:
        """How many jobs of a function may wait, where somebody has said so. They outlive the nodes."""

    def set_limits(self, changed: Mapping[bytes, Limits]) -> None:
        """Let all nodes know these; three zeros are no limit."""


class Doorbell(Protocol):
    """Tells that SQL has enqueued something. A hint: the table is the truth, and is looked into now and then anyway.

    Calls block and come from one thread, which is not the store's; `interrupt` comes from any. Failures are raised as
    StoreError, and the next call connects anew.
    """

    #: Seconds between two looks into the table while it cannot be armed: at first, and in the end.
    first_pause: float
    longest_pause: float

    def arm(self) -> bool:
        """Let every commit ring from now on. False: not now, somebody is just committing, or never here."""

    def disarm(self) -> None:
        """Let nobody ring any more; it costs those who do."""

    def wait(self, seconds: float) -> bool:
        """Wait until it rings, at most so long; whether it has rung."""

    def interrupt(self) -> None:
        """End a wait, or the next one, early."""

    def close(self) -> None:
        """Disconnect."""
