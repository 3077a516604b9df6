"""A real gearmand's queue, of every kind, moved into a store: all of it, and nothing of it changed."""

from __future__ import annotations

import signal
import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from gearbridge import Client
from gearbridge.errors import ConfigurationError
from gearbridge.moving.gearmand import Queued, jobs_from, jobs_of, split_keys
from gearbridge.records import Priority, StoredJob
from gearbridge.stores.registry import store_for
from tests.fixtures.gearmand import Gearmand
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GEARBRIDGE, GearbridgeServer
from tests.fixtures.workers import working

from .queues import KINDS, Queue, queue_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gearbridge import Job
    from tests.fixtures.processes import StartProcess

UUID = b"550e8400-e29b-41d4-a716-446655440000"
LATER = int(time.time()) + 86_400
BYTES = bytes(range(256)) * 300

#: function, unique key, payload, priority, due
Submitted = tuple[bytes, bytes, bytes, Priority, int]


def submissions(queue: Queue) -> list[Submitted]:
    """One job of everything that this kind of queue keeps."""
    high, normal, low = Priority.HIGH, Priority.NORMAL, Priority.LOW
    jobs: list[Submitted] = [
        (b"work", b"low", b"3", low, 0),
        (b"work", b"normal", b"2", normal, 0),
        (b"work", b"z", b"1", high, 0),
        (b"work", b"a", BYTES, normal, 0),
        (b"work", b"empty", b"", normal, 0),
        (b"a-b", UUID, b"dashes", normal, 0),
        ("größe".encode(), "clé".encode(), "größer".encode(), normal, 0),
        (b'quote\'s "%s"'.replace(b" ", b"_"), b"back\\slash", b"'", normal, 0),
        (b"none", b"", b"no unique key", normal, 0),
        (b"each", b"-", b"one for each payload", normal, 0),
    ]
    if queue.any_bytes:
        jobs.append((b"\xff8bit", b"\xfe", b"\xfd", normal, 0))
    if queue.keeps_due_times:
        jobs.append((b"work", b"later", b"4", normal, LATER))
    return jobs


@pytest.fixture(params=KINDS)
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Queue]:
    with queue_of(request.param, request, tmp_path) as place:
        yield place


@pytest.fixture
def filled(queue: Queue, tmp_path: Path) -> Queue:
    """A queue that a gearmand filled before it was stopped."""
    with Gearmand(tmp_path, f"--queue-type={queue.kind}", *queue.options) as server, Client(server.address) as client:
        for function, unique_key, payload, priority, due in submissions(queue):
            client.do_background(function, payload, unique_key, priority=priority, run_at=due or None)
    return queue


def as_submitted(job: StoredJob) -> Submitted:
    return job.function, job.unique_key, job.payload, Priority(job.priority), job.due


def test_all_that_gearmand_keeps_is_read_with_its_priorities_and_due_times(filled: Queue) -> None:
    expected = submissions(filled)
    found = [as_submitted(job) for job in jobs_from(filled.url)]
    assert sorted(found) == sorted(expected)
    if filled.keeps_order:
        assert found == expected


def test_it_is_moved_and_worked_off_and_gearmand_still_has_it(
    filled: Queue, start_process: StartProcess, tmp_path: Path
) -> None:
    before = [job.handle for job in jobs_from(filled.url)]
    done: list[tuple[str, bytes]] = []

    def work(job: Job) -> None:
        done.append((job.function, job.payload))

    with GearbridgeServer(tmp_path) as server:
        server.stop()
        for times in range(2):
            process = start_process(GEARBRIDGE, "db", "import", "--store", server.store, "--from", filled.url)
            process.succeed()
            assert f"imported {0 if times else len(before)} jobs into" in process.stderr
        server.start()
        jobs = [(job[0].decode(), job[2]) for job in submissions(filled) if job[0].isascii() and not job[4]]
        functions = {function: work for function, _ in jobs}
        with Client(server.address) as client, working(server.address, **functions):
            wait_until(lambda: len(done) == len(jobs))
            assert any(client.status(handle).known for handle in before)  # the other names' jobs, and the late one
    assert sorted(done) == sorted(jobs)
    ordered = [payload for function, payload in done if function == "work"]
    if filled.keeps_order:
        assert ordered == [b"1", b"2", BYTES, b"", b"3"]
    else:
        assert (ordered[0], ordered[-1]) == (b"1", b"3")
    assert [job.handle for job in jobs_from(filled.url)] == before


def test_an_import_that_was_killed_is_run_again_without_doubles(start_process: StartProcess, tmp_path: Path) -> None:
    path = tmp_path / "gearmand.db"
    with Gearmand(tmp_path, "-q", "libsqlite3", f"--libsqlite3-db={path}") as server, Client(server.address) as client:
        client.do_background("f", "x", "0")
    many = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 99999) "
    with sqlite3.connect(path) as db:  # the same row, many times: gearmand would need minutes
        db.execute(f"INSERT INTO gearman_queue {many} SELECT n, 'f', 1, data, 0 FROM n, gearman_queue")
    db.close()
    url = f"sqlite:///{tmp_path}/jobs.db"
    command = (GEARBRIDGE, "db", "import", "--store", url, "--from", f"gearmand+sqlite:///{path}")
    log = tmp_path / "jobs.db-wal"
    first = start_process(*command)
    first.wait_for(lambda: log.exists() and log.stat().st_size > 200_000)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    assert 0 < len(kept(url)) < 100_000
    start_process(*command).succeed(60)
    assert [job.unique_key for job in kept(url)] == [b"%d" % number for number in range(100_000)]


