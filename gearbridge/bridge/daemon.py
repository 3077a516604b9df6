"""A bridge's life, from top to bottom: stand by, take the table, relay, let go; and again where it was taken away."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AbstractAsyncContextManager, closing
from typing import TYPE_CHECKING, Any

from gearbridge.server import notify
from gearbridge.server.logs import reopen
from gearbridge.server.looping import GRACEFUL_SIGNAL, STOP_SIGNALS, SWITCH_INTERVAL, loop_factory
from gearbridge.server.service import nothing

from .link import JobServers
from .service import Bridge
from .standby import Standby

if TYPE_CHECKING:
    from collections.abc import Callable

    from .config import BridgeConfig

    Beside = Callable[["Daemon"], AbstractAsyncContextManager[Any]]


def run(config: BridgeConfig, ready: Callable[[str], None], beside: Beside = nothing) -> None:
    """Move jobs until SIGTERM or SIGINT, or after SIGUSR1 until those in hand have ended.

    `ready` is called each time the bridge has the table, with a line that says what goes where. `beside` is what else
    runs in its event loop, as long as it runs. Raises ConfigurationError when it cannot start as told. While another
    bridge or server has the table it stands by.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    daemon = Daemon(config, ready)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(daemon.live(beside))


class Daemon:
    """Hears what the process is told. `bridge` is there while it has the table."""

    def __init__(self, config: BridgeConfig, ready: Callable[[str], None]) -> None:
        self.config = config
        self.bridge: Bridge | None = None
        self.servers = JobServers(config.servers, config.tls)
        self.standby = Standby(config.database, notify.ready)
        self._ready = ready
        self._stopped = asyncio.Event()

    async def live(self, beside: Beside) -> None:
        """Everything, until it was told to stop."""
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(GRACEFUL_SIGNAL, self._stop_gracefully)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        async with beside(self):
            while (store := await self.standby.take(self._stopped)) is not None:
                with closing(store):
                    self.bridge = Bridge(self.config, store, self.servers)
                    try:
                        await self.bridge.serve(self._works)
                    finally:
                        self.bridge = None

    @property
    def stopping(self) -> bool:
        """Whether it ends soon: at once, or when the jobs in hand have ended."""
        return self._stopped.is_set()

    def _works(self, line: str) -> None:
        self._ready(line)
        notify.ready(line)

    def _stop(self) -> None:
        self._leave()
        if self.bridge is not None:
            self.bridge.stop()

    def _stop_gracefully(self) -> None:
        self._leave()
        if self.bridge is not None:  # else nothing is in hand that could be waited for
            self.bridge.retire()

    def _leave(self) -> None:
        if not self._stopped.is_set():
            self._stopped.set()
            notify.stopping()

    def reload(self) -> None:
        """Open and read anew what another program may have moved away or renewed."""
        with notify.reloading():
            reopen()
            self.servers.reload()
