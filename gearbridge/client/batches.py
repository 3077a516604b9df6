"""Many jobs on one connection: submitted in groups, not one by one; of foreground jobs the ends come in any order.

What is kept of them, without a connection: how the bytes travel is `parallel`'s, and for asyncio `aio_parallel`'s.

This file runs inside PostgreSQL too: standard library only, Python 3.9 and later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from ..errors import ReplyTimeout, ServerError
from ..traceparent import to_traceparent
from ..wire import commands as c
from .requests import to_name, to_octets
from .session import ClientSession, ForegroundJob, submission, text

#: Takes one reply: the command and its arguments.
Take = Callable[[int, Sequence[bytes]], object]

# Limits of what is in flight: replies that are not read yet must fit into the sockets' buffers.
_GROUP_JOBS = 500
_GROUP_BYTES = 256 * 1024


class Submissions:
    """Background jobs of one function: their handles in order, and the first refusal."""

    def __init__(self, function: str | bytes, priority: int, traceparent: str | None = None) -> None:
        """Raises ValueError for what the protocol cannot carry."""
        self._trace = to_traceparent(traceparent)
        self._function = to_name(function)
        self._command = submission(priority, False)
        self.under_way = 0
        self.handles: list[str] = []
        self.refusal: ServerError | None = None

    def encode(self, session: ClientSession, token: Any, group: Sequence[bytes]) -> bytes:
        """Submit a job for each payload; `token` comes back with each reply."""
        self.under_way += len(group)
        submit = partial(session.submit, self._command, token, self._function, b"", traceparent=self._trace)
        return b"".join(map(submit, group))

    def take(self, command: int, args: Sequence[bytes]) -> None:
        """Take the reply to the oldest submission that has none."""
        self.under_way -= 1
        if command != c.ERROR:
            self.handles.append(text(args[0]))
        elif self.refusal is None:
            accepted = f"{text(args[1])} (after {len(self.handles)} jobs that it accepted)"
            self.refusal = ServerError(text(args[0]), accepted)

    def outcome(self) -> list[str]:
        """Return the handles. Raises the refusal."""
        if self.refusal is not None:
            raise self.refusal
        return self.handles


class Runs:
    """Foreground jobs of one function, and their results in the payloads' order."""

    def __init__(
        self,
        function: str | bytes,
        priority: int,
        on_warning: Callable[[bytes], object] | None = None,
        traceparent: str | None = None,
    ) -> None:
        """Raises ValueError for what the protocol cannot carry."""
        self._trace = to_traceparent(traceparent)
        self._function = to_name(function)
        self._command = submission(priority, True)
        self._on_warning = on_warning
        self._accepted = self._ended = 0
        self.results: list[bytes] = []

    def encode(self, session: ClientSession, token: Callable[[Take], Any], group: Sequence[bytes]) -> bytes:
        """Submit a job for each payload. `token` makes the mark that comes back with its replies, of what takes them.

        That raises what ForegroundJob.result does for a job that failed.
        """
        packets = [session.ask_exceptions()]
        for payload in group:
            take = partial(self._take, len(self.results), ForegroundJob(None, self._on_warning))
            mark = token(take)
            packets.append(session.submit(self._command, mark, self._function, b"", payload, traceparent=self._trace))
            self.results.append(b"")
        return b"".join(packets)

    def accepted(self) -> bool:
        """Return whether the server has accepted all submitted jobs."""
        return self._accepted >= len(self.results)

    def ended(self) -> bool:
        """Return whether all submitted jobs are done."""
        return self._ended >= len(self.results)

    def late(self) -> ReplyTimeout:
        """Make the exception that names the number of missing replies."""
        return ReplyTimeout(f"{len(self.results) - self._ended} of {len(self.results)} jobs were not done in time")

    def _take(self, number: int, job: ForegroundJob, command: int, args: Sequence[bytes]) -> None:
        if command == c.JOB_CREATED:
            self._accepted += 1
        if job.take(command, args):
            self.results[number] = job.result()
            self._ended += 1


def groups(payloads: Iterable[bytes | str]) -> Iterator[list[bytes]]:
    """Part payloads into groups that may be under way at once."""
    group: list[bytes] = []
    size = 0
    for payload in map(to_octets, payloads):
        group.append(payload)
        size += len(payload)
        if len(group) >= _GROUP_JOBS or size >= _GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
