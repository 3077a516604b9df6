"""A running job server, from top to bottom: open the store, replay, listen, serve, drain, close."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from contextlib import AbstractAsyncContextManager, closing, nullcontext
from typing import TYPE_CHECKING, Any, cast

from gearbridge.core.engine import Engine
from gearbridge.stores.registry import shown as store_shown

from . import notify
from .claimer import Claimer, EngineClaimant
from .commits import Commits
from .door import Door
from .entrance import CLOSE_TIMEOUT, Entrance
from .listening import shown
from .logs import reopen
from .looping import GRACEFUL_SIGNAL, STOP_SIGNALS, SWITCH_INTERVAL, loop_factory, nothing_is_garbage
from .membership import Membership
from .opening import store_of
from .postponed import Postponed, write_outboxes
from .retention import Retention
from .seldom import Seldom
from .settings import settings_of
from .sweeper import Sweeper
from .tls import server_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from socket import socket

    from gearbridge.stores.base import SharedStore, Store, WindowedStore

    from .committer import Committer
    from .config import ServerConfig
    from .connection import Connection

    Beside = Callable[["Service"], AbstractAsyncContextManager[Any]]

_log = logging.getLogger(__name__)


def nothing(_service: object) -> AbstractAsyncContextManager[None]:
    """Nothing runs beside the server, or the bridge."""
    return nullcontext()


def run(config: ServerConfig, ready: Callable[[str], None], beside: Beside = nothing) -> None:
    """Serve until SIGTERM or SIGINT, or after SIGUSR1 until the jobs in hand are done.

    `ready` is called once it serves, with a line that says where. `beside` is what else runs in its event loop while it
    serves, entered before and left when it stops. Raises ConfigurationError when the server cannot start as told.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    tls = server_context(config)
    with closing(store_of(config)) as store:
        store.open()
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(Service(config, store, tls, ready, beside).serve())


