"""The server as a process: start, stop, sockets, limits."""

from __future__ import annotations

import signal
import socket
import time
from typing import TYPE_CHECKING

from gearbridge.ports import free_port
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GEARBRIDGE, GearbridgeServer

from .wire_client import WireClient, packet

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures.processes import StartProcess


def test_it_says_where_it_listens_and_where_jobs_are_kept(start_process: StartProcess) -> None:
    server = start_process(GEARBRIDGE, "server", "--port", "0", "--listen", "127.0.0.1")
    said = server.wait_for_stderr(r"listening on 127\.0\.0\.1:(\d+); jobs are kept in memory only")
    with WireClient(int(said[1])) as client:
        assert client.ask("ECHO_REQ", "hello") == ("ECHO_RES", "hello")
    server.send_signal(signal.SIGINT)
    assert server.wait() == 0


def test_a_port_in_use_is_one_clear_line(start_process: StartProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = start_process(GEARBRIDGE, "server", "--port", port, "--listen", "127.0.0.1")
        assert server.wait() == 1
        assert server.stderr == f"gearbridge: cannot listen on 127.0.0.1 port {port}: Address already in use\n"


def test_bad_options_are_clear(start_process: StartProcess, tmp_path: Path) -> None:
    for options, said in (
        (["--store", "gopher://x"], "'gopher://...' is not a store URL"),
        (["--store", f"sqlite:///{tmp_path}/no/such/folder.db"], "No such file or directory"),
        (["--listen", "no.such.host.invalid", "--port", "0"], "cannot listen on 'no.such.host.invalid'"),
        (["--port", "http"], "'http' is not a valid integer"),
    ):
        server = start_process(GEARBRIDGE, "server", *options)
        assert server.wait() != 0
        assert said in server.stderr
        assert "Traceback" not in server.stderr


def test_options_are_environment_variables_too(start_process: StartProcess) -> None:
    environment = {"GEARBRIDGE_SERVER_PORT": "0", "GEARBRIDGE_SERVER_JOB_HANDLE_PREFIX": "X:node"}
    server = start_process(GEARBRIDGE, "server", env=environment)
    port = int(server.wait_for_stderr(r"listening on 127\.0\.0\.1:(\d+)")[1])
    with WireClient(port) as client:
        assert client.ask("SUBMIT_JOB_BG", "f", "", "")[1].startswith("X:node:")


def test_pid_and_address_are_as_admin_tools_show_them(gearbridge_server: GearbridgeServer) -> None:
    assert gearbridge_server.admin("getpid") == [f"OK {gearbridge_server.pid}"]
    (line,) = gearbridge_server.admin("workers")
    assert line.split(maxsplit=1)[1] == "127.0.0.1 - :"


def test_large_payloads_travel_in_both_directions(gearbridge_server: GearbridgeServer) -> None:
    payload = bytes(range(256)) * (20 * 4096)
    with WireClient(gearbridge_server.port) as client, WireClient(gearbridge_server.port) as worker:
        handle = client.ask("SUBMIT_JOB", "f", "", payload)[1]
        worker.send("CAN_DO", "f")
        assert worker.ask("GRAB_JOB")[3].encode("latin-1") == payload
        worker.send("WORK_COMPLETE", handle, payload)
        assert client.hear()[2].encode("latin-1") == payload


def test_a_packet_over_the_limit_is_refused_and_nobody_else_notices(tmp_path: Path) -> None:
    with (
        GearbridgeServer(tmp_path, "--max-packet", "2000") as server,
        WireClient(server.port) as client,
        WireClient(server.port) as other,
    ):
        assert client.ask("ECHO_REQ", b"x" * 2000)[0] == "ECHO_RES"
        assert client.ask("ECHO_REQ", b"x" * 2001)[:2] == ("ERROR", "ARGUMENT_TOO_LARGE")
        assert client.ask("ECHO_REQ", "goes on") == ("ECHO_RES", "goes on")
        assert other.ask("ECHO_REQ", "still here")[0] == "ECHO_RES"


def test_an_announced_size_reserves_no_memory(gearbridge_server: GearbridgeServer) -> None:
    def resident() -> int:
        with open(f"/proc/{gearbridge_server.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    before = resident()
    clients = [WireClient(gearbridge_server.port) for _ in range(50)]
    for client in clients:
        client.socket.sendall(packet("ECHO_REQ", "x")[:8] + (60 << 20).to_bytes(4, "big") + b"x")
    with WireClient(gearbridge_server.port) as client:
        assert client.ask("ECHO_REQ", "")[0] == "ECHO_RES"
    assert resident() - before < 20_000, "in kB; 50 times 60 MiB were announced"
    for client in clients:
        client.close()


def test_a_client_that_reads_nothing_is_dropped_and_its_worker_goes_on(tmp_path: Path) -> None:
    with (
        GearbridgeServer(tmp_path, "--packet-timeout", "2") as server,
        WireClient(server.port, receive_buffer=4096) as deaf,
        WireClient(server.port) as worker,
    ):
        handle = deaf.ask("SUBMIT_JOB", "f", "", "")[1]
        worker.send("CAN_DO", "f")
        worker.ask("GRAB_JOB")
        chunk = b"x" * (8 << 20)
        for _ in range(20):
            worker.send("WORK_DATA", handle, chunk)
        worker.ask("ECHO_REQ", "")
        wait_until(lambda: len(server.admin("workers")) == 2, what="the deaf client's connection to be closed")
        worker.send("WORK_COMPLETE", handle, "")
        assert worker.ask("ECHO_REQ", "fine") == ("ECHO_RES", "fine")


def test_a_client_that_floods_echoes_and_never_reads_does_not_grow_the_server(
    gearbridge_server: GearbridgeServer,
) -> None:
    with WireClient(gearbridge_server.port, receive_buffer=4096) as flood:
        flood.socket.settimeout(1)
        sent = 0
        echo = packet("ECHO_REQ", b"x" * 65536) * 16
        try:
            for _ in range(300):  # 300 MiB
                flood.socket.sendall(echo)
                sent += len(echo)
        except TimeoutError:
            pass
        assert sent < 200 << 20, "the server stops reading from who does not read"
        with WireClient(gearbridge_server.port) as client:
            assert client.ask("ECHO_REQ", "others are served") == ("ECHO_RES", "others are served")


def test_a_worker_gone_with_its_job_is_noticed(gearbridge_server: GearbridgeServer) -> None:
    with WireClient(gearbridge_server.port) as client:
        handle = client.ask("SUBMIT_JOB_BG", "f", "", "")[1]
        with WireClient(gearbridge_server.port) as worker:
            worker.send("CAN_DO", "f")
            assert worker.ask("GRAB_JOB")[1] == handle
        wait_until(lambda: client.ask("GET_STATUS", handle)[3] == "0", what="the job to be queued again")


def test_a_job_due_soon_wakes_a_sleeping_worker(gearbridge_server: GearbridgeServer) -> None:
    with WireClient(gearbridge_server.port) as client, WireClient(gearbridge_server.port) as worker:
        worker.send("CAN_DO", "f")
        assert worker.ask("GRAB_JOB") == ("NO_JOB",)
        worker.send("PRE_SLEEP")
        due = int(time.time()) + 2
        handle = client.ask("SUBMIT_JOB_EPOCH", "f", "", str(due), "x")[1]
        assert worker.hear() == ("NOOP",)
        assert time.time() >= due
        assert worker.ask("GRAB_JOB")[1] == handle


def test_a_job_due_in_the_past_wakes_a_sleeping_worker_at_once(gearbridge_server: GearbridgeServer) -> None:
    with WireClient(gearbridge_server.port) as client, WireClient(gearbridge_server.port) as worker:
        worker.send("CAN_DO", "f")
        worker.send("PRE_SLEEP")
        assert worker.ask("ECHO_REQ", "asleep") == ("ECHO_RES", "asleep")
        # Nothing else is said to the server before the worker hears of it.
        client.ask("SUBMIT_JOB_EPOCH", "f", "", "1", "x")
        assert worker.hear() == ("NOOP",)


def test_sigterm_writes_what_is_left_and_ends_quickly_with_silent_connections_open(
    gearbridge_server: GearbridgeServer,
) -> None:
    server = gearbridge_server
    idle = [WireClient(server.port) for _ in range(20)]
    with WireClient(server.port) as client:
        client.socket.sendall(packet("SUBMIT_JOB_BG", "f", "", "x") * 500)
        for _ in range(500):
            client.hear()
        assert server.stop() == 0
    server.start()
    assert len(server.admin("show jobs")) == 500
    for connection in idle:
        connection.close()


def test_two_servers_cannot_share_a_file(gearbridge_server: GearbridgeServer, start_process: StartProcess) -> None:
    second = start_process(GEARBRIDGE, "server", "--port", str(free_port()), "--store", gearbridge_server.store)
    assert second.wait() == 1
    assert "in use by another gearbridge server" in second.stderr


def test_sigusr1_finishes_the_job_in_hand_and_leaves_the_rest_to_the_next_server(
    gearbridge_server: GearbridgeServer,
) -> None:
    server = gearbridge_server
    assert server.process is not None
    with WireClient(server.port) as client, WireClient(server.port) as worker:
        handles = [client.ask("SUBMIT_JOB_BG", "f", "", str(number))[1] for number in range(3)]
        worker.send("CAN_DO", "f")
        assert worker.ask("GRAB_JOB")[1] == handles[0]
        server.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: not connects(server.port), what="the server to stop listening")
        assert client.ask("ECHO_REQ", "still served") == ("ECHO_RES", "still served")
        worker.send("WORK_COMPLETE", handles[0], "")
        assert server.process.wait() == 0
    server.restart()
    assert [line.split("\t")[0] for line in server.admin("show jobs")] == handles[1:]


def test_sigusr1_ends_an_idle_server_at_once(gearbridge_server: GearbridgeServer) -> None:
    assert gearbridge_server.process is not None
    with WireClient(gearbridge_server.port) as idle:
        idle.ask("ECHO_REQ", "")
        gearbridge_server.process.send_signal(signal.SIGUSR1)
        assert gearbridge_server.process.wait() == 0


def connects(port: int) -> bool:
    """Whether somebody listens on this port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=30).close()
    except ConnectionRefusedError:
        return False
    return True
