"""Jobs that come alone: the event loop sends them to the database, and waits for nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from gearbridge.errors import StoreUnavailable
from gearbridge.persistence import single_put as prompt_module
from gearbridge.persistence.single_put import SinglePuts
from gearbridge.persistence.store_call import ask
from gearbridge.persistence.store_thread import Committer
from gearbridge.records import Drop, Operation, Put, StoredJob
from gearbridge.stores.interface import Traits
from tests.fixtures.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence


class SlowStore:
    """Its answer to a job comes when the test says so, and is what the test says."""

    traits = Traits(durable=True, transactional=True, prompt=True)

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.outcome: bool | Exception | None = True
        self.log: list[str] = []  # what was asked, and in which thread

    def open(self) -> None: ...

    def close(self) -> None: ...

    def replay(self) -> Iterator[StoredJob]:
        return iter(())

    def apply(self, group: Sequence[Operation]) -> None:
        self._note(f"apply {len(group)}")

    def begin_put(self, _put: Put) -> int | None:
        self._note("begin")
        if isinstance(self.outcome, OSError):
            raise self.outcome
        return self.ours.fileno()

    def put_ended(self) -> bool | None:
        self.ours.recv(1)
        self._note("ended")
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def wait_for_put(self) -> bool:
        self._note("wait")
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return bool(self.outcome)

    def answer(self) -> None:
        self.theirs.send(b"!")

    def _note(self, what: str) -> None:
        self.log.append(what if threading.current_thread() is threading.main_thread() else f"{what}, in the thread")


class Shell:
    """The store, its committer and what sends it lone jobs, in the running loop."""

    def __init__(self) -> None:
        self.store = SlowStore()
        self.written: list[Sequence[Operation]] = []
        self.applied = threading.Event()
        self.committer = Committer(self.store, lambda _group, _errors: self.applied.set(), 1.0)
        self.committer.start()
        self.prompt = SinglePuts(self.store, self.committer, asyncio.get_running_loop(), self.written.append)

    async def until(self, condition: Callable[[], object]) -> None:
        await asyncio.to_thread(wait_until, condition)

    async def logged(self, what: str) -> None:
        await self.until(lambda: what in self.store.log)


@contextlib.asynccontextmanager
async def a_shell() -> AsyncIterator[Shell]:
    shell = Shell()
    try:
        yield shell
    finally:
        shell.committer.stop()
        shell.store.ours.close()
        shell.store.theirs.close()


ONE: Sequence[Operation] = [Put(StoredJob(b"H:1", b"f", b""))]


def test_what_else_the_store_is_asked_comes_after_the_answer() -> None:
    async def run() -> None:
        async with a_shell() as shell:
            assert shell.prompt.begin(ONE)
            asked = asyncio.create_task(ask(shell.committer, lambda: shell.store._note("errand")))
            await asyncio.sleep(0)
            assert not shell.prompt.begin(ONE), "one at a time"
            shell.store.outcome = None  # not whole yet
            shell.store.answer()
            await shell.logged("ended")
            assert not shell.written
            shell.store.outcome = True
            shell.store.answer()
            await asked
            assert shell.store.log == ["begin", "ended", "ended", "errand, in the thread"]
            assert shell.written == [ONE]

    asyncio.run(run())


def test_not_while_the_thread_has_something_to_do_and_not_for_other_groups() -> None:
    async def run() -> None:
        async with a_shell() as shell:
            assert not shell.prompt.begin([*ONE, *ONE])
            assert not shell.prompt.begin([Drop(b"H:1")])
            free = threading.Event()
            asked = asyncio.create_task(ask(shell.committer, lambda: free.wait(10)))
            await asyncio.sleep(0)
            assert not shell.prompt.begin(ONE)
            free.set()
            await asked
            wait_until(lambda: shell.committer.is_idle)
            assert shell.prompt.begin(ONE)
            shell.store.answer()
            await shell.logged("ended")

    asyncio.run(run())


def test_one_whose_sending_fails_in_an_unforeseen_way_is_left_to_the_thread() -> None:
    async def run() -> None:
        async with a_shell() as shell:
            shell.store.outcome = OSError("unforeseen")
            assert not shell.prompt.begin(ONE)
            assert shell.committer.is_idle

    asyncio.run(run())


@pytest.mark.parametrize("outcome", [False, RuntimeError("unforeseen")])
def test_whatever_is_no_success_is_done_over_by_the_thread(outcome: bool | Exception) -> None:
    async def run() -> None:
        async with a_shell() as shell:
            shell.store.outcome = outcome
            assert shell.prompt.begin(ONE)
            shell.store.answer()
            await shell.logged("apply 1, in the thread")
            assert shell.applied.wait(10)
            assert not shell.written

    asyncio.run(run())


@pytest.mark.parametrize("outcome", [True, False, StoreUnavailable("gone")])
def test_the_thread_waits_for_an_answer_that_takes_long(
    outcome: bool | Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_module, "PATIENCE", 0.01)

    async def run() -> None:
        async with a_shell() as shell:
            shell.store.outcome = outcome
            assert shell.prompt.begin(ONE)
            asked = asyncio.create_task(ask(shell.committer, lambda: shell.store._note("errand")))
            await asked
            assert shell.store.log[:3] == ["begin", "wait, in the thread", "errand, in the thread"]
            if outcome is True:
                await shell.until(lambda: shell.written)
                assert shell.written == [ONE]
            else:
                await shell.logged("apply 1, in the thread")

    asyncio.run(run())
