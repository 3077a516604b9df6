"""A handle is given once, whatever names, clocks and copies of databases there are: what was acknowledged is kept."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gearbridge.errors import ConfigurationError
from gearbridge.records import MAX_HANDLE
from gearbridge.server.config import MAX_PREFIX, ServerConfig
from gearbridge.server.settings import settings_of
from tests.fixtures.mysql import SERVERS
from tests.fixtures.postgres import make_database
from tests.fixtures.server import GearbridgeServer

from .wire_client import WireClient, packet

if TYPE_CHECKING:
    from pathlib import Path

#: Jobs that all servers of a test take together; `make soak` has more.
JOBS = int(os.environ.get("GEARBRIDGE_TEST_IDENTITY_JOBS", "400"))
#: Submits sent before their answers are read.
_BATCH = 200
#: A name as Kubernetes gives them to pods, longer; they differ at the end.
_LONG = "gearbridge-jobserver-production-eu-central-1-6c9d7f9c4d-".ljust(199, "x")

# Runs a program with a clock that stands still.
_CLOCK = """
import runpy, sys, time
time.time, time.time_ns = lambda: 1.8e9, lambda: 1_800_000_000 * 10**9
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class FrozenServer(GearbridgeServer):
    """A server of a machine whose clock says the same at every start."""

    def _command(self, port: int) -> list[str]:
        return [sys.executable, "-c", _CLOCK, *super()._command(port)]


def store_options(request: pytest.FixtureRequest, kind: str, name: str) -> list[str]:
    """The options of a server over a store of this kind in which nothing is yet."""
    if kind == "postgresql":
        return ["--store", make_database(request.getfixturevalue("postgres_cluster")).url]
    if kind in SERVERS:
        return ["--store", request.getfixturevalue(kind).make_database()]
    if kind in {"memcached", "innodb-memcached", "redis"}:
        return ["--store", request.getfixturevalue(kind.replace("-", "_")).url(name[-40:])]
    return []


def submit(server: GearbridgeServer, jobs: int) -> list[str]:
    """Submit jobs, alike in all servers; the handles that were acknowledged."""
    handles: list[str] = []
    with WireClient(server.port) as client:
        for start in range(0, jobs, _BATCH):
            batch = range(start, min(start + _BATCH, jobs))
            client.socket.sendall(b"".join(packet("SUBMIT_JOB_BG", "f", "", str(number)) for number in batch))
            replies = [client.hear() for _ in batch]
            assert {reply[0] for reply in replies} == {"JOB_CREATED"}
            handles.extend(reply[1] for reply in replies)
    return handles


def waiting(server: GearbridgeServer) -> int:
    return int(server.admin("status")[0].split("\t")[1])


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", *SERVERS, "memcached", "innodb-memcached", "redis"])
def test_two_starts_at_one_moment_of_the_clock_keep_all_that_they_acknowledge(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path
) -> None:
    handles: list[str] = []
    with FrozenServer(tmp_path, *store_options(request, kind, tmp_path.name)) as server:
        for start in (1, 2):
            handles += submit(server, JOBS // 2)
            assert waiting(server) == len(set(handles)) == start * (JOBS // 2)
            server.kill()
            server.start()
        assert waiting(server) == len(handles)


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [("postgresql", ()), *((kind, ()) for kind in SERVERS), ("postgresql", ("--job-handle-prefix=jobs",))],
    ids=["postgresql", *SERVERS, "one prefix"],
)
def test_two_nodes_keep_all_that_they_acknowledge(
    request: pytest.FixtureRequest, kind: str, prefix: tuple[str, ...], tmp_path: Path
) -> None:
    options = [*store_options(request, kind, ""), *prefix]
    with contextlib.ExitStack() as stack:
        nodes = []
        for last in "ab":
            folder = tmp_path / last
            folder.mkdir()
            nodes.append(stack.enter_context(FrozenServer(folder, *options, "--node", _LONG + last)))
        handles = [handle for node in nodes for handle in submit(node, JOBS // 2)]
    with GearbridgeServer(tmp_path, *options, "--node", "last") as last_node:
        assert len(set(handles)) == len(handles) == waiting(last_node)


def test_two_servers_over_a_file_and_its_copy_give_different_handles(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("original", "copy")]
    folders[0].mkdir()
    with FrozenServer(folders[0]) as server:
        before = submit(server, 20)
    shutil.copytree(folders[0], folders[1])
    after = []
    for folder in folders:
        with FrozenServer(folder) as server:
            assert waiting(server) == 20
            after += submit(server, 20)
    assert len({*before, *after}) == 60


def test_two_servers_in_memory_give_different_handles(tmp_path: Path) -> None:
    with FrozenServer(tmp_path, "--store=memory:") as one, FrozenServer(tmp_path, "--store=memory:") as other:
        handles = submit(one, 5) + submit(other, 5)
        assert len(set(handles)) == 10
        with WireClient(other.port) as client:
            assert client.ask("GET_STATUS", handles[0])[2] == "0"


def test_handles_are_a_prefix_a_colon_and_a_number_that_fit_into_63_bytes(tmp_path: Path) -> None:
    for options, prefix in ((["--node=web1"], "H:web1"), (["--job-handle-prefix=P"], "P"), (["--node", _LONG], None)):
        with GearbridgeServer(tmp_path, "--store=memory:", *options) as server:
            (handle,) = submit(server, 1)
        begin, _, number = handle.rpartition(":")
        assert begin == (prefix or begin)
        assert number.isdecimal()
        assert len(begin) <= MAX_PREFIX
        assert len(handle) + 12 < MAX_HANDLE  # for 10**13 jobs


def test_numbers_of_two_processes_have_nothing_in_common() -> None:
    lives = {settings_of(ServerConfig()).life for _ in range(1000)}
    assert len(lives) == 1000
    assert {len(life) for life in lives} == {18}  # so that no number of one is a number of another, either


def test_names_that_are_too_long_or_no_words_make_prefixes_that_differ() -> None:
    config = ServerConfig(node=_LONG)
    prefixes = [replace(config, node=_LONG + end).prefix() for end in ("a", "b", "é", "ü")]
    assert len({*prefixes, config.prefix()}) == 5
    assert all(prefix.isascii() and len(prefix) == MAX_PREFIX for prefix in prefixes)
    assert prefixes[0].startswith("H:gearbridge-jobserver")
    assert replace(config, node="a b\nc\0\x1b").prefix() == "H:a_b?c??"
    assert replace(config, node="x" * (MAX_PREFIX - 2)).prefix() == "H:" + "x" * (MAX_PREFIX - 2)


def test_a_prefix_that_is_too_long_is_refused_and_not_cut() -> None:
    assert ServerConfig(job_handle_prefix="p" * MAX_PREFIX).prefix() == "p" * MAX_PREFIX
    with pytest.raises(
        ConfigurationError, match=f"--job-handle-prefix has {MAX_PREFIX + 1} bytes; at most {MAX_PREFIX}"
    ):
        ServerConfig(job_handle_prefix="p" * (MAX_PREFIX + 1)).prefix()
    with pytest.raises(ConfigurationError, match="handles that begin with S:"):
        ServerConfig(job_handle_prefix="S").prefix()
