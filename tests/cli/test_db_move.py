"""`gearbridge db export` and `gearbridge db import`, as a user types them, over every durable store."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from gearbridge import Client
from gearbridge.records import Put, StoredJob
from gearbridge.stores.registry import store_for
from tests.fixtures.mysql import SERVERS
from tests.fixtures.postgres import make_database
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GEARBRIDGE, GearbridgeServer
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gearbridge import Job
    from tests.fixtures._mysql_server import MySQLServer
    from tests.fixtures.processes import Process, StartProcess

KINDS = ("sqlite", "postgresql", *SERVERS)
JOBS = [
    StoredJob(b"H:b:2", b"resize", b"\0\xff'\n", b"key", 2, 1_800_000_000, 3, b"sum"),
    StoredJob(b"H:a:1", b"\xff8-bit", bytes(range(256)) * 400, b"\xfe", 0),
    StoredJob(b"H:a:0", "größe".encode(), b"\xe2\x80\xa8 is a line's end to some", b"\\"),
    *(StoredJob(b"H:c:%d" % number, b"many", b"%d" % number) for number in range(2500)),
]


@pytest.fixture(params=KINDS)
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Gives URLs of stores of one kind in which nothing is yet."""
    numbers = iter(range(9))

    def make() -> str:
        if request.param == "postgresql":
            return make_database(request.getfixturevalue("postgres_cluster")).url
        if request.param in SERVERS:
            return str(request.getfixturevalue(request.param).make_database())
        return f"sqlite:///{tmp_path}/{next(numbers)}.db"

    return make


@pytest.fixture
def db(start_process: StartProcess, tmp_path: Path) -> Callable[..., Process]:
    def start(*words: str, stdin: bytes = b"") -> Process:
        return start_process(GEARBRIDGE, "db", *words, stdin=stdin, cwd=tmp_path)

    return start


def fill(url: str, *jobs: StoredJob) -> None:
    store = store_for(url)
    store.open()
    store.apply([Put(job) for job in jobs])
    store.close()


def kept(url: str) -> list[StoredJob]:
    store = store_for(url)
    store.open()
    found = list(store.replay())
    store.close()
    return found


def whole(jobs: list[StoredJob]) -> list[dict[str, object]]:
    return [{name: getattr(job, name) for name in StoredJob.__slots__} for job in jobs]


def test_what_was_exported_comes_back_entire_and_in_order(
    db: Callable[..., Process], new_store: Callable[[], str], tmp_path: Path
) -> None:
    source, target = new_store(), new_store()
    fill(source, *JOBS)
    out = db("export", "--store", source, "jobs.jsonl")
    assert out.succeed() == b""
    assert "exported 2,503 jobs from" in out.stderr
    assert len((tmp_path / "jobs.jsonl").read_bytes().splitlines()) == 2503
    into = db("import", "--store", target, "jobs.jsonl")
    into.succeed()
    assert "imported 2,503 jobs into" in into.stderr
    assert whole(kept(target)) == whole(JOBS)
    # Once more, from what the second store gives on standard output: nothing is there twice.
    again = db("import", "--store", source, "-", stdin=db("export", "--store", target, "-").succeed())
    again.succeed()
    assert "imported 0 jobs" in again.stderr
    assert "2,503 jobs left out, whose handles are there already" in again.stderr
    assert len(kept(source)) == 2503


def test_jobs_come_after_those_that_the_store_has_and_change_none(
    db: Callable[..., Process], new_store: Callable[[], str]
) -> None:
    url = new_store()
    fill(url, StoredJob(b"H:1", b"old", b"old"))
    lines = b'{"handle": "H:1", "function": "new"}\n\n{"handle": "H:0", "function": "new", "payload": "x"}\n'
    done = db("import", "--store", url, "-", stdin=lines)
    done.succeed()
    assert "imported 1 job into" in done.stderr
    assert "1 job left out" in done.stderr
    assert [(job.handle, job.function, job.payload) for job in kept(url)] == [
        (b"H:1", b"old", b"old"),
        (b"H:0", b"new", b"x"),
    ]


