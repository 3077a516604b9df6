"""`gearbridge doctor` on stores of values: Redis, Valkey and memcached, as they should be and not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from redis import Redis as RedisClient

from gearbridge import Client
from tests.fixtures.memcached import Memcached
from tests.fixtures.processes import free_port
from tests.fixtures.redis import Redis
from tests.fixtures.server import GearbridgeServer

from .test_doctor import doctor

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures.processes import StartProcess


@pytest.mark.parametrize(("kind", "name"), [("redis", "Redis"), ("valkey", "Valkey")])
def test_one_that_is_well(
    kind: str, name: str, request: pytest.FixtureRequest, tmp_path: Path, start_process: StartProcess
) -> None:
    url = request.getfixturevalue(kind).url(f"doctor-{kind}")
    with GearbridgeServer(tmp_path, "--store", url) as server, Client(server.address) as client:
        client.do_background("f", b"x")
        status, lines = doctor(start_process, "--database", url)
    assert status == 1, "the function has no worker, but doctor was not asked about that server"
    text = "\n".join(lines)
    for expected in (
        f"OK   database: the database answers: {name} ",
        "OK   database: jobs survive the end of the server, and survive its own: appendonly yes, appendfsync always",
        "OK   database: when its memory is full it keeps jobs: maxmemory-policy noeviction",
        "OK   database: jobs kept under the prefix: 1; a server has them",
    ):
        assert expected in text


def test_jobs_that_no_server_has(redis: Redis, tmp_path: Path, start_process: StartProcess) -> None:
    url = redis.url("doctor-left")
    with GearbridgeServer(tmp_path, "--store", url) as server, Client(server.address) as client:
        client.do_background("f", b"x")
    status, lines = doctor(start_process, "--database", url)
    assert [line for line in lines if line.startswith("NO   database")] == [
        "NO   database: jobs kept under the prefix: 1; no server has them; "
        "start gearbridge server --store with this URL, or those jobs wait"
    ]
    assert status == 1


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            ("--appendfsync", "everysec"),
            "NO   database: jobs survive the end of the server, and do not survive its own: appendfsync everysec; "
            "if they must, set appendonly yes, appendfsync always, no-appendfsync-on-rewrite no",
        ),
        (
            ("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"),
            "NO   database: when its memory is full it throws away jobs: maxmemory-policy allkeys-lru; "
            "set maxmemory-policy noeviction",
        ),
        (
            ("--rename-command", "CONFIG", ""),
            "NO   database: whether jobs survive its own end is unknown: unknown command",
        ),
    ],
)
def test_a_redis_that_promises_less(options: tuple[str, ...], line: str, start_process: StartProcess) -> None:
    with Redis(*options) as server:
        _, lines = doctor(start_process, "--database", server.url())
    (found,) = [each for each in lines if each.startswith("NO   database")]
    assert found.startswith(line)


def test_a_replica(redis: Redis, start_process: StartProcess) -> None:
    with Redis("--replicaof", f"127.0.0.1 {redis.port}") as replica:
        _, lines = doctor(start_process, "--database", replica.url("x"))
        assert any("it is a replica, which takes no jobs" in line for line in lines)


def test_a_password_that_is_wrong(start_process: StartProcess) -> None:
    with Redis(password="right") as server:
        for url in (server.url(), server.url().replace("//", "//:wrong@")):
            status, lines = doctor(start_process, "--database", url)
            assert status == 1
            assert any(line.startswith("NO   database: the database cannot be reached") for line in lines), lines
        with RedisClient(port=server.port, password="right") as client:
            client.execute_command("ACL", "SETUSER", "job", "on", ">word", "~*", "+@all", "-info", "-config")
        status, lines = doctor(start_process, "--database", server.url().replace("//", "//job:word@"))
    assert any("a question failed" in line for line in lines)
    assert any("jobs kept under the prefix: 0" in line for line in lines)


def test_a_memcached(start_process: StartProcess) -> None:
    with Memcached("-M") as server:
        _, lines = doctor(start_process, "--database", server.url("x"))
    text = "\n".join(lines)
    assert "NO   database" not in text
    assert "OK   database: the database answers: memcached 1." in text
    assert "OK   database: jobs survive the end of the server, and do not survive memcached's own" in text
    assert "OK   database: when its memory is full it keeps jobs" in text


def test_a_memcached_that_forgets(start_process: StartProcess) -> None:
    with Memcached("-X") as server:
        _, lines = doctor(start_process, "--database", server.url("x"))
    no = [line for line in lines if line.startswith("NO   database")]
    assert len(no) == 2
    assert "it must list its keys: start it without -X" in no[0]
    assert no[1] == "NO   database: when its memory is full it forgets jobs; start it with -M"


def test_nothing_that_listens(start_process: StartProcess) -> None:
    for scheme in ("redis", "memcached"):
        status, lines = doctor(start_process, "--database", f"{scheme}://127.0.0.1:{free_port()}/")
        assert status == 1
        assert any("NO   database: the database cannot be reached" in line for line in lines)
