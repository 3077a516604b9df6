"""The client's half of one connection: requests in, bytes out; bytes in, replies out. It knows no socket and no clock.

Rules of this file:
1. The server answers in order and its answers carry no number, so the oldest unanswered request owns the next reply.
   Only WORK_* packets come unasked: they belong to the foreground job whose handle they carry.
2. WORK_* for a handle without a waiting caller is dropped: gearmand sends WORK_COMPLETE after the WORK_FAIL of a
   cancelled job.
3. What cannot be a Gearman server's answer raises ProtocolError; the connection is of no use after that.

This file runs inside PostgreSQL too: standard library only, Python 3.9 and later.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..errors import JobException, JobFailed, ProtocolError, ServerError
from ..records import Priority
from ..wire import commands as c
from ..wire.packets import HEADER, REQUEST_MAGIC, RESPONSE_MAGIC, request
from ..wire.parser import PacketParser

#: `(token, command, args)`: the caller's token of the request or job, and the packet that came for it.
Reply = tuple[Any, int, Sequence[bytes]]

#: Largest packet body that the protocol's size field can announce, in bytes.
MAX_BODY = 0xFFFFFFFF

# By priority: high, normal, low.
FOREGROUND = (c.SUBMIT_JOB_HIGH, c.SUBMIT_JOB, c.SUBMIT_JOB_LOW)
BACKGROUND = (c.SUBMIT_JOB_HIGH_BG, c.SUBMIT_JOB_BG, c.SUBMIT_JOB_LOW_BG)

_ENDS = (c.WORK_COMPLETE, c.WORK_FAIL, c.WORK_EXCEPTION)
#: What comes unasked, of jobs; everything else is the server's own answer to a request.
WORK = (*_ENDS, c.WORK_DATA, c.WORK_WARNING, c.WORK_STATUS)
_LISTS = (b"status", b"prioritystatus", b"workers", b"show", b"nodes")  # admin commands answered by lines up to a "."
_UNIQUE_JOBS = [b"show", b"unique", b"jobs"]
_END = b"gearbridge-end-of-list"


class JobStatus(NamedTuple):
    """The status of a job, as a server reports it. A finished job is not `known`, like one that never was.

    `numerator` and `denominator` are the worker's last WORK_STATUS. `waiting_clients` is the number of foreground
    clients that wait for the job; only an answer to a query by unique key has it.
    """

    known: bool
    running: bool
    numerator: int
    denominator: int
    waiting_clients: int | None = None

    @property
    def percentage(self) -> float | None:
        """Progress in percent; None where the worker has reported none."""
        return 100.0 * self.numerator / self.denominator if self.denominator else None


class ClientSession:
    """One connection's conversation. `token` is the caller's own mark of a request; its replies come back with it."""

    __slots__ = ("_asked_exceptions", "_awaited", "_jobs", "_lines", "_parser")

    def __init__(self) -> None:
        self._parser = PacketParser(RESPONSE_MAGIC, MAX_BODY)
        self._awaited: deque[tuple[int, Any, bool | bytes]] = deque()  # reply command, token, foreground or text list
        self._jobs: dict[bytes, deque[Any]] = {}  # foreground jobs by handle: the tokens that wait for it
        self._lines: list[bytes] = []  # of the text answer that is coming in
        self._asked_exceptions = False

    @property
    def busy(self) -> bool:
        """Whether a reply or a foreground job is pending."""
        return bool(self._awaited or self._jobs)

    def submit(self, command: int, token: Any, *args: bytes, traceparent: bytes = b"") -> bytes:
        """Encode a submission, `command` being any of SUBMIT_*, with the arguments that the protocol's table names.

        A `traceparent` goes ahead of it. A server that knows no traces refuses that, unheard, and takes the job.
        Raises ValueError where the packet would be over 4 GiB.
        """
        body = b"\0".join(args)
        if len(body) > MAX_BODY:
            raise ValueError(f"a job of {len(body)} bytes is over the protocol's limit of 4 GiB")
        ahead = self.ask(c.TRACE_IS + traceparent) if traceparent else b""
        self._awaited.append((c.JOB_CREATED, token, command in FOREGROUND))
        return ahead + HEADER.pack(REQUEST_MAGIC, command, len(body)) + body

    def ask_exceptions(self) -> bytes:
        """Ask once to get WORK_EXCEPTION as such (gearmand makes WORK_FAIL of it otherwise). The reply is swallowed."""
        if self._asked_exceptions:
            return b""
        self._asked_exceptions = True
        return self.ask(b"exceptions")

    def ask(self, option: bytes) -> bytes:
        """Request an option of this connection. The reply is swallowed, also one that refuses the option."""
        self._awaited.append((c.OPTION_RES, None, False))
        return request(c.OPTION_REQ, option)

    def get_status(self, token: Any, handle: bytes) -> bytes:
        """Ask for a job's status; answered by STATUS_RES, see `read_status`."""
        self._awaited.append((c.STATUS_RES, token, False))
        return request(c.GET_STATUS, handle)

    def get_status_unique(self, token: Any, unique_key: bytes) -> bytes:
        """Ask for a job's status by unique key; answered by STATUS_RES_UNIQUE, see `read_status`."""
        self._awaited.append((c.STATUS_RES_UNIQUE, token, False))
        return request(c.GET_STATUS_UNIQUE, unique_key)

    def echo(self, token: Any, payload: bytes) -> bytes:
        """Ask for the same bytes back."""
        self._awaited.append((c.ECHO_RES, token, False))
        return request(c.ECHO_REQ, payload)

    def admin(self, token: Any, line: bytes) -> bytes:
        """Send an admin command; answered by one TEXT reply, whose args are the lines without the closing "."."""
        words = line.lower().split()
        if words == _UNIQUE_JOBS:
            # Its lines are keys alone, and "." is one: what answers a command that no server knows ends the list.
            self._awaited.append((c.TEXT, token, _END))
            return line + b"\n" + _END + b"\n"
        self._awaited.append((c.TEXT, token, words[0] in _LISTS))
        return line + b"\n"

    def receive(self, data: bytes) -> list[Reply]:
        """Take bytes from the server; return what they answer, in order. Raises ProtocolError."""
        replies: list[Reply] = []
        for command, args in self._parser.feed(data):
            if command in WORK:
                self._work(command, args, replies)
            elif command == c.TEXT:
                self._text(args[0], replies)
            elif self._awaited and command in (self._awaited[0][0], c.ERROR):
                expected, token, foreground = self._awaited.popleft()
                if command == c.JOB_CREATED and foreground:
                    self._jobs.setdefault(args[0], deque()).append(token)
                if expected != c.OPTION_RES:
                    replies.append((token, command, args))
            else:
                raise ProtocolError(self._complaint(command, args))
        return replies

    def _work(self, command: int, args: Sequence[bytes], replies: list[Reply]) -> None:
        # gearmand 1.1.20 leaves a NUL behind the handle of a WORK_FAIL that it made from an exception.
        handle = args[0].rstrip(b"\0") if command == c.WORK_FAIL else args[0]
        tokens = self._jobs.get(handle)
        if tokens is None:
            return
        # Requests that coalesced to one job get one packet each, always in the same order.
        token = tokens.popleft()
        if command not in _ENDS:
            tokens.append(token)
        elif not tokens:
            del self._jobs[handle]
        replies.append((token, command, args))

    def _text(self, line: bytes, replies: list[Reply]) -> None:
        if not self._awaited or self._awaited[0][0] != c.TEXT:
            raise ProtocolError(self._complaint(c.TEXT, (line,)))
        _, token, is_list = self._awaited[0]
        self._lines.append(line)
        if is_list == _END:
            complete = self._lines[-2:-1] == [b"."]
            if not line.startswith(b"ERR ") or not (complete or _END in line):
                return
            del self._lines[-2 if complete else -1 :]
        elif is_list and (len(self._lines) > 1 or not line.startswith(b"ERR ") or b"\t" in line):
            if line != b".":
                return
            del self._lines[-1]
        self._awaited.popleft()
        replies.append((token, c.TEXT, self._lines))
        self._lines = []

    def _complaint(self, command: int, args: Sequence[bytes]) -> str:
        due = c.name_of(self._awaited[0][0]) if self._awaited and self._awaited[0][0] else "nothing"
        return f"the server sent {name_packet(command, args)} where {due} was due; is it a Gearman server?"


