"""The engine: packets in, bytes into each peer's outbox. It knows no socket and no clock.

How a shell drives it, in this order for everything it reads:

    engine.queue.now = now                 # so that the age of a job is known
    packets = parser.feed(data)
    engine.receive(peer, packets)          # or connect, disconnect, committed
    if engine.wants_tick: rearm(engine.tick(now, wall))
    for peer in engine.take_dirty(): write(peer.take_outbox()); close it if peer.closing
    if engine.journal and no group is being applied: apply(engine.journal.take_group()), then engine.committed(...)
    with each group: look for what engine.take_questions() asks for, then engine.answered(...)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.wire.commands import LAST, MALFORMED, OUTCOMES, POISON, TEXT, UNKNOWN, WRONG_MAGIC
from gearbridge.wire.packets import error

from .admin_commands import AdminCommands
from .admission import Admission
from .claims import note_backlog, recount, rooms, take_in
from .client_commands import ClientCommands
from .lease import lose_lease
from .lifecycle import JobLifecycle
from .limits import know_limits
from .peer import Peer
from .questions import reply
from .retiring import is_idle, retire
from .ticking import tick
from .worker_commands import WorkerCommands

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gearbridge.records import Backlog, ClaimedJob, Limits, Operation, StoredJob, WaitingJob
    from gearbridge.wire.parser import Packet

    from .client_commands import Handler
    from .questions import Question
    from .settings import Settings

NOT_EXPECTED = error(b"INVALID_COMMAND", b"Command not expected")
MAGIC_EXPECTED = error(b"INVALID_MAGIC", b"Request magic expected")
TOO_FEW_ARGUMENTS = error(b"INVALID_PACKET", b"Packet has too few arguments")


class Engine:
    """One job server. `durable` says whether its store keeps background jobs over a restart.

    `claimable` says that jobs may wait there, and be claimed: what SQL enqueued, and what is beyond the window.
    """

    def __init__(self, settings: Settings, *, durable: bool, claimable: bool = False) -> None:
        self.lifecycle = JobLifecycle(settings, durable=durable, claimable=claimable)
        self._admission = Admission(self.lifecycle)
        self.journal = self.lifecycle.journal
        self.queue = self.lifecycle.queue
        self.peers: dict[Peer, None] = {}  # in the order they connected
        self._dirty: list[Peer] = []
        self._exceptions = settings.exceptions
        self._table = self._dispatch_table()

    # Called by the shell.

    def connect(self, owner: object, number: int, address: str) -> Peer:
        """A new connection. `number` is its file descriptor and `address` its IP, as `workers` shows them."""
        peer = Peer(self._dirty, owner, number, address)
        peer.exceptions = self._exceptions
        self.peers[peer] = None
        return peer

    def receive(self, peer: Peer, packets: Iterable[Packet]) -> None:
        """Handle what a peer sent, in order. Never raises for anything that came over a wire."""
        table = self._table
        for command, args in packets:
            table[command](peer, args)

    def disconnect(self, peer: Peer) -> None:
        """The connection is gone; nothing may be written to it any more."""
        peer.closed = True
        if peer in self._dirty:
            self._dirty.remove(peer)
        peer.dirty = True  # so that nobody ever lists it again
        del self.peers[peer]
        self.lifecycle.leave(peer)

    def restore(self, stored: Iterable[StoredJob]) -> int:
        """Take back what the store kept, in order, before the first connection; return how many jobs that was."""
        count = 0
        for job in stored:
            self._admission.restore(job)
            count += 1
        return count

    def restore_backlog(self, backlog: Iterable[Backlog]) -> int:
        """Know what else waits in the store's table, beyond the window; return how many jobs that is."""
        return note_backlog(self.lifecycle, backlog)

    def recount(self, backlog: Iterable[Backlog]) -> None:
        """Know anew what waits in a table that other nodes use too."""
        recount(self.lifecycle, backlog)

    def take_limits(self) -> dict[bytes, Limits]:
        """How many jobs may wait of the functions of which that was set here since the last call."""
        taken, self.lifecycle.limits = self.lifecycle.limits, {}
        return taken

    def know_limits(self, limits: Mapping[bytes, Limits]) -> None:
        """How many jobs may wait of each function, as the nodes agree on it by now."""
        know_limits(self.lifecycle, limits)

    def lose_lease(self) -> None:
        """This node's lease is over: forget what it has claimed. `lifecycle.lease` tells that it is lost."""
        lose_lease(self.lifecycle)

    def renew_lease(self, until: float) -> None:
        """There is a lease until then, on the shell's clock."""
        lease = self.lifecycle.lease
        lease.until = until
        if lease.lost:
            lease.lost = False
            self.lifecycle.wants_claim = True

    def repeat(self, peer: Peer, handle: bytes) -> bool:
        """Do a job once more that failed lately; the peer gets or is promised JOB_CREATED. False: that cannot be."""
        failure = self.lifecycle.failures.find(handle)
        return failure is not None and self._admission.repeat(peer, failure)

    def rooms(self) -> dict[bytes, int] | None:
        """How many jobs to claim of each function that has a worker here; asking clears `wants_claim`.

        None where there is no room for any.
        """
        return rooms(self.lifecycle) or None

    def claimed(self, jobs: Iterable[ClaimedJob]) -> None:
        """Take in what was claimed from the job table. The rows are this engine's to settle, through the journal."""
        take_in(self.lifecycle, jobs)

    def committed(
        self, group: Sequence[Operation], errors: Mapping[int, str], joined: Mapping[bytes, bytes] | None = None
    ) -> None:
        """A commit group is durable, but for the operations whose index is in `errors`, with the reason.

        `joined`: handles of jobs that are none, because one with their unique key waits in the table, and its handle.
        """
        self._admission.committed(group, errors, joined or {})

    def take_questions(self) -> list[Question]:
        """What to ask the store after the journal's next group, whose replies are held until `answered`."""
        return self.lifecycle.questions.take()

    def answered(self, questions: Sequence[Question], found: Mapping[bytes, WaitingJob] | str) -> None:
        """What the store knows of the jobs that were asked for, by handle; or why it could not be asked."""
        reply(questions, found)

    @property
    def wants_claim(self) -> bool:
        """There may be jobs to claim that were of no use before: a function has its first worker, or room again."""
        return self.lifecycle.wants_claim

    @property
    def wants_tick(self) -> bool:
        """Something timed is new: call `tick` now."""
        return self.lifecycle.wants_tick

    def tick(self, now: float, wall: float) -> float | None:
        """Do what is due, and return in how many seconds to call again; None when nothing is planned.

        `now` is in seconds on a clock that never steps, `wall` in seconds since 1970.
        """
        return tick(self.lifecycle, now, wall)

    def take_dirty(self) -> list[Peer]:
        """The peers that have bytes to send or are to be closed, each once. Closed peers are left out."""
        dirty = self._dirty[:]
        self._dirty.clear()
        return dirty

    def retire(self) -> None:
        """The server is to end: give out no more of what its store keeps, only what would be lost."""
        retire(self.lifecycle)

    def take_stop(self) -> str | None:
        """How an admin command asked the server to end, "now" or "gracefully"; told once, None when none did."""
        asked = self.lifecycle.stop_asked
        self.lifecycle.stop_asked = None
        return asked

    def is_idle(self) -> bool:
        """Whether no job runs, and none waits that would be lost if the server ended now."""
        return is_idle(self.lifecycle)

    # The dispatch table: a list indexed by command number, so that finding a handler is one look-up.

    def _dispatch_table(self) -> list[Handler]:
        table: list[Handler] = [self._unexpected] * OUTCOMES
        known = ClientCommands(self.lifecycle, self._admission).table() | WorkerCommands(self.lifecycle).table()
        for command, handler in known.items():
            assert 0 < command <= LAST
            table[command] = handler
        table[TEXT] = AdminCommands(self.lifecycle, self.peers).line
        table[WRONG_MAGIC] = _answer(MAGIC_EXPECTED)
        table[UNKNOWN] = _answer(NOT_EXPECTED)
        table[MALFORMED] = _answer(TOO_FEW_ARGUMENTS)
        table[POISON] = _poisoned
        return table

    def _unexpected(self, peer: Peer, _args: Sequence[bytes]) -> None:
        peer.send(NOT_EXPECTED)


def _answer(packet: bytes) -> Handler:
    def answer(peer: Peer, _args: Sequence[bytes]) -> None:
        peer.send(packet)

    return answer


def _poisoned(peer: Peer, args: Sequence[bytes]) -> None:
    peer.send(error(*args))
    peer.close()