class Service:
    """The shell around one engine."""

    def __init__(
        self,
        config: ServerConfig,
        store: Store,
        tls: ssl.SSLContext | None,
        ready: Callable[[str], None],
        beside: Beside = nothing,
    ) -> None:
        self.config = config
        self.max_packet = config.max_packet
        self.max_outbox = config.outbox_limit()
        self.flooded = Seldom(_log)
        abilities = store.abilities
        self.engine = Engine(settings_of(config), durable=abilities.durable, claimable=abilities.claimable)
        self._lifecycle = self.engine.lifecycle  # what every flush looks at, without a call for each
        self._store = store
        self._ready = ready
        self._beside = beside
        self._commits = Commits(self.engine, store, config.store_patience, config.max_journal, self.flush)
        self._claimer: Claimer | None = None
        self._retention: Retention | None = None
        self._membership: Membership | None = None
        self._connections: dict[Connection, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._stop = asyncio.Event()
        self._entrance = Entrance(config, self, tls)
        self._door = Door(config.max_connections)
        self._sweeper = Sweeper(self._connections, config.packet_timeout, config.idle_timeout)
        self._retiring = False
        self._flushed: asyncio.Event | None = None  # somebody waits for the next flush, while stopping
        self._loop: asyncio.AbstractEventLoop
        self._postponed: Postponed

    async def serve(self) -> None:
        """Everything between the store's opening and its closing."""
        self._loop = asyncio.get_running_loop()
        self._postponed = Postponed(self._loop)
        self._replay()
        sockets = self._entrance.sockets()
        for number in STOP_SIGNALS:
            self._loop.add_signal_handler(number, self.stop)
        self._loop.add_signal_handler(signal.SIGHUP, self.reload)
        self._loop.add_signal_handler(GRACEFUL_SIGNAL, self.stop_gracefully)
        self._commits.start(self._loop)
        abilities = self._store.abilities
        if abilities.claimable:
            store = cast("WindowedStore", self._store)
            self._claimer = Claimer(EngineClaimant(self.engine), self.committer, store, self.flush)
            self._claimer.start()
            self._retention = Retention(self.committer, store, self.config.keep_done, self.config.keep_failed)
            self._retention.start()
        if abilities.shared:
            shared = cast("SharedStore", self._store)
            self._membership = Membership(self.engine, self.committer, shared, self.config.lease, self.flush)
            await self._membership.start()
        try:
            await self._entrance.open(sockets)
            async with self._beside(self):
                self._announce(sockets)
                self._tick()
                self._sweeper.start()
                await self._stop.wait()
                self._entrance.close()
        finally:
            await self._drain()

    def stop(self) -> None:
        """End soon: write what was taken in, and close. What runs is done again by the next server."""
        self._stop.set()

    def reload(self) -> None:
        """Open anew what another program may have moved away or renewed: the log file, the certificate."""
        with notify.reloading():
            reopen()
            self._entrance.reload()

    def stop_gracefully(self) -> None:
        """Take no more connections; end when no job runs here, and none waits that would be lost."""
        if not self._retiring:
            self._retiring = True
            notify.stopping()
            _log.info("stopping when the jobs in hand are done")
            self._entrance.close()
            self.engine.retire()
        self.flush()

    # What watchers ask of the service.

    @property
    def committer(self) -> Committer:
        """Who writes to the store, and knows how that goes."""
        return self._commits.committer

    @property
    def retiring(self) -> bool:
        """Whether it takes no more connections and ends when the jobs in hand are done."""
        return self._retiring

    # What connections ask of the service.

    def admit(self, connection: Connection) -> bool:
        """Whether there is room for one more."""
        return self._door.admit(connection)

    def opened(self, connection: Connection) -> None:
        """A connection was made."""
        self._connections[connection] = None

    def lost(self, connection: Connection) -> None:
        """A connection is gone."""
        self._connections.pop(connection, None)
        self._door.leave(connection)

    def flush(self, source: Connection | None = None) -> None:
        """Send what the engine has to say, see to its timer, and give the store what gathered."""
        lifecycle = self._lifecycle
        if lifecycle.wants_tick:
            self._tick()  # before the writing: what is due wakes workers
        dirty = self.engine.take_dirty()
        if source is None:
            write_outboxes(dirty)
        else:
            peer = source.peer
            if peer.dirty:
                source.write_outbox()
            if dirty and (len(dirty) > 1 or dirty[0] is not peer):
                self._postponed.add(dirty)
        if lifecycle.wants_claim and self._claimer is not None:
            self._claimer.wake()
        if lifecycle.lease.lost and self._membership is not None:
            self._membership.lost()
        if lifecycle.journal.size or lifecycle.questions:
            self._commits.see_to(source)
        if lifecycle.stop_asked is not None:
            self._stop_as_asked()
        if self._retiring and self.engine.is_idle():
            self.stop()
        if self._flushed is not None:
            self._flushed.set()

    def _stop_as_asked(self) -> None:
        asked = self.engine.take_stop()
        _log.info("an admin command asks the server to end %s", asked)
        if asked == "now":
            self.stop()
        else:
            self.stop_gracefully()

    # Time.

    def _tick(self) -> None:
        pause = self.engine.tick(time.monotonic(), time.time())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if pause is not None:
            # Wall clocks step: look again within the minute, whatever is planned.
            self._timer = self._loop.call_later(min(pause, 60.0), self._timed)

    def _timed(self) -> None:
        self._timer = None
        self._tick()
        self.flush()

    # Start and stop.

    def _replay(self) -> None:
        self.engine.queue.now = time.monotonic()
        with nothing_is_garbage():  # jobs are all that is made meanwhile
            count = self.engine.restore(self._store.replay())
        if count:
            _log.info("jobs back from the store: %d", count)
        if self._store.abilities.claimable:
            count = self.engine.restore_backlog(cast("WindowedStore", self._store).backlog())
            if count:
                _log.info("jobs that wait in the store, beyond the window in memory: %d", count)

    def _announce(self, sockets: list[socket]) -> None:
        where = ", ".join(shown(opened) for opened in sockets) + (" (TLS)" if self.config.ssl_certificate else "")
        kept = (
            "memory only: they end with this server"
            if self.config.store == "memory:"
            else store_shown(self.config.store)
        )
        self._ready(f"gearbridge server listening on {where}; jobs are kept in {kept}")

    async def _drain(self) -> None:
        """Take nothing more in, have the store write what is left, let replies out, close."""
        notify.stopping()
        self._sweeper.stop()
        for connection in self._connections:
            connection.pause("stopping")
        if self._claimer is not None:
            await self._claimer.stop()
        if self._retention is not None:
            await self._retention.stop()
        if self._membership is not None:
            await self._membership.stop()
        await self._until(lambda: not self._commits.under_way)
        self._postponed.write()
        for connection in list(self._connections):
            connection.transport.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._until(lambda: not self._connections)
        except TimeoutError:
            for connection in list(self._connections):
                connection.transport.abort()
        # Jobs of workers that left went back to the queue, one attempt older, and that is written too.
        await self._until(lambda: not self._connections and not self._commits.under_way)
        self.committer.stop()

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that only a flush can have changed."""
        while not condition():
            self._flushed = asyncio.Event()
            await self._flushed.wait()
