"""Nodes on one Galera cluster, each at another member of it, where locks are each member's own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, cast

import pytest
from sqlalchemy.exc import OperationalError

from gearbridge.errors import StoreFenced, StoreInUse
from gearbridge.records import Drop, Put, StoredJob
from gearbridge.stores.interface import Node
from gearbridge.stores.registry import shared_store_for, store_for
from tests.fixtures.processes import wait_until

from .test_claims import MANY, claimed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gearbridge.stores.interface import SharedStore
    from gearbridge.stores.mysql.nodes import SharedMySQLStore
    from tests.fixtures.galera import Galera


@pytest.fixture
def urls(galera: Galera) -> list[str]:
    """A database's URL for each member, which is the first to be tried."""
    url = galera.make_database()
    before, _, rest = url.rpartition("@")
    hosts, _, name = rest.partition("/")
    listed = hosts.split(",")
    return [f"{before}@{','.join(listed[at:] + listed[:at])}/{name}" for at in range(len(listed))]


@pytest.fixture
def stores(urls: list[str]) -> Iterator[list[SharedStore]]:
    """A node at each member. They begin one after the other: two that look for each other's lock may both give way."""
    nodes = [shared_store_for(url, Node(f"n{number}", 60.0, "")) for number, url in enumerate(urls)]
    for store in nodes:
        store.open()
    yield nodes
    for store in nodes:
        store.close()


def test_each_job_is_claimed_once_and_each_key_is_one_job(stores: list[SharedStore], urls: list[str]) -> None:
    with pytest.raises(StoreInUse, match="shared by the nodes n0, n1, n2"):
        store_for(urls[1]).open()

    def work(number: int) -> tuple[list[bytes], dict[bytes, bytes]]:
        store, mine = stores[number], []
        for turn in range(10):
            puts = [
                StoredJob(b"H:%d:%d:%d" % (number, turn, key), b"f", b"", b"%d:%d" % (turn, key)) for key in range(5)
            ]
            store.apply([Put(job, spilled=True) for job in puts])
        while got := claimed(store, f=7):
            mine.extend(got)
        return mine, store.take_joined()

    with ThreadPoolExecutor(len(stores)) as threads:
        done = list(threads.map(work, range(len(stores))))
    taken = [handle for mine, _ in done for handle in mine]
    joined = {put: other for _, some in done for put, other in some.items()}
    assert len(taken) == len(set(taken)) == 50
    assert len(joined) == 100
    assert set(joined.values()) <= set(taken)


def test_what_a_dead_node_commits_at_another_member_is_refused(stores: list[SharedStore]) -> None:
    alive, dead = stores[0], cast("SharedMySQLStore", stores[1])
    dead.apply([Put(StoredJob(b"H:1", b"f", b""), spilled=True)])
    assert claimed(dead, f=MANY) == [b"H:1"]
    connection = dead._connection
    assert connection is not None
    connection.exec_driver_sql("BEGIN")
    dead._fence(connection)
    connection.exec_driver_sql("DELETE FROM gearbridge_job WHERE handle = 'H:1'")
    first = cast("SharedMySQLStore", alive)._connection
    assert first is not None
    with first.begin():
        first.exec_driver_sql("UPDATE gearbridge_node SET lease_until = 1 WHERE name = 'n1'")
    wait_until(lambda: "n1" in alive.beat(0, 0), what="the end of the node")
    with pytest.raises(OperationalError, match="1213"):
        connection.exec_driver_sql("COMMIT")
    dead._disconnect()
    with pytest.raises(StoreFenced):
        dead.apply([Drop(b"H:1")])
    assert claimed(alive, f=MANY) == [b"H:1"]
