"""What workers send to get jobs: abilities, grabs, sleep. How their jobs go: see work_reports.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.records import MAX_FUNCTION
from gearbridge.traceparent import split_trace
from gearbridge.wire import commands
from gearbridge.wire.packets import NO_JOB, NOOP, error, response

from ..abilities import register, unregister
from ..admission import FUNCTION_TOO_LARGE, TOO_MANY_FUNCTIONS
from ..deadlines import MAX_TIMEOUT
from ..function import NO_SLEEPERS
from ..gate import Gate
from ..peer import LARGE_ANSWER, Interrupted
from ..sleepers import mark_awake, pass_on

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..jobs import Job
    from ..lifecycle import JobLifecycle
    from ..peer import Peer
    from .client import Handler

#: Longest client id kept, in bytes, as gearmand.
MAX_CLIENT_ID = 127
#: Shortest timeout of CAN_DO_TIMEOUT, in milliseconds, as gearmand.
MIN_TIMEOUT = 1000

BAD_TIMEOUT = error(b"INVALID_ARGUMENT", b"Timeout is not a number of milliseconds")


class WorkerCommands:
    """Handlers of worker packets; `table()` maps packets to them."""

    def __init__(self, lifecycle: JobLifecycle) -> None:
        self._lifecycle = lifecycle
        self._queue = lifecycle.queue
        self._gate = Gate(lifecycle)

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
        if not self._queue.has_room_for(name):
            peer.send(TOO_MANY_FUNCTIONS)
            return
        function = self._queue.function(name)
        if not function.workers:
            self._lifecycle.signals.wants_claim = True
        # gearmand counts a function registered twice as two workers; here the second only renews the timeout.
        register(peer, function, timeout)
        if peer.sleeping and self._queue.has_ready((function,)):
            mark_awake(peer)
            peer.send(NOOP)

    def _cant_do(self, peer: Peer, args: Sequence[bytes]) -> None:
        # gearmand takes a running job of this function from the worker at once, so that it is done twice. Here the
        # worker may finish its running jobs.
        function = self._queue.functions.get(args[0])
        if function is None or peer not in function.workers:
            return
        unregister(peer, function)
        if peer.woken is function:
            pass_on(self._queue, peer)
        self._lifecycle.left_by_worker(function)

    def _reset_abilities(self, peer: Peer, _args: Sequence[bytes]) -> None:
        self._lifecycle.forget_abilities(peer)

    def _set_client_id(self, peer: Peer, args: Sequence[bytes]) -> None:
        peer.client_id = args[0][:MAX_CLIENT_ID]

    def _pre_sleep(self, peer: Peer, _args: Sequence[bytes]) -> None:
        # A worker that sleeps while it runs a job is not stuck in it: its deadlines end, as in gearmand.
        if peer.jobs:
            for job in peer.jobs.values():
                self._lifecycle.deadlines.cancel(job)
        queue = self._queue
        if queue.now > queue.open_until:
            ready = self._gate.has_job(peer)
        else:
            ready = queue.has_ready(peer.turns) or (peer.wide is not None and peer.wide.has_ready(queue))
        if ready:
            peer.send(NOOP)
            return
        peer.sleeping = True
        for function in peer.turns:
            sleepers = function.sleepers
            if sleepers is NO_SLEEPERS:
                sleepers = function.sleepers = {}
            sleepers[peer] = None

    def _grabber(self, assign: Callable[[Job], bytes]) -> Handler:
        queue = self._queue
        take = queue.take
        look = self._gate.take
        lifecycle = self._lifecycle
        large = LARGE_ANSWER
        passes_on = lifecycle.settings.worker_wakeup > 0

        def grab_job(peer: Peer, _args: Sequence[bytes]) -> None:
            if peer.sleeping:
                mark_awake(peer)
            if queue.now > queue.open_until:
                taken = look(peer)
            elif peer.wide is None:
                taken = take(peer.turns, peer.turn, peer)
            else:
                taken = peer.wide.take(queue)
            if taken is None:
                peer.woken = None
                peer.send(NO_JOB)
                return
            job, function = taken
            if passes_on and peer.woken is not None:
                pass_on(queue, peer, function)
            peer.jobs[job.handle] = job
            timeout = function.workers[peer]
            if timeout:
                lifecycle.deadlines.set(job, timeout)
                lifecycle.signals.wants_tick = True
            if job.reducer and peer.traces:
                send_trace(peer, job)
            packet = assign(job)
            if peer.held:
                peer.send(packet)
            else:  # as `send` would
                peer.outbox.append(packet)
                if not peer.dirty:
                    peer.dirty = True
                    peer.dirty_peers.append(peer)
            if len(packet) > large:
                raise Interrupted

        return grab_job


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


def send_trace(peer: Peer, job: Job) -> None:
    """Send the traceparent, if there is one, of the job that the peer is about to be given."""
    _, traceparent = split_trace(job.reducer)
    if traceparent:
        peer.send(response(commands.OPTION_RES, commands.TRACE_IS + traceparent))
