"""A worker's connections to all its servers: it waits for a job on all of them. What a job is for, it does not know.

Rules of this file:
1. All servers are held at once, and one is asked for a job at a time: a job that is given is done, never put back.
2. Nothing waits for a server that does not answer: connecting is the dialer's, waiting is the selector's.
3. Servers that have jobs take turns.
4. A server that is away is told of once in the log, not at each attempt.
"""

from __future__ import annotations

import contextlib
import logging
import random
import selectors
import socket
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING

from ..errors import ConnectionLost, ProtocolError, ReplyTimeout
from ..wire import commands as c
from .dialer import Dialer
from .session import text
from .worker_session import State, WorkerSession

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from .connection import Address, Connection

log = logging.getLogger("gearbridge.worker")

# Seconds before a server is tried again: doubled at each failure, and scattered so that workers do not come in step.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 10.0


class Peer:
    """One server, connected or not."""

    __slots__ = ("address", "connection", "deadline", "dialing", "failures", "retry_at", "session", "told")

    def __init__(self, address: Address) -> None:
        self.address = address
        self.connection: Connection | None = None
        self.session = WorkerSession()
        self.deadline = 0.0  # of the answer to GRAB_JOB_UNIQ
        self.dialing = False
        self.failures = 0  # since it last said something
        self.retry_at = 0.0
        self.told = False  # whether the log says that it is away

    def is_in(self, state: State) -> bool:
        """Whether it is connected and its session in that state."""
        return self.connection is not None and self.session.state is state


class WorkerLinks:
    """The connections of one worker. `introduce` makes the first bytes for each new one; times are in seconds."""

    def __init__(
        self,
        addresses: Sequence[Address],
        introduce: Callable[[WorkerSession], bytes],
        connect_timeout: float,
        reply_timeout: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._introduce = introduce
        self._reply_timeout = reply_timeout
        self._peers = deque(map(Peer, addresses))  # the next one to be asked comes first
        self._selector = selectors.DefaultSelector()
        self._bell, self._bell_rope = socket.socketpair()
        for end in (self._bell, self._bell_rope):
            end.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._dialer = Dialer(connect_timeout, self.wake, tls)

    def wake(self) -> None:
        """Make `next_job` look at `stopping` again. For signal handlers and other threads, at any time."""
        with contextlib.suppress(OSError):  # rung enough already, or closed
            self._bell_rope.send(b"\0")

    def next_job(self, stopping: Callable[[], bool]) -> tuple[Peer, Sequence[bytes]] | None:
        """Wait for a job and return its server and the arguments of JOB_ASSIGN_UNIQ; None once `stopping()`.

        A server that was asked already is heard first: what it gives must be done.
        """
        while True:
            asked = next((peer for peer in self._peers if peer.is_in(State.ASKED)), None)
            if asked is None:
                if stopping():
                    return None
                asked = self._ask_next()
            self._dial()
            assigned = self._wait(self._patience(asked))
            if assigned is not None:
                return assigned
            if asked is not None and asked.is_in(State.ASKED) and monotonic() >= asked.deadline:
                self._lose(asked, f"no answer within {self._reply_timeout:g} s")

    def send(self, peer: Peer, octets: bytes) -> None:
        """Send to the server that gave the job in hand. Raises ConnectionLost."""
        if peer.connection is None:
            raise ConnectionLost(f"the connection to {peer.address} is gone")
        try:
            peer.connection.send(octets, monotonic() + self._reply_timeout)
        except (ConnectionLost, ReplyTimeout) as error:
            self._lose(peer, str(error))
            raise ConnectionLost(str(error)) from error

    def finish(self, peer: Peer, command: int, *args: bytes, last: bool) -> None:
        """End the job in hand; unless it is the `last`, ask for another one at once. Raises ConnectionLost."""
        if len(self._peers) > 1:
            self._wait(0)  # the others may have something by now
        grab = not last and not any(other.is_in(State.AWAKE) for other in self._peers)
        if peer.connection is None:
            raise ConnectionLost(f"the connection to {peer.address} is gone")
        peer.deadline = monotonic() + self._reply_timeout
        self.send(peer, peer.session.finish(command, *args, grab=grab))

    def close(self) -> None:
        """Close all connections."""
        self._dialer.close()
        self._selector.close()
        for peer in self._peers:
            if peer.connection is not None:
                peer.connection.close()
        self._bell.close()
        self._bell_rope.close()

    def _ask_next(self) -> Peer | None:
        for _ in range(len(self._peers)):
            peer = self._peers[0]
            self._peers.rotate(-1)
            if peer.is_in(State.AWAKE):
                peer.deadline = monotonic() + self._reply_timeout
                with contextlib.suppress(ConnectionLost):  # then the next one's turn has come
                    self.send(peer, peer.session.grab())
                    return peer
        return None

    def _patience(self, asked: Peer | None) -> float | None:
        """How long there is nothing to do but wait, in seconds; None for ever."""
        moments = [peer.retry_at for peer in self._peers if peer.connection is None and not peer.dialing]
        if asked is not None:
            moments.append(asked.deadline)
        return max(0.0, min(moments) - monotonic()) if moments else None

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
        octets = peer.connection.receive_waiting() if peer.connection is not None else None
        if octets is None:
            return None
        if not octets:
            self._lose(peer, "it closed the connection")
            return None
        try:
            packets = peer.session.receive(octets)
        except ProtocolError as error:
            self._lose(peer, str(error))
            return None
        self._praise(peer)
        assigned = None
        for command, args in packets:
            if command == c.JOB_ASSIGN_UNIQ:
                assigned = args
            elif command == c.ERROR:
                log.warning("job server %s: %s: %s", peer.address, text(args[0]), text(args[1]))
            elif command == c.NO_JOB and peer.is_in(State.AWAKE):
                with contextlib.suppress(ConnectionLost):  # told of in the log
                    self.send(peer, peer.session.sleep())
        return assigned

    def _dial(self) -> None:
        for peer in self._peers:
            if peer.connection is None and not peer.dialing and monotonic() >= peer.retry_at:
                peer.dialing = True
                self._dialer.dial(peer.address)

    def _greet(self) -> None:
        """Take over the connections that the dialer made."""
        for address, outcome in self._dialer.take():
            peer = next(peer for peer in self._peers if peer.address == address)
            peer.dialing = False
            if isinstance(outcome, OSError):
                self._lose(peer, f"it cannot be reached ({outcome.strerror or outcome})")
                continue
            peer.connection = outcome
            peer.session = WorkerSession()
            self._selector.register(outcome, selectors.EVENT_READ, peer)
            with contextlib.suppress(ConnectionLost):  # told of in the log
                self.send(peer, self._introduce(peer.session))

    def _lose(self, peer: Peer, reason: str) -> None:
        if peer.connection is not None:
            self._selector.unregister(peer.connection)
            peer.connection.close()
            peer.connection = None
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(peer.failures, 20))
        peer.failures += 1
        peer.retry_at = monotonic() + pause * random.uniform(0.5, 1.0)
        if not peer.told:
            peer.told = True
            log.warning("job server %s is away, trying again until it is back: %s", peer.address, reason)

    def _praise(self, peer: Peer) -> None:
        """Count a server as well: it spoke. An open connection alone is no proof of that."""
        peer.failures = 0
        if peer.told:
            peer.told = False
            log.warning("job server %s is back", peer.address)
