"""Many jobs on one connection: submitted in groups, not one by one; of foreground jobs the ends come in any order.

It does not know how a connection is chosen or dropped: `client` does, and drops it after any exception from here.

This file runs inside PostgreSQL too: standard library only, Python 3.9 and later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ReplyTimeout, ServerError
from ..wire import commands as c
from .session import ForegroundJob, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .links import Link


# How much is under way at once: replies that nobody reads must fit into the sockets' buffers.
_GROUP_JOBS = 500
_GROUP_BYTES = 256 * 1024


def submit_all(
    link: Link,
    command: int,
    function: bytes,
    payloads: Iterable[bytes],
    reply_deadline: Callable[[], float | None],
) -> tuple[list[str], ServerError | None]:
    """Submit a background job for each payload; return the handles in order, and the first refusal.

    After a refusal nothing more is sent, and what was under way is answered: the connection is as good as before.
    """
    session, connection = link.session, link.connection
    handles: list[str] = []
    refusal: ServerError | None = None
    under_way = 0

    def settle(allowed: int) -> None:
        nonlocal under_way, refusal
        while under_way > allowed:
            for _, reply, args in session.receive(connection.receive(reply_deadline())):
                under_way -= 1
                if reply != c.ERROR:
                    handles.append(text(args[0]))
                elif refusal is None:
                    accepted = f"{text(args[1])} (after {len(handles)} jobs that it accepted)"
                    refusal = ServerError(text(args[0]), accepted)

    for group in _groups(payloads):
        packets = [session.submit(command, None, function, b"", payload) for payload in group]
        connection.send(b"".join(packets), reply_deadline())
        under_way += len(group)
        settle(allowed=len(group))  # the server works on this group while the next one is made
        if refusal is not None:
            break
    settle(allowed=0)
    return handles, refusal


def run_all(
    link: Link,
    command: int,
    function: bytes,
    payloads: Iterable[bytes],
    reply_deadline: Callable[[], float | None],
    end: float | None,
    on_warning: Callable[[bytes], object] | None,
) -> list[bytes]:
    """Run a job for each payload, and return the results in the payloads' order.

    A group is sent at once; the next one follows when the server has taken it, so neither side's buffers fill up.
    Raises what ForegroundJob.result does for the first job that fails; then the other jobs are still under way.
    """
    session, connection = link.session, link.connection
    results: list[bytes] = []
    accepted = ended = 0

    def receive() -> None:
        nonlocal accepted, ended
        deadline = end
        if accepted < len(results):
            reply = reply_deadline()
            deadline = reply if end is None or (reply is not None and reply < end) else end
        for (number, job), reply_command, args in session.receive(connection.receive(deadline)):
            if reply_command == c.JOB_CREATED:
                accepted += 1
            if job.take(reply_command, args):
                results[number] = job.result()
                ended += 1

    for group in _groups(payloads):
        packets = [session.ask_exceptions()]
        for payload in group:
            token = (len(results), ForegroundJob(None, on_warning))
            packets.append(session.submit(command, token, function, b"", payload))
            results.append(b"")
        connection.send(b"".join(packets), reply_deadline())
        while accepted < len(results):
            receive()
    try:
        while ended < len(results):
            receive()
    except ReplyTimeout as error:
        raise ReplyTimeout(f"{len(results) - ended} of {len(results)} jobs were not done in time") from error
    return results


def _groups(payloads: Iterable[bytes]) -> Iterator[list[bytes]]:
    group: list[bytes] = []
    size = 0
    for payload in payloads:
        group.append(payload)
        size += len(payload)
        if len(group) >= _GROUP_JOBS or size >= _GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
