"""What goes wrong between a bridge and its job servers: it goes on by itself, and nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fixtures.postgres import value
from tests.fixtures.processes import wait_until
from tests.fixtures.server import SERVERS
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fixtures.bridge import StartBridge
    from tests.fixtures.gearmand import Gearmand
    from tests.fixtures.job_server import JobServer
    from tests.fixtures.postgres import Database, Session
    from tests.fixtures.proxy import StartProxy

#: Seconds within which work goes on after a fault; more than what is promised, because it is no measure of speed.
SOON = 30


@pytest.fixture
def sql(database: Database) -> Iterator[Session]:
    with database.connect() as session:
        yield session


def is_empty(sql: Session) -> bool:
    return bool(value(sql, "SELECT NOT EXISTS (SELECT FROM gearbridge.gearbridge_job)"))


def goes_through(sql: Session, payload: str) -> None:
    value(sql, "SELECT gman_enqueue('f', %s::text)", payload)
    wait_until(lambda: is_empty(sql), SOON, "a job to be handed over")


def test_a_job_server_that_is_killed_and_comes_back(
    database: Database, sql: Session, job_server: JobServer, start_bridge: StartBridge
) -> None:
    bridge = start_bridge(database.url, job_server.address)
    goes_through(sql, "before")
    job_server.kill()
    bridge.process.wait_for_stderr("can be reached")
    value(sql, "SELECT gman_enqueue('f', 'meanwhile')")
    job_server.start()
    wait_until(lambda: is_empty(sql))
    expected = {"gearmand": 1, "gearbridge": 2}[job_server.kind]  # gearmand forgets what it had
    wait_until(lambda: job_server.admin("status") == [f"f\t{expected}\t0\t0"])


def test_jobs_go_to_another_server_when_the_first_is_gone(
    database: Database, sql: Session, tmp_path: Path, start_bridge: StartBridge
) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    kind = SERVERS["gearbridge"]
    with kind(tmp_path / "first") as first, kind(tmp_path / "second") as second:
        start_bridge(database.url, f"{first.address},{second.address}", "--follow")
        value(sql, "SELECT gman_enqueue('f', 'x')")
        wait_until(lambda: first.admin("status") == ["f\t1\t0\t0"])
        first.kill()
        wait_until(lambda: second.admin("status") == ["f\t1\t0\t0"])


def test_a_bridge_without_a_job_server_can_be_stopped(database: Database, start_bridge: StartBridge) -> None:
    bridge = start_bridge(database.url, "127.0.0.1:1")
    bridge.process.wait_for_stderr("can be reached")
    assert bridge.process.terminate() == 0


def test_a_job_that_gearmand_has_discarded_in_silence_is_submitted_again(
    database: Database, sql: Session, gearmand: Gearmand, start_bridge: StartBridge
) -> None:
    bridge = start_bridge(database.url, gearmand.address, "--follow")
    value(sql, "SELECT gman_enqueue('f', 'x')")
    wait_until(lambda: gearmand.admin("status") == ["f\t1\t0\t0"])
    bridge.kill()  # gearmand does away with the job when a worker comes to it, also for the bridge that joins it then
    bridge.start()
    bridge.process.wait_for_stderr("connected to")
    with working(gearmand.address, f=lambda _job: None):
        wait_until(lambda: is_empty(sql))


def test_a_link_to_the_job_server_that_is_half_open(
    database: Database, sql: Session, job_server: JobServer, start_bridge: StartBridge, start_proxy: StartProxy
) -> None:
    proxy = start_proxy(job_server.port)
    bridge = start_bridge(database.url, f"127.0.0.1:{proxy.port}")
    goes_through(sql, "before")
    proxy.fall_silent()
    goes_through(sql, "after")
    assert "has not answered for" in bridge.process.stderr
