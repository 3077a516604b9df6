"""A bridge that has the table, from top to bottom: link to a job server, claim, relay, settle, let go."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from typing import TYPE_CHECKING

from gearbridge.errors import ConnectionLost
from gearbridge.persistence.claimer import Claimer
from gearbridge.persistence.group_commit import GroupCommit
from gearbridge.persistence.owner_session import Ownership
from gearbridge.persistence.retention import Retention
from gearbridge.persistence.waiting_counter import WaitingCounter
from gearbridge.stores.database.redaction import redacted
from gearbridge.wire.commands import OPTION_ONCE

from .relay import Relay
from .table import BridgedTable
from .waiting import WaitingTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from gearbridge.client.connection import Address
    from gearbridge.client.session import Reply
    from gearbridge.errors import StoreInUse
    from gearbridge.persistence.store_thread import Committer
    from gearbridge.stores.interface import ClaimableStore

    from .config import BridgeConfig
    from .link import JobServerLink, JobServers

_log = logging.getLogger(__name__)

#: Bytes that are gathered before the socket is asked whether it takes more.
_WRITE_SIZE = 256 * 1024
#: Seconds between two looks after the link, and after the jobs that are followed on it.
_LOOK = 1.0
_ASK = 5.0
#: Seconds that the job server has for its last replies when the bridge stops.
CLOSE_TIMEOUT = 2.0


class Bridge:
    """The shell around one relay, for as long as it has the table."""

    def __init__(self, config: BridgeConfig, store: ClaimableStore, servers: JobServers) -> None:
        self._config = config
        window = config.jobs_in_hand()
        self.relay = Relay(window, config.max_packet, follow=config.follow)
        self._table = BridgedTable(store, config.functions, window, self._taken_away)
        self._commits = GroupCommit(self.relay, self._table, math.inf, self.flush)
        self._servers = servers
        self._claimer: Claimer
        self._retention = Retention(self.committer, self._table, config.keep_done, config.keep_failed)
        self.waiting = WaitingTable()
        self._counter = WaitingCounter(self.committer, self._table, self.waiting.recount)
        self._link: JobServerLink | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._refusal = ""  # what was logged of it
        self._has_table = True
        self._in_doubt = False  # whether we have it still
        self._retiring = False
        self._changed = asyncio.Event()  # something came, or was written
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop

    async def serve(self, ready: Callable[[str], None]) -> None:
        """Relay until `stop`, or until another server or bridge has the table."""
        self._loop = asyncio.get_running_loop()
        self._commits.start(self._loop)
        self._claimer = Claimer(self.relay, self.committer, self._table, self.flush)
        self._claimer.start()
        self._retention.start()
        self._counter.start()
        ownership = None
        if self._table.traits.owned:
            ownership = Ownership(self.committer, self._table, self._suspend, self._resume, self._lost)
            await ownership.start()
        tasks = [self._loop.create_task(work()) for work in (self._keep_linked, self._look_after)]
        ready(self._greeting())
        try:
            await self._stop.wait()
        finally:
            if ownership is not None:
                await ownership.stop()
            await self._drain(tasks)

    def stop(self) -> None:
        """End soon: settle what is acknowledged. The rest stays in the table."""
        self._stop.set()

    def drain(self) -> None:
        """Claim nothing more; end when the claimed jobs have ended."""
        if not self._retiring:
            self._retiring = True
            _log.info("stopping once the claimed jobs have ended")
            self.relay.drain()
        self.flush()

    # What watchers ask of the bridge.

    @property
    def committer(self) -> Committer:
        """The committer, which writes to the table."""
        return self._commits.committer

    @property
    def trouble(self) -> str | None:
        """The error of the database; None while it is reachable."""
        return self.committer.trouble or self._claimer.trouble

    @property
    def clock_offset(self) -> float:
        """Seconds that the database's clock is ahead of ours."""
        return self._table.clock_offset

    @property
    def job_server(self) -> Address | None:
        """The job server that it is linked to."""
        return None if self._link is None else self._link.address

    # What is to be done now.

    def flush(self) -> None:
        """Send what is ready, and give the table what gathered."""
        relay = self.relay
        if self._retiring and relay.idle and not relay.journal and not self._commits.under_way:
            self._stop.set()
        pause = relay.tick(time.time() + self._table.clock_offset)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if pause is not None:
            self._timer = self._loop.call_later(min(pause, 60.0), self.flush)  # wall clocks step
        if self._link is not None:
            self._submit(self._link)
        if relay.wants_claim:
            self._claimer.wake()
        self._commits.see_to()
        self._changed.set()

    def _submit(self, link: JobServerLink) -> None:
        gathered: list[bytes] = []
        size = 0
        while not self._in_doubt and link.has_room and (flight := self.relay.next_ready()) is not None:
            packet = link.session.submit(flight.command, flight, *flight.arguments, traceparent=flight.traceparent)
            gathered.append(packet)
            size += len(packet)
            if size > _WRITE_SIZE:
                link.write(b"".join(gathered))
                gathered.clear()
                size = 0
        link.write(b"".join(gathered))

    def _take(self, replies: list[Reply]) -> None:
        for flight, command, args in replies:
            self.relay.reply(flight, command, args)
        if self.relay.refusal != self._refusal:
            self._refusal = self.relay.refusal
            if self._refusal:
                _log.warning("the job server refuses jobs: %s", self._refusal)
        self.flush()

    # The job server.

    async def _keep_linked(self) -> None:
        while True:
            link = await self._servers.connect()
            _log.info("connected to job server %s", link.address)
            link.on_replies, link.on_room = self._take, self.flush
            link.write(link.session.ask_exceptions() + link.session.ask(OPTION_ONCE))
            self._link = link
            self.relay.linked()
            self.flush()
            await asyncio.wait([link.closed])  # not the future itself, which would be cancelled with this task
            self._link = None
            self.relay.lost()
            _log.warning("%s; its unsettled jobs will be submitted again", link.failure)

    async def _look_after(self) -> None:
        asked = self._loop.time()
        while True:
            await asyncio.sleep(_LOOK)
            link = self._link
            if link is None:
                continue
            link.look_after()
            if self._loop.time() - asked >= _ASK:
                asked = self._loop.time()
                questions = (
                    link.session.get_status(flight, flight.job_server_handle) for flight in self.relay.to_ask_after()
                )
                link.write(b"".join(questions))

    # The table.

    def _suspend(self) -> None:
        self._in_doubt = True

    def _resume(self, _until: float) -> None:
        if self._in_doubt:
            self._in_doubt = False
            self.flush()

    def _lost(self, _error: StoreInUse) -> None:
        self._give_up()

    def _taken_away(self) -> None:
        """In the committer's thread."""
        self._loop.call_soon_threadsafe(self._give_up)

    def _give_up(self) -> None:
        if self._has_table:
            self._has_table = False
            _log.error("another gearbridge server or bridge has taken the job table")
            self._stop.set()

    # Start and stop.

    def _greeting(self) -> str:
        config = self._config
        which = "jobs" if config.functions == ("*",) else f"jobs of {', '.join(config.functions)}"
        kept = "; each is followed to its end" if config.follow else ""
        return f"gearbridge bridge takes {which} from {redacted(config.database)} to {', '.join(config.servers)}{kept}"

    async def _drain(self, tasks: list[asyncio.Task[None]]) -> None:
        """Claim and submit nothing more, settle what the job server acknowledges now; the rest stays in the table."""
        self.relay.stop()
        await self._claimer.stop()
        await self._retention.stop()
        await self._counter.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._until(lambda: self._link is None or not self.relay.unanswered)
                await self._until(lambda: not self._commits.under_way and not self.relay.journal)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._link is not None:
            self._link.lose(ConnectionLost("the bridge stops"))
            await self._link.closed
        if self._timer is not None:
            self._timer.cancel()
        self.committer.stop()

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that only a flush can have changed."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()
