"""The engine in memory, fed with bytes that no sane peer sends, cut anywhere: it never raises, its books stay true."""

from __future__ import annotations

import os

import pytest

from gearbridge.wire.packets import RESPONSE_MAGIC
from gearbridge.wire.parser import PacketParser
from tests.core.books import Books

from .mischief import Mischief

#: How many streams each run sends.
STREAMS = int(os.environ.get("GEARBRIDGE_TEST_FUZZ_STREAMS", "2000"))
SEED = int(os.environ.get("GEARBRIDGE_TEST_FUZZ_SEED", "1"))
#: The books are looked through after so many streams; a look takes longer than a stream.
LOOK_AFTER = 20


@pytest.mark.parametrize("durable", [False, True], ids=["memory", "durable"])
def test_the_books_stay_true_whatever_bytes_come(durable: bool) -> None:
    mischief = Mischief(SEED)
    chance = mischief.random.random
    books = Books(durable=durable)
    answers = [PacketParser(RESPONSE_MAGIC) for _ in books.peers]
    for number in range(STREAMS):
        index = mischief.random.randrange(len(books.peers))
        for piece in cut(mischief, mischief.stream()):
            books.step(index, piece)
        peer = books.peers[index]
        learn(mischief, answers[index], peer.arrived)
        peer.arrived = b""
        if chance() < 0.03:
            books.step("leave", index)
        if peer is not books.peers[index]:  # it left, or was closed
            answers[index] = PacketParser(RESPONSE_MAGIC)
        if chance() < 0.1:
            books.step("begin", 0)
        if chance() < 0.1:
            books.step("end", mischief.random.randrange(10))
        if chance() < 0.02:
            books.step("tick", mischief.random.randrange(100))
        if number % LOOK_AFTER == 0:
            books.check()
    books.check()
    if durable:
        books.finish()
    for index in range(len(books.peers)):
        books.step("leave", index)
    books.check()
    left = books.talk.engine.lifecycle.queue.jobs.values()
    assert all(job.background for job in left), "who waited for it is gone"


def cut(mischief: Mischief, octets: bytes) -> list[bytes]:
    """The octets in one to three pieces."""
    cuts = sorted(mischief.random.randrange(len(octets) + 1) for _ in range(mischief.random.randrange(3)))
    return [octets[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(octets)], strict=True)]


def learn(mischief: Mischief, parser: PacketParser, octets: bytes) -> None:
    for command, args in parser.feed(octets):
        mischief.learn(command, tuple(args))
