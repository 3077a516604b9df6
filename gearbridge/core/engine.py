"""The engine: packets in, bytes into each peer's outbox. It knows no socket and no clock.

How a shell drives it, in this order for everything it reads:

    packets = parser.feed(data)
    left = engine.receive(peer, packets, now)   # or connect, disconnect, committed; hand in what is left later
    if engine.signals.wants_tick: rearm(engine.tick(now, wall))
    for peer in engine.take_dirty(): write(peer.take_outbox()); close it if peer.closing
    if engine.journal and no group is being applied: apply(engine.journal.take_group()), then engine.committed(..., now)
    with each group: look for what engine.take_table_lookups() asks for, then engine.answered(...)

It is the core's only face. Beside it shells know `signals`, `snapshot`, `settings`, the journal, peers, and a few types
of values; `lifecycle` is for the core and its tests. `now` is in seconds on a clock that never steps.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from .acknowledgement import Acknowledgement
from .admission import Admission
from .claims import add_claimed, capacity_in_bytes, claim_capacity, record_backlog
from .clock import tick
from .dispatch import dispatch_table
from .draining import drain, is_idle, take_no_more
from .leaving import leave
from .lifecycle import JobLifecycle
from .limits import apply_limits
from .ownership import forget_lost_jobs, resume, suspend
from .peer import Interrupted, OthersTurn, Peer
from .pending_reply import NO_ANSWER
from .shortage import set_short_of_memory
from .snapshot import Snapshot
from .table_counts import recount
from .table_lookups import reply
from .unworked import Unworked

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from gearbridge.records import (
        Backlog,
        ClaimedJob,
        Limits,
        NodeStatus,
        Operation,
        RowsWaiting,
        StoredJob,
        WaitingJob,
    )
    from gearbridge.wire.parser import Packet

    from .incidents import Incident
    from .pending_reply import TableLookup
    from .settings import Settings


class Engine:
    """One job server. `durable`: its store keeps background jobs over a restart.

    `claimable`: jobs may wait there, and be claimed: what SQL enqueued, and spilled jobs.
    """

    def __init__(self, settings: Settings, *, durable: bool, claimable: bool = False, owned: bool = False) -> None:
        self.lifecycle = lifecycle = JobLifecycle(settings, durable=durable, claimable=claimable, owned=owned)
        self._admission = Admission(self.lifecycle)
        self._acknowledgement = Acknowledgement(self.lifecycle)
        self.signals = lifecycle.signals
        self.journal = lifecycle.journal
        self._queue = lifecycle.queue
        self.unworked = Unworked(lifecycle)  # the shell looks every few seconds
        self._peers: dict[Peer, None] = {}  # in the order they connected
        self._dirty: list[Peer] = []
        self._table = dispatch_table(self.lifecycle, self._admission, self._peers)

    def connect(self, owner: object, number: int, address: str) -> Peer:
        """A new connection. `number` is its file descriptor and `address` its IP, as `workers` shows them."""
        peer = Peer(self._dirty, owner, number, address)
        peer.exceptions = self.lifecycle.settings.exceptions
        self._peers[peer] = None
        return peer

    def receive(self, peer: Peer, packets: Iterable[Packet], now: float) -> Iterator[Packet] | None:
        """Handle what a peer sent, in order. Never raises for anything that came over a wire.

        After a large answer it returns the packets that are left, to be handed in again when that is written; and
        before one while others wait for their turn. What comes from a peer that is to be closed is dropped.
        """
        if peer.closing:
            return None
        self._queue.now = now
        table = self._table
        left = iter(packets)
        try:
            for command, args in left:
                table[command](peer, args)
        except Interrupted:
            return None if peer.closing else left
        except OthersTurn:
            return chain(((command, args),), left)
        return None

    def set_crowded(self, crowded: bool) -> None:
        """While connections wait for their turn none gets a long list out of turn."""
        self.lifecycle.crowded = crowded

    def disconnect(self, peer: Peer) -> None:
        """The connection is gone; nothing may be written to it any more."""
        peer.closed = True
        if peer in self._dirty:
            self._dirty.remove(peer)
        peer.dirty = True  # so that it is never listed again
        del self._peers[peer]
        leave(self.lifecycle, peer)

    def restore(self, stored: Iterable[StoredJob], now: float) -> int:
        """Take back what the store kept, in order, before the first connection; return how many jobs that was."""
        self._queue.now = now
        count = 0
        for job in stored:
            self._admission.restore(job)
            count += 1
        return count

    def restore_backlog(self, backlog: Iterable[Backlog]) -> int:
        """Know what else waits in the store's table, beyond the window; return how many jobs that is."""
        return record_backlog(self.lifecycle, backlog)

    def recount(self, counted: RowsWaiting, since: float | None) -> None:
        """Apply the store's count of what waits in its table; all of it was counted `since` then, None for not yet."""
        recount(self.lifecycle, counted)
        self.lifecycle.counted_since = since

    def take_limits(self) -> dict[bytes, Limits]:
        """Return the limits of waiting jobs that were set here since the last call, by function."""
        taken, self.lifecycle.limits = self.lifecycle.limits, {}
        return taken

    def return_limits(self, taken: Mapping[bytes, Limits]) -> None:
        """Take back limits that the store could not write: the next call of `take_limits` has them again."""
        self.lifecycle.limits = {**taken, **self.lifecycle.limits}

    def apply_limits(self, limits: Mapping[bytes, Limits]) -> None:
        """Apply the limits of waiting jobs that the nodes agree on, by function."""
        apply_limits(self.lifecycle, limits)

    def set_nodes(self, nodes: Iterable[NodeStatus]) -> None:
        """Set the nodes that share the table, which the admin command `nodes` lists."""
        self.lifecycle.nodes = tuple(nodes)

    def suspend(self) -> None:
        """Give out nothing that the store keeps: whether it is this server's still is in doubt; see `signals`."""
        suspend(self.lifecycle)

    def forget_lost_jobs(self, handles: Collection[bytes]) -> None:
        """Forget these claimed jobs, which are other nodes' by now, and what was to be written of them."""
        forget_lost_jobs(self.lifecycle, handles)

    def resume(self, until: float) -> None:
        """The store, or the lease of what was claimed from it, is this server's until then, on the shell's clock."""
        resume(self.lifecycle, until)

    def repeat(self, peer: Peer, handle: bytes) -> bool:
        """Do a job once more that failed lately; the peer gets or is promised JOB_CREATED. False: that cannot be."""
        failure = self.lifecycle.failures.find(handle)
        return failure is not None and self._admission.repeat(peer, failure)

    def forget_failure(self, handle: bytes) -> None:
        """Remember the failure of this job no more: it was retried in the store's table."""
        self.lifecycle.failures.forget_job(handle)

    def claim_capacity(self) -> dict[bytes, int] | None:
        """Return how many jobs to claim of each function that has a worker here; clears `wants_claim`.

        None where there is no room for any.
        """
        return claim_capacity(self.lifecycle) or None

    def capacity_in_bytes(self) -> int:
        """Return how many bytes of payload to claim; at least one job is, whatever its size."""
        return capacity_in_bytes(self.lifecycle)

    def cancel(self, handle: bytes) -> bool:
        """End a job in memory that is not done; return whether there was one."""
        job = self._queue.jobs.get(handle)
        if job is not None:
            self.lifecycle.cancel(job)
        return job is not None

    def claimed(self, jobs: Iterable[ClaimedJob], now: float) -> None:
        """Take in what was claimed from the job table. The rows are this engine's to settle, through the journal."""
        self._queue.now = now
        add_claimed(self.lifecycle, jobs)

    def committed(
        self,
        group: Sequence[Operation],
        errors: Mapping[int, str],
        now: float,
        joined: Mapping[bytes, bytes] | None = None,
    ) -> None:
        """A commit group is durable, but for the operations whose index is in `errors`, with the reason.

        `joined`: handles of jobs that are none, because one with their unique key waits in the table, and its handle.
        """
        self._queue.now = now
        self._acknowledgement.committed(group, errors, joined or {})

    def record_unwritten(self, handles: frozenset[bytes]) -> None:
        """The settlements that the store failed to write, and that are written later, are those of these jobs."""
        settling = self.lifecycle.settling
        if handles or settling.kept:
            settling.kept = handles
            settling.committed()

    def take_table_lookups(self) -> list[TableLookup]:
        """Return the lookups to make after the journal's next group; their replies are held until `answered`."""
        return self.lifecycle.lookups.take()

    def answered(self, lookups: Sequence[TableLookup], found: Mapping[bytes, WaitingJob] | str) -> None:
        """Answer lookups with the jobs that the store found, by handle; or with the error of the store."""
        reply(lookups, found)

    def tick(self, now: float, wall: float, store_trouble: str | None = None) -> float | None:
        """Do what is due, and return in how many seconds to call again; None when nothing is planned.

        `wall` is in seconds since 1970. `store_trouble` is the error for what has waited for the store for too long.
        """
        self.lifecycle.store_trouble = store_trouble or NO_ANSWER
        pauses = (
            tick(self.lifecycle, now, wall),
            self._acknowledgement.refuse_overdue(now) if self.journal.next_look() is not None else None,
            self.lifecycle.lookups.refuse_overdue(now),
            self.lifecycle.incidents.next_look(),
        )
        return min((pause for pause in pauses if pause is not None), default=None)

    def take_overdue(self) -> list[StoredJob]:
        """The jobs since the last call that were refused because the store did not answer."""
        late, self.lifecycle.overdue = self.lifecycle.overdue, []
        return late

    def take_incidents(self) -> list[tuple[list[Incident], int]]:
        """Return the time-outs, lost workers and failures since the last call, by kind; and how many more there were.

        To be called after each `tick`.
        """
        return self.lifecycle.incidents.take()

    def take_dirty(self) -> list[Peer]:
        """The peers that have bytes to send or are to be closed, each once. Closed peers are left out."""
        dirty = self._dirty[:]
        self._dirty.clear()
        return dirty

    @property
    def is_clearing(self) -> bool:
        """Whether jobs of clients that have left are still to end."""
        return bool(self.lifecycle.leaving)

    @property
    def short_of_memory(self) -> bool:
        """Whether memory is short, as last set by the shell."""
        return self.lifecycle.short_of_memory

    def set_short_of_memory(self, short: bool) -> None:
        """While memory is short background jobs wait in the store's table, or are refused if they would stay here."""
        set_short_of_memory(self.lifecycle, self._table, short)

    def drain(self) -> None:
        """The server is to end: give out no more of what its store keeps, only what would be lost."""
        drain(self.lifecycle)

    def take_no_more(self) -> None:
        """Refuse what is submitted from now on, and start no job; only what runs is waited for. Call after `drain`."""
        take_no_more(self.lifecycle, self._table)

    def take_notices(self) -> list[str]:
        """Return lines for the operator's log since the last call; to be called after each `tick`."""
        taken, self.lifecycle.notices = self.lifecycle.notices, []
        return taken

    def take_stop(self) -> str | None:
        """Return a request to end the server by an admin command, once: "now" or "gracefully"; None for none."""
        asked, self.signals.stop_asked = self.signals.stop_asked, None
        return asked

    def is_idle(self) -> bool:
        """Return whether no job runs, and none waits that would be lost if the server ended now."""
        return is_idle(self.lifecycle)

    def snapshot(self) -> Snapshot:
        """Return a view of the figures and lists that a dashboard shows."""
        return Snapshot(self.lifecycle, self._peers)

    def may_change(self, address: str) -> bool:
        """Return whether a command that changes something is accepted from this address."""
        return self.lifecycle.settings.may_change(address)
