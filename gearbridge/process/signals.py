"""Signals to a daemon, heeded from before its pid file is written until its process ends.

The event loop's own handlers exist only while it runs. Until then, and after it, a SIGHUP or SIGUSR1 that a script
sends to the process in the pid file would end it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Protocol

from .event_loop import GRACEFUL_SIGNAL, STOP_SIGNALS

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator
    from types import FrameType


class Signalled(Protocol):
    """A daemon that is served by an event loop."""

    def stop(self) -> None:
        """End soon; when called again, sooner."""

    def stop_gracefully(self) -> None:
        """End when the running jobs have ended."""

    def reload(self) -> None:
        """Open and read anew what another program may have moved away or renewed."""


class Signals:
    """Heeds signals for one daemon. Until it is attached SIGHUP waits, and the others end the process with status 0."""

    def __init__(self) -> None:
        self._daemon: Signalled | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wants_reload = False
        self._ended = False

    @contextlib.contextmanager
    def heeded(self) -> Iterator[None]:
        """Heed them in the block; behind it the process is at its end, and only SIGTERM and SIGINT change anything."""
        for number in (*STOP_SIGNALS, GRACEFUL_SIGNAL, signal.SIGHUP):
            signal.signal(number, self._heed)
        try:
            yield
        finally:
            self._ended = True

    def attach(self, loop: asyncio.AbstractEventLoop, daemon: Signalled) -> None:
        """Deliver signals through the running loop to the daemon from now on."""
        self._daemon, self._loop = daemon, loop
        if self._wants_reload:
            loop.call_soon(daemon.reload)

    def detach(self) -> None:
        """The loop is about to end."""
        self._daemon = self._loop = None
        self._ended = True

    def _heed(self, number: int, _frame: FrameType | None) -> None:
        if self._daemon is not None and self._loop is not None:
            call = self._daemon.stop
            if number == signal.SIGHUP:
                call = self._daemon.reload
            elif number == GRACEFUL_SIGNAL:
                call = self._daemon.stop_gracefully
            with contextlib.suppress(RuntimeError):  # the loop has just closed
                self._loop.call_soon_threadsafe(call)
        elif number == signal.SIGHUP:
            self._wants_reload = True
        elif not self._ended:
            sys.exit(0)  # nothing was taken in
        elif number in STOP_SIGNALS:
            os._exit(0)  # all is written
