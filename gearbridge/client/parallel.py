"""Many jobs over one blocking connection. What they came to is kept by `batches`.

It does not know how a connection is chosen or dropped: `client` does, and drops it after any exception from here.

This file runs inside PostgreSQL too: standard library only, Python 3.9 and later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ReplyTimeout
from .batches import groups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .batches import Runs, Submissions, Take
    from .pool import PooledConnection


def submit_all(
    link: PooledConnection,
    jobs: Submissions,
    payloads: Iterable[bytes | str],
    reply_deadline: Callable[[], float | None],
) -> None:
    """Submit a background job for each payload.

    After a refusal nothing more is sent, and what was under way is answered: the connection is as good as before.
    """
    session, connection = link.session, link.connection

    def settle(allowed: int) -> None:
        while jobs.under_way > allowed:
            for _, command, args in session.receive(connection.receive(reply_deadline())):
                jobs.take(command, args)

    for group in groups(payloads):
        connection.send(jobs.encode(session, None, group), reply_deadline())
        settle(allowed=len(group))  # the server works on this group while the next one is made
        if jobs.refusal is not None:
            break
    settle(allowed=0)


def run_all(
    link: PooledConnection,
    jobs: Runs,
    payloads: Iterable[bytes | str],
    reply_deadline: Callable[[], float | None],
    end: float | None,
) -> None:
    """Run a foreground job for each payload.

    A group is sent at once; the next one follows when the server has taken it, so neither side's buffers fill up.
    Raises what ForegroundJob.result does for the first job that fails; then the other jobs are still under way.
    """
    session, connection = link.session, link.connection

    def receive() -> None:
        deadline = end
        if not jobs.accepted():
            reply = reply_deadline()
            deadline = reply if end is None or (reply is not None and reply < end) else end
        take: Take
        for take, command, args in session.receive(connection.receive(deadline)):
            take(command, args)

    for group in groups(payloads):
        connection.send(jobs.encode(session, lambda take: take, group), reply_deadline())
        while not jobs.accepted():
            receive()
    try:
        while not jobs.ended():
            receive()
    except ReplyTimeout as error:
        raise jobs.late() from error
