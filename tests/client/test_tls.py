"""Our clients and workers over TLS, against real servers: what works, and what is said of what does not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from gearbridge import (
    AsyncClient,
    AsyncWorker,
    Client,
    ConfigurationError,
    ConnectionLost,
    ServersUnreachable,
    Tls,
    Worker,
)
from tests.fixtures.processes import PATIENCE
from tests.fixtures.server import GearbridgeServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gearbridge import AsyncJob, Job
    from tests.fixtures.certificates import Certificates

#: Larger than what the buffers of sockets hold, and no whole number of TLS records.
LARGE = bytes(range(256)) * 50_000 + b"end"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[GearbridgeServer]:
    """A server that takes TLS, and asks clients for no certificate."""
    with GearbridgeServer(tmp_path_factory.mktemp("server"), *certificates.server_options()) as started:
        yield started


@pytest.fixture
def tls(certificates: Certificates) -> Tls:
    return Tls(ca_file=str(certificates.authority.ca_file))


@pytest.fixture
def reverse(server: GearbridgeServer, tls: Tls) -> Iterator[str]:
    """A function that a worker of ours does over TLS."""

    def do(job: Job) -> bytes:
        job.send_data(b"ahead ")
        return job.payload[::-1]

    worker = Worker(server.address, tls=tls)
    worker.register("reverse", do)
    thread = threading.Thread(target=worker.work, daemon=True)
    thread.start()
    yield "reverse"
    worker.stop()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_client_and_worker(server: GearbridgeServer, tls: Tls, reverse: str) -> None:
    with Client(server.address, tls=tls) as client:
        assert client.do(reverse, b"hello") == b"ahead olleh"
        assert client.do(reverse, LARGE) == b"ahead " + LARGE[::-1]
        assert client.do_all(reverse, [b"%d" % number for number in range(1000)])[999] == b"ahead 999"
        assert client.ping() < PATIENCE
        assert client.admin("getpid") == [f"OK {server.pid}"]


def test_the_async_worker(server: GearbridgeServer, tls: Tls) -> None:
    async def turn(job: AsyncJob) -> bytes:
        return job.payload[::-1]

    async def play() -> None:
        worker = AsyncWorker(server.address, concurrency=3, tls=tls)
        worker.register("turn", turn)
        at_work = asyncio.create_task(worker.work())
        async with AsyncClient(server.address, tls=tls) as client:
            results = await asyncio.gather(*(client.do("turn", b"%d0" % number) for number in range(100)))
            assert results == [(b"%d0" % number)[::-1] for number in range(100)]
            assert await client.do("turn", LARGE) == LARGE[::-1]
        worker.stop()
        assert await asyncio.wait_for(at_work, PATIENCE) == 101

    asyncio.run(play())


def test_the_async_client(server: GearbridgeServer, tls: Tls, reverse: str) -> None:
    async def play() -> None:
        async with AsyncClient(server.address, tls=tls) as client:
            small = [client.do(reverse, b"%d" % number) for number in range(100)]
            *results, large = await asyncio.gather(*small, client.do(reverse, LARGE))
            assert results == [b"ahead " + (b"%d" % number)[::-1] for number in range(100)]
            assert large == b"ahead " + LARGE[::-1]

    asyncio.run(play())


def test_the_async_client_on_uvloop(server: GearbridgeServer, tls: Tls, reverse: str) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def play() -> None:
        async with AsyncClient(server.address, tls=tls) as client:
            assert await client.do(reverse, b"hello") == b"ahead olleh"

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(play())


def ping(address: str, tls: Tls) -> object:
    with Client(address, connect_timeout=1.0, tls=tls) as client:
        return client.ping()


def ping_async(address: str, tls: Tls) -> object:
    async def play() -> float:
        async with AsyncClient(address, connect_timeout=1.0, tls=tls) as client:
            return await client.ping()

    return asyncio.run(play())


EITHER = pytest.mark.parametrize("connect", [ping, ping_async], ids=["Client", "AsyncClient"])


@EITHER
def test_a_server_that_is_not_trusted_is_not_used(
    connect: Callable[[str, Tls], object], server: GearbridgeServer, certificates: Certificates
) -> None:
    stranger = str(certificates.stranger.ca_file)
    with pytest.raises(ServersUnreachable, match=r"its certificate is not accepted \(unable to get local issuer"):
        connect(server.address, Tls(ca_file=stranger))
    with pytest.raises(ServersUnreachable, match="its certificate is not accepted"):
        connect(server.address, Tls())  # the system's authorities do not know ours


@EITHER
def test_the_name_must_be_the_servers_unless_told_otherwise(
    connect: Callable[[str, Tls], object], tmp_path: Path, certificates: Certificates
) -> None:
    other = certificates.authority.sign("elsewhere", "DNS:jobs.example.com")
    files = ("--ssl", "--ssl-certificate", str(other.certificate), "--ssl-key", str(other.key))
    trusted = str(certificates.authority.ca_file)
    with GearbridgeServer(tmp_path, *files) as server:
        with pytest.raises(ServersUnreachable, match="IP address mismatch"):
            connect(server.address, Tls(ca_file=trusted))
        assert connect(server.address, Tls(ca_file=trusted, check_name=False))


@EITHER
def test_a_server_that_asks_for_a_certificate_gets_ours(
    connect: Callable[[str, Tls], object], tmp_path: Path, certificates: Certificates
) -> None:
    trusted = str(certificates.authority.ca_file)
    own = certificates.client
    with GearbridgeServer(tmp_path, *certificates.asking_options("required")) as server:
        assert connect(server.address, Tls(trusted, str(own.certificate), str(own.key)))
        # In TLS 1.3 the client's side of the handshake is over before the server has seen what is missing.
        with pytest.raises((ConnectionLost, ServersUnreachable)):
            connect(server.address, Tls(trusted))


@EITHER
def test_a_plain_server_is_told_apart(connect: Callable[[str, Tls], object], tls: Tls) -> None:
    def answer() -> None:
        visitor, _ = listening.accept()
        with visitor, contextlib.suppress(ConnectionResetError):
            visitor.recv(5)
            visitor.sendall(b"ERR UNKNOWN_COMMAND\r\n")
            while visitor.recv(4096):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ServersUnreachable, match="it does not speak TLS"):
            connect(f"127.0.0.1:{listening.getsockname()[1]}", tls)
        thread.join(PATIENCE)


@EITHER
def test_a_server_that_says_nothing_costs_the_connect_timeout(connect: Callable[[str, Tls], object], tls: Tls) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        pytest.raises(ServersUnreachable, match="no answer within 1 s"),
    ):
        connect(f"127.0.0.1:{listening.getsockname()[1]}", tls)


@EITHER
def test_a_wrong_file_is_told_at_once(
    connect: Callable[[str, Tls], object], certificates: Certificates, tmp_path: Path
) -> None:
    own = certificates.client
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    for wrong, said in (
        (Tls(ca_file="none.pem"), "the authorities in none.pem cannot be used: No such file"),
        (Tls(ca_file=str(nonsense)), "cannot be used: no certificate or crl found"),
        (Tls(certificate=str(own.certificate), key=str(certificates.server.key)), "key values mismatch"),
        (Tls(key=str(own.key)), "a TLS key needs its certificate"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            connect("127.0.0.1:1", wrong)


def test_waiting_over_tls_is_cut_into_slices(server: GearbridgeServer, tls: Tls) -> None:
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 20:
            raise KeyboardInterrupt

    begin = time.monotonic()
    with Client(server.address, on_wait=look, tls=tls) as client, pytest.raises(KeyboardInterrupt):
        client.do("nobody does this", b"")
    assert time.monotonic() - begin < PATIENCE


def test_a_restart_costs_nobody_an_error(tmp_path: Path, certificates: Certificates, tls: Tls) -> None:
    with GearbridgeServer(tmp_path, *certificates.server_options()) as server:

        async def play() -> None:
            async with AsyncClient(server.address, tls=tls) as client:
                await client.ping()
                server.restart()
                await client.ping()

        with Client(server.address, tls=tls) as client:
            client.ping()
            server.restart()
            client.ping()
        asyncio.run(play())


def test_a_worker_comes_back_after_a_restart(tmp_path: Path, certificates: Certificates, tls: Tls) -> None:
    with GearbridgeServer(tmp_path, *certificates.server_options()) as server:
        worker = Worker(server.address, tls=tls)
        worker.register("f", lambda job: job.payload)
        thread = threading.Thread(target=worker.work, daemon=True)
        thread.start()
        with Client(server.address, tls=tls) as client:
            assert client.do("f", b"before") == b"before"
            server.restart()
            assert client.do("f", b"after", timeout=PATIENCE) == b"after"
        worker.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()
