"""A bridge that speaks TLS with its job servers: real certificates, and servers that look at them."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

import gearbridge
from gearbridge.stores.registry import store_for
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GEARBRIDGE, GearbridgeServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fixtures.bridge import Bridge, StartBridge
    from tests.fixtures.certificates import Certificates
    from tests.fixtures.processes import StartProcess


@pytest.fixture
def server(tmp_path: Path, certificates: Certificates) -> Iterator[GearbridgeServer]:
    """A job server that serves nobody without a certificate."""
    (tmp_path / "server").mkdir()
    with GearbridgeServer(tmp_path / "server", *certificates.asking_options("required")) as started:
        yield started


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with a job table, as a file."""
    file = tmp_path / "shop.db"
    with closing(store_for(f"sqlite:///{file}")) as store:
        store.open()
    return file


def enqueue(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        gearbridge.enqueue(db, "f", b"x")


def rows(file: Path) -> int:
    with closing(sqlite3.connect(file)) as db:
        return int(db.execute("SELECT count(*) FROM gearbridge_job").fetchone()[0])


def shown(certificates: Certificates) -> list[str]:
    own = certificates.client
    return ["--ssl-certificate", str(own.certificate), "--ssl-key", str(own.key)]


def trusting(certificates: Certificates) -> list[str]:
    return ["--ssl", "--ssl-ca-file", str(certificates.authority.ca_file)]


def test_jobs_go_over_tls_also_after_the_server_was_away(
    server: GearbridgeServer, file: Path, certificates: Certificates, start_bridge: StartBridge
) -> None:
    options = (*trusting(certificates), *shown(certificates))
    bridge = start_bridge(f"sqlite:///{file}", server.address, *options)
    enqueue(file)
    wait_until(lambda: rows(file) == 0)
    server.kill()
    bridge.process.wait_for_stderr("no job server can be reached")
    enqueue(file)
    server.start()
    wait_until(lambda: rows(file) == 0)
    assert bridge.process.terminate() == 0


def test_a_server_that_is_not_trusted_gets_nothing_and_one_line_says_why(
    server: GearbridgeServer, file: Path, certificates: Certificates, start_bridge: StartBridge
) -> None:
    stranger = ("--ssl", "--ssl-ca-file", str(certificates.stranger.ca_file), *shown(certificates))
    bridge = start_bridge(f"sqlite:///{file}", server.address, *stranger)
    enqueue(file)
    assert_refused(bridge, r"its certificate is not accepted \(")
    assert rows(file) == 1


def test_a_server_that_wants_a_certificate_is_not_reached_without_one(
    server: GearbridgeServer, file: Path, certificates: Certificates, start_bridge: StartBridge
) -> None:
    bridge = start_bridge(f"sqlite:///{file}", server.address, *trusting(certificates))
    enqueue(file)
    assert_refused(bridge, "does it want TLS, or another certificate")
    assert rows(file) == 1


def test_a_server_for_tls_is_not_reached_without_it(
    server: GearbridgeServer, file: Path, start_bridge: StartBridge
) -> None:
    bridge = start_bridge(f"sqlite:///{file}", server.address)
    assert_refused(bridge, "does it want TLS")


def assert_refused(bridge: Bridge, why: str) -> None:
    """Said once, however often it is tried again."""
    said = rf"no job server can be reached: 127\.0\.0\.1:\d+ \(.*{why}.*\); retrying$"
    bridge.process.wait_for_stderr(said)
    assert "connected to job server" not in bridge.process.stderr
    assert bridge.process.terminate() == 0
    (_, *lines) = bridge.process.stderr.splitlines()
    assert len(lines) == 1, bridge.process.stderr


def test_sighup_reads_the_certificates_anew(
    server: GearbridgeServer, file: Path, tmp_path: Path, certificates: Certificates, start_bridge: StartBridge
) -> None:
    trusted = tmp_path / "trusted.pem"
    shutil.copy(certificates.stranger.ca_file, trusted)
    bridge = start_bridge(
        f"sqlite:///{file}", server.address, "--ssl", "--ssl-ca-file", str(trusted), *shown(certificates)
    )
    bridge.process.wait_for_stderr("not accepted")
    trusted.write_text("nonsense")
    bridge.process.send_signal(signal.SIGHUP)
    bridge.process.wait_for_stderr("the previous certificates stay in use")
    shutil.copy(certificates.authority.ca_file, trusted)
    bridge.process.send_signal(signal.SIGHUP)
    bridge.process.wait_for_stderr("connected to job server")


def test_a_file_that_cannot_be_used_is_told_at_the_start(file: Path, start_process: StartProcess) -> None:
    command = (GEARBRIDGE, "bridge", "--database", f"sqlite:///{file}", "--servers", "127.0.0.1:1")
    missing = start_process(*command, "--ssl", "--ssl-ca-file", "none.pem")
    assert missing.wait() == 1
    assert missing.stderr == "gearbridge: the authorities in none.pem cannot be used: No such file or directory\n"
    useless = start_process(*command, "--ssl-ca-file", "none.pem")
    assert useless.wait() == 2
    assert "--ssl-ca-file needs --ssl" in useless.stderr