class ForegroundJob:
    """The replies to one foreground job: pass them to `take` until it returns that the job ended.

    `on_data(bytes)`, `on_warning(bytes)`, `on_status(numerator, denominator)` and `on_created(handle)` are called as
    packets come. Without `on_data` the data becomes the beginning of the result.
    """

    __slots__ = ("_chunks", "_command", "_last", "handle", "on_created", "on_data", "on_status", "on_warning")

    def __init__(
        self,
        on_data: Callable[[bytes], object] | None = None,
        on_warning: Callable[[bytes], object] | None = None,
        on_status: Callable[[int, int], object] | None = None,
        on_created: Callable[[str], object] | None = None,
    ) -> None:
        self.handle = b""
        self.on_created = on_created
        self.on_data = on_data
        self.on_warning = on_warning
        self.on_status = on_status
        self._chunks: list[bytes] = []
        self._command = 0  # what ended it
        self._last: Sequence[bytes] = ()

    def take(self, command: int, args: Sequence[bytes]) -> bool:
        """Take a reply; True when it was the last one."""
        if command == c.JOB_CREATED:
            self.handle = args[0]
            if self.on_created:
                self.on_created(text(args[0]))
        elif command == c.WORK_DATA:
            (self.on_data or self._chunks.append)(args[1])
        elif command == c.WORK_WARNING:
            if self.on_warning:
                self.on_warning(args[1])
        elif command == c.WORK_STATUS:
            if self.on_status:
                self.on_status(number(args[1]), number(args[2]))
        else:  # it ended: done, failed, or refused by an ERROR
            self._command = command
            self._last = args
            return True
        return False

    @property
    def ended(self) -> bool:
        """Return whether there is an outcome."""
        return bool(self._command)

    def result(self) -> bytes:
        """Return the result. Raises JobFailed, JobException, or ServerError where the job was refused."""
        if self._command == c.WORK_COMPLETE:
            payload = self._last[1]
            return b"".join((*self._chunks, payload)) if self._chunks else payload
        if self._command == c.ERROR:
            raise server_error(self._last)
        handle = text(self.handle)
        if self._command == c.WORK_EXCEPTION:
            raise JobException(handle, self._last[1])
        raise JobFailed(handle, f"job {handle} failed")


