"""What only the blocking client has: hooks of its waiting, and one caller at a time."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest

from gearbridge import Client
from tests.fixtures.processes import PATIENCE
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.job_server import JobServer


@pytest.fixture
def blocking_client(shared_job_server: JobServer) -> Iterator[Client]:
    with Client(shared_job_server.address, reply_timeout=PATIENCE) as client:
        yield client


class Cancelled(Exception):
    """What a callback raises here."""


def test_on_wait_that_raises_ends_the_call_and_the_next_one_starts_clean(shared_job_server: JobServer) -> None:
    cancelling = False

    def look() -> None:
        if cancelling:
            raise Cancelled

    with Client(shared_job_server.address, on_wait=look) as client:
        client.ping()
        cancelling = True
        with pytest.raises(Cancelled):
            client.do("nobody_does_this", "x")
        cancelling = False
        assert not client.status("H:nobody:1").known
        assert client.admin("version")


def test_a_call_inside_a_call_is_refused(blocking_client: Client) -> None:
    with working(blocking_client.servers[0], echoed=lambda job: job.send_data("x")):
        with pytest.raises(RuntimeError, match="busy with another call"):
            blocking_client.do("echoed", on_data=lambda octets: blocking_client.ping())
        assert blocking_client.ping() >= 0


def test_a_forked_child_has_its_own_connection(blocking_client: Client) -> None:
    blocking_client.ping()
    child = os.fork()
    if not child:
        # On one connection parent and child would read each other's replies.
        with contextlib.suppress(BaseException):
            os._exit(0 if all(blocking_client.admin("version")[0].startswith("OK ") for _ in range(300)) else 1)
        os._exit(2)
    assert not any(blocking_client.status("H:nobody:1").known for _ in range(300))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
