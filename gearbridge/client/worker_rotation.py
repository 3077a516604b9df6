"""A worker's servers and whose turn it is: whom to ask for a job, what to answer, when to connect again.

It knows no socket, no clock and no chance: bytes to be sent are returned, times are values of any one clock in seconds.

Rules of this file:
1. All servers are held at once, and one is asked for a job at a time: a job that is given is done, never put back.
2. Servers that have jobs take turns.
3. A server that is away is tried again after a pause that doubles at each failure.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from ..wire import commands as c
from .session import text
from .worker_session import State, WorkerSession

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .connection import Address
    from .worker_functions import WorkerFunctions

# Seconds before a server is tried again.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 10.0


class Peer:
    """One server, connected or not."""

    __slots__ = ("address", "connected", "deadline", "dialing", "failures", "retry_at", "session")

    def __init__(self, address: Address) -> None:
        self.address = address
        self.session = WorkerSession()
        self.connected = False
        self.dialing = False
        self.deadline = 0.0  # of the answer to GRAB_JOB_UNIQ
        self.failures = 0  # since its last answer
        self.retry_at = 0.0

    def is_in(self, state: State) -> bool:
        """Return whether it is connected and its session in that state."""
        return self.connected and self.session.state is state


class Heard(NamedTuple):
    """The events in a server's bytes."""

    job: Sequence[bytes] | None  # the arguments of JOB_ASSIGN_UNIQ, where it came
    answer: bytes  # to be sent; may be empty
    complaints: list[str]  # ERROR packets


class WorkerRotation:
    """The servers of one worker, which does one job at a time; a server has `reply_timeout` seconds to answer."""

    def __init__(self, addresses: Sequence[Address], duties: WorkerFunctions[Any], reply_timeout: float) -> None:
        self.peers = deque(map(Peer, addresses))  # the next one to be asked comes first
        self._duties = duties
        self._reply_timeout = reply_timeout

    @property
    def asked(self) -> Peer | None:
        """The server whose answer to GRAB_JOB_UNIQ is due."""
        return next((peer for peer in self.peers if peer.is_in(State.ASKED)), None)

    def news(self) -> list[tuple[Peer, bytes]]:
        """Return what to send to each server: functions that were registered or unregistered meanwhile."""
        told = [(peer, self._duties.announce(peer.session)) for peer in self.peers if peer.connected]
        return [(peer, octets) for peer, octets in told if octets]

    def ask_next(self, now: float) -> tuple[Peer, bytes] | None:
        """Choose the next server to ask for a job, and make the question; None where all sleep or are away."""
        for _ in range(len(self.peers)):
            peer = self.peers[0]
            self.peers.rotate(-1)
            if peer.is_in(State.AWAKE):
                return peer, self._grab(peer, now)
        return None

    def heard(self, peer: Peer, octets: bytes) -> Heard:
        """Take bytes from a server. Raises ProtocolError."""
        packets = peer.session.receive(octets)
        peer.failures = 0  # an open connection alone is no proof that it is well
        job = None
        answer = b""
        complaints = []
        for command, args in packets:
            if command == c.JOB_ASSIGN_UNIQ:
                job = args
            elif command == c.ERROR:
                complaints.append(f"{text(args[0])}: {text(args[1])}")
            elif command == c.NO_JOB and peer.is_in(State.AWAKE):
                answer += peer.session.sleep()
        return Heard(job, answer, complaints)

    def finish(self, peer: Peer, command: int, *args: bytes, last: bool, now: float) -> bytes:
        """Make the end of the running job; unless it is the `last`, or another server's turn, ask for one more."""
        grab = not last and not any(other.is_in(State.AWAKE) for other in self.peers)
        peer.deadline = now + self._reply_timeout
        return peer.session.finish(command, *args, grab=grab)

    def due(self, now: float) -> list[Peer]:
        """Return the servers to connect to now, and count them as being dialed."""
        due = [peer for peer in self.peers if not peer.connected and not peer.dialing and now >= peer.retry_at]
        for peer in due:
            peer.dialing = True
        return due

    def greet(self, peer: Peer) -> bytes:
        """Count a server as connected; return the first bytes for it."""
        peer.dialing = False
        peer.connected = True
        peer.session = WorkerSession()
        return self._duties.introduce(peer.session)

    def lose(self, peer: Peer, now: float, scatter: float) -> None:
        """Count a server as away. `scatter`, from 0 to 1, shortens the pause, so that workers do not come in step."""
        peer.dialing = peer.connected = False
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(peer.failures, 20))
        peer.failures += 1
        peer.retry_at = now + pause * (1.0 - scatter / 2.0)

    def patience(self, now: float) -> float | None:
        """Return how long to wait for events, in seconds; None for ever."""
        moments = [peer.retry_at for peer in self.peers if not peer.connected and not peer.dialing]
        asked = self.asked
        if asked is not None:
            moments.append(asked.deadline)
        return max(0.0, min(moments) - now) if moments else None

    def _grab(self, peer: Peer, now: float) -> bytes:
        peer.deadline = now + self._reply_timeout
        return peer.session.grab()
