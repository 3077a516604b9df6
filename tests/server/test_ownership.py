"""A server that has its job table alone, and whose session in the database ends: it gives out only what is its own."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from gearbridge.errors import StoreInUse
from gearbridge.persistence.owner_session import GOOD_FOR
from gearbridge.stores.registry import store_for
from tests.fixtures.mysql import SERVERS
from tests.fixtures.processes import freeze, wait_until
from tests.fixtures.server import GearbridgeServer
from tests.stores.place import Place, make_place

from .wire_client import WireClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gearbridge.stores.interface import Store


@pytest.fixture(params=["postgresql", *SERVERS])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return make_place(request, str(request.param), tmp_path / "none")


@pytest.fixture
def server(place: Place, tmp_path: Path) -> Iterator[GearbridgeServer]:
    with GearbridgeServer(tmp_path, "--store", place.url) as server:
        yield server


def end_session(place: Place) -> None:
    """End the session that has the table, as the database does."""
    end = "SELECT pg_terminate_backend({})" if place.kind == "postgresql" else "KILL {}"
    with place.connect() as connection:
        session = connection.exec_driver_sql("SELECT lock_session FROM gearbridge_schema").scalar_one()
        connection.exec_driver_sql(end.format(session))


def test_an_owner_whose_session_ended_takes_the_table_again(place: Place, server: GearbridgeServer) -> None:
    with WireClient(server.port) as client, WireClient(server.port) as worker:
        worker.send("CAN_DO", "f")
        for number in "12":
            handle = client.ask("SUBMIT_JOB_BG", "f", "", number)[1]
            end_session(place)
            job = ("JOB_ASSIGN", handle, "f", number)
            wait_until(lambda job=job: worker.ask("GRAB_JOB") == job, what="the job")  # type: ignore[misc]
            worker.send("WORK_COMPLETE", handle, "")


def test_an_owner_that_was_followed_stops_and_gives_out_nothing(place: Place, server: GearbridgeServer) -> None:
    follower = store_for(place.url)
    assert server.process is not None
    with WireClient(server.port) as client, WireClient(server.port) as worker, server.process as process:
        server.process = None
        client.ask("SUBMIT_JOB_BG", "f", "", "x")
        worker.send("CAN_DO", "f")
        freeze(process.pid)  # so that it is not the first to take the table again
        end_session(place)
        wait_until(lambda: opens(follower), what="the lock of the session that ended")
        time.sleep(GOOD_FOR)  # and so it does not trust what it saw last, whatever it reads first
        worker.send("GRAB_JOB")
        process.send_signal(signal.SIGCONT)
        assert worker.hear() == ("NO_JOB",)
        assert process.wait() == 1
        assert "has taken the job table since our session ended" in process.stderr
    assert [job.payload for job in follower.replay()] == [b"x"]
    follower.close()


def opens(store: Store) -> bool:
    """Open a store, unless another one has the table."""
    try:
        store.open()
    except StoreInUse:
        return False
    return True
