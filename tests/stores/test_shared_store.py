"""Nodes: several servers on one job table; on every database that can be shared."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from gearbridge.errors import StoreFenced
from gearbridge.records import (
    Backlog,
    Done,
    Drop,
    Failed,
    Progress,
    Release,
    Retry,
    Update,
    WaitingJob,
)
from gearbridge.stores.interface import BEATS
from tests.fixtures.processes import wait_until

from .enqueueing import enqueue, handles_in
from .sharing import LONG, SHORT, beats_until_alone, end_lease, nodes, spilled
from .test_claims import MANY, claimed

if TYPE_CHECKING:
    from gearbridge.records import Operation
    from gearbridge.stores.interface import SharedStore

    from .place import Place

pytestmark = pytest.mark.parametrize("place", ["postgresql", "mariadb", "mysql"], indirect=True)


def test_nodes_claim_what_is_nobodys_in_order_of_priority_and_submission(place: Place) -> None:
    enqueue(place_with_tables(place), {"handle": "low", "priority": 2}, *({"handle": f"{n}"} for n in range(9)))
    with nodes(place, "a", "b") as (a, b):
        assert [a.traits.shared, a.traits.exclusive, a.traits.claimable] == [True, False, True]
        assert claimed(a, f=3) == [b"0", b"1", b"2"]
        assert claimed(b, f=3, g=3) == [b"3", b"4", b"5"]
        assert claimed(a, f=3) == [b"6", b"7", b"8"]
        assert claimed(b, f=MANY) == [b"low"]
        assert claimed(a, f=MANY) == []
        assert claimed(a, f=0) == []
        assert claimed(a) == []


def place_with_tables(place: Place) -> Place:
    with nodes(place, "first"):
        pass
    return place


def test_a_claim_brings_the_whole_job_and_those_due_soon(place: Place) -> None:
    with nodes(place, "a", "b") as (a, b):
        soon = int(time.time()) + 3
        a.apply([spilled("H:1", b"k", b"a\\b\xff", due=soon), spilled("H:later", function=b"a\\b\xff", due=1 << 40)])
        (one,) = b.claim({b"a\\b\xff": 10})
        assert (one.handle, one.function, one.unique_key, one.payload) == (b"H:1", b"a\\b\xff", b"k", b"\0\xff")
        assert (one.due, one.max_attempts, one.keep_result) == (soon, 0, False)
        assert list(b.replay()) == []


def test_limits_are_the_same_for_all_nodes_and_outlive_them(place: Place) -> None:
    strange = b"a\xff\\'" * 100
    with nodes(place, "a", "b") as (a, b):
        a.set_limits({b"f": (1, 2, 3), strange: (0, 5_000_000_000, 0)})
        assert b.limits() == {b"f": (1, 2, 3), strange: (0, 5_000_000_000, 0)}
        b.set_limits({strange: (0, 0, 0), b"g": (4, 4, 4)})
        a.set_limits({b"f": (7, 0, 0)})
    with nodes(place, "c") as (c,):
        assert c.limits() == {b"f": (7, 0, 0), b"g": (4, 4, 4)}


def test_limits_that_nodes_set_at_once_meet_no_error(place: Place) -> None:
    with nodes(place, "a", "b", "c") as stores:

        def write(store: SharedStore) -> None:
            for number in range(20):
                store.set_limits({b"f": (number, 0, 0)})

        with ThreadPoolExecutor(3) as threads:
            list(threads.map(write, stores))
        assert stores[0].limits() == {b"f": (19, 0, 0)}


def test_many_nodes_at_once_get_each_job_once(place: Place) -> None:
    with nodes(place, "a", "b", "c") as stores:
        stores[0].apply([spilled(f"H:{number}", function=b"fg"[number % 2 :][:1]) for number in range(3000)])

        def work(store: SharedStore) -> list[bytes]:
            mine: list[bytes] = []
            while got := claimed(store, f=40, g=40):
                mine.extend(got)
                store.apply([Drop(handle) for handle in got])
            return mine

        with ThreadPoolExecutor(3) as threads:
            seen = [handle for part in threads.map(work, stores) for handle in part]
    assert len(seen) == len(set(seen)) == 3000
    assert handles_in(place) == set()


def test_what_is_released_or_to_be_tried_again_goes_to_whoever_comes(place: Place) -> None:
    with nodes(place, "a", "b") as (a, b):
        a.apply([spilled("H:1"), spilled("H:2"), spilled("H:3")])
        assert claimed(a, f=MANY) == [b"H:1", b"H:2", b"H:3"]
        a.apply([Progress(b"H:1", 1, 2), Update(b"H:1", 1)])
        a.apply([Progress(b"H:1", 1, 2), Release(b"H:1"), Retry(b"H:2", 1, "no disk")])
        jobs = b.claim({b"f": MANY})
        assert [(one.handle, one.attempts) for one in jobs] == [(b"H:1", 1), (b"H:2", 1)]
        assert b.find([b"H:1"])[b"H:1"][-3:] == (True, 0, 0)
        assert claimed(a, f=MANY) == []
        b.apply([Failed(b"H:2", 2, "no disk"), Done(b"H:1", b"result")])
        place.run("UPDATE gearbridge_job SET state = 1, due = 0 WHERE handle IN ('H:1', 'H:2')")  # as gman_retry does
        assert claimed(a, f=MANY) == [b"H:1", b"H:2"]


@pytest.mark.parametrize("lease", [SHORT, LONG], ids=["over by its own clock too", "over"])
def test_the_end_of_a_lease_frees_what_the_dead_node_had_and_fences_it(place: Place, lease: float) -> None:
    with nodes(place, "alive") as (alive,), nodes(place, "dead", lease=lease) as (dead,):
        dead.apply([spilled("H:1"), spilled("H:2"), spilled("H:3", b"k")])
        assert claimed(dead, f=2) == [b"H:1", b"H:2"]
        assert claimed(alive, f=MANY) == [b"H:3"]
        if lease == LONG:
            end_lease(place, "dead")
        assert beats_until_alone(alive) == ["dead"]
        groups: list[list[Operation]] = [
            [Drop(b"H:1")],
            [spilled("H:new")],
            [spilled("H:new", b"new"), Release(b"H:2")],
        ]
        for group in groups:
            with pytest.raises(StoreFenced):
                dead.apply(group)
        with pytest.raises(StoreFenced):
            dead.claim({b"f": MANY})
        with pytest.raises(StoreFenced):
            dead.beat(0, 0)
        assert handles_in(place) == {"H:1", "H:2", "H:3"}
        assert claimed(alive, f=MANY) == [b"H:1", b"H:2"]
        with pytest.raises(StoreFenced):  # though nothing is left for it
            dead.claim({b"f": MANY})
        assert dead.rejoin() == {b"H:1", b"H:2"}, "others have them"
        assert claimed(dead, f=MANY) == []
        alive.apply([Release(b"H:1")])
        assert claimed(dead, f=MANY) == [b"H:1"]
        assert [one.name for one in alive.nodes()] == ["alive", "dead"]


def test_a_node_that_was_removed_takes_along_what_nobody_has_claimed_since(place: Place) -> None:
    with nodes(place, "alive") as (alive,), nodes(place, "back", lease=SHORT) as (back,):
        alive.apply([spilled(f"H:{number}") for number in range(5)])
        assert claimed(back, f=4) == [b"H:0", b"H:1", b"H:2", b"H:3"]
        assert beats_until_alone(alive) == ["back"]
        assert claimed(alive, f=1) == [b"H:0"]
        place.run("DELETE FROM gearbridge_job WHERE handle = 'H:1'")  # as gman_cancel does
        assert back.rejoin() == {b"H:0", b"H:1"}
        assert back.rejoin() == frozenset(), "it is one already"
        back.apply([Drop(b"H:2"), Release(b"H:3")])
        assert handles_in(place) == {"H:0", "H:3", "H:4"}
        assert claimed(alive, f=MANY) == [b"H:3", b"H:4"]


def test_a_node_whose_lease_was_over_and_that_nobody_removed_has_what_it_had(place: Place) -> None:
    with nodes(place, "a", "b") as (a, b):
        a.apply([spilled("H:1")])
        assert claimed(a, f=MANY) == [b"H:1"]
        end_lease(place, "a")
        assert a.rejoin() == frozenset()
        assert beats(b) == []
        assert claimed(b, f=MANY) == []
        a.apply([Drop(b"H:1")])
        assert handles_in(place) == set()


def test_who_has_just_come_leaves_the_others_the_time_to_come_back(place: Place) -> None:
    with nodes(place, "a", "b") as (a, b):
        for one in (a, b):
            end_lease(place, "a")
            end_lease(place, "b")
            assert [one.beat(0, 0) for _ in range(BEATS - 1)] == [[]] * (BEATS - 1)
        assert beats(a) == beats(b) == []


def beats(store: SharedStore) -> list[str]:
    """Beat for as long as a node does before it removes others, and once more; return who was removed."""
    return [name for _ in range(BEATS + 1) for name in store.beat(0, 0)]


def test_a_node_that_beats_keeps_its_lease(place: Place) -> None:
    lease = 2.0  # a busy machine takes its time until both are open
    with nodes(place, "a", "b", lease=lease) as (a, b):
        a.apply([spilled("H:1")])
        assert claimed(b, f=MANY) == [b"H:1"]
        begin = time.monotonic()
        while time.monotonic() - begin < 1.5 * lease:
            assert a.beat(0, 0) == b.beat(0, 0) == []
            time.sleep(lease / 20)
        b.apply([Drop(b"H:1")])
        assert handles_in(place) == set()


def test_a_clean_close_hands_over_at_once(place: Place) -> None:
    with nodes(place, "a", "b") as (a, b):
        a.apply([spilled("H:1")])
        assert claimed(a, f=MANY) == [b"H:1"]
        assert claimed(b, f=MANY) == []
        a.close()
        assert claimed(b, f=MANY) == [b"H:1"]
        assert [one.name for one in b.nodes()] == ["b"]


def test_equal_unique_keys_are_one_job_whoever_put_it(place: Place) -> None:
    with nodes(place, "a", "b") as (a, b):
        enqueue(place, {"handle": "S:1", "unique_key": "sql"})
        a.apply([spilled("H:a:1", b"k")])
        b.apply([spilled("H:b:1", b"k"), spilled("H:b:2", b"sql"), spilled("H:b:3", b"own"), spilled("H:b:4", b"own")])
        assert a.take_joined() == {}
        assert b.take_joined() == {b"H:b:1": b"H:a:1", b"H:b:2": b"S:1", b"H:b:4": b"H:b:3"}
        assert b.take_joined() == {}
        b.apply([spilled("H:b:5", b"k", b"g"), spilled("H:b:6", b"\xff")])
        a.apply([spilled("H:a:2", b"\xff")])
        assert (a.take_joined(), b.take_joined()) == ({b"H:a:2": b"H:b:6"}, {})
        assert handles_in(place) == {"H:a:1", "S:1", "H:b:3", "H:b:5", "H:b:6"}
        assert claimed(b, f=MANY) == [b"S:1", b"H:a:1", b"H:b:3", b"H:b:6"]
        b.apply([spilled("H:b:7", b"k")])  # one that runs is unfinished too
        assert b.take_joined() == {b"H:b:7": b"H:a:1"}
        a.apply([spilled("H:a:1", b"k")])  # a group that is applied again
        assert a.take_joined() == {}


def test_a_key_whose_job_ends_in_the_same_group_is_a_new_job(place: Place) -> None:
    with nodes(place, "a") as (a,):
        a.apply([spilled("H:1", b"k"), spilled("H:2", b"l"), spilled("H:3", b"m")])
        assert len(claimed(a, f=MANY)) == 3
        a.apply([Drop(b"H:1"), spilled("H:4", b"k"), Done(b"H:2", b""), spilled("H:5", b"l"), spilled("H:6", b"m")])
        assert a.take_joined() == {b"H:6": b"H:3"}
        assert claimed(a, f=MANY) == [b"H:4", b"H:5"]
        a.apply([spilled("H:7", b"new"), Drop(b"H:7")])
        assert "H:7" not in handles_in(place)


def test_the_same_keys_at_once_from_two_nodes_in_any_order_are_one_job_each(place: Place) -> None:
    with nodes(place, "a", "b") as stores:
        together = threading.Barrier(2, timeout=60)

        def put(number: int) -> dict[bytes, bytes]:
            store, joined = stores[number], {}
            for turn in range(20):
                keys = range(10) if number else range(9, -1, -1)
                together.wait()
                store.apply([spilled(f"H:{number}:{turn}:{key}", b"%d-%d" % (turn, key)) for key in keys])
                joined.update(store.take_joined())
            return joined

        with ThreadPoolExecutor(2) as threads:
            first, second = threads.map(put, range(2))
        there = {handle.encode() for handle in handles_in(place)}
        assert len(there) == len(first) + len(second) == 200
        assert there.isdisjoint({*first, *second})
        assert {*first.values(), *second.values()} <= there
        assert len(there - {*first.values(), *second.values()}) == 0


def test_nodes_tell_their_load(place: Place) -> None:
    with nodes(place, "b", "a") as (b, a):
        b.beat(3, 4)
        first, second = a.nodes()
        assert (first.name, first.mine, first.jobs, first.workers, first.version) == ("a", True, 0, 0, "1.2.3")
        assert (second.name, second.mine, second.jobs, second.workers) == ("b", False, 3, 4)
        assert 0 < first.lease <= LONG
        assert abs(first.since - time.time()) < 60


def test_the_backlog_and_those_that_wait(place: Place) -> None:
    with nodes(place, "a", "b") as (a, b):
        enqueue(place, {"handle": "S:1"})
        a.apply([spilled(f"H:{number}") for number in range(5)])
        claimed(a, f=3)  # S:1, H:0 and H:1
        claimed(b, f=1)
        b.apply([Progress(b"H:2", 1, 4)])
        assert a.backlog() == [Backlog(b"f", 1, False, 3)]
        assert b.backlog() == [Backlog(b"f", 1, False, 4)]
        assert a.find([b"S:1", b"H:2", b"H:3", b"H:none"]) == {
            b"S:1": WaitingJob(b"S:1", b"f", 1, 0, True),
            b"H:2": WaitingJob(b"H:2", b"f", 1, 0, True, 1, 4),
            b"H:3": WaitingJob(b"H:3", b"f", 1, 0),
        }
        end_lease(place, "b")
        assert beats_until_alone(a) == ["b"]
        assert a.find([b"H:2"])[b"H:2"].running is False


def test_those_who_listen_are_told_of_what_comes_and_of_what_is_free_again(place: Place) -> None:
    if place.dialect == "mysql":
        return  # it cannot ring
    with nodes(place, "a", "b") as (a, b):
        bell = b.wakeup()
        wait_until(bell.arm, what="the doorbell")

        def rings(*group: Operation) -> bool:
            while bell.wait(0):
                pass
            a.apply(group)
            return bell.wait(5)

        assert rings(spilled("H:1"))
        assert rings(spilled("H:2"), spilled("H:3"))
        assert rings(spilled("H:4", b"k"))
        claimed(a, f=MANY)
        assert rings(Release(b"H:1"))
        end_lease(place, "a")
        assert beats_until_alone(b) == ["a"]
        assert bell.wait(5)
        bell.close()
