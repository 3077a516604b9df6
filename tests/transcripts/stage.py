"""Where transcripts are played: an engine in memory, or a job server as a process. It knows no transcript.

A connection's `send` returns when the server has dealt with what was sent, so that steps have an order although a
server serves its connections side by side.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Protocol, Self

from gearbridge.wire import commands
from gearbridge.wire.packets import request, response
from tests.core.conversation import Speaker, Talk
from tests.fixtures.processes import PATIENCE, wait_until

if TYPE_CHECKING:
    from types import TracebackType

    from tests.fixtures.job_server import JobServer


class Line(Protocol):
    """One connection."""

    heard: bytes  # what came and was not yet looked at
    closed: bool  # by the server

    def send(self, octets: bytes) -> None: ...
    def settle(self) -> None:
        """Return when everything sent so far, by anyone, has had its effect on `heard`."""

    def wait(self) -> bool:
        """Wait for more in `heard`, or for `closed`; False when nothing will come."""

    def leave(self) -> None: ...


class Stage(Protocol):
    """A job server."""

    def now(self) -> float: ...
    def connect(self) -> Line: ...
    def died(self) -> bool: ...


class MemoryStage:
    """An engine and its clock, which moves to the next thing planned whenever somebody waits."""

    def __init__(self, **settings: object) -> None:
        self.talk = Talk(**settings)  # type: ignore[arg-type]  # Settings checks them
        self.clock = 1_000_000.0

    def now(self) -> float:
        return self.clock

    def connect(self) -> MemoryLine:
        return MemoryLine(self, self.talk.connect())

    def died(self) -> bool:
        return False

    def tick(self) -> float | None:
        return self.talk.tick(now=self.clock, wall=self.clock)


class MemoryLine:
    def __init__(self, stage: MemoryStage, speaker: Speaker) -> None:
        self._stage = stage
        self._speaker = speaker
        self.heard = b""
        self.closed = False

    def send(self, octets: bytes) -> None:
        self._speaker.raw(octets)
        if self._stage.talk.engine.signals.wants_tick:
            self._stage.tick()
        self.settle()

    def settle(self) -> None:
        arrived, self._speaker.arrived = self._speaker.arrived, b""
        self.heard += arrived
        self.closed = self._speaker.closed

    def wait(self) -> bool:
        before = len(self.heard)
        self.settle()
        if len(self.heard) > before or self.closed:
            return True
        pause = self._stage.tick()
        if pause is None:
            self.settle()
            return len(self.heard) > before
        self._stage.clock += pause
        self._stage.tick()
        self.settle()
        return True

    def leave(self) -> None:
        self._speaker.leave()


class ServerStage:
    """A job server as a process. A connection of its own tells who is connected."""

    def __init__(self, server: JobServer) -> None:
        self._server = server
        self._lines: list[ServerLine] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for line in self._lines:
            line.close()

    def now(self) -> float:
        return time.time()

    def connect(self) -> ServerLine:
        line = ServerLine(self, self._server.port)
        self._lines.append(line)
        return line

    def died(self) -> bool:
        process = self._server.process
        assert process is not None
        process.wait()  # fails when it does not end
        return True

    def left(self, line: ServerLine) -> None:
        """Return when the server knows that this line is gone."""
        self._lines.remove(line)

        def known() -> bool:
            # The connection that asks is listed too.
            return len(self._server.admin("workers")) <= 1 + sum(not line.closed for line in self._lines)

        wait_until(known, what="the server's notice of a closed connection")


class ServerLine:
    def __init__(self, stage: ServerStage, port: int) -> None:
        self._stage = stage
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._echoes = 0
        self.heard = b""
        self.closed = False

    def send(self, octets: bytes) -> None:
        try:
            self._socket.sendall(octets)
        except ConnectionError:
            self.closed = True
        self.settle()

    def settle(self) -> None:
        # Packets of one connection are dealt with in order: the answer to an ECHO_REQ is behind all other answers.
        self._echoes += 1
        token = b"settled %d" % self._echoes
        echo = response(commands.ECHO_RES, token)
        try:
            self._socket.sendall(request(commands.ECHO_REQ, token))
        except ConnectionError:
            self.closed = True
        while echo not in self.heard and self.wait() and not self.closed:
            pass
        self.heard = self.heard.replace(echo, b"")

    def wait(self) -> bool:
        if self.closed:
            return False
        try:
            received = self._socket.recv(1 << 16)
        except TimeoutError:
            return False
        except ConnectionError:
            received = b""
        self.closed = not received
        self.heard += received
        return True

    def leave(self) -> None:
        self.close()
        self._stage.left(self)

    def close(self) -> None:
        self._socket.close()
