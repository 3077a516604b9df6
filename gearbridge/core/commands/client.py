"""What clients send: submits, questions about jobs, options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.records import MAX_DUE, MAX_FUNCTION, Priority
from gearbridge.traceparent import is_traceparent
from gearbridge.wire import commands
from gearbridge.wire.packets import error, response

from ..admission import FUNCTION_TOO_LARGE
from ..jobs import UNKNOWN_PROGRESS
from ..schedule import parse_schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gearbridge.records import WaitingJob

    from ..admission import Admission
    from ..lifecycle import JobLifecycle
    from ..peer import Peer

    Handler = Callable[[Peer, Sequence[bytes]], None]

BAD_EPOCH = error(b"INVALID_ARGUMENT", b"Due time is not a number of seconds since 1970")
BAD_SCHEDULE = error(b"INVALID_ARGUMENT", b"Schedule names no time that ever comes")
BAD_TRACEPARENT = error(b"INVALID_ARGUMENT", b"Not a traceparent, 00-(32 hex digits)-(16 hex digits)-(2 hex digits)")
UNKNOWN_OPTION = error(b"UNKNOWN_OPTION", b"Server does not recognize given option")


class ClientCommands:
    """Handlers of client packets; `table()` maps packets to them."""

    def __init__(self, lifecycle: JobLifecycle, admission: Admission) -> None:
        self._queue = lifecycle.queue
        self._window = lifecycle.window
        self._lookups = lifecycle.lookups
        self._submit = admission.submit

    def table(self) -> dict[int, Handler]:
        """Handlers by command number."""
        high, normal, low = Priority.HIGH, Priority.NORMAL, Priority.LOW
        return {
            commands.SUBMIT_JOB: self._submitter(normal, background=False),
            commands.SUBMIT_JOB_HIGH: self._submitter(high, background=False),
            commands.SUBMIT_JOB_LOW: self._submitter(low, background=False),
            commands.SUBMIT_JOB_BG: self._submitter(normal, background=True),
            commands.SUBMIT_JOB_HIGH_BG: self._submitter(high, background=True),
            commands.SUBMIT_JOB_LOW_BG: self._submitter(low, background=True),
            commands.SUBMIT_JOB_EPOCH: self._submit_epoch,
            commands.SUBMIT_JOB_SCHED: self._submit_sched,
            commands.SUBMIT_REDUCE_JOB: self._reduce_submitter(background=False),
            commands.SUBMIT_REDUCE_JOB_BACKGROUND: self._reduce_submitter(background=True),
            commands.GET_STATUS: self._get_status,
            commands.GET_STATUS_UNIQUE: self._get_status_unique,
            commands.OPTION_REQ: self._option,
            commands.ECHO_REQ: self._echo,
        }

    def _submitter(self, priority: Priority, *, background: bool) -> Handler:
        submit = self._submit
        rank = int(priority)

        def submit_job(peer: Peer, args: Sequence[bytes]) -> None:
            name, unique_key, payload = args
            if peer.traceparent:
                submit(peer, name, unique_key, payload, rank, background, 0, peer.take_trace())
            else:
                submit(peer, name, unique_key, payload, rank, background)

        return submit_job

    def _submit_epoch(self, peer: Peer, args: Sequence[bytes]) -> None:
        name, unique_key, epoch, payload = args
        kept = peer.take_trace()
        try:
            due = int(epoch)
        except ValueError:
            # gearmand: reads "abc" as 0 and runs the job now, or never answers. Here: an ERROR, nothing is run.
            peer.send(BAD_EPOCH)
            return
        if due > MAX_DUE:
            peer.send(BAD_EPOCH)
            return
        self._submit(peer, name, unique_key, payload, Priority.NORMAL, True, max(0, due), kept)

    def _submit_sched(self, peer: Peer, args: Sequence[bytes]) -> None:
        # gearmand: "Command not expected". Here: in background, once, at the next time that matches.
        name, unique_key, *fields, payload = args
        kept = peer.take_trace()
        try:
            schedule = parse_schedule(fields)
        except ValueError:
            peer.send(BAD_SCHEDULE)
            return
        self._submit(peer, name, unique_key, payload, Priority.NORMAL, True, 0, kept, schedule)

    def _reduce_submitter(self, *, background: bool) -> Handler:
        def submit_reduce_job(peer: Peer, args: Sequence[bytes]) -> None:
            name, unique_key, reducer, _unused, payload = args
            kept = peer.take_trace(reducer)
            if len(reducer) > MAX_FUNCTION:
                peer.send(FUNCTION_TOO_LARGE)
                return
            self._submit(peer, name, unique_key, payload, Priority.NORMAL, background, 0, kept)

        return submit_reduce_job

    def _get_status(self, peer: Peer, args: Sequence[bytes]) -> None:
        handle = args[0]
        job = self._queue.jobs.get(handle)
        if job is None and self._window.may_hold(handle):
            self._lookups.ask(peer, handle, self._status_from_table, _cannot_ask)
            return
        progress = UNKNOWN_PROGRESS if job is None else job.progress()
        peer.send(response(commands.STATUS_RES, handle, *progress))

    def _status_from_table(self, handle: bytes, found: WaitingJob | None) -> bytes:
        waiting = UNKNOWN_PROGRESS if found is None else _progress_of(found)
        job = self._queue.jobs.get(handle)  # it may have been claimed meanwhile
        progress = waiting if job is None else job.progress()
        return response(commands.STATUS_RES, handle, *progress)

    def _get_status_unique(self, peer: Peer, args: Sequence[bytes]) -> None:
        unique_key = args[0]
        job = self._queue.find_unique(unique_key)
        progress = UNKNOWN_PROGRESS if job is None else job.progress()
        clients = b"%d" % len(job.clients) if job is not None and job.clients else b"0"
        peer.send(response(commands.STATUS_RES_UNIQUE, unique_key, *progress, clients))

    def _option(self, peer: Peer, args: Sequence[bytes]) -> None:
        option = args[0]
        if option.lower() == b"exceptions":
            peer.exceptions = True
        elif option.lower() == commands.OPTION_ONCE:
            peer.once = True
        elif option.lower() == commands.OPTION_TRACE:
            peer.traces = True
        elif option.startswith(commands.TRACE_IS):
            traceparent = option[len(commands.TRACE_IS) :]
            if not is_traceparent(traceparent):
                peer.send(BAD_TRACEPARENT)
                return
            peer.traceparent = traceparent
        else:
            peer.send(UNKNOWN_OPTION)
            return
        peer.send(response(commands.OPTION_RES, option))

    def _echo(self, peer: Peer, args: Sequence[bytes]) -> None:
        peer.send(response(commands.ECHO_RES, args[0]))


def _progress_of(found: WaitingJob) -> tuple[bytes, bytes, bytes, bytes]:
    return b"1", b"1" if found.running else b"0", b"%d" % found.numerator, b"%d" % found.denominator


def _cannot_ask(why: str) -> bytes:
    return error(b"QUEUE_ERROR", b"The job table cannot be asked: " + why.encode())
