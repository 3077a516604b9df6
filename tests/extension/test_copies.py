"""What a subscriber of logical replication has of the job table, as docs/howto/install.md says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from gearbridge.extension.build import build
from gearbridge.extension.cluster import TemporaryCluster
from tests.fixtures.postgres import value
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def logical() -> Iterator[TemporaryCluster]:
    """A PostgreSQL whose tables can be published."""
    with TemporaryCluster({"wal_level": "logical"}) as cluster:
        build(cluster.installation.extensions)
        yield cluster


def make_copies(cluster: TemporaryCluster, name: str, published: str) -> tuple[str, str]:
    """Two databases with the extension and a table of an application; the second one subscribes to the first."""
    urls = []
    for side in ("first", "second"):
        with psycopg.connect(cluster.url(), autocommit=True) as db:
            db.execute(f"CREATE DATABASE {name}_{side}".encode())
        urls.append(cluster.url(f"{name}_{side}"))
        with psycopg.connect(urls[-1], autocommit=True) as db:
            db.execute("CREATE EXTENSION gearbridge")
            db.execute("CREATE TABLE images (id int PRIMARY KEY)")
    with psycopg.connect(urls[0], autocommit=True) as db:
        db.execute("INSERT INTO images VALUES (1)")
        db.execute("SELECT gman_enqueue('f', 'x'::text)")
        db.execute(f"CREATE PUBLICATION {name} {published}".encode())
        db.execute(f"SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')".encode())
    with psycopg.connect(urls[1], autocommit=True) as db:
        how = f"WITH (create_slot = false, slot_name = '{name}')"
        db.execute(f"CREATE SUBSCRIPTION {name} CONNECTION '{urls[0]}' PUBLICATION {name} {how}".encode())
    return urls[0], urls[1]


def end(url: str, name: str) -> None:
    """A database with a subscription cannot be dropped, and its workers would go on."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(f"ALTER SUBSCRIPTION {name} DISABLE".encode())
        db.execute(f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)".encode())
        db.execute(f"DROP SUBSCRIPTION {name}".encode())


def test_published_by_name_a_job_is_done_on_one_side_only(logical: TemporaryCluster, tmp_path: Path) -> None:
    first, second = make_copies(logical, "named", "FOR TABLES IN SCHEMA public")
    done: list[str] = []
    with psycopg.connect(second, autocommit=True) as db:
        wait_until(lambda: value(db, "SELECT count(*) = 1 FROM images"), 30, "the first copy")
        ready = "SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel"
        wait_until(lambda: value(db, ready), 30, "the copy to be complete")
        assert value(db, "SELECT count(*) FROM gman_jobs") == 0
    with GearbridgeServer(tmp_path, "--store", first) as server, working(server.address, f=lambda _: done.append("1")):
        wait_until(lambda: done == ["1"])
    end(second, "named")


def test_of_all_tables_the_copy_of_jobs_is_had_and_that_of_the_version_never_ends(logical: TemporaryCluster) -> None:
    _, second = make_copies(logical, "everything", "FOR ALL TABLES")
    with psycopg.connect(second, autocommit=True) as db:
        state = "SELECT srsubstate FROM pg_subscription_rel WHERE srrelid = %s::regclass"
        wait_until(lambda: value(db, "SELECT count(*) = 1 FROM gman_jobs"), 30, "the first copy of the jobs")
        wait_until(lambda: value(db, state, "images") == "r", 30, "the copy of the application's table")
        assert value(db, state, "gearbridge.gearbridge_schema") in {"i", "d"}
    end(second, "everything")
