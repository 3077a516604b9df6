"""What workers send: abilities, grabs, sleep, and how their jobs go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.traces import split_trace
from gearbridge.wire import commands
from gearbridge.wire.packets import NO_JOB, NOOP, error, response

from .admission import FUNCTION_TOO_LARGE, MAX_FUNCTION
from .failures import failed_attempt
from .jobs import EnqueuedJob
from .lease import lose_lease
from .replies import tell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .client_commands import Handler
    from .jobs import Job
    from .lifecycle import JobLifecycle
    from .peer import Peer

#: Longest client id kept, in bytes, as gearmand.
MAX_CLIENT_ID = 127
#: Shortest and longest timeout of CAN_DO_TIMEOUT, in milliseconds; gearmand's shortest is the same.
MIN_TIMEOUT = 1000
MAX_TIMEOUT = 10 * 365 * 24 * 3600 * 1000

NO_SUCH_JOB = error(b"JOB_NOT_FOUND", b"Job given in work result not found")
NO_SUCH_JOB_FOR_DATA = error(b"JOB_NOT_FOUND", b"Job does not exist on server")
NO_SUCH_JOB_FOR_EXCEPTION = error(b"JOB_NOT_FOUND", b"An exception was received for a job that does not exist")
#: Why a job failed whose worker only said that it did.
FAILED = "the worker said that the job failed"
BAD_TIMEOUT = error(b"INVALID_ARGUMENT", b"Timeout is not a number of milliseconds")


class WorkerCommands:
    """Handlers of worker packets; `table()` says which packet each one is for."""

    def __init__(self, lifecycle: JobLifecycle) -> None:
        self._lifecycle = lifecycle
        self._queue = lifecycle.queue

    def table(self) -> dict[int, Handler]:
        """Handlers by command number."""
        return {
            commands.CAN_DO: self._can_do,
            commands.CAN_DO_TIMEOUT: self._can_do_timeout,
            commands.CANT_DO: self._cant_do,
            commands.RESET_ABILITIES: self._reset_abilities,
            commands.SET_CLIENT_ID: self._set_client_id,
            commands.PRE_SLEEP: self._pre_sleep,
            commands.GRAB_JOB: self._grabber(assign_job),
            commands.GRAB_JOB_UNIQ: self._grabber(assign_job_uniq),
            commands.GRAB_JOB_ALL: self._grabber(assign_job_all),
            commands.WORK_STATUS: self._work_status,
            commands.WORK_DATA: self._forwarder(commands.WORK_DATA),
            commands.WORK_WARNING: self._forwarder(commands.WORK_WARNING),
            commands.WORK_COMPLETE: self._work_complete,
            commands.WORK_FAIL: self._work_fail,
            commands.WORK_EXCEPTION: self._work_exception,
        }

    def _can_do(self, peer: Peer, args: Sequence[bytes]) -> None:
        self._register(peer, args[0], 0)

    def _can_do_timeout(self, peer: Peer, args: Sequence[bytes]) -> None:
        name, milliseconds = args
        # gearmand: one such packet with 20 digits stops the server. Here it is an ERROR like any other bad argument.
        if not milliseconds.isdigit() or len(milliseconds) > 15:
            peer.send(BAD_TIMEOUT)
            return
        timeout = int(milliseconds)
        self._register(peer, name, min(max(timeout, MIN_TIMEOUT), MAX_TIMEOUT) if timeout else 0)

    def _register(self, peer: Peer, name: bytes, timeout: int) -> None:
        if len(name) > MAX_FUNCTION:
            peer.send(FUNCTION_TOO_LARGE)
            return
        function = self._queue.function(name)
        # gearmand counts a function registered twice as two workers; here the second only renews the timeout.
        if peer not in function.workers:
            peer.functions.append(function)
            if not function.workers:
                self._lifecycle.wants_claim = True
            if peer.sleeping:
                function.sleepers[peer] = None
        function.workers[peer] = timeout
        if peer.sleeping and self._queue.has_ready((function,)):
            self._lifecycle.stir(peer)
            peer.send(NOOP)

    def _cant_do(self, peer: Peer, args: Sequence[bytes]) -> None:
        # gearmand takes a running job of this function from the worker at once, so that it is done twice. Here the
        # worker may finish what it has in hand.
        function = self._queue.functions.get(args[0])
        if function is None or peer not in function.workers:
            return
        del function.workers[peer]
        function.sleepers.pop(peer, None)
        peer.functions.remove(function)
        peer.turn = 0
        self._lifecycle.left_by_worker(function)

    def _reset_abilities(self, peer: Peer, _args: Sequence[bytes]) -> None:
        self._lifecycle.forget_abilities(peer)

    def _set_client_id(self, peer: Peer, args: Sequence[bytes]) -> None:
        peer.client_id = args[0][:MAX_CLIENT_ID]

    def _pre_sleep(self, peer: Peer, _args: Sequence[bytes]) -> None:
        if self._queue.has_ready(peer.functions):
            peer.send(NOOP)
            return
        peer.sleeping = True
        for function in peer.functions:
            function.sleepers[peer] = None

    def _grabber(self, assign: Callable[[Job], bytes]) -> Handler:
        take = self._queue.take
        lifecycle = self._lifecycle

        def grab_job(peer: Peer, _args: Sequence[bytes]) -> None:
            if peer.sleeping:
                lifecycle.stir(peer)
            functions = peer.functions
            taken = take(functions, peer.turn, peer)
            if taken is None:
                peer.send(NO_JOB)
                return
            job, index = taken
            peer.turn = index + 1 if index + 1 < len(functions) else 0
            peer.jobs[job.handle] = job
            timeout = functions[index].workers[peer]
            if timeout:
                lifecycle.deadlines.set(job, timeout)
                lifecycle.wants_tick = True
            if job.reducer and peer.traces:
                tell_trace(peer, job)
            peer.send(assign(job))

        def grab_while_leased(peer: Peer, args: Sequence[bytes]) -> None:
            # Here, not on a timer: a process that was stopped for longer than its lease reads first.
            if not lifecycle.lease.holds(lifecycle.queue.now):
                lose_lease(lifecycle)
            grab_job(peer, args)

        return grab_while_leased if lifecycle.shared else grab_job

    def _work_status(self, peer: Peer, args: Sequence[bytes]) -> None:
        job = peer.jobs.get(args[0])
        if job is None:
            peer.send(NO_SUCH_JOB)
            return
        job.numerator = _count(args[1])
        job.denominator = _count(args[2])
        if job.claimed:
            self._lifecycle.journal.progress(job)
        tell(job, response(commands.WORK_STATUS, *args))

    def _forwarder(self, command: int) -> Handler:
        is_result = command == commands.WORK_DATA

        def forward(peer: Peer, args: Sequence[bytes]) -> None:
            job = peer.jobs.get(args[0])
            if job is None:
                peer.send(NO_SUCH_JOB_FOR_DATA)
                return
            if is_result and isinstance(job, EnqueuedJob):
                job.add_data(args[1])
            tell(job, response(command, *args))

        return forward

    def _work_complete(self, peer: Peer, args: Sequence[bytes]) -> None:
        job = peer.jobs.get(args[0])
        if job is None:
            peer.send(NO_SUCH_JOB)
            return
        if job.clients:
            tell(job, response(commands.WORK_COMPLETE, *args))
        self._lifecycle.finish(job, job.completed(args[1]) if isinstance(job, EnqueuedJob) else None)

    def _work_fail(self, peer: Peer, args: Sequence[bytes]) -> None:
        # PHP's and Python's libraries may leave the trailing NUL of the handle on.
        handle = args[0].rstrip(b"\0")
        job = peer.jobs.get(handle)
        if job is not None:
            self._lifecycle.fail(job, FAILED)
        elif handle == peer.excepted:
            # Perl and PHP workers send WORK_EXCEPTION and then WORK_FAIL: the first has ended the job already.
            peer.excepted = b""
        else:
            peer.send(NO_SUCH_JOB)

    def _work_exception(self, peer: Peer, args: Sequence[bytes]) -> None:
        handle = args[0]
        job = peer.jobs.get(handle)
        if job is None:
            peer.send(NO_SUCH_JOB_FOR_EXCEPTION)
            return
        # gearmand ends the WORK_FAIL that it makes of an exception with a NUL, and three Python clients die of it.
        for client in job.clients or ():
            if client.exceptions:
                client.send(response(commands.WORK_EXCEPTION, *args))
            else:
                client.send(response(commands.WORK_FAIL, handle))
        peer.excepted = handle
        error = args[1].decode("utf-8", "backslashreplace")
        self._lifecycle.finish(job, failed_attempt(self._lifecycle, job, error))


def assign_job(job: Job) -> bytes:
    """The answer to GRAB_JOB."""
    return response(commands.JOB_ASSIGN, job.handle, job.function, job.payload)


def assign_job_uniq(job: Job) -> bytes:
    """The answer to GRAB_JOB_UNIQ."""
    return response(commands.JOB_ASSIGN_UNIQ, job.handle, job.function, job.unique_key, job.payload)


def assign_job_all(job: Job) -> bytes:
    """The answer to GRAB_JOB_ALL: with the reducer where there is one, else as GRAB_JOB_UNIQ; so does gearmand."""
    reducer, _ = split_trace(job.reducer)
    if not reducer:
        return assign_job_uniq(job)
    return response(commands.JOB_ASSIGN_ALL, job.handle, job.function, job.unique_key, reducer, job.payload)


def tell_trace(peer: Peer, job: Job) -> None:
    """Say the traceparent, if there is one, of the job that the peer is about to be given."""
    _, traceparent = split_trace(job.reducer)
    if traceparent:
        peer.send(response(commands.OPTION_RES, commands.TRACE_IS + traceparent))


def _count(digits: bytes) -> int:
    """A numerator or denominator as stored. gearmand wraps what is too long or negative; here that counts as 0."""
    return int(digits) if digits.isdigit() and len(digits) <= 18 else 0
