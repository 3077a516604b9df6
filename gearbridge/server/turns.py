"""Turns of connections that have sent or asked for much: each has a large answer or some time, then others have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio

    from gearbridge.core.engine import Engine


class Waiting(Protocol):
    """A connection that has more to handle."""

    def go_on(self) -> None:
        """Handle some of it."""


class Turns:
    """A queue of connections: one goes on in each round of the loop, the one that has waited longest."""

    def __init__(self, loop: asyncio.AbstractEventLoop, engine: Engine) -> None:
        self._loop = loop
        self._engine = engine
        self._waiting: dict[Waiting, None] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, connection: Waiting) -> None:
        """Let this connection go on when it is its turn."""
        if not self._waiting:
            self._loop.call_soon(self._next)
            self._engine.set_crowded(True)
        self._waiting[connection] = None

    def _next(self) -> None:
        connection = next(iter(self._waiting))
        del self._waiting[connection]
        if self._waiting:
            self._loop.call_soon(self._next)
        self._engine.set_crowded(False)
        try:
            connection.go_on()
        finally:
            self._engine.set_crowded(bool(self._waiting))
