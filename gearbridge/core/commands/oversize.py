"""Packets over the limit: their rest is skipped, and their sender goes on. What they were about ends here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.wire import commands
from gearbridge.wire.packets import error, response

from ..enqueued import EnqueuedJob
from .work_reports import NO_SUCH_JOB

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..jobs import Job
    from ..lifecycle import JobLifecycle
    from ..peer import Peer

#: Reports on a job, beginning with its handle: those that end it, and others.
_ENDS = frozenset({commands.WORK_COMPLETE, commands.WORK_FAIL, commands.WORK_EXCEPTION})
_REPORTS = _ENDS | {commands.WORK_STATUS, commands.WORK_DATA, commands.WORK_WARNING}


class Oversize:
    """Answers packets of which only the first bytes were kept."""

    def __init__(self, lifecycle: JobLifecycle) -> None:
        self._lifecycle = lifecycle

    def refuse(self, peer: Peer, args: Sequence[bytes]) -> None:
        """End the job that a result over the limit belongs to; answer anything else with an ERROR."""
        command, head, size = int(args[0]), args[1], int(args[2])
        name = commands.name_of(command)
        reason = f"a {name} of {size} bytes is over the limit of this server (--max-packet)"
        if command not in _REPORTS:
            self._lifecycle.note(f"refused: {reason}, from {peer.address}")
            peer.send(error(b"ARGUMENT_TOO_LARGE", b"Packet of %d bytes is over the limit" % size))
            return
        handle = head.partition(b"\0")[0]
        job = peer.jobs.get(handle)
        if job is not None:
            shown = handle.decode("ascii", "backslashreplace")
            self._lifecycle.note(f"job {shown} has failed: {reason}, from worker {peer.address}")
            if command not in _ENDS:
                peer.take_away(handle)  # the worker goes on to report on it
            self._fail(peer, job, reason)
        elif not (peer.ends_taken(handle) if command in _ENDS else handle in peer.taken):
            peer.send(NO_SUCH_JOB)

    def _fail(self, peer: Peer, job: Job, reason: str) -> None:
        for client in job.clients or ():
            if client.exceptions:
                client.send(response(commands.WORK_EXCEPTION, job.handle, reason.encode()))
            else:
                client.send(response(commands.WORK_FAIL, job.handle))
        peer.excepted = job.handle  # a worker may send WORK_FAIL behind WORK_EXCEPTION
        if isinstance(job, EnqueuedJob):
            job.max_attempts = 0  # every further attempt would end alike
        self._lifecycle.finish(job, self._lifecycle.failed_attempt(job, reason))
