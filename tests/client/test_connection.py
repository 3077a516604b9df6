"""Addresses, and one connection's waits: each is bounded, and `on_wait` can end it."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from gearbridge import ConfigurationError, ConnectionLost, ReplyTimeout
from gearbridge.client.connection import Connection, parse_servers
from tests.client.scripted import Scripted
from tests.fixtures.processes import PATIENCE, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted() as scripted:
        yield scripted


class Cancelled(Exception):
    """What `on_wait` raises in these tests."""


def cancel() -> None:
    raise Cancelled


def connect(server: Scripted, **options: object) -> Connection:
    return Connection(parse_servers(server.address)[0], PATIENCE, **options)  # type: ignore[arg-type]  # on_wait only


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("host", ["host:4730"]),
        ("host:1", ["host:1"]),
        (" a:1 , b ,", ["a:1", "b:4730"]),
        (["a", "b:2,c"], ["a:4730", "b:2", "c:4730"]),
        ("[::1]:5", ["[::1]:5"]),
        ("[::1]", ["[::1]:4730"]),
        ("fe80::1", ["[fe80::1]:4730"]),
        ("a:1,b:2,a:1", ["a:1", "b:2"]),
    ],
)
def test_servers_as_people_write_them(text: str | list[str], addresses: list[str]) -> None:
    assert [str(address) for address in parse_servers(text)] == addresses


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no job server given"),
        (" , ", "no job server given"),
        (":4730", "cannot read server ':4730'"),
        ("host:", "the port must be a number from 1 to 65535"),
        ("host:0", "the port must be"),
        ("host:65536", "the port must be"),
        ("host:" + "9" * 5000, "the port must be"),
        ("host:x", "the port must be"),
        ("[::1", "write an IPv6 address as [ADDRESS]:PORT"),
        ("[::1]4730", "write an IPv6 address as [ADDRESS]:PORT"),
        ("gearman://host", "cannot read server"),
        ("two words", "cannot read server"),
    ],
)
def test_servers_that_cannot_be_read_are_named(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_servers(text)
    assert said in str(caught.value)


def test_a_port_where_nobody_listens() -> None:
    with pytest.raises(ConnectionRefusedError):
        Connection(parse_servers(f"127.0.0.1:{free_port()}")[0], PATIENCE)


def test_a_name_that_is_no_host_name() -> None:
    with pytest.raises(OSError, match="not a host name"):
        Connection(parse_servers("a..b")[0], PATIENCE)


def test_the_next_address_of_a_name_is_tried() -> None:
    # "localhost" is often ::1 first; the server listens on 127.0.0.1 only.
    with Scripted() as server:
        port = server.address.rpartition(":")[2]
        Connection(parse_servers(f"localhost:{port}")[0], PATIENCE).close()
        server.accept()


def test_a_server_that_does_not_take_connections_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, socket.socket() as first:
        # The one place in the queue is taken, so the kernel answers nobody else.
        first.connect(listener.getsockname())
        address = parse_servers(f"127.0.0.1:{listener.getsockname()[1]}")[0]
        with socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(listener.getsockname())
            with pytest.raises(TimeoutError, match=r"no answer within 0\.1 s"):
                Connection(address, 0.1)
            with pytest.raises(Cancelled):
                Connection(address, PATIENCE, cancel)


def test_a_reply_that_does_not_come(server: Scripted) -> None:
    connection = connect(server)
    with pytest.raises(ReplyTimeout, match=f"{server.address} did not answer in time"):
        connection.receive(time.monotonic() + 0.05)
    connection.close()


def test_on_wait_is_called_while_waiting_and_ends_the_wait(server: Scripted) -> None:
    calls = 0

    def look() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Cancelled

    connection = connect(server, on_wait=look)
    with pytest.raises(Cancelled):
        connection.receive(None)
    connection.close()


def test_a_request_that_is_not_taken(server: Scripted) -> None:
    connection = connect(server)
    server.accept()
    with pytest.raises(ReplyTimeout, match="did not take the request in time"):
        connection.send(bytes(50_000_000), time.monotonic() + 0.1)
    connection.close()


def test_a_large_request_arrives_whole(server: Scripted) -> None:
    connection = connect(server)
    peer = server.accept()
    payload = bytes(range(256)) * 80_000
    received = bytearray()

    def read() -> None:
        while len(received) < len(payload):
            received.extend(peer.recv(65536))

    reader = threading.Thread(target=read)
    reader.start()
    connection.send(payload, time.monotonic() + PATIENCE)
    reader.join(PATIENCE)
    assert received == payload
    connection.close()


def test_a_server_that_leaves(server: Scripted) -> None:
    connection = connect(server)
    assert connection.receive_waiting() is None
    server.accept().close()
    with pytest.raises(ConnectionLost, match=f"{server.address} closed the connection"):
        connection.receive(time.monotonic() + PATIENCE)
    assert connection.receive_waiting() == b""
    connection.close()