def submission(priority: int, foreground: bool) -> int:
    """Return the SUBMIT_JOB* command for a priority. Raises ValueError where there is no such priority."""
    if not Priority.HIGH <= priority <= Priority.LOW:
        raise ValueError(f"priority must be one of {', '.join(map(str, Priority))}, not {priority!r}")
    return (FOREGROUND if foreground else BACKGROUND)[priority]


def read_status(args: Sequence[bytes]) -> JobStatus:
    """Read the arguments of STATUS_RES or STATUS_RES_UNIQUE."""
    clients = number(args[5]) if len(args) > 5 else None
    return JobStatus(args[1] == b"1", args[2] == b"1", number(args[3]), number(args[4]), clients)


def server_error(args: Sequence[bytes]) -> ServerError:
    """Make the exception of an ERROR packet's arguments."""
    return ServerError(text(args[0]), text(args[1]))


def name_packet(command: int, args: Sequence[bytes]) -> str:
    """Name what the parser gave, for messages."""
    if command == c.POISON:
        return "what is not the Gearman protocol"
    if command == c.TEXT:
        return f"the text {args[0][:60].decode('utf-8', 'backslashreplace')!r}"
    if command > c.LAST:
        return f"a broken or unknown packet (type {args[0].decode('ascii')})"
    return c.name_of(command)


def number(digits: bytes) -> int:
    """Read a count of WORK_STATUS. Servers pass it on as the worker wrote it; what is no number counts as 0 there."""
    try:
        return int(digits)
    except ValueError:
        return 0


def text(octets: bytes) -> str:
    """Decode a handle, code or line; bytes that are not UTF-8 survive the way back."""
    return octets.decode("utf-8", "surrogateescape")
