"""A running job server, from top to bottom: open the store, replay, listen, serve, drain, close."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any, cast

from gearbridge.core.engine import Engine
from gearbridge.persistence.group_commit import GroupCommit
from gearbridge.process import systemd
from gearbridge.process.event_loop import nothing_is_garbage
from gearbridge.process.logs import reopen
from gearbridge.process.out_of_memory import watch
from gearbridge.process.sockets import shown
from gearbridge.stores.database.redaction import redacted

from .backpressure import Backpressure
from .budget import Budget, limits_of
from .connection_limit import ConnectionLimit
from .deferred_writes import DeferredWrites, write_outboxes
from .incident_log import IncidentLog
from .listener import CLOSE_TIMEOUT, Listener
from .settings import settings_of
from .store_tasks import StoreTasks
from .timeouts import Sweeper
from .turns import Turns
from .unworked_log import UnworkedLog

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from socket import socket

    from gearbridge.errors import StoreInUse
    from gearbridge.persistence.store_thread import Committer
    from gearbridge.process.signals import Signals
    from gearbridge.stores.interface import ClaimableStore, Store, WindowedStore

    from .config import ServerConfig
    from .connection import Connection

    Companions = Callable[["Service"], AbstractAsyncContextManager[Any]]

_log = logging.getLogger(__name__)


def no_companions(_service: object) -> AbstractAsyncContextManager[None]:
    """Run nothing else in the event loop of the server, or the bridge."""
    return nullcontext()


class Service:
    """The shell around one engine."""

    def __init__(
        self,
        config: ServerConfig,
        store: Store,
        tls: ssl.SSLContext | None,
        ready: Callable[[str], None],
        companions: Companions = no_companions,
    ) -> None:
        self.config = config
        self.max_packet = config.max_packet
        self.max_outbox = config.outbox_limit()
        self.backpressure = Backpressure(self.max_outbox)
        self._slow = self.backpressure.slow  # looked at by every flush
        traits = store.traits
        limits = limits_of(config.memory)
        settings = settings_of(config)
        self.engine = Engine(settings, durable=traits.durable, claimable=traits.claimable, owned=traits.owned)
        self._signals = self.engine.signals  # what every flush looks at, without a call for each
        self._journal = self.engine.journal
        self._store = store
        self._ready = ready
        self._companions = companions
        most = min(config.max_journal, limits.held // 4)
        self._commits = GroupCommit(self.engine, store, config.store_patience, self.flush, most)
        self.store_tasks = StoreTasks(config, self.engine, store, self._commits, self.flush, self._taken_away)
        self._taken: StoreInUse | None = None  # the store is another server's now
        self._connections: dict[Connection, None] = {}
        self.budget = Budget(limits, self.engine, self._connections, self.flush)
        self._incident_log = IncidentLog()
        self._timer: asyncio.TimerHandle | None = None
        self._stop = asyncio.Event()
        self._listener = Listener(config, self, tls)
        self._connection_limit = ConnectionLimit(config.max_connections)
        self._sweeper = Sweeper(self._connections, self.backpressure, config.packet_timeout, config.idle_timeout)
        self._retiring = False
        self._flushed: asyncio.Event | None = None  # somebody waits for the next flush, while stopping
        self._loop: asyncio.AbstractEventLoop
        self._deferred: DeferredWrites
        self.turns: Turns

    async def serve(self, signals: Signals) -> None:
        """Everything between the store's opening and its closing."""
        self._loop = asyncio.get_running_loop()
        watch(self._loop)
        self._deferred = DeferredWrites(self._loop)
        self.turns = Turns(self._loop, self.engine)
        self._replay()
        sockets = self._listener.sockets()
        signals.attach(self._loop, self)
        self._commits.start(self._loop)
        await self.store_tasks.start()
        try:
            await self._listener.open(sockets)
            async with self._companions(self), UnworkedLog(self.engine.unworked):
                self._announce(sockets)
                self._tick()
                self._sweeper.start()
                self.budget.start()
                await self._stop.wait()
                self._listener.close()
        finally:
            await self._drain()
        if self._taken is not None:
            raise self._taken

    def _taken_away(self, error: StoreInUse) -> None:
        _log.error("the server is stopping: %s", error)
        self._taken = error
        self.stop()

    def stop(self) -> None:
        """End soon: write what was taken in, and close. What runs is done again by the next server.

        When called again it waits no longer for a store that cannot be reached, nor for peers.
        """
        if self._stop.is_set():
            self.committer.hurry()
            for connection in list(self._connections):
                connection.transport.abort()
        self._stop.set()

    def reload(self) -> None:
        """Open anew what another program may have moved away or renewed: the log file, the certificate."""
        with systemd.reloading():
            reopen()
            self._listener.reload()

    def stop_gracefully(self) -> None:
        """Take no more connections; end when no job runs here, and none waits that would be lost."""
        if not self._retiring:
            self._retiring = True
            systemd.stopping()
            _log.info("stopping once the running jobs have ended")
            self._listener.close()
            self.engine.drain()
            self._loop.call_later(self.config.stop_patience, self._take_no_more)
        self.flush()

    def _take_no_more(self) -> None:
        _log.info("clients go on submitting: submits are refused, and the server ends with the last running job")
        self.engine.take_no_more()
        self.flush()

    # For dashboards and companions.

    @property
    def committer(self) -> Committer:
        """The committer, which writes to the store."""
        return self._commits.committer

    @property
    def retiring(self) -> bool:
        """Whether it takes no more connections and ends when the running jobs are done."""
        return self._retiring

    # For connections.

    @property
    def connection_limit(self) -> ConnectionLimit:
        """The limit of all connections, those over HTTP included."""
        return self._connection_limit

    def admit(self, connection: Connection) -> bool:
        """Return whether there is room for one more."""
        return self._connection_limit.admit(connection)

    def opened(self, connection: Connection) -> None:
        """A connection was made."""
        self._connections[connection] = None

    def lost(self, connection: Connection) -> None:
        """A connection is gone."""
        self._connections.pop(connection, None)
        self._connection_limit.leave(connection)

    def flush(self, source: Connection | None = None) -> None:
        """Send what the engine has queued, set its timer, and pass gathered operations to the store."""
        signals = self._signals
        if signals.wants_tick:
            self._tick()  # before the writing: what is due wakes workers
        dirty = self.engine.take_dirty()
        if source is None:
            write_outboxes(dirty)
        else:
            peer = source.peer
            if self._slow:
                self.backpressure.hold_back(source, dirty)
            if peer.dirty:
                source.write_outbox()
            if dirty and (len(dirty) > 1 or dirty[0] is not peer):
                self._deferred.add(dirty)
        if signals.wants_claim:
            self.store_tasks.wake_claimer()
        if signals.lease_lost:
            self.store_tasks.doubt()
        if self._journal.size or signals.wants_lookup:
            self._commits.see_to(source)
        if signals.stop_asked is not None:
            self._stop_as_asked()
        if self._retiring and not self._stop.is_set() and self.engine.is_idle():
            self.stop()
        if self._flushed is not None:
            self._flushed.set()

    def _stop_as_asked(self) -> None:
        asked = self.engine.take_stop()
        _log.info("an admin command stops the server: %s", asked)
        if asked == "now":
            self.stop()
        else:
            self.stop_gracefully()

    def _tick(self) -> None:
        wall = time.time() + self._clock_offset()
        pause = self.engine.tick(time.monotonic(), wall, self.committer.trouble)
        overdue = self.engine.take_overdue()
        if overdue:
            self._commits.refused(overdue)
        if not self._stop.is_set():  # a server that ends loses its workers
            self._incident_log.write(self.engine.take_incidents(), self.engine.take_notices())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if pause is not None:
            # Wall clocks step: look again within the minute, whatever is planned.
            self._timer = self._loop.call_later(min(pause, 60.0), self._timed)

    def _clock_offset(self) -> float:
        # Times in SQL are due by the database's clock, so that is the clock for all due times.
        return cast("ClaimableStore", self._store).clock_offset if self._store.traits.claimable else 0.0

    def _timed(self) -> None:
        self._timer = None
        self._tick()
        self.flush()

    # Start and stop.

    def _replay(self) -> None:
        with nothing_is_garbage():  # jobs are all that is made meanwhile
            count = self.engine.restore(self._store.replay(), time.monotonic())
        if count:
            _log.info("jobs back from the store: %d", count)
        if self._store.traits.claimable:
            count = self.engine.restore_backlog(cast("WindowedStore", self._store).backlog())
            if count:
                _log.info("jobs that wait in the store, beyond the window in memory: %d", count)

    def _announce(self, sockets: list[socket]) -> None:
        where = ", ".join(shown(opened) for opened in sockets) + (" (TLS)" if self.config.ssl_certificate else "")
        kept = (
            "memory only: they end with this server" if self.config.store == "memory:" else redacted(self.config.store)
        )
        self._ready(f"gearbridge server listening on {where}; jobs are kept in {kept}")

    async def _drain(self) -> None:
        """Take nothing more in, have the store write what is left, let replies out, close."""
        systemd.stopping()
        self._sweeper.stop()
        self.budget.stop()
        for connection in self._connections:
            connection.pause("stopping")
        await self.store_tasks.stop()
        await self._until(lambda: not self._commits.under_way)
        self._deferred.write()
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
