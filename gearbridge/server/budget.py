"""One budget of memory for all connections together: over it the largest is dropped, so that the others are served.

Two limits. What connections have begun to send, what waits for them and what waits for the store is added up, and has
half of the budget, at most 384 MiB. The process as a whole has the budget itself, as the system measures it: over that
background jobs that would stay in memory are refused, none are claimed from the job table, and connections with much
to their name, unfinished foreground jobs included, are dropped.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

from gearbridge.core.footprint import least_size_of_peer, size_of_peer
from gearbridge.process.memory import Allocator, ResidentMemory, available
from gearbridge.process.rate_limited_log import RateLimitedLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gearbridge.core.engine import Engine
    from gearbridge.core.peer import Peer
    from gearbridge.wire.parser import PacketParser

MEBIBYTE = 1024 * 1024
#: Most bytes that connections may hold together, however much memory there is.
MOST_HELD = 384 * MEBIBYTE
#: Bytes that a server gets beyond those it takes at its start, whatever the setting.
FLOOR = 64 * MEBIBYTE
#: A connection that holds less than this is not worth dropping, unless there are very many.
_WORTH_DROPPING = MEBIBYTE
_LEAST = 4096
#: What is over a limit is brought down to this share of it, and a shortage is over below it.
_ENOUGH = 0.95
#: Seconds between two looks while nothing large comes, and between two trims of the heap.
_PAUSE = 0.25
_TRIM_PAUSE = 1.0
#: A queue of fewer bytes than this share of the budget is not what fills the memory: nothing is refused for it.
_SMALL_QUEUE = 8
#: The share of the budget that connections keep, whatever else fills it.
_LEFT_TO_THEM = 8

_log = logging.getLogger(__name__)


class Holding(Protocol):
    """A connection, with what it holds in memory."""

    parser: PacketParser
    peer: Peer
    queued: int

    def held(self) -> int:
        """Return the bytes of what it has begun to send, and of what waits for it."""

    def drop(self) -> None:
        """Close it at once, and forget what it has begun to send."""


class Limits(NamedTuple):
    """total: bytes for the process; None where the amount of memory is unknown. held: those of connections."""

    total: int | None
    held: int


def limits_of(memory: int) -> Limits:
    """Return the limits for --memory; 0 is three quarters of the machine's, the container's or ulimit's memory."""
    total: int | None = memory
    if not memory:
        machine = available()
        total = machine and machine // 4 * 3
    return Limits(total, min(total // 2, MOST_HELD) if total else MOST_HELD)


class Budget:
    """Keeps a server within `limits`. `flush` is called when jobs may be claimed again."""

    def __init__(
        self, limits: Limits, engine: Engine, connections: Iterable[Holding], flush: Callable[[], None]
    ) -> None:
        self._limits = limits
        self._engine = engine
        self._snapshot = engine.snapshot()
        self._connections = connections
        self._flush = flush
        self._step = limits.held // 32
        self._grown = 0
        self._memory = ResidentMemory()
        self._allocator = Allocator()
        self._trim_at = 0.0  # not before this moment
        self._wants_trim = False
        self._seen = 0  # how large the process was when the timer last looked
        self._dropped = RateLimitedLog(_log)
        self._short = RateLimitedLog(_log)
        self._timer: asyncio.TimerHandle | None = None
        begin = self._memory.read() or 0
        self._total = None if limits.total is None else max(limits.total, begin + FLOOR)
        if self._total != limits.total:
            _log.warning("--memory is less than this server needs; the budget is %d MB", (self._total or 0) >> 20)

    def start(self) -> None:
        """Look from now on."""
        self._allocator.tune()
        self._look_again(asyncio.get_running_loop())

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
        self._memory.close()

    def grow(self, size: int) -> None:
        """Add bytes that are held for a large packet in or out. What shrinks is noticed at the next look."""
        self._grown += size
        if self._grown >= self._step:
            self.check()

    def leave(self, connection: Holding) -> None:
        """A connection is gone, and what it held is free in a moment."""
        held = connection.parser.gathered + connection.queued
        if held + least_size_of_peer(connection.peer) >= _WORTH_DROPPING:
            self._wants_trim = True

    def check(self) -> None:
        """Look whether a limit is passed, and do what helps."""
        self._grown = 0
        self._keep_held()
        if self._total is None:
            return
        size = self._memory.read() or 0
        if size > self._total or self._wants_trim:
            self._trim()
            size = self._memory.read() or 0
        over = size - self._total
        if over > 0:
            if self._engine.is_clearing:
                return  # jobs of a client that was dropped: memory comes back in a moment
            self._drop_for_total(over, f"the process takes {size >> 20} MB of {self._total >> 20}")
            if not self._engine.short_of_memory and self._is_queue_large():
                self._engine.set_short_of_memory(True)
                self._short.warn("short of memory: %d MB are used; background jobs are refused", size >> 20)
        elif self._engine.short_of_memory and (size < self._total * _ENOUGH or not self._is_queue_large()):
            self._engine.set_short_of_memory(False)
            self._short.warn("no longer short of memory: %d MB are used", size >> 20)
            self._flush()

    def _look_again(self, loop: asyncio.AbstractEventLoop) -> None:
        size = self._memory.read() or 0
        over = self._total is not None and size > self._total
        if over or size > self._seen + MEBIBYTE or self._wants_trim or self._engine.short_of_memory:
            self.check()
            self._seen = size
        self._seen = min(self._seen, size)
        self._timer = loop.call_later(_PAUSE, self._look_again, loop)

    def _trim(self) -> None:
        now = time.monotonic()
        if now >= self._trim_at:
            self._allocator.trim()
            self._wants_trim = False
            self._trim_at = time.monotonic() + max(_TRIM_PAUSE, 20 * (time.monotonic() - now))

    def _keep_held(self) -> None:
        held = sum(connection.held() for connection in self._connections) + self._engine.journal.size
        if held > self._limits.held:
            over = held - int(self._limits.held * _ENOUGH)
            weighed = [(connection.held(), connection) for connection in self._connections]
            self._drop_largest(over, weighed, self._least(len(weighed)), f"connections hold {held >> 20} MB")

    def _drop_for_total(self, over: int, why: str) -> None:
        """Drop connections until they have a small share of the budget: what else fills it is not theirs."""
        assert self._total is not None
        weighed = [(_all_of(connection), connection) for connection in self._connections]
        theirs = sum(weight for weight, _ in weighed) - self._total // _LEFT_TO_THEM
        self._drop_largest(min(over, theirs), weighed, self._least(len(weighed)), why)

    def _least(self, connections: int) -> int:
        """The smallest connection worth dropping, so that those which stay hold half of what they may at most."""
        return max(_LEAST, min(_WORTH_DROPPING, self._limits.held // (2 * connections + 1)))

    def _drop_largest(self, size: int, weighed: Iterable[tuple[int, Holding]], least: int, why: str) -> None:
        heavy = [(weight, one) for weight, one in weighed if weight >= least]
        for weight, connection in sorted(heavy, key=lambda entry: entry[0], reverse=True):
            if size <= 0:
                return
            size -= weight
            self._dropped.warn("dropped %s, which holds %d MB: %s", connection.peer.address, weight >> 20, why)
            connection.drop()
            self._wants_trim = True

    def _is_queue_large(self) -> bool:
        """Return whether jobs in memory are a good part of what fills it."""
        assert self._total is not None
        return self._snapshot.size_of_jobs() > self._total / _SMALL_QUEUE


def _all_of(connection: Holding) -> int:
    return connection.held() + size_of_peer(connection.peer)
