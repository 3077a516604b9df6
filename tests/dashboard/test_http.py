"""Health, metrics and the JSON API of a real server."""

from __future__ import annotations

import base64
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import gearbridge
from gearbridge import Client
from gearbridge.dashboard.exposition import FUNCTIONS
from gearbridge.dashboard.metrics import METRICS
from gearbridge.extension.cluster import TemporaryCluster
from tests.fixtures.dashboard import WatchedServer
from tests.fixtures.processes import wait_until
from tests.fixtures.workers import working
from tests.server.wire_client import WireClient
from tests.test_traces import TRACE

if TYPE_CHECKING:
    from gearbridge import Job

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


def fail(_job: Job) -> bytes:
    raise ValueError("no such picture")


def test_the_histograms_count_each_job_once(watched: WatchedServer) -> None:
    """Over quick jobs, lost workers and a restart, after which the counters begin again."""

    def counts() -> list[float]:
        seen = watched.metrics()
        return [seen.get(f'gearbridge_job_{what}_seconds_count{{function="f"}}', 0) for what in ("wait", "run")]

    for _ in range(2):
        with Client(watched.address) as client:
            client.do_background_many("f", [b"x"] * 10)
        for _ in range(3):
            with WireClient(watched.port) as lost:
                lost.send("CAN_DO", "f")
                assert lost.ask("GRAB_JOB")[0] == "JOB_ASSIGN"
        with working(watched.address, f=lambda job: None):
            wait_until(lambda: counts() == [10, 10], what="ten jobs to be counted")
        watched.restart()


def test_a_server_without_http_listens_on_one_port_only(gearbridge_server: WatchedServer) -> None:
    assert gearbridge_server.process is not None
    assert "dashboard" not in gearbridge_server.process.stderr


def test_metrics_count_what_became_of_jobs(watched: WatchedServer) -> None:
    with Client(watched.address) as client:
        for priority in (0, 1, 2, 2):
            client.do_background("resize", b"x", priority=priority)
    seen = watched.metrics()
    assert [seen[f'gearbridge_jobs_queued{{function="resize",priority="{p}"}}'] for p in ("high", "normal", "low")] == [
        *(1, 1, 2)
    ]
    assert seen['gearbridge_oldest_job_seconds{function="resize"}'] > 0

    with working(watched.address, resize=lambda job: b"done"), Client(watched.address) as client:
        client.do("resize", b"x")
        wait_until(lambda: watched.metrics()['gearbridge_jobs_completed_total{function="resize"}'] == 5)
        assert watched.metrics()['gearbridge_workers{function="resize"}'] == 1
    seen = watched.metrics()
    assert seen['gearbridge_jobs_submitted_total{function="resize"}'] == 5
    assert seen['gearbridge_jobs_queued{function="resize",priority="low"}'] == 0
    assert seen['gearbridge_job_run_seconds_count{function="resize"}'] > 0
    assert seen['gearbridge_job_wait_seconds_bucket{function="resize",le="+Inf"}'] > 0
    assert seen["gearbridge_commit_seconds_count"] > 0
    wait_until(
        lambda: watched.metrics()["gearbridge_commit_group_operations_sum"] == 8, what="four written, four deleted"
    )
    assert seen["gearbridge_store_up"] == 1
    assert seen["process_open_fds"] > 0


def test_metrics_are_those_of_the_reference(watched: WatchedServer) -> None:
    with Client(watched.address) as client:
        client.do_background("resize", b"x")
    text = watched.get("/metrics").text
    written = dict(re.findall(r"^# HELP (gearbridge_\w+) (.*)$", text, re.MULTILINE))
    assert written == {name: help for name, (_, help) in METRICS.items()}
    page = REFERENCE.read_text(encoding="utf-8").partition("\n## A bridge")[0]
    documented = re.findall(r"^\| `(gearbridge_\w+)` \| ([^|]*) \| ([^|]*) \|$", page, re.MULTILINE)
    assert documented == [
        (name, ", ".join(f"`{label}`" for label in labels), help) for name, (labels, help) in METRICS.items()
    ]


def test_metrics_in_openmetrics_where_asked_for(watched: WatchedServer) -> None:
    answer = watched.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_ten_thousand_functions_are_bounded_in_the_metrics_and_paged_in_the_api(many: WatchedServer) -> None:
    watched = many
    text = watched.get("/metrics").text
    assert len(set(re.findall(r'function="([^"]*)"', text))) == FUNCTIONS + 1
    seen = watched.metrics()
    assert seen["gearbridge_functions"] == 10_000
    assert seen['gearbridge_jobs_queued{function="(others)",priority="normal"}'] == 10_000 - FUNCTIONS
    wait_until(lambda: watched.get("/api/functions").json["total"] == 10_000)
    page = watched.get("/api/functions?search=F99&sort=name&limit=3&offset=1").json
    assert [row["name"] for row in page["rows"]] == ["f990", "f9900", "f9901"]
    assert (page["matching"], page["offset"]) == (111, 1)
    assert len(watched.get("/api/functions?limit=100000").body) < 500_000


