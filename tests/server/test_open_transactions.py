"""A transaction of somebody else that stays open holds up the job whose row it has, and nothing else."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from gearbridge.doctor import postgresql
from gearbridge.errors import StoreLocked
from gearbridge.persistence.apply_group import apply_group
from gearbridge.persistence.locked_rows import LockedRows
from gearbridge.records import Done, Operation, Put, StoredJob
from gearbridge.stores.postgresql.owner_lock import LONG_HOLDERS
from tests.fixtures.mysql import SERVERS
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer
from tests.stores.place import Place, make_place

from .wire_client import WireClient

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.fixtures.postgres import Database


@pytest.fixture(params=["postgresql", *SERVERS])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return make_place(request, str(request.param), tmp_path / "none")


@contextlib.contextmanager
def holding(place: Place, handle: str) -> Iterator[int]:
    """Hold a job's row in an open transaction, as a console without autocommit; gives the session's number."""
    own = "pg_backend_pid()" if place.kind == "postgresql" else "CONNECTION_ID()"
    with contextlib.suppress(RuntimeError), place.connect() as connection:
        question = f"SELECT handle FROM gearbridge_job WHERE handle = '{handle}' FOR UPDATE"
        assert connection.exec_driver_sql(question).all()
        yield connection.exec_driver_sql(f"SELECT {own}").scalar_one()
        raise RuntimeError  # and so it is rolled back


def is_there(place: Place, handle: str) -> bool:
    with place.connect() as connection:
        found = connection.exec_driver_sql(f"SELECT 1 FROM gearbridge_job WHERE handle = '{handle}'")
        return found.first() is not None


@pytest.mark.parametrize("options", [(), ("--node", "a")])
def test_one_job_waits_for_the_transaction_that_holds_it_and_all_others_go_on(
    place: Place, tmp_path: Path, options: tuple[str, ...]
) -> None:
    with (
        GearbridgeServer(tmp_path, "--store", place.url, *options) as server,
        WireClient(server.port) as client,
        WireClient(server.port) as worker,
    ):
        first = client.ask("SUBMIT_JOB_BG", "f", "", "1")[1]
        worker.send("CAN_DO", "f")
        wait_until(lambda: worker.ask("GRAB_JOB") == ("JOB_ASSIGN", first, "f", "1"), what="the first job")
        with holding(place, first) as session:
            worker.send("WORK_COMPLETE", first, "")
            for number in "234":
                handle = client.ask("SUBMIT_JOB_BG", "f", "", number)[1]
                job = ("JOB_ASSIGN", handle, "f", number)
                wait_until(lambda job=job: worker.ask("GRAB_JOB") == job, what="another job")  # type: ignore[misc]
                worker.send("WORK_COMPLETE", handle, "")
                wait_until(lambda handle=handle: not is_there(place, handle), what="its end")  # type: ignore[misc]
            assert server.process is not None
            # MariaDB says who it is to those only who have the right PROCESS.
            named = (
                rf"session {session}\b" if place.kind == "postgresql" else "a transaction that this role may not see"
            )
            server.process.wait_for_stderr(f"wait for rows that are locked by: .*{named}")
            assert is_there(place, first)
        wait_until(lambda: not is_there(place, first), what="the end of the job that was held")
        server.process.wait_for_stderr("are free again")


def test_doctor_names_the_session_that_holds_jobs_for_long(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "LONG_HOLDERS", LONG_HOLDERS.replace("10 s", "0 s"))
    with database.connect() as session:
        session.execute("SELECT gman_enqueue('f', 'x')")
        assert not any("held for long" in finding.text for finding in postgresql.check_postgresql(database.url))
        with session.transaction():
            session.execute("SELECT FROM gearbridge.gearbridge_job FOR UPDATE")
            found = [one for one in postgresql.check_postgresql(database.url) if "held for long" in one.text]
            assert [one.good for one in found] == [False]
            assert f"session {session.info.backend_pid}, role postgres" in found[0].text


class Held:
    """A store in which somebody holds jobs."""

    def __init__(self, *held: bytes) -> None:
        self.held = set(held)
        self.done: list[Operation] = []
        self.calls = 0

    def apply(self, group: Sequence[Operation]) -> None:
        self.calls += 1
        if any(not isinstance(one, Put) and one.handle in self.held for one in group):
            raise StoreLocked("canceling statement due to lock timeout")
        self.done.extend(group)

    def locked(self, handles: Sequence[bytes]) -> set[bytes]:
        return self.held & set(handles)

    def holders(self) -> str:
        return "session 1"


def test_a_group_waits_once_for_rows_that_are_held_and_no_end_becomes_a_failure() -> None:
    store = Held(b"1", b"2")
    aside = LockedRows(store)  # type: ignore[arg-type]
    ends: list[Operation] = [Done(b"%d" % number, b"r") for number in range(4)]
    put = Put(StoredJob(b"9", b"f", b""))
    assert apply_group(store, [], [*ends, put], aside) == ([], {})  # type: ignore[arg-type]
    assert store.done == [ends[0], ends[3], put]
    assert store.calls == 2
    later = Done(b"1", b"again")
    assert apply_group(store, [], [later, put], aside) == ([], {})  # type: ignore[arg-type]
    assert store.calls == 3
    store.held.remove(b"1")
    assert aside.take_free() == [ends[1], later]
    assert len(aside) == 1
    store.held.clear()
    assert aside.take_free() == [ends[2]]
    assert not len(aside)
