"""A bridge that has the table, from top to bottom: link to a job server, claim, relay, settle, let go."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from typing import TYPE_CHECKING

from gearbridge.errors import ConnectionLost
from gearbridge.server.claimer import Claimer
from gearbridge.server.committer import Committer
from gearbridge.server.retention import Retention
from gearbridge.stores.registry import shown
from gearbridge.wire.commands import OPTION_ONCE

from .relay import Relay
from .table import BridgedTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gearbridge.client.connection import Address
    from gearbridge.client.session import Reply
    from gearbridge.records import Operation
    from gearbridge.stores.base import ClaimableStore

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
        self._committer = Committer(self._table, self._applied, math.inf)
        self._servers = servers
        self._claimer: Claimer
        self._retention = Retention(self._committer, self._table, config.keep_done, config.keep_failed)
        self._link: JobServerLink | None = None
        self._committing = False
        self._timer: asyncio.TimerHandle | None = None
        self._refusal = ""  # what was logged of it
        self._has_table = True
        self._retiring = False
        self._changed = asyncio.Event()  # something came, or was written
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop

    async def serve(self, ready: Callable[[str], None]) -> None:
        """Relay until told to stop, or until another server or bridge has the table."""
        self._loop = asyncio.get_running_loop()
        self._committer.start()
        self._claimer = Claimer(self.relay, self._committer, self._table, self.flush)
        self._claimer.start()
        self._retention.start()
        tasks = [self._loop.create_task(work()) for work in (self._keep_linked, self._look_after)]
        ready(self._greeting())
        try:
            await self._stop.wait()
        finally:
            await self._drain(tasks)

    def stop(self) -> None:
        """End soon: settle what is acknowledged. The rest stays in the table."""
        self._stop.set()

    def retire(self) -> None:
        """Claim nothing more; end when the jobs in hand have ended."""
        if not self._retiring:
            self._retiring = True
            _log.info("stopping when the jobs in hand have ended")
            self.relay.retire()
        self.flush()

    # What watchers ask of the bridge.

    @property
    def committer(self) -> Committer:
        """Who writes to the table."""
        return self._committer

    @property
    def trouble(self) -> str | None:
        """Why the database cannot be reached; None while it can."""
        return self._committer.trouble or self._claimer.trouble

    @property
    def job_server(self) -> Address | None:
        """The job server that it is linked to."""
        return None if self._link is None else self._link.address

    # What is to be done now.

    def flush(self) -> None:
        """Send what is ready, and give the table what gathered."""
        relay = self.relay
        if self._retiring and relay.idle and not relay.journal and not self._committing:
            self._stop.set()
        pause = relay.tick(time.time())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if pause is not None:
            self._timer = self._loop.call_later(min(pause, 60.0), self.flush)  # wall clocks step
        if self._link is not None:
            self._submit(self._link)
        if relay.wants_claim:
            self._claimer.wake()
        if relay.journal and not self._committing:
            self._committing = True
            self._loop.call_soon(self._commit)
        self._changed.set()

    def _submit(self, link: JobServerLink) -> None:
        gathered: list[bytes] = []
        size = 0
        while link.has_room and (flight := self.relay.next_ready()) is not None:
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
            _log.warning("%s; what it has not settled is submitted again", link.failure)

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

    # Commit groups.

    def _commit(self) -> None:
        self._committer.apply(self.relay.journal.take_group())

    def _applied(self, _group: Sequence[Operation], _errors: dict[int, str]) -> None:
        self._loop.call_soon_threadsafe(self._committed)

    def _committed(self) -> None:
        self.relay.journal.group_done()
        self._committing = False
        self.flush()

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
        return f"gearbridge bridge takes {which} from {shown(config.database)} to {', '.join(config.servers)}{kept}"

    async def _drain(self, tasks: list[asyncio.Task[None]]) -> None:
        """Claim and submit nothing more, settle what the job server acknowledges now; the rest stays in the table."""
        self.relay.stop()
        await self._claimer.stop()
        await self._retention.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._until(lambda: self._link is None or not self.relay.unanswered)
                await self._until(lambda: not self._committing and not self.relay.journal)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._link is not None:
            self._link.lose(ConnectionLost("the bridge stops"))
            await self._link.closed
        if self._timer is not None:
            self._timer.cancel()
        self._committer.stop()

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that only a flush can have changed."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()
