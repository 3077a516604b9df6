"""Jobs of high and low priority from SQL: they overtake, and they take what the others take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fixtures.postgres import value
from tests.fixtures.processes import wait_until
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from gearbridge.client.job import Job
    from tests.fixtures.job_server import JobServer
    from tests.fixtures.postgres import Session


def test_high_comes_first_and_low_last(direct: Session, shared_job_server: JobServer) -> None:
    done: list[bytes] = []
    for kind in ("_low", "", "_high"):
        value(direct, f"SELECT gman_do{kind}_background('ranked', '{kind}')")
    with working(shared_job_server.address, ranked=lambda job: done.append(job.payload)):
        wait_until(lambda: len(done) == 3)
    assert done == [b"_high", b"", b"_low"]


@pytest.mark.parametrize("priority", ["high", "low"])
@pytest.mark.parametrize("kind", ["", "_background"])
def test_they_take_every_type_and_a_unique_key(
    direct: Session, shared_job_server: JobServer, priority: str, kind: str
) -> None:
    seen: list[bytes] = []

    def keep(job: Job) -> bytes:
        seen.append(job.payload + b"/" + job.unique_key.encode())
        return job.payload[::-1]

    call = f"gman_do_{priority}{kind}"
    with working(shared_job_server.address, keep=keep):
        text = value(direct, f"SELECT {call}('keep', 'abc', 'one')")
        octets = value(direct, f"SELECT {call}('keep', '\\x00ff'::bytea, unique_key => 'two')")
        number = value(direct, f"SELECT {call}('keep', '12'::jsonb, 'three')")
        wait_until(lambda: len(seen) == 3)
    assert sorted(seen) == sorted([b"abc/one", b"\x00\xff/two", b"12/three"])
    if kind:
        assert len({text, octets, number}) == 3
    else:
        assert (text, octets, number) == ("cba", b"\xff\x00", "21")
