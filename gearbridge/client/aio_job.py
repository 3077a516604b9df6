"""A running job of an asyncio worker: its callback is a coroutine on the event loop, or runs in a thread."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

from ..errors import ConnectionLost
from .job import Job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .aio_worker_pool import AsyncWorkerPool
    from .worker_rotation import Peer


class AsyncJob(Job):
    """A job to do, as a `Job` is. In a coroutine function the `send_` methods do not wait: `drain` does.

    In a plain function, which runs in a thread, they wait until the connection takes more.
    """

    __slots__ = ("_links", "_loop", "_peer", "_thread")

    def __init__(self, links: AsyncWorkerPool, peer: Peer, args: Sequence[bytes]) -> None:
        """Make it of the arguments of JOB_ASSIGN_UNIQ, on the event loop of `links`."""
        super().__init__(args, self._deliver, peer.session.traceparent)
        self._links = links
        self._peer = peer
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    async def drain(self) -> None:
        """Wait until the connection takes more: after each of many large pieces of data. Raises ConnectionLost."""
        await self._links.drain(self._peer)

    def _deliver(self, octets: bytes) -> None:
        if threading.get_ident() == self._thread:
            self._links.send(self._peer, octets)
            return
        delivery = self._deliver_from_thread(octets)
        try:
            # The limit is for an event loop that ends just now, and never comes to it.
            asyncio.run_coroutine_threadsafe(delivery, self._loop).result(2 * self._links.reply_timeout)
        except (RuntimeError, TimeoutError, CancelledError) as error:
            delivery.close()
            raise ConnectionLost("the worker was stopped before it could send this") from error

    async def _deliver_from_thread(self, octets: bytes) -> None:
        self._links.send(self._peer, octets)
        await self.drain()
