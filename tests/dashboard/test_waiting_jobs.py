"""What waits is the same in each place that shows it, whichever way a job came: in every database, on every process."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import gearbridge
from gearbridge import Client
from gearbridge.ports import free_port
from tests.fixtures.dashboard import HTTP, WatchedBridge, WatchedServer
from tests.fixtures.place import Place, place
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GEARBRIDGE
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gearbridge import Job
    from tests.fixtures.bridge import StartBridge
    from tests.fixtures.processes import StartProcess

__all__ = ["place"]  # a fixture

_DAY = timedelta(days=1)
#: Functions, with a worker and without, and how many of each SQL enqueues.
_WORKED, _IDLE = "resize", "mail"
_MANY = 40

Figures = dict[str, tuple[int, int]]


def enqueue(place: Place) -> None:
    """Enqueue jobs of both functions, some of them for tomorrow, and let what waits be some seconds old."""
    with closing(place.connect()) as db:
        for number in range(_MANY):
            for function in (_WORKED, _IDLE):
                gearbridge.enqueue(db, function, b"%d" % number, priority=("high", "normal", "low")[number % 3])
        for function in (_WORKED, _IDLE):
            gearbridge.enqueue(db, function, b"later", run_at=datetime.now(UTC) + _DAY)
        db.commit()
        table = "gearbridge.gearbridge_job" if place.kind == "postgresql" else "gearbridge_job"
        db.cursor().execute(f"UPDATE {table} SET enqueued = enqueued - 1000 WHERE enqueued IS NOT NULL")
        db.commit()


def truth(place: Place) -> Figures:
    """Ready and scheduled jobs by function: of gman_queues, or in SQLite of the same question."""
    if place.kind == "sqlite":
        now = int(time.time())
        counts = f"SUM(due <= {now}), SUM(due > {now})"
        query = f"SELECT function, {counts} FROM gearbridge_job WHERE state < 2 GROUP BY function"
    else:
        quote = "`" if place.kind == "mysql" else ""
        query = f"SELECT {quote}function{quote}, ready, scheduled FROM gman_queues"
    with closing(place.connect()) as db:
        cursor = db.cursor()
        cursor.execute(query)
        return {name: (int(ready), int(scheduled)) for name, ready, scheduled in cursor.fetchall()}


def of_status(server: WatchedServer) -> Figures:
    """Unfinished jobs, less those that are scheduled."""
    totals = {name: int(total) for name, total, *_ in (line.split("\t") for line in server.admin("status"))}
    ready = {
        name: sum(map(int, numbers[:3]))
        for name, *numbers in (line.split("\t") for line in server.admin("prioritystatus"))
    }
    running = {name: int(numbers[1]) for name, *numbers in (line.split("\t") for line in server.admin("status"))}
    return {name: (ready[name] + running[name], total - ready[name] - running[name]) for name, total in totals.items()}


def of_metrics(server: WatchedServer) -> Figures:
    seen = server.metrics()
    return {
        name: (
            sum(
                int(seen[f'gearbridge_jobs_queued{{function="{name}",priority="{priority}"}}'])
                for priority in ("high", "normal", "low")
            )
            + int(seen[f'gearbridge_jobs_running{{function="{name}"}}']),
            int(seen[f'gearbridge_jobs_later{{function="{name}"}}']),
        )
        for name in (_WORKED, _IDLE)
        if f'gearbridge_jobs_later{{function="{name}"}}' in seen
    }


def rows_of(server: WatchedServer) -> list[Any]:
    """The API's functions, the one with a worker first."""
    rows: list[Any] = server.get("/api/functions?sort=workers").json["rows"]
    return rows


def of_api(server: WatchedServer) -> Figures:
    return {row["name"]: (sum(row["queued"].values()) + row["running"], row["later"]) for row in rows_of(server)}


