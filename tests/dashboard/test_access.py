"""Who may ask over HTTP, and from where; what the page of another site can do."""

from __future__ import annotations

import base64
import http.client
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest

from gearbridge.dashboard.serving import read_address
from gearbridge.errors import ConfigurationError
from tests.fixtures.dashboard import WatchedServer
from tests.fixtures.processes import PATIENCE
from tests.fixtures.server import GEARBRIDGE

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "correct horse"


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anyone:{password}".encode()).decode()


def refusal(*options: str) -> str:
    done = subprocess.run(
        [GEARBRIDGE, "server", "--port", "0", *options], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize("address", ["0.0.0.0:0", ":0", "[::]:0", "203.0.113.5:8080"])
def test_nothing_is_opened_to_strangers_without_a_token(address: str) -> None:
    line = refusal("--http", address)
    assert "would be open to anyone: give --http-token-file" in line
    certificate = refusal("--http", address, "--http-key", "/dev/null")
    assert "need --http-certificate" in certificate


def test_an_address_that_is_none_is_refused_before_anything_starts() -> None:
    assert "'localhost' is not HOST:PORT" in refusal("--http", "localhost")
    assert "the token of --http is empty" in refusal("--http", "127.0.0.1:0", "--http-token-file", "/dev/null")
    assert "cannot be used" in refusal("--http", "127.0.0.1:0", "--http-certificate", "/dev/null")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        ("[::1]:80", ("::1", 80)),
        (":80", ("", 80)),
        ("8080", ("127.0.0.1", 8080)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert read_address(text) == address
    with pytest.raises(ConfigurationError):
        read_address(f"{text}x")


def test_a_token_opens_everything_and_health_needs_none(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n", encoding="utf-8")
    with WatchedServer(tmp_path, "--http", "0.0.0.0:0", "--http-token-file", str(file)) as server:
        assert server.get("/healthz").status == 200
        assert server.get("/readyz").status == 200
        for path in ("/", "/metrics", "/api/overview", "/style.css"):
            refused = server.get(path)
            assert refused.status == 401
            assert refused.headers["www-authenticate"].startswith("Basic"), "a browser asks for it"
            assert server.get(path, Authorization=f"Bearer {TOKEN}").status == 200
            assert server.get(path, Authorization=basic(TOKEN)).status == 200
        for wrong in ("Bearer", "Bearer wrong", "Basic ???", basic("wrong"), basic(""), "Digest x", f"Bearer {TOKEN}x"):
            assert server.get("/metrics", Authorization=wrong).status == 401
        assert server.post("/api/jobs", {"function": "f"}).status == 401
        assert server.get("/metrics", Host="any.example", Authorization=basic(TOKEN)).status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:1234", 200),
        ("[::1]:80", 200),
        ("127.1.2.3", 200),
        ("evil.example", 421),
        ("evil.example:127.0.0.1", 421),
        ("localhost.evil.example", 421),
        ("", 421),
    ],
)
def test_a_name_that_was_made_to_point_here_is_refused(shared_watched: WatchedServer, host: str, status: int) -> None:
    assert shared_watched.get("/api/overview", Host=host).status == status
    assert shared_watched.get("/healthz", Host=host).status == 200


def test_the_page_of_another_site_changes_nothing(watched: WatchedServer) -> None:
    foreign: list[dict[str, str]] = [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site", "Origin": f"http://127.0.0.1:{watched.http_port}"},
    ]
    for headers in foreign:
        assert watched.post("/api/jobs", {"function": "f"}, **headers).status == 403
    assert watched.admin("status") == []
    own: list[dict[str, str]] = [
        {"Origin": f"http://127.0.0.1:{watched.http_port}"},
        {"Sec_Fetch_Site": "same-origin"},
        {},
    ]
    for headers in own:
        assert watched.post("/api/jobs", {"function": "f"}, **headers).status == 202


def test_the_page_runs_nothing_from_elsewhere_and_is_shown_in_no_frame(shared_watched: WatchedServer) -> None:
    policy = shared_watched.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_tls_with_client_certificates_needs_no_token(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    names = ("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate)
    subprocess.run(["openssl", *options.split(), *names], check=True, capture_output=True)
    tls = ("--http-certificate", str(certificate), "--http-key", str(key), "--http-client-ca", str(certificate))
    with WatchedServer(tmp_path, "--http", "0.0.0.0:0", *tls) as server:
        context = ssl.create_default_context(cafile=certificate)
        stranger = http.client.HTTPSConnection("127.0.0.1", server.http_port, timeout=PATIENCE, context=context)
        stranger.connect()  # TLS 1.3: the server's refusal comes with the first answer
        stranger.request("GET", "/healthz")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            stranger.getresponse()
        stranger.close()
        context.load_cert_chain(certificate, key)
        known = http.client.HTTPSConnection("127.0.0.1", server.http_port, timeout=PATIENCE, context=context)
        known.request("GET", "/api/overview", headers={"Host": "127.0.0.1"})
        assert known.getresponse().status == 200
        known.close()


def test_too_large_a_body_is_refused(watched: WatchedServer) -> None:
    assert watched.post("/api/jobs", b"x" * (65 * 1024 * 1024)).status == 413
    assert watched.get("/healthz").status == 200
