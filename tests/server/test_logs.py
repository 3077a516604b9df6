"""What a server and a bridge log, as JSON: one object a line, with fields; and nothing for a job that goes well."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from gearbridge import Client
from gearbridge.errors import ServerError
from gearbridge.extension.cluster import TemporaryCluster
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GEARBRIDGE, GearbridgeServer
from tests.fixtures.workers import working

from .wire_client import WireClient

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures.processes import StartProcess


def entries(server: GearbridgeServer) -> list[dict[str, Any]]:
    assert server.process is not None
    return [json.loads(line) for line in server.process.stderr.splitlines()]


def test_every_line_is_an_object_and_no_job_has_one(tmp_path: Path) -> None:
    with GearbridgeServer(tmp_path, "--log-format", "json") as server:
        with working(server.address, f=lambda job: b""), Client(server.address) as client:
            for _ in range(20):
                client.do("f", b"")
                client.do_background("f", b"")
        (entry,) = entries(server)
        assert "listening on" in entry["message"]
        assert (entry["level"], entry["logger"]) == ("INFO", "gearbridge.cli.server")
        assert entry["time"].endswith("+00:00")


def test_every_line_of_a_bridge_is_one_too(
    tmp_path: Path, gearbridge_server: GearbridgeServer, start_process: StartProcess
) -> None:
    words = ("--database", f"sqlite:///{tmp_path / 'shop.db'}", "--servers", gearbridge_server.address)
    bridge = start_process(GEARBRIDGE, "bridge", *words, "--http", "127.0.0.1:0", "--log-format", "json")
    bridge.wait_for_stderr("connected to job server")
    messages = [json.loads(line)["message"] for line in bridge.stderr.splitlines()]
    for expected, message in zip(("dashboard on", "takes jobs", "connected to"), messages, strict=True):
        assert expected in message


def test_what_an_event_concerns_are_fields(tmp_path: Path) -> None:
    with (
        TemporaryCluster() as cluster,
        GearbridgeServer(
            tmp_path, "--store", cluster.url(), "--store-patience", "0.2", "--log-format", "json"
        ) as server,
        Client(server.address) as client,
    ):
        cluster.stop()
        with pytest.raises(ServerError, match="cannot be reached"):
            client.do_background("resize", b"")
        (refused,) = wait_until(lambda: [one for one in entries(server) if "were refused" in one["message"]])
        assert refused["level"] == "ERROR"
        assert refused["functions"] == ["resize"]
        (handle,) = refused["handles"]
        assert handle.startswith("H:")


def test_jobs_that_went_wrong_are_logged_with_their_handles(tmp_path: Path) -> None:
    with (
        GearbridgeServer(tmp_path, "--log-format", "json") as server,
        WireClient(server.port) as client,
        WireClient(server.port) as worker,
    ):
        worker.send("CAN_DO", "f")
        failing, lost = (client.ask("SUBMIT_JOB_BG", "f", "", "x")[1] for _ in range(2))
        assert worker.ask("GRAB_JOB")[1] == failing
        worker.send("WORK_EXCEPTION", failing, "no\x1b[2Jdisk")
        assert worker.ask("GRAB_JOB")[1] == lost
        worker.close()

        def logged() -> dict[str, str]:
            return {entry["handles"][0]: entry["message"] for entry in entries(server) if "handles" in entry}

        wait_until(lambda: len(logged()) == 2)
        assert logged()[failing].endswith(r"(function 'f') has failed for good: 'no\x1b[2Jdisk'")
        assert "has lost its worker 127.0.0.1 ('-'), whose connection ended" in logged()[lost]


def test_jobs_that_nobody_works_at_are_logged_until_somebody_does(tmp_path: Path) -> None:
    with GearbridgeServer(tmp_path, "--log-format", "json") as server, Client(server.address) as client:
        for _ in range(3):
            client.do_background("f\n", b"")

        def lines() -> list[dict[str, Any]]:
            return [entry for entry in entries(server) if entry["logger"] == "gearbridge.server.unworked_log"]

        (begun,) = wait_until(lines, what="the line")
        assert begun["message"] == "3 jobs of function 'f\\n' wait, and no worker can do them"
        assert (begun["level"], begun["functions"], begun["jobs"]) == ("WARNING", ["f\n"], 3)
        with working(server.address, **{"f\n": lambda job: b""}):
            wait_until(lambda: len(lines()) == 2, what="the second line")
        ended = lines()[1]
        assert ended["message"].startswith("no job of function 'f\\n' waits any more, after ")
        assert (ended["functions"], ended["jobs"]) == (["f\n"], 0)


def test_a_server_that_stops_blames_no_worker(tmp_path: Path) -> None:
    with GearbridgeServer(tmp_path) as server, WireClient(server.port) as worker:
        worker.send("CAN_DO", "f")
        worker.ask("SUBMIT_JOB_BG", "f", "", "x")
        assert worker.ask("GRAB_JOB")[0] == "JOB_ASSIGN"
        process = server.process
        assert process is not None
        assert process.terminate() == 0
        assert "lost its worker" not in process.stderr
