"""How much may wait for its commit: no more than a slow store writes before the patience is over."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from gearbridge.persistence.group_commit import GroupCommit
from tests.core.conversation import Talk

from .test_committer import FaultyStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gearbridge.records import Operation

SIZE = 1_500_000


class SlowStore(FaultyStore):
    """Takes its time for a group: five megabytes a second are the most."""

    def apply(self, group: Sequence[Operation]) -> None:
        time.sleep(0.3)
        super().apply(group)


class Connection:
    """One that submits, and is paused and resumed."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def pause(self, reason: str) -> None:
        self.events.append(f"pause {reason}")

    def resume(self, reason: str) -> None:
        self.events.append(f"resume {reason}")


async def submit_twice(patience: float) -> list[str]:
    """Submit a job, and another one when that is written; what happened to the connection."""
    talk = Talk(durable=True)
    client, connection, written = talk.connect(), Connection(), asyncio.Event()
    commits = GroupCommit(talk.engine, SlowStore(), patience, written.set, 64 << 20)
    commits.start(asyncio.get_running_loop())
    for number in range(2):
        client.say("SUBMIT_JOB_BG", "f", "", str(number).ljust(SIZE))
        commits.see_to(connection)
        connection.events.append("submitted")
        await written.wait()
        written.clear()
    commits.committer.stop()
    return connection.events


def test_connections_are_paused_where_the_store_would_be_too_slow_for_their_patience() -> None:
    assert asyncio.run(submit_twice(1.0)) == ["submitted", "pause journal", "submitted", "resume journal"]
    assert asyncio.run(submit_twice(1e9)) == ["submitted", "submitted"]
