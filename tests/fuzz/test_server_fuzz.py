"""A real server among peers that send anything and leave at any moment: it answers, stays small, and logs no surprise.

Takes a few seconds with the tests and five minutes in `make soak`. GEARBRIDGE_TEST_FUZZ_SEED repeats a run, as far as
the order of events on the sockets lets it.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gearbridge import Client
from gearbridge.wire.packets import RESPONSE_MAGIC
from gearbridge.wire.parser import PacketParser
from tests.fixtures.job_server import ask
from tests.fixtures.processes import PATIENCE, wait_until
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working

from .mischief import Mischief

if TYPE_CHECKING:
    from tests.fixtures.job_server import JobServer

SECONDS = float(os.environ.get("GEARBRIDGE_TEST_FUZZ_SECONDS", "3"))
SEED = int(os.environ.get("GEARBRIDGE_TEST_FUZZ_SEED", "1"))
#: Rounds of a run. After each, all peers leave and all jobs are cancelled: the memory that is held then is compared.
ROUNDS = 6
PEERS = 12
#: How much more memory, in bytes, the server may hold after the last round than after the first ones: Python keeps some
#: of what it has freed, and what a single peer may have waiting for it comes on top.
GROWTH = 48 << 20
#: What the log may say: that it listens, and what it says at a limited rate of what peers do.
EXPECTED = (
    "gearbridge server listening",
    "is over the limit of this server",
    " times: its workers end or take too long",
    "incident_log: job H:",
)


class RudePeer:
    """One connection that sends what it likes. Nothing here waits."""

    def __init__(self, server: JobServer, mischief: Mischief) -> None:
        self._mischief = mischief
        self._socket = socket.create_connection((server.host, server.port), timeout=PATIENCE)
        self._socket.setblocking(False)
        self._parser = PacketParser(RESPONSE_MAGIC)
        self._reads = mischief.random.random() < 0.8

    def act(self) -> bool:
        """Do something; False when the connection is over, by its own will or the server's."""
        try:
            self._socket.send(self._mischief.stream())
            if self._reads:
                octets = self._socket.recv(1 << 20)
                if not octets:
                    return False
                for command, args in self._parser.feed(octets):
                    self._mischief.learn(command, tuple(args))
        except BlockingIOError:
            pass
        except OSError:
            return False
        return self._mischief.random.random() > 0.05

    def leave(self) -> None:
        """Close the connection, politely or by a reset."""
        if self._mischief.random.random() < 0.5:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()


@pytest.mark.parametrize("store", ["memory:", "sqlite"])
def test_nothing_that_peers_do_stops_or_fattens_the_server(store: str, tmp_path: Path) -> None:
    options = ("--store", store) if store == "memory:" else ()
    with GearbridgeServer(tmp_path, *options, "--verbose", "warning") as server:
        held = []
        for number in range(ROUNDS):
            torment(server, Mischief(SEED * 1000 + number), SECONDS / ROUNDS / 2)
            clean(server)
            held.append(resident_memory(server.pid))
            still_works(server)
        assert held[-1] - max(held[: ROUNDS // 3]) < GROWTH, held
        assert server.process is not None
        surprises = [line for line in server.process.stderr.splitlines() if not any(text in line for text in EXPECTED)]
        assert surprises == []


def torment(server: JobServer, mischief: Mischief, seconds: float) -> None:
    peers: list[RudePeer] = []
    end = time.monotonic() + seconds
    turn = 0
    while time.monotonic() < end:
        turn += 1
        if len(peers) < PEERS:
            peers.append(RudePeer(server, mischief))
        peer = mischief.random.choice(peers)
        if not peer.act():
            peer.leave()
            peers.remove(peer)
        if turn % 500 == 0:
            assert ask(server.port, "version")[0].startswith("OK ")
    for peer in peers:
        peer.leave()


def clean(server: JobServer) -> None:
    """Wait until the peers are seen to be gone, and cancel what they left."""
    wait_until(lambda: len(server.admin("workers")) == 1, what="the end of the connections")  # our own is left
    handles = [line.split("\t")[0] for line in server.admin("show jobs")]
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as connection:
        lines = connection.makefile("rwb")
        for start in range(0, len(handles), 500):
            batch = handles[start : start + 500]
            lines.write("".join(f"cancel job {handle}\n" for handle in batch).encode())
            lines.flush()
            assert [lines.readline() for _ in batch] == [b"OK\r\n"] * len(batch)
    for line in server.admin("status"):
        assert line.split("\t")[-3:] == ["0", "0", "0"], line


def still_works(server: JobServer) -> None:
    """A job goes round, and no limit that a rude peer has set is in its way."""
    server.admin("maxqueue reverse")
    with working(server.address, reverse=lambda job: job.payload[::-1]), Client(server.address) as client:
        assert client.do("reverse", b"still here", timeout=PATIENCE) == b"ereh llits"


def resident_memory(pid: int) -> int:
    """In bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
