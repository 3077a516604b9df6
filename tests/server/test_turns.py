"""Reads that bring thousands of packets: they are handled in parts, in turn with other connections."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, cast

import pytest

from gearbridge.core.engine import Engine
from gearbridge.core.settings import Settings
from gearbridge.server.backpressure import Backpressure
from gearbridge.server.connection import PART, Connection
from gearbridge.server.turns import Turns
from gearbridge.wire import commands
from gearbridge.wire.packets import response

from .wire_client import WireClient, packet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gearbridge.server.budget import Budget
    from tests.fixtures.server import GearbridgeServer

_SUBMIT = packet("SUBMIT_JOB_BG", "bulk", "", "payload of a job")
#: So many submits are three parts and some.
_MANY = 3 * PART // len(_SUBMIT) + 100


class Transport(asyncio.Transport):
    """Takes everything."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = True
        self.written = b""

    def get_extra_info(self, _name: str, default: object = None) -> object:
        return default

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Grown:
    """The part of a budget that a connection reports to."""

    def grow(self, _size: int) -> None:
        pass

    def leave(self, _connection: Connection) -> None:
        pass


class Shell:
    """A service without a store."""

    max_packet = max_outbox = 1 << 26

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.engine = Engine(Settings(), durable=False)
        self.backpressure = Backpressure(self.max_outbox)
        self.budget = cast("Budget", Grown())
        self.turns = Turns(loop, self.engine)

    def admit(self, _connection: Connection) -> bool:
        return True

    def opened(self, _connection: Connection) -> None:
        pass

    def lost(self, _connection: Connection) -> None:
        pass

    def flush(self, source: Connection | None = None) -> None:
        self.engine.take_dirty()
        if source is not None:
            source.write_outbox()

    def connect(self) -> tuple[Connection, Transport]:
        connection, transport = Connection(self), Transport()
        connection.connection_made(transport)
        return connection, transport

    @property
    def jobs(self) -> int:
        return len(self.engine.lifecycle.queue.jobs)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def rounds(loop: asyncio.AbstractEventLoop, count: int) -> None:
    for _ in range(count):
        loop.call_soon(loop.stop)
        loop.run_forever()


def test_others_that_wait_have_their_turn_after_each_part(loop: asyncio.AbstractEventLoop) -> None:
    shell = Shell(loop)
    (one, reading), (other, _) = shell.connect(), shell.connect()
    shell.turns.add(other)
    one.data_received(_SUBMIT * _MANY)
    assert 0 < shell.jobs <= PART // len(_SUBMIT) + 1
    assert not reading.reading
    rounds(loop, _MANY)
    assert shell.jobs == _MANY
    assert reading.reading


def test_what_is_left_waits_while_there_is_a_reason_not_to_read(loop: asyncio.AbstractEventLoop) -> None:
    shell = Shell(loop)
    (one, reading), (other, _) = shell.connect(), shell.connect()
    shell.turns.add(other)
    one.data_received(_SUBMIT * _MANY)
    one.pause("journal")
    before = shell.jobs
    rounds(loop, 10)
    assert shell.jobs == before
    one.resume("journal")
    rounds(loop, _MANY)
    assert shell.jobs == _MANY
    assert reading.reading


def test_what_a_client_sent_before_it_was_lost_is_taken_in(loop: asyncio.AbstractEventLoop) -> None:
    shell = Shell(loop)
    (one, _), (other, _) = shell.connect(), shell.connect()
    shell.turns.add(other)
    one.data_received(_SUBMIT * _MANY)
    one.connection_lost(None)
    assert shell.jobs == _MANY
    rounds(loop, 10)


def test_a_long_list_is_not_made_out_of_turn(loop: asyncio.AbstractEventLoop) -> None:
    shell = Shell(loop)
    (one, wire), (other, _) = shell.connect(), shell.connect()
    one.data_received(packet("CAN_DO", "f") + packet("ECHO_REQ", "before"))
    written = len(wire.written)
    shell.turns.add(other)
    one.data_received(packet("ECHO_REQ", "first") + b"version\nstatus\n" + packet("ECHO_REQ", "last"))
    assert b"first" in wire.written[written:]
    assert b"OK " in wire.written[written:]
    assert b"last" not in wire.written
    rounds(loop, 10)
    assert wire.written[written:].endswith(b"f\t0\t0\t1\n.\n" + response(commands.ECHO_RES, b"last"))
    assert wire.reading


def test_submits_of_a_client_that_closes_at_once_are_all_taken_in(gearbridge_server: GearbridgeServer) -> None:
    with WireClient(gearbridge_server.port) as client:
        client.socket.sendall(_SUBMIT * 5000)
        client.socket.shutdown(socket.SHUT_WR)
        while client.socket.recv(1 << 16):  # how many answers come before the end is not promised
            pass
    assert gearbridge_server.admin("status") == ["bulk\t5000\t0\t0"]
