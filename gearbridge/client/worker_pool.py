"""A blocking worker's connections to all its servers. It waits for a job on all; `worker_rotation` chooses among them.

Nothing here waits for a server that does not answer: connecting is the dialer's, waiting is the selector's.
"""

from __future__ import annotations

import contextlib
import random
import selectors
import socket
from time import monotonic
from typing import TYPE_CHECKING, Any

from ..errors import ConnectionLost, ProtocolError, ReplyTimeout
from .dialer import Dialer
from .worker_functions import Absences, log
from .worker_rotation import Peer, WorkerRotation

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from .connection import Address, Connection
    from .worker_functions import WorkerFunctions


class WorkerPool:
    """The connections of one worker; times are in seconds."""

    def __init__(
        self,
        addresses: Sequence[Address],
        duties: WorkerFunctions[Any],
        connect_timeout: float,
        reply_timeout: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._reply_timeout = reply_timeout
        self._turns = WorkerRotation(addresses, duties, reply_timeout)
        self._absences = Absences()
        self._connections: dict[Address, Connection] = {}
        self._selector = selectors.DefaultSelector()
        self._bell, self._bell_rope = socket.socketpair()
        for end in (self._bell, self._bell_rope):
            end.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._dialer = Dialer(connect_timeout, self.wake, tls)

    def wake(self) -> None:
        """Make `next_job` look at `stopping` and the duties again. For signal handlers and other threads."""
        with contextlib.suppress(OSError):  # rung enough already, or closed
            self._bell_rope.send(b"\0")

    def next_job(self, stopping: Callable[[], bool]) -> tuple[Peer, Sequence[bytes]] | None:
        """Wait for a job and return its server and the arguments of JOB_ASSIGN_UNIQ; None once `stopping()`.

        A pending answer to an earlier GRAB_JOB is read first: a job in it must be done.
        """
        while True:
            for peer, octets in self._turns.news():
                self._send(peer, octets)
            if self._turns.asked is None:
                if stopping():
                    return None
                self._ask()
            for peer in self._turns.due(monotonic()):
                self._dialer.dial(peer.address)
            assigned = self._wait(self._turns.patience(monotonic()))
            if assigned is not None:
                return assigned
            asked = self._turns.asked
            if asked is not None and monotonic() >= asked.deadline:
                self._lose(asked, f"no answer within {self._reply_timeout:g} s")

    def send(self, peer: Peer, octets: bytes) -> None:
        """Send to the server that assigned the running job. Raises ConnectionLost."""
        connection = self._connections.get(peer.address)
        if connection is None:
            raise ConnectionLost(f"the connection to {peer.address} is gone")
        try:
            connection.send(octets, monotonic() + self._reply_timeout)
        except (ConnectionLost, ReplyTimeout) as error:
            self._lose(peer, str(error))
            raise ConnectionLost(str(error)) from error

    def finish(self, peer: Peer, command: int, *args: bytes, last: bool) -> None:
        """End the running job; unless it is the `last`, ask for another one at once. Raises ConnectionLost."""
        if len(self._turns.peers) > 1:
            self._wait(0)  # the others may have something by now
        self.send(peer, self._turns.finish(peer, command, *args, last=last, now=monotonic()))

    def close(self) -> None:
        """Close all connections."""
        self._dialer.close()
        self._selector.close()
        for connection in self._connections.values():
            connection.close()
        self._bell.close()
        self._bell_rope.close()

    def _ask(self) -> None:
        while True:
            question = self._turns.ask_next(monotonic())
            if question is None or self._send(*question):
                return

    def _send(self, peer: Peer, octets: bytes) -> bool:
        """Send where a lost connection does no harm; return False, and log it, where it is lost."""
        try:
            self.send(peer, octets)
        except ConnectionLost:
            return False
        return True

    def _wait(self, patience: float | None) -> tuple[Peer, Sequence[bytes]] | None:
        """Wait until something comes, and take all of it in; return the job, where one came."""
        assigned = None
        for key, _ in self._selector.select(patience):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    self._bell.recv(4096)
                self._greet()
            else:
                args = self._listen(key.data)
                if args is not None:
                    assigned = (key.data, args)
        return assigned

    def _listen(self, peer: Peer) -> Sequence[bytes] | None:
        """Take in what a server sent; return the arguments of JOB_ASSIGN_UNIQ, where it came."""
        connection = self._connections.get(peer.address)
        octets = connection.receive_waiting() if connection is not None else None
        if octets is None:
            return None
        if not octets:
            self._lose(peer, "it closed the connection")
            return None
        try:
            heard = self._turns.heard(peer, octets)
        except ProtocolError as error:
            self._lose(peer, str(error))
            return None
        self._absences.spoke(peer.address)
        for complaint in heard.complaints:
            log.warning("job server %s: %s", peer.address, complaint)
        if heard.answer:
            self._send(peer, heard.answer)
        return heard.job

    def _greet(self) -> None:
        """Take over the connections that the dialer made."""
        for address, outcome in self._dialer.take():
            peer = next(peer for peer in self._turns.peers if peer.address == address)
            if isinstance(outcome, OSError):
                self._lose(peer, f"it cannot be reached ({outcome.strerror or outcome})")
                continue
            self._connections[address] = outcome
            self._selector.register(outcome, selectors.EVENT_READ, peer)
            self._send(peer, self._turns.greet(peer))

    def _lose(self, peer: Peer, reason: str) -> None:
        connection = self._connections.pop(peer.address, None)
        if connection is not None:
            self._selector.unregister(connection)
            connection.close()
        self._turns.lose(peer, monotonic(), random.random())
        self._absences.away(peer.address, reason)
