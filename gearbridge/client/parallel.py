"""Foreground jobs in parallel on one connection: all are submitted, then their ends are awaited in any order.

It does not know how a connection is chosen or dropped: `client` does, and drops it after any exception from here.

This file runs inside PostgreSQL too: standard library only, Python 3.9 and later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ReplyTimeout
from ..wire import commands as c
from .session import ForegroundJob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .links import Link


def run_all(
    link: Link,
    command: int,
    function: bytes,
    groups: Iterable[list[bytes]],
    reply_deadline: Callable[[], float | None],
    end: float | None,
    on_warning: Callable[[bytes], object] | None,
) -> list[bytes]:
    """Run a job for each payload of the groups, and return the results in the payloads' order.

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

    for group in groups:
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
