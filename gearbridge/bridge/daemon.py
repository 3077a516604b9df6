"""A bridge's life, from top to bottom: stand by, take the table, relay, let go; and again where it was taken away."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AbstractAsyncContextManager, closing
from typing import TYPE_CHECKING, Any

from gearbridge.process import systemd
from gearbridge.process.event_loop import SWITCH_INTERVAL, loop_factory
from gearbridge.process.logs import reopen
from gearbridge.process.out_of_memory import watch

from .link import JobServers
from .service import Bridge
from .standby import Standby

if TYPE_CHECKING:
    from collections.abc import Callable

    from gearbridge.process.signals import Signals

    from .config import BridgeConfig

    Companions = Callable[["Daemon"], AbstractAsyncContextManager[Any]]


def run(config: BridgeConfig, ready: Callable[[str], None], companions: Companions, signals: Signals) -> None:
    """Move jobs until SIGTERM or SIGINT, or after SIGUSR1 until the claimed ones have ended.

    `ready` is called each time the bridge has the table, with a line that describes the route. `companions` is what
    else runs in its event loop, as long as it runs. Raises ConfigurationError when it cannot start so. While another
    bridge or server has the table it stands by.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    daemon = Daemon(config, ready)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        try:
            runner.run(daemon.live(companions, signals))
        finally:
            signals.detach()


class Daemon:
    """The receiver of the process's signals. `bridge` is set while it has the table."""

    def __init__(self, config: BridgeConfig, ready: Callable[[str], None]) -> None:
        self.config = config
        self.bridge: Bridge | None = None
        self.servers = JobServers(config.servers, config.tls)
        self.standby = Standby(config.database, systemd.ready)
        self._ready = ready
        self._stopped = asyncio.Event()

    async def live(self, companions: Companions, signals: Signals) -> None:
        """Run everything until it is to stop."""
        loop = asyncio.get_running_loop()
        watch(loop)
        signals.attach(loop, self)
        async with companions(self):
            while (store := await self.standby.take(self._stopped)) is not None:
                with closing(store):
                    self.bridge = Bridge(self.config, store, self.servers)
                    try:
                        await self.bridge.serve(self._works)
                    finally:
                        self.bridge = None

    @property
    def stopping(self) -> bool:
        """Whether it ends soon: at once, or when the claimed jobs have ended."""
        return self._stopped.is_set()

    def _works(self, line: str) -> None:
        self._ready(line)
        systemd.ready(line)

    def stop(self) -> None:
        """End soon: settle what is acknowledged."""
        self._leave()
        if self.bridge is not None:
            self.bridge.stop()

    def stop_gracefully(self) -> None:
        """End when the claimed jobs have ended."""
        self._leave()
        if self.bridge is not None:  # else there is no claimed job to wait for
            self.bridge.drain()

    def _leave(self) -> None:
        if not self._stopped.is_set():
            self._stopped.set()
            systemd.stopping()

    def reload(self) -> None:
        """Open and read anew what another program may have moved away or renewed."""
        with systemd.reloading():
            reopen()
            self.servers.reload()
