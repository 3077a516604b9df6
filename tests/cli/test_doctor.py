"""`gearbridge doctor` against real servers and databases, well and ill."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

import gearbridge
from gearbridge import Client
from tests.fixtures.processes import PATIENCE, free_port, wait_until
from tests.fixtures.server import GEARBRIDGE, GearbridgeServer
from tests.fixtures.workers import working
from tests.stores.enqueueing import enqueue
from tests.stores.place import DRIVERS, make_place

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures.bridge import StartBridge
    from tests.fixtures.job_server import JobServer
    from tests.fixtures.postgres import Database
    from tests.fixtures.processes import StartProcess


def doctor(start_process: StartProcess, *words: str) -> tuple[int, list[str]]:
    """Its exit status and its lines."""
    process = start_process(GEARBRIDGE, "doctor", *words)
    status = process.wait(PATIENCE)
    assert process.stderr == ""
    return status, process.stdout.decode().splitlines()


def test_a_server_that_is_well(job_server: JobServer, start_process: StartProcess) -> None:
    with working(job_server.address, resize=lambda job: b""):
        status, lines = doctor(start_process, "--servers", job_server.address, "--function", "resize")
    assert status == 0, lines
    assert all(line.startswith(f"OK   {job_server.address}: ") for line in lines)
    assert any("the server answers, after" in line for line in lines)
    assert any("resize: 1 workers, 0 jobs" in line for line in lines)


def test_jobs_that_nobody_works_on(job_server: JobServer, start_process: StartProcess) -> None:
    with Client(job_server.address) as client:
        client.do_background("resize", b"x")
    status, lines = doctor(start_process, "--servers", job_server.address, "--function", "mail")
    assert status == 1
    no = [line for line in lines if line.startswith("NO")]
    assert no == [
        f"NO   {job_server.address}: mail: 0 workers, 0 jobs; start one, for instance: gearbridge work mail -- COMMAND",
        f"NO   {job_server.address}: resize: 1 jobs, and no worker; "
        "start one, for instance: gearbridge work resize -- COMMAND",
    ]


def test_a_server_that_is_not_there(start_process: StartProcess) -> None:
    address = f"127.0.0.1:{free_port()}"
    status, lines = doctor(start_process, "--servers", address, "--json")
    (finding,) = map(json.loads, lines)
    assert status == 1
    assert finding["about"] == address
    assert finding["good"] is False
    assert "gearbridge server" in finding["remedy"]


def test_a_database_that_is_well(tmp_path: Path, database: Database, start_process: StartProcess) -> None:
    with GearbridgeServer(tmp_path, "--store", database.url) as server:
        status, lines = doctor(start_process, "--servers", server.address, "--database", database.url)
    assert status == 0, lines
    text = "\n".join(lines)
    for expected in (
        "extension gearbridge ",
        "extension gearbridge_direct ",
        "PL/Python loads gman_do",
        "may submit jobs of any function and serve jobs",
        "0 wait, 0 failed; a server or bridge has the table",
        "NOTIFY reaches who listens",
        "the clocks here and there differ by 0.0 s",
    ):
        assert expected in text


def test_a_database_whose_jobs_nobody_claims(database: Database, start_process: StartProcess) -> None:
    with database.connect() as db:
        db.execute("SELECT gman_enqueue('resize', 'x'::text)")
        db.execute("CREATE ROLE clerk_of_doctor LOGIN")
        db.execute("SELECT gearbridge.grant_submit('clerk_of_doctor', 'resize')")
    server = f"127.0.0.1:{free_port()}"
    status, lines = doctor(start_process, "--servers", server, "--database", database.url)
    assert status == 1
    (told,) = [line for line in lines if "no server or bridge has the table" in line]
    assert told.startswith("NO   database: jobs that SQL enqueued: 1 wait")
    assert "gearbridge server --store" in told

    clerk = f"{database.url}{'&' if '?' in database.url else '?'}options=-c%20role%3Dclerk_of_doctor"
    _, lines = doctor(start_process, "--database", clerk, "--function", "resize", "--function", "mail")
    database_lines = [line for line in lines if "clerk_of_doctor may" in line]
    assert len(database_lines) == 2, lines
    assert not [line for line in lines if "question failed" in line]
    assert database_lines[0].startswith("OK")
    assert database_lines[1].startswith("NO")
    assert "grant_submit('clerk_of_doctor', 'mail')" in database_lines[1]


def test_a_database_without_the_extension(empty_database: Database, start_process: StartProcess) -> None:
    status, lines = doctor(start_process, "--database", empty_database.url)
    assert status == 1
    assert any(line.startswith("NO   database: extension gearbridge is not installed; gearbridge db") for line in lines)


def test_a_database_that_is_not_there(start_process: StartProcess, tmp_path: Path) -> None:
    for url in (f"postgresql://nobody@127.0.0.1:{free_port()}/x", f"sqlite:///{tmp_path / 'none.db'}"):
        status, lines = doctor(start_process, "--database", url)
        assert status == 1
        assert any("the database cannot be reached" in line for line in lines)
    assert not (tmp_path / "none.db").exists(), "looking makes nothing"


def test_the_store_of_a_running_server(gearbridge_server: GearbridgeServer, start_process: StartProcess) -> None:
    with closing(sqlite3.connect(gearbridge_server.store.removeprefix("sqlite:///"))) as db, db:
        gearbridge.enqueue(db, "resize", b"x")
    wait_until(lambda: gearbridge_server.admin("status") == ["resize\t1\t0\t0"])
    status, lines = doctor(start_process, "--servers", gearbridge_server.address, "--database", gearbridge_server.store)
    assert [line for line in lines if line.startswith("NO")] == [
        f"NO   {gearbridge_server.address}: resize: 1 jobs, and no worker; "
        "start one, for instance: gearbridge work resize -- COMMAND"
    ]
    assert status == 1
    assert "OK   database: jobs that SQL enqueued: 1 wait, 0 failed; a server or bridge has the table" in lines


@pytest.mark.parametrize("place", [kind for kind in DRIVERS if kind != "plain"])
def test_a_table_that_only_a_bridge_takes_jobs_from(
    place: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    gearbridge_server: GearbridgeServer,
    start_bridge: StartBridge,
    start_process: StartProcess,
) -> None:
    url = make_place(request, place, tmp_path / "shop.db").url
    words = ("--servers", gearbridge_server.address, "--database", url)
    bridge = start_bridge(url, gearbridge_server.address)
    _, lines = doctor(start_process, *words)
    assert "OK   database: jobs that SQL enqueued: 0 wait, 0 failed; a server or bridge has the table" in lines
    bridge.process.terminate()
    _, lines = doctor(start_process, *words)
    assert "OK   database: jobs that SQL enqueued: 0 wait, 0 failed; no server or bridge has the table" in lines


@pytest.mark.parametrize("place", ["postgresql", "mariadb"])
def test_nodes_that_share_a_table_are_one(
    place: str, request: pytest.FixtureRequest, tmp_path: Path, start_process: StartProcess
) -> None:
    shared = make_place(request, place, tmp_path / "none.db")
    with (
        GearbridgeServer(tmp_path, "--store", shared.url, "--node", "a") as a,
        GearbridgeServer(tmp_path, "--store", shared.url, "--node", "b") as b,
        working(a.address, f=lambda job: b""),
    ):
        later = {"due": 1 << 40}
        enqueue(shared, {"handle": "S:1", **later}, {"handle": "S:2", "function": "g", "payload": b"12345", **later})
        wait_until(lambda: all("g\t1\t0\t0" in node.admin("status") for node in (a, b)))
        words = ("--servers", f"{a.address},{b.address}", "--database", shared.url)
        _, lines = doctor(start_process, *words)
        bad = [line for line in lines if line.startswith("NO") and "extension" not in line]
        assert [line.partition("; ")[0] for line in bad] == [
            f"NO   {a.address}: g: 1 jobs, and no worker",
            f"NO   {b.address}: g: 1 jobs, and no worker",
        ]
        assert "OK   database: jobs that SQL enqueued: 2 wait, 0 failed; nodes a, b have the table" in lines
        assert "OK   database: the largest payload that waits has 5 bytes: S:2 of g" in lines
        _, lines = doctor(start_process, "--servers", b.address)
        assert any("f: 1 jobs, and no worker here; 1 more nodes share the jobs" in line for line in lines)
