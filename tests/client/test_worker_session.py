"""The worker's session: what it sends when, and what it takes."""

from __future__ import annotations

import pytest

from gearbridge import ProtocolError
from gearbridge.client.worker_session import State, WorkerSession
from gearbridge.wire import commands as c
from gearbridge.wire.packets import NO_JOB, NOOP, request, response

ASSIGNED = response(c.JOB_ASSIGN_UNIQ, b"H:1", b"f", b"key", b"pay\0load")


def working() -> WorkerSession:
    session = WorkerSession()
    session.grab()
    session.receive(ASSIGNED)
    return session


def test_introduction() -> None:
    assert WorkerSession().introduce(b"me", {b"plain": None, b"limited": 1.5, b"short": 0.0001}) == b"".join(
        (
            request(c.SET_CLIENT_ID, b"me"),
            request(c.OPTION_REQ, b"trace"),
            request(c.CAN_DO, b"plain"),
            request(c.CAN_DO_TIMEOUT, b"limited", b"1500"),
            request(c.CAN_DO_TIMEOUT, b"short", b"1"),  # 0 would be no limit
        )
    )


def test_grab_sleep_wake_and_grab_again() -> None:
    session = WorkerSession()
    assert session.grab() == request(c.GRAB_JOB_UNIQ)
    assert session.receive(NO_JOB) == [(c.NO_JOB, ())]
    assert session.sleep() == request(c.PRE_SLEEP)
    session.receive(NOOP)
    assert session.state is State.AWAKE


def test_a_job_byte_by_byte() -> None:
    session = WorkerSession()
    session.grab()
    packets = [packet for octet in ASSIGNED for packet in session.receive(bytes([octet]))]
    assert [(command, tuple(args)) for command, args in packets] == [
        (c.JOB_ASSIGN_UNIQ, (b"H:1", b"f", b"key", b"pay\0load"))
    ]
    assert session.state is State.BUSY


@pytest.mark.parametrize(("grab", "state"), [(True, State.ASKED), (False, State.ASLEEP)])
def test_behind_a_jobs_end_goes_grab_or_sleep(grab: bool, state: State) -> None:
    session = working()
    following = request(c.GRAB_JOB_UNIQ if grab else c.PRE_SLEEP)
    assert session.finish(c.WORK_COMPLETE, b"done", grab=grab) == request(c.WORK_COMPLETE, b"H:1", b"done") + following
    assert session.state is state


def test_a_noop_that_crosses_a_grab_changes_nothing() -> None:
    session = WorkerSession()
    session.grab()
    session.receive(NOOP)
    assert session.state is State.ASKED


def test_an_error_is_told_and_changes_nothing() -> None:
    session = working()
    session.finish(c.WORK_FAIL, grab=True)
    assert session.receive(response(c.ERROR, b"JOB_NOT_FOUND", b"gone")) == [(c.ERROR, [b"JOB_NOT_FOUND", b"gone"])]
    assert session.state is State.ASKED


@pytest.mark.parametrize("octets", [ASSIGNED, NO_JOB, b"HTTP/1.1 400 Bad Request\r\n", b"\0bad magic number"])
def test_what_was_not_asked_for_is_named(octets: bytes) -> None:
    session = WorkerSession()
    with pytest.raises(ProtocolError, match="the server sent"):
        session.receive(octets)
