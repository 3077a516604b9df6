"""The blocking client: submit a job, wait for it or not, query its status. `session` reads and writes the packets.

Rules of this file:
1. A submission is sent at most once. When the connection breaks before the reply, the server may or may not have the
   job: ConnectionLost is raised, and the caller decides. Queries (status) may be repeated on another server.
2. A conversation that did not end as planned (timeout, cancel, an exception in a callback) closes its connection, so
   the next call starts clean.

This file runs inside PostgreSQL too: standard library only, Python 3.9 and later.
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import chain
from time import monotonic
from typing import TYPE_CHECKING

from ..errors import ConnectionLost, ReplyTimeout
from ..records import Priority
from ..traceparent import to_traceparent
from ..wire import commands as c
from .batches import Runs, Submissions
from .connection import parse_servers
from .parallel import run_all, submit_all
from .pool import ConnectionPool, PooledConnection
from .requests import admin_answer, admin_line, background, foreground, to_key
from .session import ClientSession, ForegroundJob, JobStatus, read_status, server_error, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import TracebackType

    from .tls import Tls

__all__ = ["Client", "JobStatus"]


class Client:
    """A client of one or more Gearman servers.

    `servers` is "host:port,host2:port2" or a sequence of such, the port defaults to 4730; nothing is connected before
    the first call. All times are in seconds. `connect_timeout` holds for each server. `reply_timeout` is how long the
    server may take for its own answer (not for the job to be done); None waits for ever. `on_wait` is called about
    every 20 ms of waiting: what it raises ends the call. `on_connect` is called before each connect, and may change
    `connect_timeout`; what it raises ends the call too. With `tls` every connection is encrypted, and the server's
    certificate checked; its files are read at once, which may raise ConfigurationError.

    A `traceparent` (W3C Trace Context) that is given with a job goes to the worker, where the server is gearbridge's.

    A server that cannot be reached is skipped, and left alone for 5 seconds. Use a client from one thread at a time; a
    forked child opens its own connections.

    Every call raises ServersUnreachable when no server can be reached, ConnectionLost when the server went away before
    it had answered, ReplyTimeout when it did not answer in time, ServerError for an ERROR packet, ProtocolError for
    what no Gearman server sends, and ValueError for a function or key that the protocol cannot carry, or a traceparent
    that is none.
    """

    def __init__(
        self,
        servers: str | Sequence[str] = "127.0.0.1:4730",
        *,
        connect_timeout: float = 5.0,
        reply_timeout: float | None = 60.0,
        on_wait: Callable[[], None] | None = None,
        on_connect: Callable[[], None] | None = None,
        tls: Tls | None = None,
    ) -> None:
        addresses = parse_servers(servers)
        self.servers = tuple(map(str, addresses))
        self.reply_timeout = reply_timeout
        context = None if tls is None else tls.context()
        self._links = ConnectionPool(addresses, connect_timeout, on_wait, on_connect, context)

    @property
    def connect_timeout(self) -> float:
        """Seconds for each connect. Like `reply_timeout` it may be changed between calls."""
        return self._links.timeout

    @connect_timeout.setter
    def connect_timeout(self, seconds: float) -> None:
        self._links.timeout = seconds

    def do(
        self,
        function: str | bytes,
        payload: bytes | str = b"",
        unique_key: str | bytes | None = None,
        *,
        priority: int = Priority.NORMAL,
        timeout: float | None = None,
        on_data: Callable[[bytes], object] | None = None,
        on_warning: Callable[[bytes], object] | None = None,
        on_status: Callable[[int, int], object] | None = None,
        on_created: Callable[[str], object] | None = None,
        traceparent: str | None = None,
    ) -> bytes:
        """Submit a foreground job, wait until it is done and return its result.

        `timeout` limits the whole call in seconds; None lets the job take as long as it takes. Data that the worker
        sends ahead (WORK_DATA) becomes the beginning of the result, unless `on_data` takes it. `on_warning` gets each
        WORK_WARNING, `on_status` the numerator and denominator of each WORK_STATUS, `on_created` the job's handle as
        soon as there is one. Raises JobFailed, JobException.
        """
        job = ForegroundJob(on_data, on_warning, on_status, on_created)
        command, args = foreground(function, payload, unique_key, priority)
        trace = to_traceparent(traceparent)
        end = None if timeout is None else monotonic() + timeout
        link = self._links.current()
        session, connection = link.session, link.connection
        deadline = self._reply_deadline()
        if end is not None and (deadline is None or end < deadline):
            deadline = end
        try:
            link.talking = True
            requests = session.ask_exceptions() + session.submit(command, job, *args, traceparent=trace)
            connection.send(requests, deadline)
            done = False
            while not done:
                for _, reply, reply_args in session.receive(connection.receive(deadline)):
                    done = job.take(reply, reply_args)
                    deadline = end  # the server has answered; now it is the worker's time
            link.talking = False
        except ReplyTimeout as error:
            self._links.drop(link)
            if job.handle:
                raise ReplyTimeout(f"job {text(job.handle)} was not done within {timeout:g} s") from error
            raise
        except BaseException:
            self._links.drop(link)
            raise
        return job.result()

    def do_background(
        self,
        function: str | bytes,
        payload: bytes | str = b"",
        unique_key: str | bytes | None = None,
        *,
        priority: int = Priority.NORMAL,
        run_at: float | None = None,
        traceparent: str | None = None,
    ) -> str:
        """Submit a background job and return its handle as soon as the server has it.

        `run_at`, in seconds since 1970, is the time before which it must not run; such a job has normal priority, the
        protocol knows no other.
        """
        command, args = background(function, payload, unique_key, priority, run_at)
        trace = to_traceparent(traceparent)
        link = self._links.current()
        return text(self._ask(link, link.session.submit(command, None, *args, traceparent=trace))[0])

    def do_background_many(
        self,
        function: str | bytes,
        payloads: Iterable[bytes | str],
        *,
        priority: int = Priority.NORMAL,
        traceparent: str | None = None,
    ) -> list[str]:
        """Submit one background job for each payload without waiting for each; return the handles in the same order.

        Raises ServerError when the server refuses one: its text names how many were accepted before, and those stay
        submitted. After ConnectionLost or ReplyTimeout any number of them may be.
        """
        jobs = Submissions(function, priority, traceparent)
        with self._talk() as link:
            submit_all(link, jobs, payloads, self._reply_deadline)
        return jobs.outcome()

    def do_all(
        self,
        function: str | bytes,
        payloads: Iterable[bytes | str],
        *,
        priority: int = Priority.NORMAL,
        timeout: float | None = None,
        on_warning: Callable[[bytes], object] | None = None,
        traceparent: str | None = None,
    ) -> list[bytes]:
        """Submit a foreground job for each payload, wait until all are done; return their results in the same order.

        As many run at once as there are workers. `timeout` limits the whole call in seconds; None lets the jobs take
        as long as they take. The first one to fail ends the call with JobFailed, JobException or ServerError: the
        others are given up, and those that no worker has begun are not done.
        """
        jobs = Runs(function, priority, on_warning, traceparent)
        end = None if timeout is None else monotonic() + timeout
        with self._talk() as link:
            run_all(link, jobs, payloads, self._reply_deadline, end)
        return jobs.results

    def status(self, handle: str | bytes) -> JobStatus:
        """Ask for a job's status, each server in turn until one knows the job.

        A server that cannot be reached is skipped, so "unknown" is the word of those that could be.
        """
        octets = to_key(handle, "handle")
        return self._first_known(lambda session: session.get_status(None, octets))

    def status_by_unique_key(self, unique_key: str | bytes) -> JobStatus:
        """Ask as `status` does, by unique key; `waiting_clients` is set.

        Where several functions have a job with this key, the server reports any one of them.
        """
        octets = to_key(unique_key)
        return self._first_known(lambda session: session.get_status_unique(None, octets))

    def ping(self) -> float:
        """Ask the server that jobs go to for an echo; return the time there and back in seconds."""
        link = self._links.current()
        start = monotonic()
        self._ask(link, link.session.echo(None, b"gearbridge"))
        return monotonic() - start

    def admin(self, command: str) -> list[str]:
        """Send a command of the text protocol (`status`, `workers`, `version`...); return the lines of the answer.

        It goes to the server that jobs go to. Raises ServerError when the server answers ERR.
        """
        line = admin_line(command)
        link = self._links.current()
        return admin_answer(self._ask(link, link.session.admin(None, line)))

    def close(self) -> None:
        """Close all connections; the next call opens a new one."""
        self._links.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({','.join(self.servers)!r})"

    # Conversations.

    def _ask(self, link: PooledConnection, request: bytes) -> Sequence[bytes]:
        """Send one request and return the arguments of its one reply."""
        deadline = self._reply_deadline()
        try:
            link.talking = True
            link.connection.send(request, deadline)
            replies = link.session.receive(link.connection.receive(deadline))
            while not replies:
                replies = link.session.receive(link.connection.receive(deadline))
            link.talking = False
        except BaseException:
            self._links.drop(link)
            raise
        _, command, args = replies[0]
        if command == c.ERROR:
            raise server_error(args)
        return args

    def _first_known(self, question: Callable[[ClientSession], bytes]) -> JobStatus:
        """Put the question to the server that jobs go to, then to the others, until one knows the job."""
        answer: JobStatus | None = None
        failure: Exception | None = None
        for link in chain((self._links.current(),), self._links.others()):
            try:
                answer = read_status(self._ask(link, question(link.session)))
            except (ConnectionLost, ReplyTimeout) as error:
                self._links.drop(link, str(error))
                failure = error
            else:
                if answer.known:
                    break
        if answer is None:
            assert failure is not None  # the first one at least was asked
            raise failure
        return answer

    @contextmanager
    def _talk(self) -> Iterator[PooledConnection]:
        """Give the link that jobs go through for one conversation; one that ends by an exception costs the link."""
        link = self._links.current()
        try:
            link.talking = True
            yield link
            link.talking = False
        except BaseException:
            self._links.drop(link)
            raise

    def _reply_deadline(self) -> float | None:
        return None if self.reply_timeout is None else monotonic() + self.reply_timeout
