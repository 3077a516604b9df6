"""A store in Redis over TLS: whom it trusts, and how it logs in."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from gearbridge import Client
from gearbridge.errors import ConfigurationError
from gearbridge.records import Put
from gearbridge.stores.registry import store_for
from tests.fixtures.redis import Redis
from tests.fixtures.server import GearbridgeServer

from .test_store_contract import handles, job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fixtures.certificates import Certificate, Certificates


class TlsRedis(Redis):
    """A redis-server that takes TLS only; `asks` makes it ask clients for their certificate."""

    def __init__(self, certificates: Certificates, certificate: Certificate, *, asks: bool = False) -> None:
        files = ("--tls-cert-file", certificate.certificate, "--tls-key-file", certificate.key)
        authority = (
            "--tls-ca-cert-file",
            certificates.authority.ca_file,
            "--tls-auth-clients",
            "yes" if asks else "no",
        )
        super().__init__(*map(str, (*files, *authority)))
        self._options += "--tls-port", str(self.port), "--port", "0"

    def tls_url(self, *options: str) -> str:
        return f"rediss://127.0.0.1:{self.port}/0?{'&'.join(('prefix=tls', *options))}"


@pytest.fixture(scope="module")
def server(certificates: Certificates) -> Iterator[TlsRedis]:
    with TlsRedis(certificates, certificates.server) as redis:
        yield redis


def refusal(url: str) -> str:
    with pytest.raises(ConfigurationError, match="cannot open the store") as error, closing(store_for(url)) as store:
        store.open()
    return str(error.value)


def test_jobs_are_kept_over_tls(server: TlsRedis, certificates: Certificates) -> None:
    with closing(store_for(server.tls_url(f"ssl_ca_certs={certificates.authority.ca_file}"))) as store:
        store.open()
        store.apply([Put(job(b"1"))])
        assert handles(store) == [b"1"]


def test_strangers_are_not_trusted(server: TlsRedis, certificates: Certificates) -> None:
    for options in ((), (f"ssl_ca_certs={certificates.stranger.ca_file}",)):
        assert "CERTIFICATE_VERIFY_FAILED" in refusal(server.tls_url(*options))
    assert refusal(server.url("plain")), "plain text is not taken"


def test_a_certificate_for_another_host_is_not_trusted(certificates: Certificates) -> None:
    with TlsRedis(certificates, certificates.authority.sign("elsewhere", "DNS:elsewhere")) as elsewhere:
        url = elsewhere.tls_url(f"ssl_ca_certs={certificates.authority.ca_file}")
        assert "IP address mismatch" in refusal(url)


def test_a_client_shows_its_certificate(certificates: Certificates) -> None:
    trust = f"ssl_ca_certs={certificates.authority.ca_file}"
    own = (f"ssl_certfile={certificates.client.certificate}", f"ssl_keyfile={certificates.client.key}")
    with TlsRedis(certificates, certificates.server, asks=True) as asking:
        assert refusal(asking.tls_url(trust))
        with closing(store_for(asking.tls_url(trust, *own))) as store:
            store.open()
            store.apply([Put(job(b"1"))])


def test_a_server_keeps_its_jobs_over_tls(tmp_path: Path, server: TlsRedis, certificates: Certificates) -> None:
    url = server.tls_url(f"ssl_ca_certs={certificates.authority.ca_file}").replace("=tls", "=server")
    with GearbridgeServer(tmp_path, "--store", url) as first, Client(first.address) as client:
        handle = client.do_background("f", b"x")
        first.kill()
    with GearbridgeServer(tmp_path, "--store", url) as second, Client(second.address) as client:
        assert client.status(handle).known
