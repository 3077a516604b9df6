"""What only the asyncio worker has: several jobs at a time, coroutines, threads, and cancellation."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

import pytest

from gearbridge import AsyncClient, AsyncJob, AsyncWorker, Client, ConnectionLost, JobException, JobFailed
from tests.fixtures.processes import PATIENCE, wait_until
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from gearbridge import Job
    from gearbridge.client.aio_worker import AsyncCallback
    from tests.fixtures.job_server import JobServer


@contextlib.asynccontextmanager
async def at_work(worker: AsyncWorker, **functions: AsyncCallback) -> AsyncIterator[asyncio.Task[int]]:
    """Let the worker do jobs of these functions while the block runs."""
    for name, function in functions.items():
        worker.register(name, function)
    task = asyncio.create_task(worker.work())
    try:
        yield task
    finally:
        worker.stop()
        if not task.done():
            await asyncio.wait_for(task, PATIENCE)


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(scene(), 2 * PATIENCE)

    asyncio.run(main())


async def eventually(condition: Callable[[], object]) -> None:
    await asyncio.to_thread(lambda: wait_until(condition))


async def echo(job: AsyncJob) -> bytes:
    return job.payload


def test_coroutines_run_at_the_same_time_on_the_event_loop(job_server: JobServer) -> None:
    async def scene() -> None:
        together = asyncio.Barrier(5)

        async def meet(job: AsyncJob) -> str:
            await together.wait()
            return threading.current_thread().name

        worker = AsyncWorker(job_server.address, concurrency=5)
        async with at_work(worker, meet=meet), AsyncClient(job_server.address) as client:
            names = await client.do_all("meet", "abcde", timeout=PATIENCE)
            assert names == [threading.current_thread().name.encode()] * 5
            assert "meet\t0\t0\t5" in await client.admin("status")

    play(scene)


def test_plain_functions_run_at_the_same_time_in_threads(job_server: JobServer) -> None:
    together = threading.Barrier(3)

    def meet(job: Job) -> str:
        together.wait(PATIENCE)
        job.send_status(1, 2)
        job.send_data("met ")
        return threading.current_thread().name

    async def scene() -> None:
        async with (
            at_work(AsyncWorker(job_server.address, concurrency=3), meet=meet),
            AsyncClient(job_server.address) as client,
        ):
            names = await client.do_all("meet", "abc", timeout=PATIENCE)
            assert len(set(names)) == 3
            assert all(name.startswith(b"met gearbridge-worker") for name in names)

    play(scene)


def test_what_a_coroutine_sends_and_raises(job_server: JobServer) -> None:
    async def chatty(job: AsyncJob) -> str:
        job.send_status(1, 2)
        for _ in range(30):
            job.send_data(bytes(1_000_000))
            await job.drain()
        job.send_warning("take care")
        return "end"

    async def fail(job: AsyncJob) -> None:
        raise JobFailed(job.handle, "no luck") if job.payload else ValueError("bad")

    class Callable:
        async def __call__(self, job: AsyncJob) -> bytes:
            return b"of an object"

    async def scene() -> None:
        news: list[object] = []
        functions: dict[str, AsyncCallback] = {
            "chatty": chatty,
            "fail": fail,
            "object": Callable(),
            "lambda": echo,
        }
        async with (
            at_work(AsyncWorker(job_server.address), **functions),
            AsyncClient(job_server.address) as client,
        ):
            result = await client.do(
                "chatty", timeout=PATIENCE, on_warning=news.append, on_status=lambda *status: news.append(status)
            )
            assert result == bytes(30_000_000) + b"end"
            assert news == [(1, 2), b"take care"]
            with pytest.raises(JobFailed):
                await client.do("fail", "x")
            with pytest.raises(JobException, match="ValueError: bad"):
                await client.do("fail")
            assert await client.do("object") == b"of an object"
            assert await client.do("lambda", "x") == b"x"

    play(scene)


def test_max_jobs_counts_those_of_all_hands(job_server: JobServer) -> None:
    async def scene() -> None:
        async with AsyncClient(job_server.address) as client:
            await client.do_background_many("f", [str(number) for number in range(10)])
            done: list[bytes] = []
            worker = AsyncWorker(job_server.address, concurrency=4)
            worker.register("f", lambda job: done.append(job.payload))
            assert await worker.work(max_jobs=7) == 7
            assert len(set(done)) == 7
            assert await worker.work(max_jobs=0) == 0
            while "f\t3\t0\t0" not in await client.admin("status"):
                pass  # the server has not seen yet that the worker left

    play(scene)


def test_stop_finishes_all_jobs_in_hand_and_takes_no_more(job_server: JobServer) -> None:
    async def scene() -> None:
        in_hand: list[str] = []
        go_on = asyncio.Event()

        async def slow(job: AsyncJob) -> str:
            in_hand.append(job.handle)
            await go_on.wait()
            return "finished"

        worker = AsyncWorker(job_server.address, concurrency=2)
        async with at_work(worker, slow=slow) as work, AsyncClient(job_server.address) as client:
            jobs = [asyncio.create_task(client.do("slow", timeout=PATIENCE)) for _ in range(2)]
            await eventually(lambda: len(in_hand) == 2)
            left = await client.do_background("slow", "for another worker")
            worker.stop()
            go_on.set()
            assert await work == 2
            assert await asyncio.gather(*jobs) == [b"finished", b"finished"]
            assert (await client.status(left)).known

    play(scene)


def test_a_cancelled_worker_leaves_its_jobs_to_others(job_server: JobServer) -> None:
    async def scene() -> None:
        ended: list[str] = []
        told = threading.Event()

        async def forever(job: AsyncJob) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ended.append("the coroutine")
                raise

        def stubborn(job: Job) -> None:
            ended.append("begun")
            try:
                wait_until(lambda: job.send_status(1, 2))  # returns nothing, so this goes on until it raises
            except ConnectionLost:
                told.set()

        async with AsyncClient(job_server.address) as client:
            worker = AsyncWorker(job_server.address, concurrency=2)
            worker.register("forever", forever)
            worker.register("stubborn", stubborn)
            work = asyncio.create_task(worker.work())
            for function in ("forever", "stubborn"):
                await client.do_background(function, "keep me")
            await eventually(lambda: "begun" in ended)
            while "forever\t1\t1\t2" not in await client.admin("status"):
                pass
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
            assert ended == ["begun", "the coroutine"]
            assert await asyncio.to_thread(told.wait, PATIENCE)
            done: list[bytes] = []
            with working(
                job_server.address,
                forever=lambda job: done.append(job.payload),
                stubborn=lambda job: done.append(job.payload),
            ):
                await eventually(lambda: done == [b"keep me", b"keep me"])

    play(scene)


def test_a_job_that_waits_for_something_cancelled_fails_alone(job_server: JobServer) -> None:
    async def broken(job: AsyncJob) -> None:
        inner = asyncio.create_task(asyncio.Event().wait())
        inner.cancel()
        await inner

    def stops(job: Job) -> None:
        raise StopIteration

    async def scene() -> None:
        async with (
            at_work(AsyncWorker(job_server.address), broken=broken, echo=echo, stops=stops),
            AsyncClient(job_server.address) as client,
        ):
            with pytest.raises(JobException, match="CancelledError"):
                await client.do("broken", timeout=PATIENCE)
            with pytest.raises(JobException, match="raised StopIteration"):
                await client.do("stops", timeout=PATIENCE)
            assert await client.do("echo", "x", timeout=PATIENCE) == b"x"

    play(scene)


def test_many_hands_tell_once_of_a_server_that_is_killed(
    job_server: JobServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        together = asyncio.Barrier(8)

        async def meet(job: AsyncJob) -> None:
            await together.wait()

        async with (
            at_work(AsyncWorker(job_server.address, concurrency=8), meet=meet),
            AsyncClient(job_server.address) as client,
        ):
            await client.do_all("meet", "12345678", timeout=PATIENCE)
            await asyncio.to_thread(job_server.kill)
            await eventually(lambda: [record for record in caplog.records if "is unavailable" in record.getMessage()])
            await asyncio.to_thread(job_server.start)
            await client.do_all("meet", "12345678", timeout=PATIENCE)  # all eight are back

    play(scene)
    told = [record.getMessage().split(",")[0] for record in caplog.records if record.name == "gearbridge.worker"]
    assert told == [
        f"job server {job_server.address} is unavailable",
        f"job server {job_server.address} is available again",
    ]


def test_bad_uses() -> None:
    with pytest.raises(ValueError, match="concurrency is a number of jobs from 1, not 0"):
        AsyncWorker(concurrency=0)

    async def scene() -> None:
        worker = AsyncWorker("127.0.0.1:1")
        async with at_work(worker, echo=echo):
            await asyncio.sleep(0)  # it works now
            with pytest.raises(RuntimeError, match="already running"):
                await worker.work()

    play(scene)


def test_the_server_shows_one_worker_for_each_job_at_a_time(job_server: JobServer) -> None:
    async def scene() -> None:
        with Client(job_server.address) as client:
            async with at_work(AsyncWorker(job_server.address, concurrency=3, client_id="painter"), echo=echo):
                await eventually(lambda: len([w for w in client.admin("workers") if " painter : echo" in w]) == 3)
            await eventually(lambda: not [w for w in client.admin("workers") if " painter " in w])

    play(scene)
