"""The blocking client and worker, and the asyncio ones behind the same face: one suite says what both kinds do."""

from __future__ import annotations

import asyncio
import inspect
import threading
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

from gearbridge import AsyncClient, AsyncWorker, Client, Worker
from tests.fixtures.processes import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType


class OpenClient(Protocol):
    """What the fixture `open_client` gives: makes clients that are closed when the test ends."""

    def __call__(self, servers: str | Sequence[str], *, reply_timeout: float | None = PATIENCE) -> Client: ...


class LoopInThread:
    """An event loop that runs in a thread until `end()`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="event loop", daemon=True)
        self._thread.start()

    def run(self, call: Callable[[], Any]) -> Any:
        """Run the coroutine that `call` makes, and return its result."""

        async def main() -> Any:
            return await call()

        return asyncio.run_coroutine_threadsafe(main(), self._loop).result(PATIENCE)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()


class InLoop:
    """An AsyncClient whose calls block: each runs in an event loop that has a thread of its own."""

    def __init__(self, servers: str | Sequence[str], reply_timeout: float | None) -> None:
        self._loop = LoopInThread()
        self._client = AsyncClient(servers, reply_timeout=reply_timeout)

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._client, name)
        if not inspect.iscoroutinefunction(attribute):
            return attribute
        return lambda *args, **options: self._loop.run(lambda: attribute(*args, **options))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def end(self) -> None:
        self.close()
        self._loop.end()


def open_in_loop(servers: str | Sequence[str], reply_timeout: float | None) -> tuple[Client, Callable[[], None]]:
    """Return an AsyncClient that looks like a blocking one, and how to end it."""
    client = InLoop(servers, reply_timeout)
    return cast("Client", client), client.end


def open_blocking(servers: str | Sequence[str], reply_timeout: float | None) -> tuple[Client, Callable[[], None]]:
    """Return a blocking client, and how to end it."""
    client = Client(servers, reply_timeout=reply_timeout)
    return client, client.close


#: How to open a client of each kind.
KINDS = {"blocking": open_blocking, "asyncio": open_in_loop}


class MakeWorker(Protocol):
    """What the fixture `make_worker` gives."""

    def __call__(
        self,
        servers: str | Sequence[str] = ...,
        *,
        client_id: str | None = ...,
        connect_timeout: float = ...,
        reply_timeout: float = ...,
    ) -> Worker: ...


class WorkerInLoop:
    """An AsyncWorker whose `work` blocks, in an event loop of its own."""

    def __init__(self, servers: str | Sequence[str] = "127.0.0.1:4730", **options: Any) -> None:
        self._worker = AsyncWorker(servers, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._worker, name)

    def work(self, max_jobs: int | None = None) -> int:
        return asyncio.run(self._worker.work(max_jobs))


WORKERS: dict[str, MakeWorker] = {"blocking": Worker, "asyncio": cast("MakeWorker", WorkerInLoop)}
