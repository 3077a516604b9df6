"""When a node may remove another one: not before it was in touch with the database itself for a while."""

from __future__ import annotations

from gearbridge.stores.interface import BEATS
from gearbridge.stores.ownership.heartbeat import Steadiness

LONGEST = 1.5


def beaten(steadiness: Steadiness, begin: float, count: int, pause: float = 0.5) -> list[bool]:
    return [steadiness.beaten(begin + number * pause) for number in range(count)]


def test_the_first_beats_remove_nobody() -> None:
    assert beaten(Steadiness(LONGEST), 100.0, BEATS + 2) == [False] * (BEATS - 1) + [True] * 3


def test_nor_do_those_behind_one_that_failed() -> None:
    steadiness = Steadiness(LONGEST)
    beaten(steadiness, 100.0, BEATS + 1)
    steadiness.failed()
    assert beaten(steadiness, 110.0, BEATS) == [False] * (BEATS - 1) + [True]


def test_nor_those_behind_one_that_came_late_and_did_not_fail() -> None:
    steadiness = Steadiness(LONGEST)
    beaten(steadiness, 100.0, BEATS)
    assert beaten(steadiness, 120.0, BEATS + 1) == [False] * BEATS + [True]


def test_nor_those_behind_one_that_came_late_while_some_were_missing() -> None:
    steadiness = Steadiness(LONGEST)
    beaten(steadiness, 100.0, BEATS - 1)
    assert beaten(steadiness, 120.0, BEATS + 1) == [False] * BEATS + [True]


def test_where_all_beats_are_slow_others_are_removed_now_and_then() -> None:
    assert any(beaten(Steadiness(LONGEST), 100.0, 3 * BEATS, pause=2.0))
