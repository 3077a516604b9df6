"""A real disk that is full, below SQLite and PostgreSQL: clients get an error, everybody is shown it, and it passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gearbridge import Client
from gearbridge.errors import ServerError
from gearbridge.extension.cluster import TemporaryCluster
from tests.fixtures.dashboard import WatchedServer
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GEARBRIDGE
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fixtures.full_disk import Disk
    from tests.fixtures.processes import StartProcess

_PAYLOAD = bytes(range(256)) * 400


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path, full_disk: Disk) -> Iterator[str]:
    """The URL of a store on the disk; programs that are started write to it."""
    with full_disk.in_use():
        if request.param == "sqlite":
            yield f"sqlite:///{tmp_path / 'jobs.db'}"
        else:
            with TemporaryCluster({"fsync": "off"}) as cluster:
                yield cluster.url()


def submit_until_refused(client: Client) -> None:
    """Use what the files have room for already."""
    for _ in range(1000):
        client.do_background("f", _PAYLOAD)


def full_metrics(server: WatchedServer) -> dict[str, float] | None:
    """The metrics, once they say that the store is full."""
    seen = server.metrics()
    return seen if seen["gearbridge_store_full"] else None


def test_a_full_disk_is_an_error_for_clients_and_shown_until_there_is_room(
    store: str, full_disk: Disk, tmp_path: Path, start_process: StartProcess
) -> None:
    def doctor() -> tuple[int, str]:
        process = start_process(GEARBRIDGE, "doctor", "--servers", server.address, "--database", store)
        return process.wait(), process.stdout.decode()

    with WatchedServer(tmp_path, "--store", store, "--log-format", "json") as server, Client(server.address) as client:
        client.do_background("f", _PAYLOAD)
        assert server.get("/readyz").status == 200
        assert "there is room for more jobs" in doctor()[1]
        full_disk.fill()
        with pytest.raises(ServerError, match="QUEUE_ERROR"):
            submit_until_refused(client)
        assert server.get("/readyz").status == 503
        metrics = wait_until(lambda: full_metrics(server), what="a newer reading")
        assert metrics["gearbridge_store_up"] == 1
        assert server.get("/api/overview").json["store"]["full"]
        status, said = doctor()
        assert status == 1
        assert "there is no room for more jobs" in said
        with pytest.raises(ServerError, match="QUEUE_ERROR"):
            client.do_background("f", _PAYLOAD)
        full_disk.clear()
        wait_until(lambda: server.get("/readyz").status == 200, what="the server to be ready again")
        client.do_background("f", _PAYLOAD)
        with working(server.address, f=lambda job: None):
            wait_until(lambda: server.admin("status") == ["f\t0\t0\t1"], what="all jobs to be done")
        assert server.process is not None
        log = server.process.stderr
        assert log.count("the store is full") == 1
        assert log.count("the store has room again") == 1
