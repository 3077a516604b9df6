"""The asyncio client against real servers and scripted ones: calls, many tasks on one connection, cancellation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gearbridge import (
    AsyncClient,
    Client,
    ConnectionLost,
    Job,
    ProtocolError,
    ReplyTimeout,
    ServersUnreachable,
)
from gearbridge.wire import commands as c
from gearbridge.wire.packets import request, response
from tests.client.scripted import Scripted
from tests.fixtures.processes import PATIENCE, free_port, wait_until
from tests.fixtures.workers import working

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    from tests.fixtures.job_server import JobServer


def run(servers: str, play: Callable[[AsyncClient], Awaitable[None]], reply_timeout: float = PATIENCE) -> None:
    """Let `play` use a client for these servers."""

    async def main() -> None:
        async with AsyncClient(servers, reply_timeout=reply_timeout) as client:
            await asyncio.wait_for(play(client), PATIENCE)

    asyncio.run(main())


async def blocking(call: Callable[[], object]) -> None:
    """Do what blocks, a test's own doing, while the client goes on."""
    await asyncio.to_thread(call)


def test_many_tasks_share_one_connection(shared_job_server: JobServer) -> None:
    async def play(client: AsyncClient) -> None:
        await client.do("echo")  # the worker is connected now
        before = len(await client.admin("workers"))
        payloads = [b"%d" % number for number in range(300)]
        results = await asyncio.gather(*(client.do("echo", payload) for payload in payloads))
        assert results == payloads
        assert len(await client.admin("workers")) == before

    with working(shared_job_server.address, echo=lambda job: job.payload):
        run(shared_job_server.address, play)


def test_a_cancelled_task_leaves_the_connection_to_the_others(shared_job_server: JobServer) -> None:
    async def play(client: AsyncClient) -> None:
        forever = asyncio.create_task(client.do("aio_slow", "given up"))
        other = asyncio.create_task(client.do("aio_slow", "kept"))
        while "aio_slow\t2\t0\t0" not in await client.admin("status"):
            pass
        forever.cancel()
        with pytest.raises(asyncio.CancelledError):
            await forever
        with working(shared_job_server.address, aio_slow=lambda job: job.payload):
            assert await other == b"kept"
        with pytest.raises(ReplyTimeout, match=r"job \S+ was not done within 0\.05 s"):
            await client.do("nobody_does_this", timeout=0.05)
        assert await client.ping() >= 0

    run(shared_job_server.address, play)


def test_a_callback_that_raises_ends_its_call_alone(shared_job_server: JobServer) -> None:
    def chatty(job: Job) -> str:
        job.send_data("first")
        return "rest"

    def refuse(octets: bytes) -> None:
        raise LookupError("not this")

    async def play(client: AsyncClient) -> None:
        outcomes = await asyncio.gather(
            client.do("refused", on_data=refuse), client.do("refused"), return_exceptions=True
        )
        assert isinstance(outcomes[0], LookupError)
        assert outcomes[1] == b"firstrest"

    with working(shared_job_server.address, refused=chatty):
        run(shared_job_server.address, play)


def test_a_server_that_dies_ends_every_call_and_is_found_again(job_server: JobServer) -> None:
    async def play(client: AsyncClient) -> None:
        calls = [asyncio.create_task(client.do("nobody")) for _ in range(3)]
        while "nobody\t3\t0\t0" not in await client.admin("status"):
            pass
        await blocking(job_server.kill)
        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(outcome, ConnectionLost)
        with pytest.raises(ServersUnreachable, match=rf"{job_server.address} \("):
            await client.ping()
        await blocking(job_server.start)
        assert await client.ping() >= 0
        job_server.restart()  # the loop has no chance to see it
        assert await client.do_background("other")

    run(job_server.address, play)


def test_jobs_go_to_the_next_server_when_theirs_dies(job_server: JobServer) -> None:
    dead = f"127.0.0.1:{free_port()}"

    with Scripted() as first:

        async def play(client: AsyncClient) -> None:
            lost = asyncio.create_task(client.do_background("f"))

            def hang_up() -> None:
                peer = first.accept()
                assert peer.recv(4096) == request(c.SUBMIT_JOB_BG, b"f", b"", b"")
                peer.close()
                first.close()

            await blocking(hang_up)
            with pytest.raises(ConnectionLost):  # it may be there: nobody but the caller may send it again
                await lost
            handle = await client.do_background("f")
            with Client(job_server.address) as other:
                assert other.status(handle).known
                assert "f\t1\t0\t0" in other.admin("status")

        run(f"{dead},{first.address},{job_server.address}", play)


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", ProtocolError, "SSH-2.0-OpenSSH_9.2"),
        (b"", ReplyTimeout, "did not answer in time"),
    ],
)
def test_a_server_that_makes_no_sense_or_is_silent(answer: bytes, error: type[Exception], said: str) -> None:
    with Scripted() as server:
        peers: list[socket.socket] = []

        def misbehave() -> None:
            peers.append(server.accept())
            assert peers[-1].recv(4096)
            peers[-1].sendall(answer)

        def behave() -> None:
            peers.append(server.accept())
            assert peers[-1].recv(4096) == request(c.ECHO_REQ, b"gearbridge")
            peers[-1].sendall(response(c.ECHO_RES, b"gearbridge"))

        async def play(client: AsyncClient) -> None:
            asked = asyncio.gather(client.ping(), client.do_background("f"), return_exceptions=True)
            await blocking(misbehave)
            for outcome in await asked:
                assert isinstance(outcome, error)
                assert said in str(outcome)
            again = asyncio.create_task(client.ping())
            await blocking(behave)
            assert await again >= 0

        run(server.address, play, reply_timeout=PATIENCE if answer else 0.5)


def test_closing_ends_the_calls_under_way(job_server: JobServer) -> None:
    async def play(client: AsyncClient) -> None:
        call = asyncio.create_task(client.do("nobody"))
        with Client(job_server.address) as other:
            await blocking(lambda: wait_until(lambda: "nobody\t1\t0\t0" in other.admin("status")))
        await client.close()
        with pytest.raises(ConnectionLost, match="the client was closed"):
            await call
        assert await client.ping() >= 0

    run(job_server.address, play)


def test_a_client_belongs_to_one_event_loop(shared_job_server: JobServer) -> None:
    async def play(client: AsyncClient) -> None:
        await client.ping()
        with pytest.raises(RuntimeError, match="belongs to another event loop"):
            await asyncio.to_thread(lambda: asyncio.run(client.do("f")))

    run(shared_job_server.address, play)
