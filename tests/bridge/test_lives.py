"""Bridges of a database's copies, and of one that was put back to what it was: a job is done in each of its lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fixtures.postgres import dump, make_database, restore, template_of, value
from tests.fixtures.processes import wait_until
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from gearbridge.extension.cluster import TemporaryCluster
    from tests.fixtures.bridge import StartBridge
    from tests.fixtures.postgres import Database
    from tests.fixtures.server import GearbridgeServer


def enqueued(database: Database, payload: str) -> str:
    with database.connect() as session:
        return str(value(session, "SELECT gman_enqueue('f', %s::text)", payload))


def left(database: Database) -> int:
    with database.connect() as session:
        return int(value(session, "SELECT count(*) FROM gman_jobs"))


def test_a_job_that_two_copies_of_a_database_have_is_done_for_each(
    postgres_cluster: TemporaryCluster,
    gearbridge_server: GearbridgeServer,
    start_bridge: StartBridge,
) -> None:
    template = make_database(postgres_cluster, f"TEMPLATE {template_of(postgres_cluster)}")
    handle = enqueued(template, "waits")
    copies = [make_database(postgres_cluster, f"TEMPLATE {template.name}") for _ in range(2)]
    for copy in copies:
        start_bridge(copy.url, gearbridge_server.address)
        enqueued(copy, copy.name)
    for copy in copies:
        wait_until(lambda copy=copy: left(copy) == 0)  # type: ignore[misc]
    done: list[tuple[str, bytes]] = []
    with working(gearbridge_server.address, f=lambda job: done.append((job.unique_key, job.payload))):
        wait_until(lambda: len(done) == 4)
    assert sorted(payload for _, payload in done) == sorted([b"waits"] * 2 + [copy.name.encode() for copy in copies])
    assert len({key for key, _ in done}) == 4
    assert [key.partition("@")[0] for key, payload in done if payload == b"waits"] == [handle] * 2


def test_what_a_restored_dump_brings_back_is_done_again_under_a_running_bridge_too(
    postgres_cluster: TemporaryCluster,
    gearbridge_server: GearbridgeServer,
    start_bridge: StartBridge,
) -> None:
    database = make_database(postgres_cluster, f"TEMPLATE {template_of(postgres_cluster)}")
    enqueued(database, "yesterday's")
    script = dump(database, "--clean", "--if-exists")
    elsewhere = make_database(postgres_cluster)
    done: list[bytes] = []
    with working(gearbridge_server.address, f=lambda job: done.append(job.payload)):
        bridge = start_bridge(database.url, gearbridge_server.address)
        enqueued(database, "today's")
        wait_until(lambda: sorted(done) == [b"today's", b"yesterday's"])
        wait_until(lambda: left(database) == 0)
        bridge.kill()
        bridge.restart()
        enqueued(database, "later")  # one life: what is done is not done again
        wait_until(lambda: len(done) == 3)
        restore(database, script)
        wait_until(lambda: len(done) == 4)
        enqueued(database, "new")
        wait_until(lambda: done[3:] == [b"yesterday's", b"new"])
        restore(elsewhere, script)
        start_bridge(elsewhere.url, gearbridge_server.address)
        wait_until(lambda: done[5:] == [b"yesterday's"])
        wait_until(lambda: left(database) == left(elsewhere) == 0)
