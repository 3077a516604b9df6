"""When peers are written to that something is to be said to, but who were not just read from."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gearbridge.core.peer import Peer
from gearbridge.server.deferred_writes import MANY, DeferredWrites

if TYPE_CHECKING:
    from collections.abc import Iterator


class Line:
    """A connection that notes what is written to it, one entry for each write."""

    def __init__(self) -> None:
        self.peer = Peer([], self)
        self.written: list[bytes] = []

    def write_outbox(self) -> None:
        self.written.append(self.peer.take_outbox())


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def say(postponed: DeferredWrites, lines: list[Line], what: bytes) -> None:
    for line in lines:
        line.peer.send(what)
    postponed.add([line.peer for line in lines])


def a_round(loop: asyncio.AbstractEventLoop) -> None:
    loop.call_soon(loop.stop)
    loop.run_forever()


def test_what_several_reads_of_a_round_have_to_say_is_one_write(loop: asyncio.AbstractEventLoop) -> None:
    postponed, line = DeferredWrites(loop), Line()
    say(postponed, [line], b"one")
    say(postponed, [line], b"two")
    assert line.written == []
    a_round(loop)
    assert line.written[0] == b"onetwo"


def test_many_wait_for_one_round_more_and_no_longer(loop: asyncio.AbstractEventLoop) -> None:
    postponed, lines = DeferredWrites(loop), [Line() for _ in range(MANY)]
    say(postponed, lines, b"one")
    a_round(loop)
    assert [line.written for line in lines] == [[]] * MANY
    say(postponed, lines, b"two")
    a_round(loop)
    assert [line.written for line in lines] == [[b"onetwo"]] * MANY


def test_who_is_gone_is_not_written_to(loop: asyncio.AbstractEventLoop) -> None:
    postponed, gone, here = DeferredWrites(loop), Line(), Line()
    say(postponed, [gone, here], b"one")
    gone.peer.closed = True
    a_round(loop)
    assert (gone.written, here.written) == ([], [b"one"])


def test_a_server_that_ends_writes_all_of_it_first(loop: asyncio.AbstractEventLoop) -> None:
    postponed, lines = DeferredWrites(loop), [Line() for _ in range(MANY)]
    say(postponed, lines, b"one")
    a_round(loop)
    postponed.write()
    assert [line.written for line in lines] == [[b"one"]] * MANY
    a_round(loop)
    assert [line.written for line in lines] == [[b"one"]] * MANY
