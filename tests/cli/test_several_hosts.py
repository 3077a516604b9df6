"""URLs with several hosts, in every command that takes a database's URL: the first host is away."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.server import GEARBRIDGE, GearbridgeServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures.bridge import StartBridge
    from tests.fixtures.place import Place
    from tests.fixtures.processes import StartProcess


@pytest.fixture
def url(place: Place) -> str:
    """A database behind a host that refuses connections."""
    if place.kind == "sqlite":
        pytest.skip("a file is on one host")
    return re.sub(r"@([^/]+)", r"@127.0.0.1:1,\1", place.url)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("doctor", "--database"), "OK   database: "),
        (("trigger", "list", "--database"), "NAME  TABLE"),
        (("db", "export", "-", "--store"), "exported 0 jobs"),
        (("db", "check", "--database"), "OK   extension gearbridge"),
    ],
)
def test_commands_go_to_the_host_that_answers(
    place: Place, url: str, start_process: StartProcess, words: tuple[str, ...], says: str
) -> None:
    if words[1] == "check" and place.kind != "postgresql":
        pytest.skip("extensions are PostgreSQL's")
    process = start_process(GEARBRIDGE, *words, url)
    process.wait()
    assert says in process.stdout.decode() + process.stderr


def test_a_server_and_a_bridge_keep_to_the_host_that_answers(
    place: Place, url: str, tmp_path: Path, start_bridge: StartBridge
) -> None:
    with GearbridgeServer(tmp_path, "--store", url) as server:
        assert server.process
        shown = re.sub(r":[^:@/]*@", "@", url)
        assert shown in server.process.stderr
    with GearbridgeServer(tmp_path) as server:
        bridge = start_bridge(url, server.address)
        assert f"from {shown}" in bridge.process.stderr


def test_none_answers(tmp_path: Path) -> None:
    for scheme in ("postgresql", "mysql"):
        server = GearbridgeServer(tmp_path, "--store", f"{scheme}://me:secret@127.0.0.1:1,127.0.0.1:2/shop")
        with pytest.raises(AssertionError, match=rf"cannot open the store {scheme}://me@127") as failure:
            server.start()
        for port in (1, 2):
            assert re.search(rf"127\.0\.0\.1\D+{port}\b", str(failure.value))
