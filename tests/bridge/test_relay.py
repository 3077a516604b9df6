"""The relay over random histories: every job is settled once, by what was said of it last, and none is forgotten."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from gearbridge.bridge.relay import Relay
from gearbridge.records import ClaimedJob, Done, Drop, Failed, Operation, Progress, Retry
from gearbridge.wire import commands as c

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gearbridge.bridge.flight import Flight

HISTORIES = int(os.environ.get("GEARBRIDGE_TEST_EXAMPLES", "300"))
WINDOW = 6
LIFE = b"0f285fbb7193eb9a"


def claimed(handle: bytes, *, keep: bool = False, attempts: int = 0, due: int = 0, key: bytes = b"") -> ClaimedJob:
    job = ClaimedJob(handle, b"f", b"payload", key, due=due)
    job.max_attempts, job.keep_result, job.life = attempts, keep, LIFE
    return job


def relay_with(*jobs: ClaimedJob, follow: bool = False) -> Relay:
    relay = Relay(WINDOW, 1000, follow=follow)
    relay.linked()
    relay.claimed(jobs)
    relay.tick(0)
    return relay


def submitted(relay: Relay) -> list[Flight]:
    return list(iter(relay.next_ready, None))


def settled(relay: Relay) -> Sequence[Operation]:
    group = relay.journal.take_group()
    relay.journal.group_done()
    return group


def test_what_has_nothing_to_be_written_back_is_handed_over() -> None:
    relay = relay_with(claimed(b"S:1"))
    (flight,) = submitted(relay)
    assert (flight.command, flight.arguments) == (c.SUBMIT_JOB_BG, (b"f", b"S:1@" + LIFE, b"payload"))
    relay.reply(flight, c.JOB_CREATED, [b"H:1"])
    assert settled(relay) == [Drop(b"S:1")]
    assert relay.idle


def test_no_more_bytes_are_in_hand_than_there_is_room_for() -> None:
    relay = Relay(WINDOW, 1000, window_bytes=20)
    relay.linked()
    assert relay.capacity_in_bytes() == 20
    relay.claimed([claimed(b"S:1"), claimed(b"S:2")])  # of 7 bytes
    assert relay.capacity_in_bytes() == 1, "one job at a time"
    assert relay.claim_capacity() == {b"f": 0}
    first, second = submitted(relay)
    relay.reply(first, c.JOB_CREATED, [b"H:1"])
    assert relay.wants_claim
    assert relay.capacity_in_bytes() == 13
    relay.reply(second, c.JOB_CREATED, [b"H:2"])
    assert relay.capacity_in_bytes() == 20


@pytest.mark.parametrize(
    "job",
    [claimed(b"S:1", keep=True), claimed(b"S:1", attempts=2), claimed(b"S:1", key=b"k")],
    ids=["result", "attempts", "unique key"],
)
def test_what_has_something_to_be_written_back_is_followed(job: ClaimedJob) -> None:
    relay = relay_with(job)
    (flight,) = submitted(relay)
    assert flight.command == c.SUBMIT_JOB
    relay.reply(flight, c.JOB_CREATED, [b"H:1"])
    assert settled(relay) == []
    relay.reply(flight, c.WORK_COMPLETE, [b"H:1", b"result"])
    assert settled(relay) == [Done(b"S:1", b"result") if job.keep_result else Drop(b"S:1")]


def test_a_lost_link_brings_everything_back_in_order_and_half_a_result_is_void() -> None:
    relay = relay_with(claimed(b"S:1", keep=True), claimed(b"S:2"), claimed(b"S:3"))
    first, second = relay.next_ready(), relay.next_ready()
    assert first is not None
    assert second is not None
    relay.reply(first, c.JOB_CREATED, [b"H:1"])
    relay.reply(first, c.WORK_DATA, [b"H:1", b"half "])
    relay.lost()
    assert relay.next_ready() is None
    assert relay.claim_capacity() is None
    relay.linked()
    assert [flight.handle for flight in submitted(relay)] == [b"S:1", b"S:2", b"S:3"]
    relay.reply(first, c.JOB_CREATED, [b"H:9"])
    relay.reply(first, c.WORK_COMPLETE, [b"H:9", b"whole"])
    assert settled(relay) == [Done(b"S:1", b"whole")]


def test_a_job_that_the_job_server_has_forgotten_is_submitted_again() -> None:
    relay = relay_with(claimed(b"S:1"), follow=True)
    (flight,) = submitted(relay)
    relay.reply(flight, c.JOB_CREATED, [b"H:1"])
    assert relay.to_ask_after() == []
    assert relay.to_ask_after() == [flight]
    relay.reply(flight, c.STATUS_RES, [b"H:1", b"1", b"1", b"0", b"0"])
    assert submitted(relay) == []
    relay.reply(flight, c.STATUS_RES, [b"H:1", b"0", b"0", b"0", b"0"])
    assert submitted(relay) == [flight]


def test_what_is_refused_waits_a_second_unless_it_would_be_refused_again_and_again() -> None:
    relay = relay_with(claimed(b"S:1"), claimed(b"S:2"))
    full, large = submitted(relay)
    relay.reply(full, c.ERROR, [b"QUEUE_ERROR", b"Job queue is full"])
    relay.reply(large, c.ERROR, [b"ARGUMENT_TOO_LARGE", b"Unique value too large"])
    (failed,) = settled(relay)
    assert isinstance(failed, Failed)
    assert "Unique value too large" in failed.error
    assert submitted(relay) == []
    assert relay.tick(0.5) == 0.5
    assert relay.tick(1) is None
    assert submitted(relay) == [full]


def test_one_that_retires_leaves_what_is_not_to_be_submitted_yet() -> None:
    relay = relay_with(claimed(b"S:1"), claimed(b"S:2", due=100))
    relay.drain()
    (flight,) = submitted(relay)
    assert flight.handle == b"S:1"
    relay.reply(flight, c.JOB_CREATED, [b"H:1"])
    assert relay.idle


class History:
    """A table, a relay and a job server that is lost at random, played by chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.follow = self.chance.random() < 0.3
        self.relay = Relay(WINDOW, 1000, follow=self.follow)
        self.table = {b"S:%d" % number: self._job(b"S:%d" % number) for number in range(30)}
        self.held: set[bytes] = set()
        self.sent: list[tuple[Flight, bytes]] = []  # what the job server has of the present link, and its handle
        self.created: list[tuple[Flight, bytes]] = []
        self.ends: dict[bytes, list[Operation]] = {handle: [] for handle in self.table}
        self.number = 0
        self.wall = 0.0
        self.up = False

    def _job(self, handle: bytes) -> ClaimedJob:
        chance = self.chance
        due = chance.choice((0, 0, 3))
        return claimed(handle, keep=chance.random() < 0.3, attempts=chance.choice((0, 0, 3)), due=due)

    def claim(self) -> None:
        claim_capacity = self.relay.claim_capacity()
        if claim_capacity is not None:
            room = claim_capacity.get(b"f", WINDOW)
            free = [job for handle, job in self.table.items() if handle not in self.held][:room]
            self.held.update(job.handle for job in free)
            self.relay.claimed(free)
        assert len(self.relay._jobs) <= WINDOW  # in hand; what has ended may not be written yet

    def link(self) -> None:
        if self.up:
            self.relay.lost()
            self.sent.clear()
            self.created.clear()
        else:
            self.relay.linked()
        self.up = not self.up

    def submit(self) -> None:
        flight = self.relay.next_ready()
        if flight is not None:
            assert self.up
            assert flight.handle in self.held
            assert flight not in [one for one, _ in (*self.sent, *self.created)], "submitted twice on one link"
            self.number += 1
            self.sent.append((flight, b"H:%d" % self.number))

    def answer(self) -> None:
        if self.sent:
            flight, handle = self.sent.pop(0)
            if self.chance.random() < 0.2:
                self.relay.reply(flight, c.ERROR, [b"QUEUE_ERROR", b"full"])
                return
            self.relay.reply(flight, c.JOB_CREATED, [handle])
            if flight.followed:
                self.created.append((flight, handle))

    def work(self) -> None:
        if self.created:
            flight, handle = self.created.pop(self.chance.randrange(len(self.created)))
            kind = self.chance.choice((c.WORK_COMPLETE, c.WORK_FAIL, c.WORK_EXCEPTION, c.STATUS_RES))
            if kind == c.STATUS_RES:  # forgotten
                self.relay.reply(flight, kind, [handle, b"0", b"0", b"0", b"0"])
            else:
                self.relay.reply(flight, c.WORK_STATUS, [handle, b"1", b"2"])
                self.relay.reply(flight, kind, [handle] if kind == c.WORK_FAIL else [handle, handle])

    def commit(self) -> None:
        for operation in settled(self.relay):
            assert not isinstance(operation, Progress) or operation.handle in self.held
            if isinstance(operation, Progress):
                continue
            handle = operation.handle  # type: ignore[union-attr]  # no Put comes from a relay
            assert handle in self.held, "settled without being in hand"
            self.held.discard(handle)
            self.ends[handle].append(operation)
            if isinstance(operation, Retry):
                self.table[handle].attempts = operation.attempts
            else:
                del self.table[handle]

    def pass_time(self) -> None:
        self.wall += self.chance.random()
        self.relay.tick(self.wall)


def test_every_job_is_settled_once() -> None:
    for seed in range(HISTORIES):
        try:
            play(seed)
        except AssertionError as failure:
            failure.add_note(f"in the history of seed {seed}")
            raise


def play(seed: int) -> None:
    history = History(seed)
    steps = [history.claim, history.submit, history.submit, history.answer, history.answer, history.work]
    steps += [history.commit, history.pass_time]
    for _ in range(300):
        history.chance.choice([*steps, history.link] if history.chance.random() < 0.1 else steps)()
    if not history.up:
        history.link()
    for _ in range(3000):
        if not history.table:
            break
        for step in steps:
            step()
    assert not history.table
    assert history.relay.idle
    tally = history.relay.tallies.of(b"f")
    ended = tally.handed_over + tally.completed + tally.failed + tally.retried
    assert (tally.in_hand, tally.claimed, ended) == (0, ended, sum(map(len, history.ends.values())))
    for ends in history.ends.values():
        *retries, last = ends
        assert all(isinstance(one, Retry) for one in retries)
        assert isinstance(last, (Drop, Done, Failed))
