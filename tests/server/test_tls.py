"""TLS on the server's port: who is served, who is refused and when, and what goes on meanwhile."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest

from gearbridge.ports import free_port
from tests.fixtures.processes import PATIENCE, wait_until
from tests.fixtures.server import GEARBRIDGE, GearbridgeServer

from .wire_client import WireClient, packet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fixtures.certificates import Certificates
    from tests.fixtures.processes import StartProcess

#: Seconds for a handshake that no test waits for: what ends before ends for another reason.
NEVER = "600"


@pytest.fixture
def server(tmp_path: Path, certificates: Certificates) -> Iterator[GearbridgeServer]:
    """A server that takes TLS, and asks clients for no certificate."""
    with GearbridgeServer(tmp_path, *certificates.server_options("--ssl-handshake-timeout", NEVER)) as started:
        yield started


@pytest.fixture
def trusting(certificates: Certificates) -> ssl.SSLContext:
    return certificates.authority.client_context()


def test_jobs_of_any_size_travel_over_tls(server: GearbridgeServer, trusting: ssl.SSLContext) -> None:
    payload = bytes(range(256)) * (20 * 4096)
    with WireClient(server.port, tls=trusting) as client, WireClient(server.port, tls=trusting) as worker:
        handle = client.ask("SUBMIT_JOB", "f", "", payload)[1]
        worker.send("CAN_DO", "f")
        assert worker.ask("GRAB_JOB")[3].encode("latin-1") == payload
        worker.send("WORK_COMPLETE", handle, payload)
        assert client.hear()[2].encode("latin-1") == payload


def test_a_foreign_tls_client_is_served(server: GearbridgeServer, certificates: Certificates) -> None:
    trusted = certificates.authority.ca_file
    program = subprocess.Popen(
        f"openssl s_client -verify_return_error -quiet -connect {server.address} -CAfile {trusted}".split(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with program:
        assert program.stdin is not None
        assert program.stdout is not None
        program.stdin.write(b"getpid\n")
        program.stdin.flush()
        assert program.stdout.readline() == f"OK {server.pid}\n".encode()
        program.terminate()


def test_debians_gearadmin_takes_its_tls_option_and_speaks_plain_text(tmp_path: Path, server: GearbridgeServer) -> None:
    # docs/howto/security.md says so of Debian's libgearman; where this fails there is a foreign client to test with.
    def asks(address: GearbridgeServer) -> bytes:
        return subprocess.run(
            ["gearadmin", "-S", "-p", str(address.port), "--getpid"], capture_output=True, check=False, timeout=PATIENCE
        ).stdout

    assert asks(server) == b""
    with GearbridgeServer(tmp_path, "--store", "memory:") as plain:
        assert asks(plain) == f"{plain.pid}\n".encode()


@pytest.mark.parametrize("said", [packet("ECHO_REQ", "hello"), b"status\n", b"GET / HTTP/1.1\r\n\r\n"])
def test_a_plain_connection_is_refused_at_once(said: bytes, server: GearbridgeServer, trusting: ssl.SSLContext) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as plain:
        plain.sendall(said)
        assert b"OK" not in until_closed(plain)
    assert server.process is not None
    server.process.wait_for_stderr(r"TLS handshake with 127\.0\.0\.1 failed: ")
    with WireClient(server.port, tls=trusting) as client:
        assert client.ask("ECHO_REQ", "served") == ("ECHO_RES", "served")


def test_hundreds_of_silent_connections_do_not_hinder_a_client(
    server: GearbridgeServer, trusting: ssl.SSLContext
) -> None:
    with contextlib.ExitStack() as silent:
        for _ in range(300):
            silent.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE))
        with WireClient(server.port, tls=trusting) as client:
            for _ in range(100):
                assert client.ask("ECHO_REQ", "hello") == ("ECHO_RES", "hello")
        assert server.stop() == 0


def test_who_does_not_shake_hands_in_time_is_dropped(
    tmp_path: Path, certificates: Certificates, trusting: ssl.SSLContext
) -> None:
    with (
        GearbridgeServer(tmp_path, *certificates.server_options("--ssl-handshake-timeout", "0.5")) as server,
        WireClient(server.port, tls=trusting) as client,
        contextlib.ExitStack() as silent,
    ):
        strangers = [
            silent.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE))
            for _ in range(50)
        ]
        for stranger in strangers[::2]:
            stranger.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a handshake
        for stranger in strangers:
            until_closed(stranger)
        assert client.ask("ECHO_REQ", "still served") == ("ECHO_RES", "still served")
        assert server.process is not None
        server.process.wait_for_stderr(r"TLS handshake with 127\.0\.0\.1 failed: ")
        assert server.process.stderr.count("TLS handshake with") < 5, "strangers do not fill the log"


def test_a_record_may_be_cut_anywhere(server: GearbridgeServer, trusting: ssl.SSLContext) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trusting.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with (
        WireClient(server.port, tls=trusting) as other,
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as raw,
    ):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def send_cut(octets: bytes, at: int) -> None:
            raw.sendall(octets[:at])
            other.ask("ECHO_REQ", "")  # the server has had time for the first part
            raw.sendall(octets[at:])

        def complete(step: str, *args: bytes | int) -> bytes:
            while True:
                try:
                    outcome = getattr(tls, step)(*args)
                except ssl.SSLWantReadError:
                    if outgoing.pending:
                        for octet in outgoing.read():
                            send_cut(bytes([octet]), 0)
                    incoming.write(raw.recv(65536))
                else:
                    return outcome or b""

        complete("do_handshake")
        raw.sendall(outgoing.read())
        echo = packet("ECHO_REQ", "hello")
        answer = b"\0RES" + echo[4:7] + b"\x11" + echo[8:]
        tls.write(echo)
        length = outgoing.pending
        raw.sendall(outgoing.read())
        assert complete("read", 1000) == answer
        for cut in range(1, length):
            tls.write(echo)
            send_cut(outgoing.read(), cut)
            assert complete("read", 1000) == answer


def test_clients_must_show_a_certificate_where_it_is_required(tmp_path: Path, certificates: Certificates) -> None:
    theirs = certificates.stranger.sign("theirs")
    with GearbridgeServer(tmp_path, *certificates.asking_options("required")) as server:
        for context in (
            certificates.authority.client_context(),
            certificates.authority.client_context(theirs),
        ):
            assert not is_served(server, context)
        assert is_served(server, certificates.authority.client_context(certificates.client))
        assert server.process is not None
        server.process.wait_for_stderr("peer did not return a certificate")


def test_a_certificate_that_is_optional_must_be_a_good_one(tmp_path: Path, certificates: Certificates) -> None:
    theirs = certificates.stranger.sign("optional")
    with GearbridgeServer(tmp_path, *certificates.asking_options("optional")) as server:
        assert is_served(server, certificates.authority.client_context())
        assert is_served(server, certificates.authority.client_context(certificates.client))
        assert not is_served(server, certificates.authority.client_context(theirs))
        assert server.process is not None
        server.process.wait_for_stderr(r"its certificate is not accepted \(unable to get local issuer certificate\)")


def test_sighup_reads_the_certificates_anew(
    tmp_path: Path, certificates: Certificates, trusting: ssl.SSLContext
) -> None:
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    shutil.copy(certificates.server.certificate, certificate)
    shutil.copy(certificates.server.key, key)
    with (
        GearbridgeServer(tmp_path, "--ssl", "--ssl-certificate", str(certificate), "--ssl-key", str(key)) as server,
        WireClient(server.port, tls=trusting) as early,
    ):
        assert server.process is not None
        first = serial_number(server, trusting)
        renewed = certificates.authority.sign("renewed")
        shutil.copy(renewed.certificate, certificate)
        server.process.send_signal(signal.SIGHUP)
        server.process.wait_for_stderr("cannot be reloaded, the previous ones stay in use: .*key values mismatch")
        assert serial_number(server, trusting) == first
        shutil.copy(renewed.key, key)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: serial_number(server, trusting) != first, what="the renewed certificate to be shown")
        assert early.ask("ECHO_REQ", "still there") == ("ECHO_RES", "still there")


def test_what_is_missing_or_wrong_is_one_clear_line(
    tmp_path: Path, certificates: Certificates, start_process: StartProcess
) -> None:
    server, client = certificates.server, certificates.client
    locked = tmp_path / "locked.key"
    subprocess.run(
        ["openssl", "ec", "-aes256", "-passout", "pass:secret", "-in", server.key, "-out", locked],
        check=True,
        capture_output=True,
    )
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    for options, said in (
        (["--ssl"], "--ssl needs --ssl-certificate"),
        (["--ssl", "--ssl-certificate", "none.pem"], "No such file or directory"),
        (["--ssl", "--ssl-certificate", str(server.certificate)], "cannot be used: "),
        (["--ssl", "--ssl-certificate", str(server.certificate), "--ssl-key", str(client.key)], "key values mismatch"),
        (["--ssl", "--ssl-certificate", str(server.certificate), "--ssl-key", str(locked)], "has a password"),
        ([*certificates.server_options(), "--ssl-ca-file", str(nonsense)], f"the authorities in {nonsense} cannot be"),
        ([*certificates.server_options(), "--ssl-client-certificate", "required"], "needs --ssl-ca-file"),
        (["--ssl-client-certificate", "required"], "--ssl-client-certificate needs --ssl"),
    ):
        process = start_process(GEARBRIDGE, "server", "--port", "0", *options)
        assert process.wait() == 1
        assert said in process.stderr
        assert process.stderr.count("\n") == 1, process.stderr


def test_gearmands_own_options_and_variables_are_enough(
    tmp_path: Path, certificates: Certificates, trusting: ssl.SSLContext, start_process: StartProcess
) -> None:
    gearmand = tmp_path / "gearmand"
    gearmand.symlink_to(GEARBRIDGE)
    port = free_port()
    files = {
        "GEARMAND_SERVER_PEM": str(certificates.server.certificate),
        "GEARMAND_SERVER_KEY": str(certificates.server.key),
        "GEARMAND_CA_CERTIFICATE": str(certificates.authority.ca_file),
    }
    listen = ("--listen=127.0.0.1", f"--port={port}", "--log-file=stderr", "--verbose=INFO")
    # The variables go before the options, as in gearmand.
    program = start_process(gearmand, *listen, "--ssl", "--ssl-certificate=none.pem", env=files)
    program.wait_for_stderr(rf"listening on 127\.0\.0\.1:{port} \(TLS\)")
    with WireClient(port, tls=trusting) as client:
        assert client.ask("ECHO_REQ", "hello") == ("ECHO_RES", "hello")


def is_served(server: GearbridgeServer, context: ssl.SSLContext) -> bool:
    try:
        with WireClient(server.port, tls=context) as client:
            return client.ask("ECHO_REQ", "") == ("ECHO_RES", "")
    except (ssl.SSLError, EOFError, ConnectionError):
        return False


def serial_number(server: GearbridgeServer, context: ssl.SSLContext) -> object:
    """Of the certificate that the server shows now."""
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as secured,
    ):
        shown = secured.getpeercert()
    assert shown
    return shown["serialNumber"]


def until_closed(connection: socket.socket) -> bytes:
    """What a connection says until the other side closes it."""
    heard = b""
    with contextlib.suppress(ConnectionResetError):
        while received := connection.recv(4096):
            heard += received
    return heard
