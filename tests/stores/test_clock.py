"""What is due is due by the database's clock, wherever that of the server stands."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from gearbridge.records import Put, Retry, StoredJob
from gearbridge.stores.database import clock_offset
from tests.fixtures.mysql import SERVERS

from .place import make_place
from .sharing import nodes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gearbridge.stores.interface import WindowedStore

#: Seconds that the server's clock is wrong.
AHEAD = 600


class WrongClock(SimpleNamespace):
    """The module time of a machine whose clock is so many seconds ahead."""

    ahead = AHEAD

    def time(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.waited

    waited = 0.0


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> WrongClock:
    clock = WrongClock()
    monkeypatch.setattr(clock_offset, "time", clock)
    return clock


@pytest.fixture(params=[of + kind for kind in ("postgresql", *SERVERS) for of in ("", "nodes of ")])
def table(request: pytest.FixtureRequest, tmp_path: Path, wrong: WrongClock) -> Iterator[WindowedStore]:
    assert wrong.ahead
    kind = str(request.param)
    place = make_place(request, kind.removeprefix("nodes of "), tmp_path / "jobs.db")
    if kind.startswith("nodes"):
        with nodes(place, "a") as (node,):
            yield cast("WindowedStore", node)
    else:
        store = cast("WindowedStore", place.store())
        store.open()
        yield store
        store.close()


def put(handle: bytes, due: float) -> Put:
    return Put(StoredJob(handle, b"f", b"", due=int(due)), spilled=True)


def test_jobs_are_due_by_the_databases_clock(table: WindowedStore, wrong: WrongClock) -> None:
    assert -AHEAD - 30 < table.clock_offset <= -AHEAD, "never early"
    table.apply([put(b"H:soon", time.time() + 5), put(b"H:later", time.time() + 300)])
    assert [job.handle for job in table.claim({b"f": 10})] == [b"H:soon"]
    table.apply([Retry(b"H:soon", 1, "again")])
    wrong.ahead, wrong.waited = 0, 60.0  # it is set right
    claimed = table.claim({b"f": 10})
    assert -30 < table.clock_offset <= 0
    # Its pause of some 2 s was counted by the database's clock: else it would be due in ten minutes.
    assert [job.handle for job in claimed] == [b"H:soon"]
