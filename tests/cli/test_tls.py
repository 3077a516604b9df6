"""The commands over TLS: with their options, and with the variables that the gearman tool hears."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.server import GEARBRIDGE, GearbridgeServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.certificates import Certificates
    from tests.fixtures.processes import Process, StartProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[GearbridgeServer]:
    """A server that serves nobody without a certificate."""
    with GearbridgeServer(tmp_path_factory.mktemp("server"), *certificates.asking_options("required")) as started:
        yield started


@pytest.fixture
def options(server: GearbridgeServer, certificates: Certificates) -> list[str]:
    own = certificates.client
    trusted = ["--ssl-ca-file", str(certificates.authority.ca_file)]
    files = ["--ssl-certificate", str(own.certificate), "--ssl-key", str(own.key)]
    return ["--servers", server.address, "--ssl", *trusted, *files]


def test_every_command_speaks_tls(server: GearbridgeServer, options: list[str], start_process: StartProcess) -> None:
    def run(*words: str) -> Process:
        return start_process(GEARBRIDGE, *words)

    handle = run("submit", "--background", *options, "reverse", "hello").succeed().decode().strip()
    assert "waiting for a worker" in run("status", *options, handle).succeed().decode()
    assert handle in run("admin", "jobs", *options).succeed().decode()
    assert b"reverse" in run("top", "--once", *options).succeed()
    looked = start_process(GEARBRIDGE, "doctor", *options, "--function", "reverse")
    assert looked.wait() == 1
    assert b"the server answers" in looked.stdout
    assert b"reverse: 0 workers, 1 jobs" in looked.stdout
    run("work", *options, "--count", "1", "reverse", "--", "rev").succeed()
    worker = run("work", *options, "reverse", "--", "rev")
    assert run("submit", *options, "reverse", "hello").succeed() == b"olleh"
    assert worker.terminate() == 0
    measured = run("bench", *options, "--jobs", "2000", "--json").succeed()
    assert json.loads(measured)["work"]["jobs"] == 2000
    trips = run("bench", *options, "--jobs", "500", "--json", "--foreground", "--workers", "3").succeed()
    assert json.loads(trips)["trips"]["jobs"] == 500


@pytest.mark.parametrize(
    "names",
    [
        ("GEARMAND_CA_CERTIFICATE", "GEARMAN_CLIENT_PEM", "GEARMAN_CLIENT_KEY"),
        ("GEARBRIDGE_SSL_CA_FILE", "GEARBRIDGE_SSL_CERTIFICATE", "GEARBRIDGE_SSL_KEY"),
    ],
)
def test_variables_name_the_files_too(
    names: tuple[str, str, str], server: GearbridgeServer, certificates: Certificates, start_process: StartProcess
) -> None:
    own = certificates.client
    files = dict(zip(names, map(str, (certificates.authority.ca_file, own.certificate, own.key)), strict=True))
    environment = {"GEARBRIDGE_SERVERS": server.address, **files}
    assert b"gearbridge" in start_process(GEARBRIDGE, "admin", "version", "-S", env=environment).succeed()
    told = start_process(GEARBRIDGE, "admin", "version", env={**environment, "GEARBRIDGE_SSL": "1"})
    assert b"gearbridge" in told.succeed()
    # Without --ssl they change nothing, and a plain command at a port for TLS fails.
    plain = start_process(GEARBRIDGE, "admin", "version", env=environment)
    assert plain.wait() == 3
    assert "closed the connection" in plain.stderr or "broke" in plain.stderr


def test_what_is_wrong_is_one_clear_line(
    server: GearbridgeServer, options: list[str], certificates: Certificates, start_process: StartProcess
) -> None:
    stranger = str(certificates.stranger.ca_file)
    looked = start_process(GEARBRIDGE, "doctor", *options, "--ssl-ca-file", stranger)
    assert looked.wait() == 1
    assert b"its certificate is not accepted (" in looked.stdout
    untrusted = start_process(GEARBRIDGE, "submit", *options, "--ssl-ca-file", stranger, "f")
    assert untrusted.wait() == 3
    assert "its certificate is not accepted (" in untrusted.stderr
    missing = start_process(GEARBRIDGE, "submit", *options, "--ssl-key", "none.pem", "f")
    assert missing.wait() == 1
    assert "with the key none.pem cannot be used: No such file or directory" in missing.stderr
    for shown in (untrusted.stderr, missing.stderr):
        assert shown.startswith("gearbridge: ")
        assert shown.count("\n") == 1
    useless = start_process(GEARBRIDGE, "submit", "--ssl-ca-file", stranger, "f")
    assert useless.wait() == 2
    assert "--ssl-ca-file needs --ssl" in useless.stderr