def test_who_scrapes_without_pause_gets_the_same_page_for_a_while(many: WatchedServer) -> None:
    pages = [many.get("/metrics").body for _ in range(50)]
    assert len(set(pages)) < 25, "two hundred functions are a lot of text"
    other = many.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert other.text.endswith("# EOF\n"), "each format has its own"
    wait_until(lambda: many.get("/metrics").body not in pages)


def test_health_says_what_a_balancer_needs_and_nothing_else(watched: WatchedServer) -> None:
    assert (watched.get("/healthz").status, watched.get("/healthz").text) == (200, "ok\n")
    assert (watched.get("/readyz").status, watched.get("/readyz").text) == (200, "ok\n")


def test_a_server_whose_store_is_away_lives_but_is_not_ready(tmp_path: Path) -> None:
    with (
        TemporaryCluster() as cluster,
        WatchedServer(tmp_path, "--store", cluster.url(), "--store-patience", "0.5") as server,
    ):
        assert server.get("/readyz").status == 200
        cluster.stop()
        with Client(server.address) as client, pytest.raises(Exception, match="cannot be reached"):
            client.do_background("resize", b"x")
        assert server.get("/readyz").status == 503
        assert server.get("/healthz").status == 200
        assert server.get("/api/overview").json["store"]["trouble"]
        assert server.metrics()["gearbridge_store_up"] == 0
        assert server.post("/api/jobs", {"function": "f"}).status == 503


def test_a_server_whose_file_is_gone_is_not_ready_although_nothing_is_submitted(tmp_path: Path) -> None:
    with WatchedServer(tmp_path) as server:
        assert server.get("/readyz").status == 200
        (tmp_path / "jobs.db").rename(tmp_path / "moved away")
        wait_until(lambda: server.get("/readyz").status == 503)
        assert server.process is not None
        server.process.wait_for_stderr("jobs.db was deleted or replaced")
        (tmp_path / "moved away").rename(tmp_path / "jobs.db")
        wait_until(lambda: server.get("/readyz").status == 200)


def test_a_job_by_http(watched: WatchedServer) -> None:
    answer = watched.post("/api/jobs", {"function": "resize", "payload": "größe", "unique": "u1", "priority": "high"})
    assert answer.status == 202
    handle = answer.json["handle"]
    told = watched.get(f"/api/jobs/{handle}").json
    assert told["state"] == "queued"
    assert (told["function"], told["unique_key"], told["priority"], told["background"]) == (
        "resize",
        "u1",
        "high",
        True,
    )
    done: list[bytes] = []
    with working(watched.address, resize=lambda job: done.append(job.payload)):
        wait_until(lambda: watched.get(f"/api/jobs/{handle}").status == 404)
    assert done == ["größe".encode()]


def test_a_foreground_job_by_http_answers_with_the_result(watched: WatchedServer) -> None:
    body = {"function": "reverse", "payload_base64": base64.b64encode(b"\xff\0a").decode(), "background": False}
    with working(watched.address, reverse=lambda job: job.payload[::-1], broken=fail):
        answer = watched.post("/api/jobs", body)
        assert (answer.status, answer.json["ended"]) == (200, "complete")
        assert base64.b64decode(answer.json["result_base64"]) == b"a\0\xff"
        answer = watched.post("/api/jobs", {"function": "broken", "background": False})
        assert answer.status == 502
        assert answer.json["ended"] == "exception"
        assert "no such picture" in answer.json["result"]


def test_a_foreground_job_that_takes_too_long_is_given_up(watched: WatchedServer) -> None:
    answer = watched.post("/api/jobs", {"function": "nobody", "background": False, "timeout": 0.05})
    assert answer.status == 504
    assert watched.admin("status") == ["nobody\t0\t0\t0"]


def test_a_job_by_http_for_later(watched: WatchedServer) -> None:
    due = int(time.time()) + 3600
    handle = watched.post("/api/jobs", {"function": "later", "due": due}).json["handle"]
    assert watched.get(f"/api/jobs/{handle}").json["state"] == "queued"
    wait_until(lambda: watched.get("/api/functions?search=later").json["rows"])
    (row,) = watched.get("/api/functions?search=later").json["rows"]
    assert (row["later"], row["queued"]["normal"], row["oldest"]) == (1, 0, None)


def test_cancel_by_http(watched: WatchedServer) -> None:
    handle = watched.post("/api/jobs", {"function": "resize"}).json["handle"]
    assert watched.post(f"/api/jobs/{handle}/cancel").json == {"cancelled": True}
    assert watched.get(f"/api/jobs/{handle}").status == 404
    assert watched.post(f"/api/jobs/{handle}/cancel").status == 404
    assert watched.metrics()['gearbridge_jobs_cancelled_total{function="resize"}'] == 1


