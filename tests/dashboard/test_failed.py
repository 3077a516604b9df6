"""Failed jobs over HTTP: listed, looked into, retried and discarded, of a real server."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from gearbridge import Client
from tests.fixtures.dashboard import WatchedServer
from tests.fixtures.processes import wait_until
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gearbridge import Job


def fail(job: Job) -> None:
    raise ValueError(f"no user in {job.payload.decode('latin-1')}")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WatchedServer]:
    with WatchedServer(tmp_path, "--retry", "*=1") as server:
        yield server


def failed(server: WatchedServer, *payloads: bytes, function: str = "mail") -> list[str]:
    """Have these jobs failed; their handles."""
    with Client(server.address) as client, working(server.address, **{function: fail}):
        handles = [client.do_background(function, payload) for payload in payloads]
        wait_until(lambda: {*handles} <= {row["handle"] for row in rows(server, "limit=500")})
    return handles


def rows(server: WatchedServer, query: str = "") -> list[dict[str, Any]]:
    answer = server.get(f"/api/failed?{query}")
    assert answer.status == 200, answer.text
    found: list[dict[str, Any]] = answer.json["rows"]
    return found


def test_they_are_found_looked_into_and_survive_a_restart(server: WatchedServer) -> None:
    one, other = failed(server, b"x=1\xff", b"x=2")
    (more,) = failed(server, b"", function="resize")
    server.kill()
    server.start()
    assert {row["handle"] for row in rows(server)} == {one, other, more}
    assert [row["handle"] for row in rows(server, "payload=x%3D1")] == [one]
    assert [row["handle"] for row in rows(server, "error=x%3D2&function=mail")] == [other]
    assert rows(server, "error=none") == rows(server, "since=9000000000") == []
    told = server.get(f"/api/failed/{one}").json
    assert (told["function"], told["attempts"], told["payload_size"], told["enqueued_by"]) == ("mail", 1, 4, None)
    assert told["payload"] == "x=1\\xff"
    assert base64.b64decode(told["payload_base64"]) == b"x=1\xff"
    assert "no user in x=1" in told["error"]
    assert server.get("/api/failed/H:none").status == 404


def test_pages_follow_each_other(server: WatchedServer) -> None:
    handles = failed(server, *(b"%d" % number for number in range(7)))
    seen: list[str] = []
    query = "limit=3"
    while True:
        page = server.get(f"/api/failed?{query}").json
        seen += [row["handle"] for row in page["rows"]]
        if page["next"] is None:
            break
        query = f"limit=3&until={page['next']['until']}&after={page['next']['after']}"
    assert sorted(seen) == sorted(handles)


def test_one_is_retried_with_another_payload_and_never_twice(server: WatchedServer) -> None:
    (handle,) = failed(server, b"wrong")
    done: list[bytes] = []
    assert server.post(f"/api/failed/{handle}/retry", {"payload": "right"}).status == 202
    assert server.post(f"/api/failed/{handle}/retry", {"payload": "again"}).status == 404
    assert server.post(f"/api/failed/{handle}/discard").status == 404
    assert rows(server) == []
    with working(server.address, mail=lambda job: done.append(job.payload)):
        wait_until(lambda: done == [b"right"])
        wait_until(lambda: server.admin("status") == ["mail\t0\t0\t1"])
    assert server.post(f"/api/failed/{handle}/retry").status == 404
    assert done == [b"right"]


def test_all_that_match_are_retried_or_discarded(server: WatchedServer) -> None:
    failed(server, *(b"bad %d" % number for number in range(5)), b"good")
    assert server.post("/api/failed/discard?error=bad&limit=2").json == {"discarded": 2}
    assert server.post("/api/failed/retry?payload=bad").json == {"retried": 3}
    assert [row["error"] for row in rows(server)] == [rows(server, "payload=good")[0]["error"]]
    done: list[bytes] = []
    with working(server.address, mail=lambda job: done.append(job.payload)):
        wait_until(lambda: len(done) == 3)
    (left,) = rows(server)
    assert server.post(f"/api/failed/{left['handle']}/discard").json == {"discarded": 1}
    assert rows(server) == []


@pytest.mark.parametrize(
    "query", ["eror=x", "since=yesterday", "after=%C3%A9", "function=a%00", "limit=many", "until=-1"]
)
def test_a_search_that_cannot_be_meant_is_refused(server: WatchedServer, query: str) -> None:
    assert server.get(f"/api/failed?{query}").status == 400
    assert server.post(f"/api/failed/discard?{query}").status == 400


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"payload": 7}', b'{"payload_base64": "?"}', b'{"other": ""}'])
def test_a_payload_that_is_none_is_refused(server: WatchedServer, body: bytes) -> None:
    assert server.post("/api/failed/H:none/retry", body).status == 400


def test_who_may_change_nothing_sees_them_only(tmp_path: Path) -> None:
    with WatchedServer(tmp_path, "--retry", "*=1", "--admin-from", "none") as server:
        (handle,) = failed(server, b"x")
        for path in (f"{handle}/retry", f"{handle}/discard", "retry", "discard"):
            assert server.post(f"/api/failed/{path}").status == 403
        assert [row["handle"] for row in rows(server)] == [handle]


def test_a_store_without_a_job_table_keeps_none(tmp_path: Path) -> None:
    with WatchedServer(tmp_path, "--store", "memory:") as server:
        answer = server.get("/api/failed")
        assert answer.status == 404
        assert "no job table" in answer.json["error"]


def test_the_list_of_the_last_failures_runs_nothing_that_was_retried_elsewhere(server: WatchedServer) -> None:
    one, other = failed(server, b"1", b"2")
    done: list[str] = []
    with working(server.address, mail=lambda job: done.append(job.handle)):
        assert server.post(f"/api/failed/{one}/retry").status == 202
        wait_until(lambda: done == [one])
        assert server.post(f"/api/jobs/{one}/retry").status == 409
        assert server.post(f"/api/jobs/{other}/retry").status == 202
        wait_until(lambda: done == [one, other])
        assert server.post(f"/api/jobs/{other}/retry").status == 404
        wait_until(lambda: server.admin("status") == ["mail\t0\t0\t1"])
    assert done == [one, other]
