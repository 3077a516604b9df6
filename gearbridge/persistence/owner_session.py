"""This server as the owner of its store, by a session in the database, and the end of that session.

A standby acquires the store then. So nothing that the store keeps is given out until it is known to be this
server's still. The end of the session is seen at once, by its socket, whatever the store is doing; and a process that
was stopped finds out before it gives out a job (core/gate.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import time
from typing import TYPE_CHECKING

from gearbridge.errors import StoreError, StoreInUse

from .store_call import ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from gearbridge.stores.interface import OwnedStore

    from .store_thread import Committer

_log = logging.getLogger(__name__)

#: Seconds between two looks at the socket, and for how long a look is good.
_LOOK = 0.5
GOOD_FOR = 3.0
#: Seconds until the next try to have the store.
_AFTER_FAILURE = 0.25
_HANGUP = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


class Ownership:
    """`suspend` is called when the store may be another's, `resume` with the time until when it is this server's.

    `lost` is called, once, with the reason when it is another server's for good.
    """

    def __init__(
        self,
        committer: Committer,
        store: OwnedStore,
        suspend: Callable[[], None],
        resume: Callable[[float], None],
        lost: Callable[[StoreInUse], None],
    ) -> None:
        self._committer = committer
        self._store = store
        self._suspend = suspend
        self._resume = resume
        self._lost = lost
        self._doubtful = asyncio.Event()
        self._asked = asyncio.Event()  # the store, at least once
        self._descriptor = -1
        self._poll = select.epoll()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin, before anybody can ask for a job: wait for the first answer, at most as long as one is good."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._poll.fileno(), self._look)
        self._task = loop.create_task(self._run())
        self.doubt()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOOD_FOR):
                await self._asked.wait()

    def doubt(self) -> None:
        """Treat ownership as in doubt: the session has ended, or was not checked for too long."""
        if not self._doubtful.is_set():
            self._doubtful.set()
            self._suspend()

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            asyncio.get_running_loop().remove_reader(self._poll.fileno())
        self._forget()
        self._poll.close()

    async def _run(self) -> None:
        while True:
            if self._doubtful.is_set():
                try:
                    self._watch(await ask(self._committer, self._store.own))
                except StoreInUse as error:
                    self._asked.set()
                    self._lost(error)
                    return
                except StoreError as error:
                    self._asked.set()
                    _log.debug("this server may no longer own the store: %s", error)
                    await asyncio.sleep(_AFTER_FAILURE)
                    continue
                self._doubtful.clear()
            self._look()
            if not self._doubtful.is_set():
                self._resume(time.monotonic() + GOOD_FOR)
            self._asked.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await self._doubtful.wait()

    def _look(self) -> None:
        if self._poll.poll(0):
            self._forget()
            self.doubt()

    def _watch(self, descriptor: int) -> None:
        self._forget()
        self._descriptor = descriptor
        self._poll.register(descriptor, _HANGUP)

    def _forget(self) -> None:
        if self._descriptor >= 0:
            self._poll.unregister(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
