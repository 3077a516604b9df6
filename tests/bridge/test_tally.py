"""What a bridge counts, for those who watch it."""

from __future__ import annotations

import pytest

from gearbridge.bridge.relay import Relay
from gearbridge.bridge.tally import Tallies, Tally
from gearbridge.core.settings import FORGET_AT
from gearbridge.records import ClaimedJob
from gearbridge.wire import commands as c


def relay_with(keep: bool, attempts: int) -> Relay:
    job = ClaimedJob(b"S:1", b"f", b"payload")
    job.max_attempts, job.keep_result, job.life = attempts, keep, b""
    relay = Relay(4, 1000)
    relay.linked()
    relay.claimed([job])
    return relay


@pytest.mark.parametrize(
    ("keep", "attempts", "replies", "expected"),
    [
        (False, 0, [], Tally(in_hand=1, claimed=1)),
        (False, 0, [c.JOB_CREATED], Tally(claimed=1, handed_over=1)),
        (True, 0, [c.JOB_CREATED], Tally(in_hand=1, claimed=1)),
        (True, 0, [c.JOB_CREATED, c.WORK_COMPLETE], Tally(claimed=1, completed=1)),
        (True, 0, [c.JOB_CREATED, c.WORK_EXCEPTION], Tally(claimed=1, failed=1)),
        (False, 2, [c.JOB_CREATED, c.WORK_FAIL], Tally(claimed=1, retried=1)),
        (False, 0, [c.ERROR], Tally(in_hand=1, claimed=1, refused=1)),
    ],
)
def test_what_became_of_a_job(keep: bool, attempts: int, replies: list[int], expected: Tally) -> None:
    relay = relay_with(keep, attempts)
    flight = relay.next_ready()
    assert flight is not None
    for command in replies:
        relay.reply(flight, command, [b"H:1", b"text"])
    assert relay.tallies.functions == {b"f": expected}


def test_a_lost_link_is_counted_for_what_was_on_it() -> None:
    relay = relay_with(False, 0)
    relay.lost()
    assert relay.tallies.of(b"f").resubmitted == 0
    relay.linked()
    relay.next_ready()
    relay.lost()
    assert relay.tallies.of(b"f").resubmitted == 1


def test_very_many_functions_are_forgotten_but_not_what_was_counted() -> None:
    tallies = Tallies()
    for number in range(3 * FORGET_AT):
        tallies.of(b"%d" % number).claimed += 1
        tallies.of(b"busy").in_hand = 1
    assert len(tallies.functions) <= FORGET_AT
    assert b"busy" in tallies.functions
    known = sum(tally.claimed for tally in tallies.functions.values())
    assert known + tallies.forgotten.claimed == 3 * FORGET_AT