def of_top(addresses: str, start_process: StartProcess) -> Figures:
    lines = start_process(GEARBRIDGE, "top", "--once", "--servers", addresses).succeed().decode().splitlines()
    found: Figures = {}
    for name, waiting, high, normal, low, running, _workers in (line.split() for line in lines[1:]):
        ready = int(high) + int(normal) + int(low)
        found[name] = (ready + int(running), int(waiting) - ready)
    return found


def agrees(place: Place, server: WatchedServer, start_process: StartProcess) -> None:
    """Every place shows what gman_queues does, soon."""
    wait_until(lambda: of_status(server) == truth(place), 10, what="status to agree")
    wait_until(lambda: of_api(server) == truth(place), 10, what="the API to agree")
    wait_until(lambda: of_metrics(server) == truth(place), 10, what="the metrics to agree")
    assert of_top(server.address, start_process) == truth(place)


@contextmanager
def holding(address: str) -> Iterator[None]:
    """A worker of one of the functions, that does not end its first job before the block does."""
    stop = False

    def hold(_job: Job) -> None:
        while not stop:
            time.sleep(0.05)

    with working(address, **{_WORKED: hold}):
        try:
            yield
        finally:
            stop = True


def finish(place: Place, server: WatchedServer) -> None:
    """Do all jobs that have a worker and are ready."""
    with working(server.address, **{_WORKED: lambda job: None}):
        wait_until(lambda: truth(place)[_WORKED] == (0, 1), what="the end of all ready jobs")


def test_a_server_shows_what_waits_in_its_table(place: Place, tmp_path: Path, start_process: StartProcess) -> None:
    with WatchedServer(tmp_path, "--store", place.url) as server:
        enqueue(place)
        agrees(place, server, start_process)
        metrics = server.metrics()
        for function in (_WORKED, _IDLE):
            assert 999 <= metrics[f'gearbridge_oldest_job_seconds{{function="{function}"}}'] < 1100
        with holding(server.address):
            wait_until(lambda: f"{_WORKED}\t{_MANY + 1}\t1\t1" in server.admin("status"), what="a job that runs")
            with Client(server.address) as client:
                client.do_background(_WORKED, b"of a socket")
                client.do_background(_IDLE, b"of a socket")
            agrees(place, server, start_process)
            wait_until(lambda: [row["workers"] for row in rows_of(server)] == [1, 0], what="a newer reading")
            row, other = rows_of(server)
            assert (row["name"], row["running"], other["name"]) == (_WORKED, 1, _IDLE)
            assert 998 <= row["oldest"] < 1100
            overview = server.get("/api/overview").json
            assert overview["idle_functions"] == 1
            assert 0 <= overview["counted"] < 10
            demand_that_the_alerts_fire(server.metrics())
        finish(place, server)
        agrees(place, server, start_process)


def demand_that_the_alerts_fire(metrics: dict[str, float]) -> None:
    """NobodyWorks and JobsWaitTooLong of docs/howto/monitoring.md, for the function without a worker."""
    queued = sum(
        value for name, value in metrics.items() if name.startswith(f'gearbridge_jobs_queued{{function="{_IDLE}"')
    )
    assert queued > 0
    assert metrics[f'gearbridge_workers{{function="{_IDLE}"}}'] == 0
    assert metrics[f'gearbridge_oldest_job_seconds{{function="{_IDLE}"}}'] > 600
    assert metrics["gearbridge_functions_without_workers"] == 1


def test_each_node_shows_what_waits_for_all(place: Place, tmp_path: Path, start_process: StartProcess) -> None:
    if place.kind == "sqlite":
        return  # its file is one server's
    with (
        WatchedServer(tmp_path, "--store", place.url, "--node", "a") as a,
        WatchedServer(tmp_path, "--store", place.url, "--node", "b") as b,
    ):
        enqueue(place)
        with Client(a.address) as client:
            client.do_background(_IDLE, b"of a socket")
        for node in (a, b):
            agrees(place, node, start_process)
        with holding(a.address):
            wait_until(lambda: f"{_WORKED}\t{_MANY + 1}\t1\t1" in a.admin("status"), what="a job that runs")
            for node in (a, b):
                agrees(place, node, start_process)
        both = f"{a.address},{b.address}"
        wait_until(lambda: of_top(both, start_process) == truth(place), 20, what="top to agree")
        finish(place, a)  # it has claimed some
        for node in (a, b):
            agrees(place, node, start_process)