@pytest.mark.parametrize(("confined", "status"), [("10.0.0.0/8", 403), ("none", 403), ("127.0.0.1", 200)])
def test_cancel_by_http_from_where_admin_commands_are_taken(confined: str, status: int, tmp_path: Path) -> None:
    with WatchedServer(tmp_path, "--admin-from", confined) as watched:
        handle = watched.post("/api/jobs", {"function": "resize"}).json["handle"]
        assert watched.post(f"/api/jobs/{handle}/cancel").status == status
        assert watched.post("/api/jobs/H:none:1/cancel").status == (404 if status == 200 else status)
        assert watched.get(f"/api/jobs/{handle}").status == (404 if status == 200 else 200)


def test_a_failed_job_is_shown_with_its_error_and_done_again(watched: WatchedServer) -> None:
    with working(watched.address, resize=fail):
        handle = watched.post("/api/jobs", {"function": "resize", "payload": "p"}).json["handle"]
        (failure,) = wait_until(lambda: watched.get("/api/failures").json["rows"])
    assert failure["handle"] == handle
    assert "no such picture" in failure["error"]
    assert failure["repeatable"]
    assert abs(failure["when"] - time.time()) < 600
    assert watched.post(f"/api/jobs/{handle}/retry").status == 202
    watched.restart()  # it was durable when that was said
    done: list[bytes] = []
    with working(watched.address, resize=lambda job: done.append(job.payload)):
        wait_until(lambda: done == [b"p"])
    assert watched.post(f"/api/jobs/{handle}/retry").status == 404


def test_a_job_that_cannot_be_done_again_says_so(watched: WatchedServer) -> None:
    with working(watched.address, resize=fail):
        watched.post("/api/jobs", {"function": "resize", "background": False})
    (failure,) = watched.get("/api/failures").json["rows"]
    answer = watched.post(f"/api/jobs/{failure['handle']}/retry")
    assert answer.status == 409
    assert "foreground" in answer.json["error"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not a job as JSON"),
        (b"[]", "an object is expected"),
        (b"{}", "function is missing"),
        (b'{"function": ""}', "function is empty"),
        (b'{"function": 5}', "not a job as JSON"),
        (b'{"function": "a\\u0000b"}', "names have no NUL"),
        (b'{"function": "f", "prio": "high"}', "unknown: prio"),
        (b'{"function": "f", "priority": "urgent"}', "not a job as JSON"),
        (b'{"function": "f", "payload_base64": "!"}', "not a job as JSON"),
        (b'{"function": "f", "due": 1e999}', "not a job as JSON"),
        (b'{"function": "f", "unique": "' + b"u" * 300 + b'"}', "Unique value too large"),
        (b'{"function": "f", "due": 5, "background": false}', "background job of normal priority"),
    ],
)
def test_what_is_no_job_is_refused(shared_watched: WatchedServer, body: bytes, message: str) -> None:
    answer = shared_watched.post("/api/jobs", body)
    assert answer.status == 400
    assert message in answer.json["error"]


@pytest.mark.parametrize("query", ["sort=colour", "limit=-1", "limit=x", "offset=9999999999", "limit=%C2%B2"])
def test_what_is_no_question_is_refused(shared_watched: WatchedServer, query: str) -> None:
    assert shared_watched.get(f"/api/functions?{query}").status == 400


def test_workers_are_shown_with_what_they_run(watched: WatchedServer) -> None:
    def look(_job: Job) -> bytes:
        looked.append(watched.get("/api/workers").json)
        return b""

    looked: list[dict[str, Any]] = []
    with working(watched.address, look=look), Client(watched.address) as client:
        client.do("look", b"")
    (worker,) = looked[0]["rows"]
    assert worker["functions"] == ["look"]
    assert len(worker["running"]) == 1


def test_a_job_that_sql_enqueued_and_that_failed_is_done_again_under_its_handle(watched: WatchedServer) -> None:
    with closing(sqlite3.connect(watched.store.removeprefix("sqlite:///"))) as database:
        with database:
            handle = gearbridge.enqueue(database, "resize", b"p")
        with working(watched.address, resize=fail):
            (failure,) = wait_until(lambda: watched.get("/api/failures").json["rows"])
        assert failure["handle"] == handle
        assert failure["repeatable"]
        assert watched.post(f"/api/jobs/{handle}/retry").json == {"handle": handle}
        done: list[str] = []
        with working(watched.address, resize=lambda job: done.append(job.handle)):
            wait_until(lambda: done == [handle])
        left = "SELECT count(*) FROM gearbridge_job"
        wait_until(lambda: database.execute(left).fetchone() == (0,), what="an empty table")


def test_a_request_s_trace_is_that_of_its_job(watched: WatchedServer) -> None:
    with working(watched.address, traced=lambda job: job.traceparent):
        told = {"function": "traced", "background": False}
        assert watched.post("/api/jobs", told, traceparent=TRACE).json["result"] == TRACE
        assert watched.post("/api/jobs", told, traceparent="nonsense").json["result"] == ""
