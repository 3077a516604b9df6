"""The `gearbridge` command as a user has it, pointed at a test's job server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from tests.fixtures.server import GEARBRIDGE

if TYPE_CHECKING:
    from tests.fixtures.job_server import JobServer
    from tests.fixtures.processes import Process, StartProcess


class Gearbridge(Protocol):
    """What the fixture `gearbridge` gives: starts `gearbridge ARGS...` for the test's job server."""

    def __call__(self, *args: str | bytes, stdin: bytes = b"", servers: str | None = None) -> Process: ...


@pytest.fixture
def gearbridge(shared_job_server: JobServer, start_process: StartProcess) -> Gearbridge:
    def start(*args: str | bytes, stdin: bytes = b"", servers: str | None = None) -> Process:
        env = {"GEARBRIDGE_SERVERS": servers or shared_job_server.address}
        # Bytes that are not UTF-8 go to a program as Python's surrogates.
        words = [arg if isinstance(arg, str) else arg.decode("utf-8", "surrogateescape") for arg in args]
        return start_process(GEARBRIDGE, *words, stdin=stdin, env=env)

    return start
