"""PgQueuer with 5 managers of batches of 100 in one process: python pgqueuer_drain.py URL JOBS

It fills its table, says "ready", waits for a line, works the table off, and says "done".
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode

_MANAGERS = 5
_BATCH = 100
_PAYLOAD = b"x" * 64


async def _manager(url: str) -> PgQueuer:
    manager = PgQueuer.from_asyncpg_connection(await asyncpg.connect(url))
    manager.entrypoint("f")(_nothing)
    return manager


async def _nothing(_job: object) -> None:
    pass


async def main(url: str, jobs: int) -> None:
    """Fill, wait for the word, work off."""
    queries = Queries.from_asyncpg_connection(await asyncpg.connect(url))
    await queries.install()
    for _ in range(jobs // 1000):
        await queries.enqueue(["f"] * 1000, [_PAYLOAD] * 1000, [0] * 1000)
    managers = [await _manager(url) for _ in range(_MANAGERS)]
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await asyncio.gather(
        *(
            manager.run(batch_size=_BATCH, mode=QueueExecutionMode.drain, dequeue_timeout=timedelta(seconds=1))
            for manager in managers
        )
    )
    print("done", flush=True)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
