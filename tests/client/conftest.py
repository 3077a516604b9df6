"""Clients and workers of both kinds, for the suites that both must pass."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from gearbridge import Client
from tests.client.kinds import KINDS, WORKERS
from tests.fixtures.processes import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.client.kinds import MakeWorker, OpenClient
    from tests.fixtures.job_server import JobServer


@pytest.fixture(params=KINDS)
def open_client(request: pytest.FixtureRequest) -> Iterator[OpenClient]:
    """Open clients, in turn all blocking or all for asyncio; they are closed when the test ends."""
    with contextlib.ExitStack() as stack:

        def open_one(servers: str | Sequence[str], *, reply_timeout: float | None = PATIENCE) -> Client:
            client, end = KINDS[request.param](servers, reply_timeout)
            stack.callback(end)
            return client

        yield open_one


@pytest.fixture
def client(open_client: OpenClient, shared_job_server: JobServer) -> Client:
    """A client of either kind, for a server that many tests share."""
    return open_client(shared_job_server.address)


@pytest.fixture(params=WORKERS)
def make_worker(request: pytest.FixtureRequest) -> MakeWorker:
    """Make workers, in turn all blocking or all for asyncio."""
    return WORKERS[request.param]


@pytest.fixture
def submitter(job_server: JobServer) -> Iterator[Client]:
    """A blocking client, for a server of the test's own: it brings jobs to the worker that is tested."""
    with Client(job_server.address, reply_timeout=PATIENCE) as client:
        yield client