def kept(url: str) -> list[StoredJob]:
    store = store_for(url)
    store.open()
    found = list(store.replay())
    store.close()
    return found


def test_tables_and_prefixes_have_the_names_that_gearmand_was_given(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    options = {
        "libsqlite3": ("--libsqlite3-table=Mine", "?table=Mine"),
        "Postgres": ("--libpq-table=Mine", "?table=Mine"),
        "MySQL": ("--mysql-table=Mine", "?table=Mine"),
        "libmemcached": ("--libmemcached-prefix=mine:", "/mine:"),
        "redis": ("--redis-prefix=mine:", "/mine:"),
    }
    for kind, (option, tail) in options.items():
        with queue_of(kind, request, tmp_path) as place:
            with Gearmand(tmp_path, "-q", kind, *place.options, option) as server, Client(server.address) as client:
                client.do_background("f", kind, "1")
            assert [as_submitted(job)[:3] for job in jobs_from(place.url + tail)] == [(b"f", b"1", kind.encode())], kind


def test_what_gearmand_mangles_is_put_right() -> None:
    rows = [
        Queued(b"f", b"u" * 63 + b"\0", 1, b"64 bytes", 0),
        Queued(b"f", b"null", 2, None, 0),
        Queued(b"f", None, None, b"nothing else known", None),
    ]
    assert [as_submitted(job) for job in jobs_of(rows)] == [
        (b"f", b"u" * 63, b"64 bytes", Priority.NORMAL, 0),
        (b"f", b"null", b"", Priority.LOW, 0),
        (b"f", b"", b"nothing else known", Priority.NORMAL, 0),
    ]


def test_handles_are_the_same_each_time_and_never_two_alike() -> None:
    rows = [Queued(b"f", b"", 1, b"x", 0)] * 3 + [Queued(b"fx", b"", 1, b"", 0), Queued(b"f", b"x", 1, b"", 0)]
    handles = [job.handle for job in jobs_of(rows)]
    assert len(set(handles)) == 5
    assert handles == [job.handle for job in jobs_of(rows)]
    assert all(len(handle) < 64 for handle in handles)


@pytest.mark.parametrize(
    ("key", "function", "unique_key"),
    [
        (b"f-u", b"f", b"u"),
        (b"f-", b"f", b""),
        (b"f--", b"f", b"-"),
        (b"a-b-" + UUID, b"a-b", UUID),
        (b"my-f-u-1", b"my-f", b"u-1"),
        (b"my-f-x-u", b"my-f-x", b"u"),
    ],
)
def test_a_key_is_split_where_the_function_ends(key: bytes, function: bytes, unique_key: bytes) -> None:
    assert split_keys([key], [b"my-f", b"my-f-x", b"my"]) == {key: (function, unique_key)}


def test_a_key_that_does_not_tell_is_refused_until_the_function_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"1 keys do not show .* 'a-b-c': .*--function"):
        split_keys([b"f-u", b"a-b-c"], [])


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite:///q.db", "is not a queue of gearmand's"),
        ("gearmand+drizzle://localhost", "is not a queue of gearmand's"),
        ("gearmand+sqlite:///none.db", "there is no file none.db"),
        ("gearmand+sqlite:///empty.db", "no such table: gearman_queue"),
        ("gearmand+sqlite:///empty.db?tabel=q", "tabel has no place in"),
        ("gearmand+sqlite:///empty.db?charset=latin1", "charset has no place in"),
        ("gearmand+postgresql://u:secret@127.0.0.1:1/q", r"cannot read gearmand's queue in postgresql://u@.*refused"),
        ("gearmand+mysql://u:secret@127.0.0.1:1/q", "cannot read gearmand's queue in .*refused"),
        ("gearmand+memcached://127.0.0.1:1", "cannot read gearmand's queue in .*refused"),
        ("gearmand+memcached://127.0.0.1:x", "are not HOST:PORT"),
        ("gearmand+redis://127.0.0.1:1", "cannot read gearmand's queue in .*refused"),
    ],
)
def test_a_queue_that_cannot_be_read_is_said(
    url: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sqlite3.connect("empty.db").close()
    (tmp_path / "empty.db").touch()
    with pytest.raises(ConfigurationError, match=why) as caught:
        list(jobs_from(url))
    assert "secret" not in str(caught.value)


def test_a_wrong_password_of_redis_is_said(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with queue_of("redis", request, tmp_path) as place, pytest.raises(ConfigurationError, match="WRONGPASS"):
        list(jobs_from(place.url.replace("a%3Ab", "wrong")))
