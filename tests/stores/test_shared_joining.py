"""How nodes join those that share a job table, and what becomes of their sessions; on every database for it."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update
from sqlalchemy.engine import make_url

from gearbridge.errors import ConfigurationError, StoreError, StoreFenced, StoreInUse, StoreUnavailable
from gearbridge.records import (
    Drop,
    Put,
    StoredJob,
)
from gearbridge.stores.interface import Node
from gearbridge.stores.jobtable.schema import job
from gearbridge.stores.jobtable.schema import node as node_table
from gearbridge.stores.registry import shared_store_for, store_for
from tests.fixtures.processes import wait_until

from .enqueueing import enqueue, handles_in
from .sharing import LONG, SHORT, beats_until_alone, end_lease, node, nodes, spilled
from .test_claims import MANY, claimed
from .test_upgrade import make_version_1

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tests.fixtures.proxy import StartProxy

    from .place import Place

pytestmark = pytest.mark.parametrize("place", ["postgresql", "mariadb", "mysql"], indirect=True)


def test_who_has_the_table_alone_refuses_nodes_and_nodes_refuse_him(place: Place) -> None:
    alone = store_for(place.url)
    alone.open()
    with pytest.raises(StoreInUse, match="has the job table alone; give it --node too"):
        node(place, "a").open()
    alone.close()
    with nodes(place, "a", "b"):
        with pytest.raises(StoreInUse, match="is shared by the nodes a, b; give this server a --node name too"):
            alone.open()
        with nodes(place, "c"):  # the lock was not kept
            pass
    alone.open()
    alone.close()


def test_who_has_the_table_alone_forgets_dead_nodes(place: Place) -> None:
    with nodes(place, "dead") as (dead,):
        dead.apply([spilled("H:1")])
        claimed(dead, f=MANY)
        end_lease(place, "dead")
        alone = store_for(place.url)
        alone.open()
        assert [one.handle for one in alone.claim({b"f": MANY})] == [b"H:1"]  # type: ignore[attr-defined]
        with pytest.raises(StoreFenced):
            dead.apply([Drop(b"H:1")])
        with pytest.raises(StoreInUse):
            dead.rejoin()
        alone.close()


def test_what_a_server_had_in_memory_waits_for_the_nodes(place: Place) -> None:
    alone = store_for(place.url)
    alone.open()
    alone.apply([Put(StoredJob(b"H:%d" % number, b"f", b"x", key)) for number, key in enumerate((b"", b"k", b"s"))])
    enqueue(place, {"handle": "S:1", "unique_key": "s"})
    alone.close()
    with nodes(place, "a") as (a,):
        a.apply([spilled("H:b:1", b"k"), spilled("H:b:2", b"s")])
        assert a.take_joined() == {b"H:b:1": b"H:1", b"H:b:2": b"S:1"}
        jobs = a.claim({b"f": MANY})
        assert [(one.handle, one.unique_key) for one in jobs] == [
            (b"H:0", b""),
            (b"H:1", b"k"),
            (b"H:2", b""),
            (b"S:1", b"s"),
        ]


def test_names_are_each_nodes_own(place: Place) -> None:
    with nodes(place, "a") as (a,):
        stop = threading.Event()

        def beat() -> None:
            while not stop.wait(0.05):
                a.beat(0, 0)

        beating = threading.Thread(target=beat)
        beating.start()
        try:
            with pytest.raises(StoreInUse, match="a node a is running already; each needs a --node name of its own"):
                node(place, "a").open()
        finally:
            stop.set()
            beating.join()
        assert claimed(a, f=MANY) == []
        end_lease(place, "a")
        with nodes(place, "a"), pytest.raises(StoreFenced):  # a dead one is replaced
            a.beat(0, 0)


def test_one_that_comes_back_after_kill_9_waits_for_its_former_lease_to_end(place: Place) -> None:
    with nodes(place, "a", lease=SHORT) as (killed,):
        killed.apply([spilled("H:1")])
        assert claimed(killed, f=MANY) == [b"H:1"]
        with nodes(place, "a") as (again,):
            assert claimed(again, f=MANY) == [b"H:1"]


def test_a_dead_node_that_hangs_in_a_transaction_is_ended(place: Place) -> None:
    with nodes(place, "alive", "dead") as (alive, dead):
        alive.apply([spilled("H:1")])
        assert claimed(dead, f=MANY) == [b"H:1"]
        end_lease(place, "dead")
        raw = dead._connection.connection.dbapi_connection  # type: ignore[attr-defined]
        cursor = raw.cursor()
        if place.kind == "postgresql":
            cursor.execute("SET idle_in_transaction_session_timeout = 0")  # as it is in the middle of a pipeline
        cursor.execute("BEGIN")
        how = "FOR KEY SHARE" if place.kind == "postgresql" else "LOCK IN SHARE MODE"
        cursor.execute(f"SELECT epoch FROM gearbridge_node WHERE name = 'dead' {how}")
        cursor.execute("DELETE FROM gearbridge_job WHERE handle = 'H:1'")
        assert beats_until_alone(alive) == ["dead"]
        with pytest.raises(StoreUnavailable):
            dead.apply([Drop(b"H:1")])
        with pytest.raises(StoreFenced):
            dead.apply([Drop(b"H:1")])
        assert claimed(alive, f=MANY) == [b"H:1"]


def test_a_connection_that_broke_is_made_anew_and_what_a_claim_had_written_is_given_back(place: Place) -> None:
    with nodes(place, "a", "b") as (a, b):
        a.apply([spilled("H:1"), spilled("H:2")])
        assert claimed(a, f=1) == [b"H:1"]
        _end_sessions(place)
        with pytest.raises(StoreUnavailable):
            a.claim({b"f": MANY})
        with place.connect() as connection:  # as if it had been done, though nobody was told
            mine = select(node_table.c.epoch).where(node_table.c.name == "a").scalar_subquery()
            connection.execute(update(job).where(job.c.handle == "H:2").values(owner=mine))
        assert claimed(a, f=MANY) == [b"H:2"]
        a.apply([Drop(b"H:1")])
        with pytest.raises(StoreUnavailable):
            b.apply([Drop(b"H:2")])
        b.apply([Drop(b"H:2")])
        assert handles_in(place) == set()


def test_a_node_whose_session_ends_when_it_has_just_joined_writes_over_the_one_that_its_row_names(place: Place) -> None:
    store = node(place, "a")
    unlock = store._unlock  # type: ignore[attr-defined]

    def end_before(connection: Connection) -> None:
        _end_sessions(place)
        unlock(connection)

    store._unlock = end_before  # type: ignore[attr-defined]
    store.open()
    store.apply([spilled("H:1")])
    written_over = store._session(store._connection.connection.dbapi_connection).number  # type: ignore[attr-defined]
    with place.connect() as connection:
        assert connection.execute(select(node_table.c.session)).scalars().all() == [written_over]
    store.close()


def _end_sessions(place: Place) -> None:
    """The sessions that nodes write over."""
    with place.connect() as connection:
        for number in connection.execute(select(node_table.c.session)).scalars().all():
            kill = "SELECT pg_terminate_backend({})" if place.kind == "postgresql" else "KILL {}"
            connection.exec_driver_sql(kill.format(number))


def test_the_heartbeat_connects_anew(place: Place) -> None:
    with nodes(place, "a") as (a,):
        a.beat(1, 1)
        heart = a._heart  # type: ignore[attr-defined]
        raw = heart._connection.connection.dbapi_connection
        number = raw.info.backend_pid if place.kind == "postgresql" else raw.thread_id()
        with place.connect() as connection:
            kill = f"SELECT pg_terminate_backend({number})" if place.kind == "postgresql" else f"KILL {number}"
            connection.exec_driver_sql(kill)
        with pytest.raises(StoreUnavailable):
            a.beat(1, 1)
        assert a.beat(1, 1) == []


def test_a_heartbeat_on_a_line_that_is_dead_is_ended_when_the_database_answers_over_another(
    place: Place, start_proxy: StartProxy
) -> None:
    url = make_url(place.url)
    assert url.port
    proxy = start_proxy(url.port)
    over = url.set(port=proxy.port).render_as_string(hide_password=False)
    store = shared_store_for(over, Node("a", 2.0, "1.2.3"))
    store.open()
    store.beat(0, 0)
    proxy.fall_silent()
    with ThreadPoolExecutor(1) as thread:
        beat = thread.submit(store.beat, 0, 0)

        def has_ended() -> bool:
            with contextlib.suppress(StoreUnavailable):  # of its own line, which is dead too
                store.rejoin()
            return beat.done()

        wait_until(has_ended, what="the beat to end")  # the system would never end it: what was sent was acknowledged
        with pytest.raises(StoreUnavailable):
            beat.result()
    assert store.beat(0, 0) == []
    store.close()


def test_nodes_that_begin_together_make_the_tables_once(place: Place) -> None:
    stores = [node(place, f"n{number}") for number in range(5)]
    with ThreadPoolExecutor(5) as threads:
        list(threads.map(lambda store: store.open(), stores))
    assert [one.name for one in stores[0].nodes()] == [f"n{number}" for number in range(5)]
    for store in stores:
        store.close()


def test_the_table_of_version_1_is_brought_up_to_date(place: Place) -> None:
    make_version_1(place)
    with nodes(place, "a") as (a,):
        assert claimed(a, f=MANY, g=MANY) == [b"H:a:2", b"H:a:1"]


@pytest.mark.parametrize("url", ["memory:", "sqlite:///x.db", "memcached://h:1/", "nonsense"])
def test_what_cannot_be_shared_says_so(place: Place, url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"PostgreSQL, MySQL 8 and MariaDB 10\.6 can"):
        shared_store_for(url, Node("a", LONG, ""))


def test_a_node_of_a_later_release_does_not_change_the_tables_under_those_at_work(place: Place) -> None:
    with nodes(place, "a"):
        place.run("UPDATE gearbridge_schema SET version = 1")
        with pytest.raises(StoreInUse, match=r"schema version 1, and nodes that work with it: a;"):
            node(place, "b").open()


@pytest.mark.parametrize("key", [b"", b"k"])
def test_a_put_fails_whose_handle_is_another_jobs_and_what_was_put_before_does_not(place: Place, key: bytes) -> None:
    def put(handle: str, payload: bytes, unique_key: bytes = key) -> Put:
        return Put(StoredJob(handle.encode(), b"f", payload, unique_key), spilled=True)

    with nodes(place, "a", "b") as (one, other):
        one.apply([put("H:1", b"ours")])
        claimed(one, f=MANY)
        beside = [put(f"H:b{number}", b"", unique_key) for number, unique_key in enumerate((b"", b"x", b"y"))]
        for foreign in (put("H:1", b"theirs"), put("H:1", b"ours", b"another key")):
            for group in ([foreign], [*beside, foreign]):
                with pytest.raises(StoreError, match="another job has this handle"):
                    other.apply(group)
                assert handles_in(place) == {"H:1"}
                assert other.take_joined() == {}
        other.apply([*beside, put("H:1", b"ours")])
        assert handles_in(place) == {"H:1", "H:b0", "H:b1", "H:b2"}
        other.apply([put("H:1", b"ours")])
        assert other.take_joined() == {}


def test_ids_follow_the_order_of_submission_whichever_jobs_of_a_group_have_keys(place: Place) -> None:
    with nodes(place, "a", "b") as (one, other):
        one.apply([spilled("H:k", b"k")])
        keys = [b"", b"x", b"", b"", b"k", b"y", b"", b"x", b""]
        group = [spilled(f"H:{number}", key) for number, key in enumerate(keys)]
        other.apply(group)
        assert other.take_joined() == {b"H:4": b"H:k", b"H:7": b"H:1"}
        other.apply(group)  # again, its answer was lost
        assert other.take_joined() == {b"H:4": b"H:k", b"H:7": b"H:1"}
        assert claimed(one, f=MANY) == [b"H:k", *(b"H:%d" % number for number in (0, 1, 2, 3, 5, 6, 8))]


@pytest.mark.parametrize("key", [b"", b"k"])
def test_a_put_that_ends_in_its_own_group_does_not_end_another_job_of_that_handle(place: Place, key: bytes) -> None:
    with nodes(place, "a", "b") as (one, other):
        one.apply([spilled("H:1", b"ours")])
        with pytest.raises(StoreError, match="another job has this handle"):
            other.apply([spilled("H:0", b"z"), spilled("H:1", key), Drop(b"H:1")])
        assert handles_in(place) == {"H:1"}
        one.apply([spilled("H:2", key), Drop(b"H:2")])
        assert handles_in(place) == {"H:1"}
