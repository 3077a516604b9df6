"""The claimer over a doorbell that fails: it goes on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gearbridge.core.engine import Engine
from gearbridge.core.settings import Settings
from gearbridge.persistence import claimer as claimer_module
from gearbridge.persistence.claimer import Claimer
from gearbridge.persistence.store_thread import Committer
from gearbridge.records import ClaimedJob, RowsWaiting
from gearbridge.stores.interface import Traits
from gearbridge.stores.jobtable.polling import Polling
from gearbridge.stores.memory import MemoryStore
from gearbridge.wire import commands

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest


class BrokenDoorbell(Polling):
    """Raises once what no doorbell should."""

    broken = True

    def arm(self) -> bool:
        if self.broken:
            self.broken = False
            raise ZeroDivisionError
        return False


class OneJob(MemoryStore):
    """Has a job for the third who looks."""

    traits = Traits(durable=True, transactional=True, claimable=True)
    looks = 0
    clock_offset = 0.0

    def claim(self, claim_capacity: Mapping[bytes, int], most_bytes: int = 0) -> list[ClaimedJob]:
        self.looks += 1
        if self.looks != 3 or b"f" not in claim_capacity:
            return []
        job = ClaimedJob(b"S:1", b"f", b"")
        job.max_attempts, job.keep_result, job.enqueued = 0, False, None
        return [job]

    def prune(self, done_before: int, failed_before: int, at_most: int) -> int:
        return 0

    def functions(self) -> list[bytes]:
        return [b"f"]

    def life(self) -> bytes:
        return b""

    def count_waiting(self, *, again: bool) -> RowsWaiting:
        return RowsWaiting([], again, False)

    def wakeup(self) -> Polling:
        return BrokenDoorbell(0.01)


def test_what_no_doorbell_should_raise_does_not_end_the_claiming(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claimer_module, "AFTER_FAILURE", 0.01)

    async def main() -> None:
        engine, store = Engine(Settings(), durable=True), OneJob()
        committer = Committer(store, lambda _group, _errors: None, 1.0)
        committer.start()
        engine.receive(engine.connect(None, 1, "127.0.0.1"), [(commands.CAN_DO, [b"f"])], 0.0)
        given = asyncio.Event()
        claimer = Claimer(engine, committer, store, given.set)
        claimer.start()
        async with asyncio.timeout(30):
            await given.wait()
        assert list(engine.lifecycle.queue.jobs) == [b"S:1"]
        await claimer.stop()
        committer.stop()

    asyncio.run(main())
    assert "unexpected" in caplog.text
