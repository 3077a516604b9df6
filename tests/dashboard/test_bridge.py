"""Health, metrics and the JSON API of a real bridge, from a database to a real job server."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import gearbridge
from gearbridge.dashboard.bridge_metrics import METRICS
from gearbridge.ports import free_port
from gearbridge.stores.registry import store_for
from tests.fixtures._mysql_server import PASSWORD
from tests.fixtures.dashboard import HTTP, WatchedBridge
from tests.fixtures.mariadb import MariaDB
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GEARBRIDGE
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gearbridge import Job
    from tests.fixtures.bridge import StartBridge
    from tests.fixtures.job_server import JobServer
    from tests.fixtures.processes import StartProcess
    from tests.fixtures.server import GearbridgeServer

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
_COUNTS = ("claimed_total", "handed_over_total", "completed_total", "failed_total", "retried_total", "in_hand")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with a job table that no job server has."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    with closing(store_for(url)) as store:
        store.open()
    return url


@pytest.fixture
def db(url: str) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        yield connection


def fail(_job: Job) -> bytes:
    raise ValueError("no such picture")


def counts(bridge: WatchedBridge, function: str) -> dict[str, float]:
    seen = bridge.metrics()
    return {name: seen.get(f'gearbridge_bridge_jobs_{name}{{function="{function}"}}', 0) for name in _COUNTS}


def test_metrics_count_what_became_of_jobs(
    url: str, db: sqlite3.Connection, job_server: JobServer, start_bridge: StartBridge
) -> None:
    bridge = WatchedBridge(start_bridge(url, job_server.address, *HTTP))
    for _ in range(3):
        gearbridge.enqueue(db, "mail", b"x")
    wait_until(lambda: counts(bridge, "mail")["handed_over_total"] == 3)
    gearbridge.enqueue(db, "resize", b"x", keep_result=True)
    gearbridge.enqueue(db, "broken", b"x", keep_result=True)
    gearbridge.enqueue(db, "often", b"x", max_attempts=2)
    wait_until(lambda: bridge.metrics()['gearbridge_bridge_jobs{state="sent"}'] == 3)
    assert counts(bridge, "resize")["in_hand"] == 1
    with working(job_server.address, resize=lambda _job: b"done", broken=fail, often=fail):
        wait_until(lambda: counts(bridge, "resize")["completed_total"] == 1)
        wait_until(lambda: counts(bridge, "broken")["failed_total"] == 1)
        wait_until(lambda: counts(bridge, "often")["failed_total"] == 1)
    assert counts(bridge, "mail") == dict(zip(_COUNTS, (3, 3, 0, 0, 0, 0), strict=True))
    assert counts(bridge, "often") == dict(zip(_COUNTS, (2, 0, 0, 1, 1, 0), strict=True))
    seen = bridge.metrics()
    assert seen["gearbridge_bridge_active"] == 1
    assert seen[f'gearbridge_bridge_job_server_connected{{server="{job_server.address}"}}'] == 1
    assert seen["gearbridge_store_up"] == 1
    wait_until(lambda: bridge.metrics()["gearbridge_commit_group_operations_sum"] == 3 + 1 + 1 + 2)
    assert seen["gearbridge_commit_seconds_count"] > 0


def test_metrics_are_those_of_the_reference(
    url: str, db: sqlite3.Connection, gearbridge_server: GearbridgeServer, start_bridge: StartBridge
) -> None:
    bridge = WatchedBridge(start_bridge(url, gearbridge_server.address, *HTTP))
    gearbridge.enqueue(db, "resize", b"x")
    wait_until(lambda: counts(bridge, "resize")["handed_over_total"])
    text = bridge.get("/metrics").text
    written = dict(re.findall(r"^# HELP (gearbridge_\w+) (.*)$", text, re.MULTILINE))
    assert written == {name: help for name, (_, help) in METRICS.items()}
    section = REFERENCE.read_text(encoding="utf-8").split("\n## A bridge", 1)[1]
    documented = re.findall(r"^\| `(gearbridge_\w+)` \| ([^|]*) \| ([^|]*) \|$", section, re.MULTILINE)
    own = {name: told for name, told in METRICS.items() if name.startswith("gearbridge_bridge_")}
    assert documented == [
        (name, ", ".join(f"`{label}`" for label in labels), help) for name, (labels, help) in own.items()
    ]


def test_one_that_stands_by_is_well_and_says_that_it_does(
    url: str, db: sqlite3.Connection, gearbridge_server: GearbridgeServer, start_bridge: StartBridge
) -> None:
    first = start_bridge(url, gearbridge_server.address)
    second = start_bridge(url, gearbridge_server.address, *HTTP, active=False)
    bridge = WatchedBridge(second)
    assert (bridge.get("/healthz").status, bridge.get("/readyz").status) == (200, 200)
    told = bridge.get("/api/overview").json
    assert (told["state"], told["not_ready"], told["store"]) == ("standing by", None, None)
    assert bridge.metrics()["gearbridge_bridge_active"] == 0
    first.kill()
    wait_until(lambda: bridge.get("/api/overview").json["state"] == "working")
    gearbridge.enqueue(db, "resize", b"x")
    wait_until(lambda: counts(bridge, "resize")["handed_over_total"] == 1)
    assert second.process.terminate() == 0


def test_one_without_a_job_server_is_not_ready_and_says_why(
    url: str, gearbridge_server: GearbridgeServer, start_bridge: StartBridge
) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    bridge = WatchedBridge(start_bridge(url, f"{nobody},{gearbridge_server.address}", *HTTP))
    wait_until(lambda: bridge.get("/readyz").status == 200)
    first, second = bridge.get("/api/servers").json["rows"]
    assert (first["server"], first["connected"], first["trouble"]) == (nobody, False, "Connection refused")
    assert second == {"server": gearbridge_server.address, "connected": True, "trouble": None}
    gearbridge_server.kill()
    wait_until(lambda: bridge.get("/readyz").status == 503)
    assert bridge.get("/healthz").status == 200
    assert bridge.get("/api/overview").json["not_ready"] == "no job server can be reached"
    wait_until(lambda: bridge.get("/api/servers").json["rows"][1]["trouble"] == "Connection refused")
    assert not any(figure for name, figure in bridge.metrics().items() if "job_server_connected" in name)
    gearbridge_server.start()
    wait_until(lambda: bridge.get("/readyz").status == 200)


def test_one_whose_database_is_away_is_not_ready(
    gearbridge_server: GearbridgeServer, start_bridge: StartBridge
) -> None:
    with MariaDB() as mariadb:
        url = mariadb.make_database()
        bridge = WatchedBridge(start_bridge(url, gearbridge_server.address, *HTTP))
        wait_until(lambda: bridge.get("/readyz").status == 200)
        mariadb.kill()
        wait_until(lambda: bridge.get("/readyz").status == 503)
        told = bridge.get("/api/overview")
        assert told.json["not_ready"].startswith("the database cannot be reached")
        assert f":{PASSWORD}@" not in told.text
        assert bridge.metrics()["gearbridge_store_up"] == 0
        mariadb.start()
        wait_until(lambda: bridge.get("/readyz").status == 200)


def test_functions_are_found_and_paged(
    url: str, db: sqlite3.Connection, gearbridge_server: GearbridgeServer, start_bridge: StartBridge
) -> None:
    bridge = WatchedBridge(start_bridge(url, gearbridge_server.address, *HTTP, "--follow"))
    db.execute("BEGIN")
    for name in ("Resize_1", "resize_2", "resize_2", "resize_3", "mail"):
        gearbridge.enqueue(db, name, b"x")
    db.execute("COMMIT")

    def found(query: str) -> Any:
        return bridge.get(f"/api/functions?{query}").json

    wait_until(lambda: bridge.get("/api/overview").json["in_hand"] == 5)
    answer = found("search=RESIZE&limit=2")
    assert [row["name"] for row in answer["rows"]] == ["resize_2", "Resize_1"], "those with most in hand first"
    assert (answer["total"], answer["matching"], answer["offset"]) == (4, 3, 0)
    assert [row["name"] for row in found("search=resize&limit=2&offset=2")["rows"]] == ["resize_3"]
    assert bridge.get("/api/functions?limit=x").status == 400
    assert bridge.post("/api/jobs", {"function": "f"}).status == 404, "jobs are enqueued in the database"


def command(url: str) -> tuple[str | Path, ...]:
    return (GEARBRIDGE, "bridge", "--database", url, "--servers", "127.0.0.1:1")


def test_strangers_need_the_token(
    url: str, tmp_path: Path, start_bridge: StartBridge, start_process: StartProcess
) -> None:
    refused = start_process(*command(url), "--http", "0.0.0.0:0")
    assert refused.wait() == 1
    assert "would be open to anyone: give --http-token-file" in refused.stderr
    (tmp_path / "token").write_text("correct horse\n", encoding="utf-8")
    options = ("--http", "0.0.0.0:0", "--http-token-file", str(tmp_path / "token"))
    bridge = WatchedBridge(start_bridge(url, "127.0.0.1:1", *options))
    assert bridge.get("/healthz").status == 200
    for path in ("/", "/metrics", "/api/overview"):
        assert bridge.get(path).status == 401
        assert bridge.get(path, Authorization="Bearer correct horse").status == 200


def test_a_bridge_without_http_serves_none(url: str, start_bridge: StartBridge) -> None:
    assert "dashboard" not in start_bridge(url, "127.0.0.1:1").process.stderr


def test_a_port_that_is_taken_keeps_it_from_starting(
    url: str, gearbridge_server: GearbridgeServer, start_process: StartProcess
) -> None:
    refused = start_process(*command(url), "--http", gearbridge_server.address)
    assert refused.wait() == 1
    assert "in use" in refused.stderr
    assert refused.stderr.count("\n") == 1
