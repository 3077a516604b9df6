"""Talking to an engine in memory: what a test sends, what comes back, and the store's part said by the test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gearbridge.core.engine import Engine
from gearbridge.core.settings import Settings
from gearbridge.wire import commands
from gearbridge.wire.packets import RESPONSE_MAGIC, request
from gearbridge.wire.parser import PacketParser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gearbridge.records import Operation

Reply = tuple[str, ...]


class Talk:
    """An engine and the connections to it."""

    def __init__(
        self,
        *,
        durable: bool = False,
        claimable: bool = False,
        owned: bool = False,
        handle_prefix: str = "H:test",
        **settings: Any,
    ) -> None:
        told = Settings(handle_prefix=handle_prefix, **settings)
        self.engine = Engine(told, durable=durable, claimable=claimable, owned=owned)
        self._numbers = 0

    @property
    def now(self) -> float:
        """The engine's clock, which a test may set."""
        return self.engine.lifecycle.queue.now

    @now.setter
    def now(self, now: float) -> None:
        self.engine.lifecycle.queue.now = now

    def connect(self) -> Speaker:
        self._numbers += 1
        return Speaker(self, self._numbers)

    def worker(self, *functions: str) -> Speaker:
        """A worker that can do these functions."""
        speaker = self.connect()
        for function in functions:
            speaker.say("CAN_DO", function)
        return speaker

    def flush(self) -> None:
        for peer in self.engine.take_dirty():
            speaker = peer.owner
            assert isinstance(speaker, Speaker)
            speaker.arrived += peer.take_outbox()
            speaker.closed = speaker.closed or peer.closing

    def begin_commit(self) -> Sequence[Operation]:
        return self.engine.journal.take_group()

    def end_commit(
        self,
        group: Sequence[Operation],
        errors: dict[int, str] | None = None,
        joined: dict[bytes, bytes] | None = None,
    ) -> None:
        self.engine.committed(group, errors or {}, self.now, joined)
        self.flush()

    def commit(self, errors: dict[int, str] | None = None) -> Sequence[Operation]:
        """The store applies what gathered; `errors` says which operations it refuses."""
        group = self.begin_commit()
        self.end_commit(group, errors)
        return group

    def tick(self, now: float = 0.0, wall: float = 0.0) -> float | None:
        pause = self.engine.tick(now, wall)
        self.flush()
        return pause


class Speaker:
    """One connection."""

    def __init__(self, talk: Talk, number: int) -> None:
        self._talk = talk
        self.peer = talk.engine.connect(self, number, "127.0.0.1")
        self._parser = PacketParser()
        self._replies = PacketParser(RESPONSE_MAGIC)
        self.arrived = b""
        self.closed = False

    def raw(self, octets: bytes) -> None:
        self._talk.engine.receive(self.peer, self._parser.feed(octets), self._talk.now)
        self._talk.flush()

    def say(self, command: str, *args: str | bytes) -> None:
        """Send a packet."""
        encoded = [arg.encode() if isinstance(arg, str) else arg for arg in args]
        self.raw(request(getattr(commands, command), *encoded))

    def heard(self) -> list[Reply]:
        """The packets that came since the last call, each as its name and arguments."""
        octets, self.arrived = self.arrived, b""
        return [
            (commands.name_of(command), *(arg.decode("latin-1") for arg in args))
            for command, args in self._replies.feed(octets)
        ]

    def ask(self, command: str, *args: str | bytes) -> list[Reply]:
        """Send a packet and take what has come by then."""
        self.say(command, *args)
        return self.heard()

    def line(self, text: str) -> str:
        """Send an admin line and return the answer."""
        self.raw(text.encode() + b"\n")
        answer, self.arrived = self.arrived, b""
        return answer.decode()

    def submit(self, command: str, function: str, unique_key: str = "", payload: str | bytes = b"") -> str:
        """Submit a job and return its handle."""
        ((name, handle),) = self.ask(command, function, unique_key, payload)
        assert name == "JOB_CREATED"
        return handle

    def grab(self) -> str:
        """Grab a job and return its handle."""
        reply = self.ask("GRAB_JOB")[0]
        assert reply[0] == "JOB_ASSIGN", reply
        return reply[1]

    def leave(self) -> None:
        self._talk.engine.disconnect(self.peer)
        self._talk.flush()
