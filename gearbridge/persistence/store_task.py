"""A part of a server or bridge that works with the store in a task of its own."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod


class StoreTask(ABC):
    """Work in one task of the event loop, from `start` to `stop`."""

    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End the task; what it asked of the store may still be done."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @abstractmethod
    async def _run(self) -> None:
        """Work until the task is cancelled."""
