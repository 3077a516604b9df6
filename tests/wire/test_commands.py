"""The protocol's table against gearmand's PROTOCOL: numbers, names and arguments."""

from __future__ import annotations

import pytest

from gearbridge.wire import commands
from gearbridge.wire.commands import ARITY, COMMANDS, Command, name_of
from gearbridge.wire.packets import HEADER, HEADER_SIZE, REQUEST_MAGIC, RESPONSE_MAGIC, request, response
from gearbridge.wire.parser import PacketParser


def test_there_are_42_packets_numbered_from_one() -> None:
    assert [command.number for command in COMMANDS] == list(range(1, 43))
    assert len({command.name for command in COMMANDS}) == 42


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_constant_of_its_name_has_its_number(command: Command) -> None:
    if command.name != "UNUSED":
        assert getattr(commands, command.name) == command.number
    assert name_of(command.number) == command.name


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_what_is_encoded_is_what_is_parsed(command: Command) -> None:
    args = tuple(name.encode() for name in command.args)
    for encode, magic in ((request, REQUEST_MAGIC), (response, RESPONSE_MAGIC)):
        assert [
            (number, tuple(parsed)) for number, parsed in PacketParser(magic).feed(encode(command.number, *args))
        ] == [(command.number, args)]


def test_the_arity_is_that_of_the_table() -> None:
    assert ARITY[commands.SUBMIT_REDUCE_JOB] == 5  # PROTOCOL says 4; gearmand waits for 5
    assert ARITY[commands.GRAB_JOB] == 0


def test_a_submit_is_encoded_as_gearman_libraries_do() -> None:
    packet = request(commands.SUBMIT_JOB, b"reverse", b"-", b"hello")
    assert packet == b"\0REQ\0\0\0\x07\0\0\0\x0freverse\0-\0hello"
    assert HEADER.unpack(packet[:HEADER_SIZE])[1:] == (7, 15)


def test_numbers_outside_the_table_have_a_name_for_messages() -> None:
    assert name_of(99) == "packet type 99"