def test_what_runs_at_another_node_has_no_age(place: Place, tmp_path: Path) -> None:
    """It is no job that waits too long."""
    if place.kind == "sqlite":
        return  # its file is one server's
    with (
        WatchedServer(tmp_path, "--store", place.url, "--node", "a") as a,
        WatchedServer(tmp_path, "--store", place.url, "--node", "b") as b,
    ):
        oldest = f'gearbridge_oldest_job_seconds{{function="{_WORKED}"}}'
        with closing(place.connect()) as db:
            gearbridge.enqueue(db, _WORKED, b"p")
            db.commit()
            table = "gearbridge.gearbridge_job" if place.kind == "postgresql" else "gearbridge_job"
            db.cursor().execute(f"UPDATE {table} SET enqueued = enqueued - 1000")
            db.commit()
        for node in (a, b):
            wait_until(lambda node=node: node.metrics().get(oldest, 0) > 999, what="its age")  # type: ignore[misc]
        with holding(a.address):
            for node in (a, b):
                wait_until(lambda node=node: node.metrics()[oldest] == 0, what="no age")  # type: ignore[misc]
            assert f"{_WORKED}\t1\t1\t1" in a.admin("status")


def test_jobs_of_sockets_that_wait_for_nodes_have_an_age(place: Place, tmp_path: Path) -> None:
    """No time is kept with them: they are as old as the count that found them."""
    if place.kind == "sqlite":
        return  # its file is one server's
    with (
        WatchedServer(tmp_path, "--store", place.url, "--node", "a") as a,
        WatchedServer(tmp_path, "--store", place.url, "--node", "b") as b,
    ):
        oldest = f'gearbridge_oldest_job_seconds{{function="{_WORKED}"}}'
        with Client(a.address) as client:
            client.do_background(_WORKED, b"of a socket")
        for node in (a, b):
            wait_until(lambda node=node: node.metrics().get(oldest, 0) > 2, what="an age")  # type: ignore[misc]
        with working(a.address, **{_WORKED: lambda job: None}):
            for node in (a, b):
                wait_until(lambda node=node: node.metrics()[oldest] == 0, what="no age")  # type: ignore[misc]


def test_a_bridge_shows_what_waits_in_its_table(place: Place, start_bridge: StartBridge) -> None:
    nobody = f"127.0.0.1:{free_port()}"  # so that nothing is claimed
    bridge = WatchedBridge(start_bridge(place.url, nobody, *HTTP))
    enqueue(place)

    def of_api() -> Figures:
        rows: list[Any] = bridge.get("/api/functions").json["rows"]
        return {row["name"]: (row["waiting"], row["scheduled"]) for row in rows}

    def of_metrics() -> Figures:
        seen = bridge.metrics()
        names = [name for name in (_WORKED, _IDLE) if f'gearbridge_bridge_jobs_waiting{{function="{name}"}}' in seen]
        waiting, scheduled = "gearbridge_bridge_jobs_waiting", "gearbridge_bridge_jobs_scheduled"
        return {
            name: (int(seen[f'{waiting}{{function="{name}"}}']), int(seen[f'{scheduled}{{function="{name}"}}']))
            for name in names
        }

    wait_until(lambda: of_api() == truth(place), 10, what="the API to agree")
    wait_until(lambda: of_metrics() == truth(place), 10, what="the metrics to agree")
    overview = bridge.get("/api/overview").json
    assert (overview["waiting"], overview["scheduled"]) == (2 * _MANY, 2)
    assert 999 <= overview["oldest"] < 1100
    assert 999 <= bridge.metrics()[f'gearbridge_bridge_oldest_job_seconds{{function="{_IDLE}"}}'] < 1100