def test_a_bad_line_is_named_and_what_came_before_it_is_in(
    db: Callable[..., Process], new_store: Callable[[], str]
) -> None:
    url = new_store()
    good = b'{"handle": "H:1", "function": "f"}\n'
    done = db("import", "--store", url, "-", stdin=good + b'{"handle": "H:2"}\n' + good)
    assert done.wait() == 1
    assert "gearbridge: -, line 2: a job needs a function; the jobs before it are in\n" in done.stderr
    assert len(kept(url)) == 1


def test_a_store_in_use_is_refused(db: Callable[..., Process], tmp_path: Path) -> None:
    with GearbridgeServer(tmp_path) as server:
        for words in (("export", "--store", server.store, "out.jsonl"), ("import", "--store", server.store, "-")):
            process = db(*words)
            assert process.wait() == 1
            assert "in use by another gearbridge server" in process.stderr
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("export", "--store", "memory:", "-"), "memory: keeps nothing"),
        (("export", "--store", "sqlite:///none.db", "-"), "there is no file none.db"),
        (("export", "--store", "gopher://localhost", "-"), "is not a store URL"),
        (("import", "--store", "sqlite:///jobs.db", "none.jsonl"), "cannot read none.jsonl: No such file"),
    ],
)
def test_what_cannot_be_is_said(db: Callable[..., Process], tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    process = db(*words)
    assert process.wait() == 1
    assert why in process.stderr
    assert process.stdout == b""
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_said(db: Callable[..., Process], tmp_path: Path) -> None:
    fill(f"sqlite:///{tmp_path}/jobs.db", StoredJob(b"H:1", b"f", b""))
    process = db("export", "--store", "sqlite:///jobs.db", "none/jobs.jsonl")
    assert process.wait() == 1
    assert "cannot write none/jobs.jsonl: No such file" in process.stderr


def test_a_job_that_the_store_does_not_take_is_named(
    db: Callable[..., Process], tmp_path: Path, mysql_server: MySQLServer
) -> None:
    url = mysql_server.make_database()
    lines = [
        json.dumps({"handle": f"H:{number}", "function": "f", "payload": "x" * size}) + "\n"
        for number, size in ((1, 1), (2, 40 << 20), (3, 1))
    ]
    (tmp_path / "jobs.jsonl").write_text("".join(lines))
    process = db("import", "--store", url, "jobs.jsonl")
    assert process.wait() == 1
    assert "does not take job H:2: the payload of 41943040 bytes is over" in process.stderr
    assert [job.handle for job in kept(url)] == [b"H:1"]


def test_an_import_that_was_killed_can_be_run_again(db: Callable[..., Process], tmp_path: Path) -> None:
    lines = "".join(json.dumps({"handle": f"H:{number}", "function": "f"}) + "\n" for number in range(100_000))
    (tmp_path / "jobs.jsonl").write_text(lines)
    url = f"sqlite:///{tmp_path}/jobs.db"
    first = db("import", "--store", url, "jobs.jsonl")
    first.wait_for(lambda: (tmp_path / "jobs.db-wal").exists() and (tmp_path / "jobs.db-wal").stat().st_size > 200_000)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    assert 0 < len(kept(url)) < 100_000
    db("import", "--store", url, "jobs.jsonl").succeed()
    assert [job.handle for job in kept(url)] == [b"H:%d" % number for number in range(100_000)]


def test_imported_jobs_are_done_and_their_handles_answer(db: Callable[..., Process], tmp_path: Path) -> None:
    done: list[bytes] = []

    def work(job: Job) -> None:
        done.append(job.payload)

    url = f"sqlite:///{tmp_path}/jobs.db"
    lines = b"".join(b'{"handle": "H:%d", "function": "work", "payload": "%d"}\n' % (n, n) for n in (3, 1, 2))
    db("import", "--store", url, "-", stdin=lines).succeed()
    with GearbridgeServer(tmp_path) as server, Client(server.address) as client:
        assert client.status("H:1").known
        with working(server.address, work=work):
            wait_until(lambda: len(done) == 3)
    assert done == [b"3", b"1", b"2"]
