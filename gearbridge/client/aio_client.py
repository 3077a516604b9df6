"""The asyncio client: `client.Client` for many tasks at once, over one connection to each server.

`server_order` chooses servers, `session` reads and writes packets, `aio_link` shares a connection among calls.

Rules of this file:
1. A submission is sent at most once. When the connection breaks before the reply, the server may or may not have the
   job: ConnectionLost is raised, and the caller decides. Queries (status) may be repeated on another server.
2. All tasks share one attempt to connect. A task that is cancelled leaves it, and its connection, to the others.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..errors import ConnectionLost, ReplyTimeout
from ..records import Priority
from ..traceparent import to_traceparent
from ..wire import commands as c
from .aio_link import AsyncLink
from .aio_parallel import run_all, submit_all
from .batches import Runs, Submissions
from .connection import Address, parse_servers
from .requests import admin_answer, admin_line, background, foreground, to_key
from .server_order import ServerOrder
from .session import ClientSession, ForegroundJob, JobStatus, read_status, server_error, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from .aio_call import Reply
    from .tls import Tls


class AsyncClient:
    """A client of one or more Gearman servers, for asyncio. Any number of tasks may use it at once.

    The arguments, and what is raised, are `Client`'s; times are in seconds. Callbacks are plain functions and run on
    the event loop. It belongs to the event loop of its first call until it is closed; use it with `async with`, or
    await `close()`. A call that is cancelled or timed out gives up its job's result; the server does the job all the
    same.
    """

    def __init__(
        self,
        servers: str | Sequence[str] = "127.0.0.1:4730",
        *,
        connect_timeout: float = 5.0,
        reply_timeout: float | None = 60.0,
        tls: Tls | None = None,
    ) -> None:
        addresses = parse_servers(servers)
        self.servers = tuple(map(str, addresses))
        self.connect_timeout = connect_timeout
        self.reply_timeout = reply_timeout
        self._tls = None if tls is None else tls.context()
        self._choice = ServerOrder(addresses)
        self._current: AsyncLink | None = None
        self._open: dict[Address, AsyncLink] = {}
        self._attempts: dict[Address, asyncio.Task[AsyncLink | None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def do(
        self,
        function: str | bytes,
        payload: bytes | str = b"",
        unique_key: str | bytes | None = None,
        *,
        priority: int = Priority.NORMAL,
        timeout: float | None = None,
        on_data: Callable[[bytes], object] | None = None,
        on_warning: Callable[[bytes], object] | None = None,
        on_status: Callable[[int, int], object] | None = None,
        on_created: Callable[[str], object] | None = None,
        traceparent: str | None = None,
    ) -> bytes:
        """Submit a foreground job, wait until it is done and return its result; see `Client.do`."""
        job = ForegroundJob(on_data, on_warning, on_status, on_created)
        command, args = foreground(function, payload, unique_key, priority)
        trace = to_traceparent(traceparent)

        async def run() -> None:
            link = await self._link()
            session = link.session
            with link.call(self.reply_timeout) as call:
                token = call.expect(job.take)
                await call.send(
                    lambda: session.ask_exceptions() + session.submit(command, token, *args, traceparent=trace)
                )
                await call.until(lambda: job.ended)

        try:
            await asyncio.wait_for(run(), timeout)
        except TimeoutError as error:
            what = f"job {text(job.handle)} was not done" if job.handle else "the server did not answer"
            raise ReplyTimeout(f"{what} within {timeout:g} s") from error
        return job.result()

    async def do_background(
        self,
        function: str | bytes,
        payload: bytes | str = b"",
        unique_key: str | bytes | None = None,
        *,
        priority: int = Priority.NORMAL,
        run_at: float | None = None,
        traceparent: str | None = None,
    ) -> str:
        """Submit a background job and return its handle as soon as the server has it; see `Client.do_background`."""
        command, args = background(function, payload, unique_key, priority, run_at)
        trace = to_traceparent(traceparent)
        link = await self._link()
        submit = link.session.submit
        return text((await self._ask(link, lambda token: submit(command, token, *args, traceparent=trace)))[0])

    async def do_background_many(
        self,
        function: str | bytes,
        payloads: Iterable[bytes | str],
        *,
        priority: int = Priority.NORMAL,
        traceparent: str | None = None,
    ) -> list[str]:
        """Submit one background job for each payload without waiting for each; see `Client.do_background_many`.

        A call that is cancelled leaves submitted what it had sent.
        """
        jobs = Submissions(function, priority, traceparent)
        await submit_all(await self._link(), jobs, payloads, self.reply_timeout)
        return jobs.outcome()

    async def do_all(
        self,
        function: str | bytes,
        payloads: Iterable[bytes | str],
        *,
        priority: int = Priority.NORMAL,
        timeout: float | None = None,
        on_warning: Callable[[bytes], object] | None = None,
        traceparent: str | None = None,
    ) -> list[bytes]:
        """Submit a foreground job for each payload, wait until all are done, return their results in the same order.

        See `Client.do_all`, but for one thing: when one fails the server does the others all the same, because the
        connection stays open for other tasks.
        """
        jobs = Runs(function, priority, on_warning, traceparent)

        async def run() -> None:
            await run_all(await self._link(), jobs, payloads, self.reply_timeout)

        try:
            await asyncio.wait_for(run(), timeout)
        except TimeoutError as error:
            raise jobs.late() from error
        return jobs.results

    async def status(self, handle: str | bytes) -> JobStatus:
        """Ask for a job's status, each server in turn until one knows the job; see `Client.status`."""
        octets = to_key(handle, "handle")
        return await self._first_known(lambda session, token: session.get_status(token, octets))

    async def status_by_unique_key(self, unique_key: str | bytes) -> JobStatus:
        """Ask as `status` does, by unique key; `waiting_clients` is set."""
        octets = to_key(unique_key)
        return await self._first_known(lambda session, token: session.get_status_unique(token, octets))

    async def ping(self) -> float:
        """Ask the server that jobs go to for an echo; return the time there and back in seconds."""
        link = await self._link()
        clock = asyncio.get_running_loop().time
        start = clock()
        await self._ask(link, lambda token: link.session.echo(token, b"gearbridge"))
        return clock() - start

    async def admin(self, command: str) -> list[str]:
        """Send a command of the text protocol and return the lines of the answer; see `Client.admin`."""
        line = admin_line(command)
        link = await self._link()
        return admin_answer(await self._ask(link, lambda token: link.session.admin(token, line)))

    async def close(self) -> None:
        """Close all connections; calls under way end with ConnectionLost, the next call opens a new connection."""
        attempts = list(self._attempts.values())
        for attempt in attempts:
            attempt.cancel()
        await asyncio.gather(*attempts, return_exceptions=True)
        links = list(self._open.values())
        self._open.clear()
        self._current = self._loop = None
        for link in links:
            link.lose(ConnectionLost("the client was closed"))
        for link in links:
            await link.closed

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncClient({','.join(self.servers)!r})"

    # Conversations.

    async def _ask(self, link: AsyncLink, request: Callable[[Reply], bytes]) -> Sequence[bytes]:
        """Send the request that `request` makes with its token, and return the arguments of its one reply."""
        answer: list[tuple[int, Sequence[bytes]]] = []
        with link.call(self.reply_timeout) as call:
            token = call.expect(lambda command, args: answer.append((command, args)))
            await call.send(lambda: request(token))
            await call.until(lambda: bool(answer))
        ((command, args),) = answer
        if command == c.ERROR:
            raise server_error(args)
        return args

    async def _first_known(self, question: Callable[[ClientSession, Reply], bytes]) -> JobStatus:
        answer: JobStatus | None = None
        failure: Exception | None = None
        first = await self._link()
        others = [address for address in self._choice.addresses if address != first.address]
        for address in (first.address, *others):
            if address in others and self._choice.resting(address, self._now()):
                continue
            link = first if address == first.address else await self._reach(address)
            if link is None:
                continue
            session = link.session
            try:
                answer = read_status(await self._ask(link, lambda token, session=session: question(session, token)))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            except (ConnectionLost, ReplyTimeout) as error:
                self._choice.failed(address, self._now(), str(error))
                failure = error
            else:
                if answer.known:
                    break
        if answer is None:
            assert failure is not None  # the first one at least was asked
            raise failure
        return answer

    # Connections.

    async def _link(self) -> AsyncLink:
        """Return the link that jobs go through. Raises ServersUnreachable, naming each server and why."""
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise RuntimeError("this AsyncClient belongs to another event loop; close it there first")
        current = self._current
        if current is not None and await current.usable():
            return current
        for address in self._choice.order(loop.time()):
            link = await self._reach(address)
            if link is not None:
                self._current = link
                return link
        raise self._choice.unreachable()

    async def _reach(self, address: Address) -> AsyncLink | None:
        """Return the link to this server, kept or new; None, and the reason noted, where it cannot be reached."""
        link = self._open.get(address)
        if link is not None:
            if await link.usable():
                return link
            link.lose(ConnectionLost(f"{address} closed the connection before it had answered"))
            if self._open.get(address) is link:
                del self._open[address]
        attempt = self._attempts.get(address)
        if attempt is None:
            attempt = asyncio.get_running_loop().create_task(self._connect(address))
            self._attempts[address] = attempt
            attempt.add_done_callback(lambda _: self._attempts.pop(address, None))
        return await asyncio.shield(attempt)

    async def _connect(self, address: Address) -> AsyncLink | None:
        try:
            link = await AsyncLink.connect(address, self.connect_timeout, self._tls)
        except OSError as error:
            self._choice.failed(address, self._now(), error.strerror or str(error))
            return None
        self._choice.reached(address)
        self._open[address] = link
        return link

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
