"""What workers report about jobs that they were given: progress, parts of a result, and how a job ended.

A report about a job that the peer does not run is an ERROR, as in gearmand, with one exception: a job that was taken
from the peer while it ran (cancelled, timed out, claimed by another node). The worker cannot know of that, and
libgearman, PHP and Perl treat an ERROR as the end of the connection or of the program. Reports about such a job are
ignored until the one that ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.wire import commands
from gearbridge.wire.packets import error, response

from ..enqueued import EnqueuedJob
from ..replies import send_to_clients

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..lifecycle import JobLifecycle
    from ..peer import Peer
    from .client import Handler

NO_SUCH_JOB = error(b"JOB_NOT_FOUND", b"Job given in work result not found")
NO_SUCH_JOB_FOR_DATA = error(b"JOB_NOT_FOUND", b"Job does not exist on server")
NO_SUCH_JOB_FOR_EXCEPTION = error(b"JOB_NOT_FOUND", b"An exception was received for a job that does not exist")
#: The error of a job that failed without a reason from its worker.
FAILED = "the worker said that the job failed"
#: Bytes of a warning that are kept, for it may be the reason of a failure.
_MOST_WARNING = 10_000


class WorkReports:
    """Handlers of the WORK_* packets; `table()` maps packets to them."""

    def __init__(self, lifecycle: JobLifecycle) -> None:
        self._lifecycle = lifecycle

    def table(self) -> dict[int, Handler]:
        """Handlers by command number."""
        return {
            commands.WORK_STATUS: self._work_status,
            commands.WORK_DATA: self._forwarder(commands.WORK_DATA),
            commands.WORK_WARNING: self._forwarder(commands.WORK_WARNING),
            commands.WORK_COMPLETE: self._work_complete,
            commands.WORK_FAIL: self._work_fail,
            commands.WORK_EXCEPTION: self._work_exception,
        }

    def _work_status(self, peer: Peer, args: Sequence[bytes]) -> None:
        job = peer.jobs.get(args[0])
        if job is None:
            if args[0] not in peer.taken:
                peer.send(NO_SUCH_JOB)
            return
        job.numerator = _count(args[1])
        job.denominator = _count(args[2])
        if job.claimed:
            self._lifecycle.journal.progress(job)
        send_to_clients(job, response(commands.WORK_STATUS, *args))

    def _forwarder(self, command: int) -> Handler:
        is_result = command == commands.WORK_DATA
        is_warning = command == commands.WORK_WARNING

        def forward(peer: Peer, args: Sequence[bytes]) -> None:
            job = peer.jobs.get(args[0])
            if job is None:
                if args[0] not in peer.taken:
                    peer.send(NO_SUCH_JOB_FOR_DATA)
                return
            if is_result and isinstance(job, EnqueuedJob):
                job.add_data(args[1])
            if is_warning:
                peer.warned = (job.handle, args[1][:_MOST_WARNING])
            send_to_clients(job, response(command, *args))

        return forward

    def _work_complete(self, peer: Peer, args: Sequence[bytes]) -> None:
        job = peer.jobs.get(args[0])
        if job is None:
            if not peer.ends_taken(args[0]):
                peer.send(NO_SUCH_JOB)
            return
        if job.clients:
            send_to_clients(job, response(commands.WORK_COMPLETE, *args))
        self._lifecycle.finish(job, job.completed(args[1]) if isinstance(job, EnqueuedJob) else None)

    def _work_fail(self, peer: Peer, args: Sequence[bytes]) -> None:
        # PHP's and Python's libraries may leave the trailing NUL of the handle on.
        handle = args[0].rstrip(b"\0")
        job = peer.jobs.get(handle)
        if job is not None:
            # WORK_FAIL carries no reason: a warning of this job is taken for it.
            reason = peer.warned[1] if peer.warned[0] == handle else b""
            self._lifecycle.fail(job, reason.decode("utf-8", "backslashreplace") or FAILED)
        elif handle == peer.excepted:
            # Perl and PHP workers send WORK_EXCEPTION and then WORK_FAIL: the first has ended the job already.
            peer.excepted = b""
        elif not peer.ends_taken(handle):
            peer.send(NO_SUCH_JOB)

    def _work_exception(self, peer: Peer, args: Sequence[bytes]) -> None:
        handle = args[0]
        job = peer.jobs.get(handle)
        if job is None:
            if peer.ends_taken(handle):
                peer.excepted = handle
            else:
                peer.send(NO_SUCH_JOB_FOR_EXCEPTION)
            return
        peer.excepted = handle
        error = args[1].decode("utf-8", "backslashreplace")
        if self._lifecycle.retries(job, error):
            return
        # gearmand ends the WORK_FAIL that it makes of an exception with a NUL, and three Python clients die of it.
        for client in job.clients or ():
            if client.exceptions:
                client.send(response(commands.WORK_EXCEPTION, *args))
            else:
                client.send(response(commands.WORK_FAIL, handle))
        self._lifecycle.finish(job, self._lifecycle.failed_attempt(job, error))


def _count(digits: bytes) -> int:
    """A numerator or denominator as stored. gearmand wraps what is too long or negative; here that counts as 0."""
    return int(digits) if digits.isdigit() and len(digits) <= 18 else 0
