"""The parser: any cut of a stream gives the same packets, and no byte can make it raise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gearbridge.wire import commands
from gearbridge.wire.commands import COMMANDS, LAST, MALFORMED, OUTCOMES, OVERSIZE, POISON, TEXT, UNKNOWN, WRONG_MAGIC
from gearbridge.wire.packets import HEADER, REQUEST_MAGIC, RESPONSE_MAGIC, request, response
from gearbridge.wire.parser import MAX_LINE, PacketParser

Parsed = list[tuple[int, tuple[bytes, ...]]]


def parse(*pieces: bytes, **options: int) -> Parsed:
    feed = PacketParser(**options).feed
    return [(command, tuple(args)) for piece in pieces for command, args in feed(piece)]


def without_nul(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(max_size=size).map(lambda octets: octets.replace(b"\0", b"."))


@st.composite
def packets(draw: st.DrawFn) -> tuple[bytes, tuple[int, tuple[bytes, ...]]]:
    if draw(st.booleans()):
        line = draw(st.text("abc :*\t", max_size=20)).encode()
        # A line cannot begin with NUL; an empty one is fine.
        return line + draw(st.sampled_from([b"\n", b"\r\n"])), (TEXT, (line.rstrip(b"\r"),))
    command = draw(st.sampled_from(COMMANDS))
    args = [draw(without_nul(20)) for _ in command.args]
    if args:
        args[-1] = draw(st.binary(max_size=200))
    return request(command.number, *args), (command.number, tuple(args))


@given(st.lists(packets(), max_size=12), st.data())
def test_any_cut_gives_the_same_packets(
    stream: list[tuple[bytes, tuple[int, tuple[bytes, ...]]]], data: st.DataObject
) -> None:
    octets = b"".join(encoded for encoded, _ in stream)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(octets)), max_size=10)))
    pieces = [octets[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(octets)], strict=True)]
    assert parse(*pieces) == [packet for _, packet in stream]


@given(st.lists(packets(), max_size=12), st.integers(1, 300), st.data())
def test_parts_of_any_size_give_the_same_packets(
    stream: list[tuple[bytes, tuple[int, tuple[bytes, ...]]]], most: int, data: st.DataObject
) -> None:
    octets = b"".join(encoded for encoded, _ in stream)
    cut = data.draw(st.integers(0, len(octets)))
    parser = PacketParser(most=most)
    parsed: Parsed = []
    for piece in (octets[:cut], octets[cut:]):
        parsed += [(command, tuple(args)) for command, args in parser.feed(piece)]
        while parser.more and data.draw(st.booleans()):  # or more comes before it is asked for
            assert parser.gathered
            parsed += [(command, tuple(args)) for command, args in parser.feed(b"")]
    while parser.more:
        part = parser.feed(b"")
        assert sum(len(request(command, *args)) if command != TEXT else 1 for command, args in part[:-1]) < most
        parsed += [(command, tuple(args)) for command, args in part]
    assert parsed == [packet for _, packet in stream]
    assert not parser.gathered


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_no_bytes_make_it_raise_or_leave_the_table(pieces: list[bytes]) -> None:
    for command, _ in parse(*pieces):
        assert 0 <= command < OUTCOMES


def test_byte_by_byte() -> None:
    octets = request(commands.SUBMIT_JOB, b"f", b"u", b"x\0y") + b"status\r\n" + request(commands.GRAB_JOB)
    expected: Parsed = [(commands.SUBMIT_JOB, (b"f", b"u", b"x\0y")), (TEXT, (b"status",)), (commands.GRAB_JOB, ())]
    assert parse(*(octets[i : i + 1] for i in range(len(octets)))) == expected


def test_the_body_of_an_argless_packet_is_ignored_as_in_gearmand() -> None:
    assert parse(request(commands.GRAB_JOB, b"extra") + request(commands.PRE_SLEEP)) == [
        (commands.GRAB_JOB, ()),
        (commands.PRE_SLEEP, ()),
    ]


def test_unknown_types_are_told_and_skipped() -> None:
    for number in (0, LAST + 1, 2**32 - 1):
        assert parse(HEADER.pack(REQUEST_MAGIC, number, 3) + b"abc" + request(commands.GRAB_JOB)) == [
            (UNKNOWN, (b"%d" % number,)),
            (commands.GRAB_JOB, ()),
        ]


def test_the_other_sides_packet_is_told_and_skipped() -> None:
    assert parse(response(commands.NOOP) + request(commands.GRAB_JOB)) == [
        (WRONG_MAGIC, (b"6",)),
        (commands.GRAB_JOB, ()),
    ]


def test_too_few_arguments_are_told_and_the_stream_goes_on() -> None:
    # gearmand waits for ever for the missing NUL.
    assert parse(request(commands.SUBMIT_REDUCE_JOB, b"f", b"u", b"r", b"x") + request(commands.GRAB_JOB)) == [
        (MALFORMED, (b"37",)),
        (commands.GRAB_JOB, ()),
    ]


def test_a_result_that_lacks_its_nul_is_an_empty_one() -> None:
    # Perl's Gearman::Worker sends it so; gearmand drops the worker, and gives the job to the next one, for ever.
    assert parse(request(commands.WORK_COMPLETE, b"H:1") + request(commands.WORK_STATUS, b"H:1", b"1")) == [
        (commands.WORK_COMPLETE, (b"H:1", b"")),
        (MALFORMED, (b"12",)),
    ]


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"\0BAD" + bytes(8), b"INVALID_MAGIC"),
        (b"a" * MAX_LINE, b"ARGUMENT_TOO_LARGE"),
    ],
    ids=["magic", "line"],
)
def test_poison_ends_the_stream(octets: bytes, code: bytes) -> None:
    parsed = parse(octets, request(commands.GRAB_JOB), b"status\n")
    assert [(command, args[0]) for command, args in parsed] == [(POISON, code)]


def test_a_packet_of_the_largest_size_is_taken_and_one_byte_more_is_not() -> None:
    assert parse(request(commands.ECHO_REQ, b"x" * 100), max_packet=100) == [(commands.ECHO_REQ, (b"x" * 100,))]
    assert parse(request(commands.ECHO_REQ, b"x" * 101), max_packet=100)[0][0] == OVERSIZE


@pytest.mark.parametrize("size", [101, 599, 600, 601, 5000, 2**32 - 1])
@pytest.mark.parametrize("piece", [1, 7, 600, 10_000])
def test_a_request_over_the_limit_is_skipped_and_the_stream_goes_on(size: int, piece: int) -> None:
    sent = min(size, 5000)
    octets = HEADER.pack(REQUEST_MAGIC, commands.WORK_COMPLETE, size) + (b"handle\0" + b"x" * sent)[:sent]
    parser = PacketParser(max_packet=100)
    behind = request(commands.GRAB_JOB) + b"status\n" if sent == size else b""
    octets += behind
    parsed = [packet for start in range(0, len(octets), piece) for packet in parser.feed(octets[start : start + piece])]
    command, (number, head, announced) = parsed[0]
    assert (command, int(number), int(announced)) == (OVERSIZE, commands.WORK_COMPLETE, size)
    assert head == (b"handle\0" + b"x" * 600)[: min(size, 600)]
    assert parsed[1:] == ([(commands.GRAB_JOB, ()), (TEXT, (b"status",))] if behind else [])
    assert parser.gathered == 0
    assert parser.is_amid_packet == (not behind)


def test_a_response_over_the_limit_ends_the_stream() -> None:
    large = response(commands.ECHO_RES, b"x" * 101)
    assert [command for command, _ in parse(large, large, expect=RESPONSE_MAGIC, max_packet=100)] == [POISON]


def test_clients_expect_responses() -> None:
    assert parse(response(commands.NO_JOB), expect=RESPONSE_MAGIC) == [(commands.NO_JOB, ())]
