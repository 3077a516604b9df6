"""What the gman_* functions of gearbridge_direct do: this session's client, its settings, its errors as SQL errors.

It knows no packet and no socket; those are the client's, which is embedded beside it.

Rules of this file:
1. One client per session. It keeps its connection from call to call; whatever ends a call early closes it.
2. Every wait lets PostgreSQL look up: running any statement raises what statement_timeout and cancel ask for, and that
   goes out untouched.
3. A background call that is answered within 20 ms runs no SQL: the settings are read where they matter, which is when a
   connection is made and when a wait gets long.
4. Text is UTF-8 on the wire, whatever the database's encoding; PL/Python converts.

It runs inside PostgreSQL, where gearbridge._load() makes it part of a package with a name of its own: Python 3.9 and
later, standard library only.
"""

from __future__ import annotations

import codecs
import re
from time import monotonic
from typing import TYPE_CHECKING, cast

import plpy

if TYPE_CHECKING:  # inside PostgreSQL the package is not named gearbridge, so there the names must be relative
    from collections.abc import Callable, Sequence
    from typing import Optional

    from gearbridge import errors
    from gearbridge.client.client import Client
    from gearbridge.client.connection import SLICE
    from gearbridge.client.session import JobStatus
    from gearbridge.records import Priority

    #: known, running, numerator, denominator, percentage, waiting clients
    StatusRow = tuple[bool, bool, int, int, Optional[float], Optional[int]]
else:
    from . import errors
    from .client.client import Client
    from .client.connection import SLICE
    from .records import Priority

DEFAULT_CONNECT_TIMEOUT = 5.0  # seconds, for each server
DEFAULT_REPLY_TIMEOUT = 60.0  # seconds

_PRIORITIES = {"high": Priority.HIGH, "normal": Priority.NORMAL, "low": Priority.LOW}

_UNITS = {"": 0.001, "us": 1e-6, "ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_WHOLE_NUMBER = re.compile(rb"\s*([+-]?[0-9]+)")  # what C's atoi reads
_DURATION = re.compile(r"\s*(\d+(?:\.\d*)?)\s*(us|ms|s|min|h|d|)\s*")

_SETTINGS = plpy.prepare(
    "SELECT pg_catalog.current_setting('gearbridge.connect_timeout', true) AS connect_timeout,"
    " pg_catalog.current_setting('gearbridge.reply_timeout', true) AS reply_timeout"
)

_EPOCH = "SELECT extract(epoch FROM $1)::pg_catalog.float8 AS seconds"

# What is not here is 22023 (invalid_parameter_value): ConfigurationError, and ValueError for names that cannot be sent.
_STATES: dict[type[Exception], tuple[str, str | None, str | None]] = {
    errors.ServersUnreachable: (
        "08001",
        None,
        "Is a job server running there? gman_servers() shows where this session looks, gman_servers_set() changes it.",
    ),
    errors.ConnectionLost: (
        "08006",
        "A job that was just being submitted may or may not have been accepted.",
        "The next call connects again. With a unique key it is safe to submit a job again.",
    ),
    # Not 57014 (query_canceled): nobody cancelled, and PL/pgSQL's WHEN OTHERS would let it pass.
    errors.ReplyTimeout: (
        "GB004",
        "A job that was just being submitted may or may not have been accepted.",
        "Raise gearbridge.reply_timeout, or look whether the job server is overloaded.",
    ),
    errors.ProtocolError: ("08P01", None, "Is what listens there really a Gearman server?"),
    errors.JobFailed: ("GB001", None, "The reason, if there is one to know, is in the worker's log."),
    errors.JobException: ("GB002", "The worker sent this text with its exception.", "The worker's log may say more."),
    errors.ServerError: (
        "GB003",
        "The job server answered with an ERROR packet.",
        "The job server's log may say more.",
    ),
}


class SqlError(plpy.Error):
    """An error as PostgreSQL reports it."""

    def __init__(self, sqlstate: str, message: str, detail: str | None = None, hint: str | None = None) -> None:
        super().__init__(_printable(message))
        self.sqlstate = sqlstate
        self.detail = detail
        self.hint = hint


# PL/Python reports `module.class: message`, and leaves out the module of a built-in: so users read "gearbridge: ...".
SqlError.__name__ = "gearbridge"
SqlError.__module__ = "builtins"


class SessionClient(Client):
    """This session's client: its timeouts are the session's settings, read where they matter."""

    def __init__(self, servers: str) -> None:
        self._settings: tuple[str | None, str | None] = (None, None)  # as they were read last
        self._reply_limit: float | None = DEFAULT_REPLY_TIMEOUT
        self._background = False
        self._answer_awaited = False  # and not a connection
        self._waiting_since: float | None = None
        super().__init__(
            servers, connect_timeout=DEFAULT_CONNECT_TIMEOUT, on_wait=self._look_up, on_connect=self._connecting
        )

    @property
    def reply_timeout(self) -> float | None:
        """The limit for the answer, whose wait begins when Client asks for this."""
        self._answer_awaited = True
        return None if self._background else self._reply_limit

    @reply_timeout.setter
    def reply_timeout(self, seconds: float | None) -> None:
        """Leave it to the setting."""

    def ready(self) -> SessionClient:
        """Read the settings for the call that follows, which is none of `submit`."""
        self._read_settings()
        self._background = False
        return self

    def submit(
        self,
        function: str,
        payload: str | bytes,
        unique_key: str | None,
        priority: int = Priority.NORMAL,
        run_at: float | None = None,
    ) -> str:
        """Submit a background job. No setting is read before: `_look_up` keeps the time limit, if there is a wait."""
        self._background = True
        self._waiting_since = None
        return self.do_background(function, payload, unique_key, priority=priority, run_at=run_at)

    def _connecting(self) -> None:
        self._answer_awaited = False
        self._read_settings()

    def _look_up(self) -> None:
        self._read_settings()
        if not (self._background and self._answer_awaited):
            return
        now = monotonic()
        if self._waiting_since is None:
            self._waiting_since = now - SLICE
        if self._reply_limit is not None and now - self._waiting_since >= self._reply_limit:
            raise errors.ReplyTimeout("the job server did not answer in time")

    def _read_settings(self) -> None:
        row = plpy.execute(_SETTINGS)[0]  # this is also what lets PostgreSQL cancel
        settings = (row["connect_timeout"], row["reply_timeout"])
        if settings != self._settings:
            limit = _seconds("gearbridge.connect_timeout", settings[0], DEFAULT_CONNECT_TIMEOUT)
            self._reply_limit = _seconds("gearbridge.reply_timeout", settings[1], DEFAULT_REPLY_TIMEOUT)
            self.connect_timeout = float("inf") if limit is None else limit
            self._settings = settings


_client: SessionClient | None = None
_own: dict[str, SessionClient] = {}  # of functions that have servers of their own


def servers_set(servers: str, function: str | None = None) -> bool:
    """Use these servers from now on, for one function or the others; the connections to the old ones are closed."""
    global _client  # noqa: PLW0603  a session has one client, and this module is the session's
    try:
        client = SessionClient(servers)
    except errors.ConfigurationError as error:
        raise _sql_error(error) from None
    if function == "":
        raise SqlError("22023", "a function name cannot be empty")
    old = _client if function is None else _own.get(function)
    if old is not None:
        old.close()
    if function is None:
        _client = client
    else:
        _own[function] = client
    return True


def servers() -> str | None:
    """Return the servers as `servers_set` takes them; None where none are set."""
    return None if _client is None else ",".join(_client.servers)


def ping() -> str:
    """Return the time that an echo takes, as an interval."""
    client = _client or _no_servers()
    try:
        return f"{client.ready().ping():.6f} seconds"
    except errors.GearbridgeError as error:
        raise _sql_error(error) from None


def do_bytes(
    function: str | None, payload: bytes | str | None, unique_key: str | None, priority: str = "normal"
) -> bytes:
    """Run a job in the foreground and return its result."""
    if function is None or payload is None:
        raise _null(function)
    client = _own.get(function) or _client or _no_servers()
    try:
        return client.ready().do(function, payload, unique_key, priority=_PRIORITIES[priority], on_warning=_warn)
    except (errors.GearbridgeError, ValueError) as error:
        raise _sql_error(error) from None


def do_text(function: str | None, payload: str | None, unique_key: str | None, priority: str = "normal") -> str | None:
    """Run a job in the foreground and return its result as text; None for an empty one, as pggearman."""
    return _text(do_bytes(function, payload, unique_key, priority))


def do_all_bytes(function: str | None, payloads: Sequence[object] | None) -> list[bytes]:
    """Run a job for each payload in parallel and return the results."""
    name, all_payloads = _checked(function, payloads)
    client = _own.get(name) or _client or _no_servers()
    try:
        return client.ready().do_all(name, all_payloads, on_warning=_warn)
    except (errors.GearbridgeError, ValueError) as error:
        raise _sql_error(error) from None


def do_all_text(function: str | None, payloads: Sequence[object] | None) -> list[str | None]:
    """Run a job for each payload in parallel and return the results as text."""
    return [_text(result) for result in do_all_bytes(function, payloads)]


def sum_all(jobs: Sequence[str | None]) -> int:
    """Run jobs, given as function and payload in turn, and sum the whole numbers that their results begin with."""
    payloads: dict[str, list[str]] = {}
    for function, payload in zip(jobs[::2], jobs[1::2]):
        if function is None or payload is None:
            raise _null(function)
        payloads.setdefault(function, []).append(payload)
    results = [result for function in payloads for result in do_all_bytes(function, payloads[function])]
    numbers = [_WHOLE_NUMBER.match(result) for result in results]
    return sum(int(number.group(1)) for number in numbers if number)


def _text(result: bytes) -> str | None:
    try:
        text = result.decode()
    except UnicodeDecodeError as error:
        raise _not_text(str(error)) from None
    if "\0" in text:
        raise _not_text("it contains NUL, which PostgreSQL's text cannot hold")
    return text or None


def do_background(
    function: str | None, payload: bytes | str | None, unique_key: str | None, priority: str = "normal"
) -> str:
    """Submit a background job and return its handle."""
    if function is None or payload is None:
        raise _null(function)
    client = _own.get(function) or _client or _no_servers()
    try:
        return client.submit(function, payload, unique_key, _PRIORITIES[priority])
    except (errors.GearbridgeError, ValueError) as error:
        raise _sql_error(error) from None


def do_background_at(
    function: str | None, payload: bytes | str | None, run_at: str | None, unique_key: str | None
) -> str:
    """Submit a background job that waits for a point in time, written as PostgreSQL writes it."""
    if function is None or payload is None:
        raise _null(function)
    client = _own.get(function) or _client or _no_servers()
    seconds = None if run_at is None else plpy.execute(plpy.prepare(_EPOCH, ["timestamptz"]), [run_at])[0]["seconds"]
    try:
        return client.submit(function, payload, unique_key, run_at=seconds)
    except (errors.GearbridgeError, ValueError) as error:
        raise _sql_error(error) from None


def do_background_many(function: str | None, payloads: Sequence[object] | None) -> list[str]:
    """Submit a background job for each payload and return their handles."""
    name, all_payloads = _checked(function, payloads)
    client = _own.get(name) or _client or _no_servers()
    try:
        return client.ready().do_background_many(name, all_payloads)
    except (errors.GearbridgeError, ValueError) as error:
        raise _sql_error(error) from None


def status(handle: str) -> StatusRow:
    """Return a job's status as gman_status()'s row."""
    return _first_known(lambda client: client.status(handle))


def status_by_unique_key(unique_key: str) -> StatusRow:
    """Return a job's status as gman_status_by_unique_key()'s row."""
    return _first_known(lambda client: client.status_by_unique_key(unique_key))


def _first_known(ask: Callable[[SessionClient], JobStatus]) -> StatusRow:
    """Ask the session's client, then those of single functions, until one knows the job."""
    clients = [client for client in (_client, *_own.values()) if client is not None] or [_no_servers()]
    try:
        for client in clients:
            found = ask(client.ready())
            if found.known:
                break
    except (errors.GearbridgeError, ValueError) as error:
        raise _sql_error(error) from None
    return _row(found)


def server_status() -> list[tuple[str, ...]]:
    """Return the rows of gman_server_status(). A name may contain tabs; the numbers are the last three."""
    return [tuple(line.rsplit("\t", 3)) for line in _admin("status")]


def server_workers() -> list[tuple[str, str, str, list[str]]]:
    """Return the rows of gman_server_workers()."""
    rows = []
    for line in _admin("workers"):
        number, address, rest = line.split(" ", 2)  # the address may contain " :" with the space before it
        client_id, _, functions = rest.partition(" :")
        rows.append((number, address, client_id, functions.split()))
    return rows


def server_jobs() -> list[tuple[str, str, bool, bool]]:
    """Return the rows of gman_server_jobs()."""
    rows = [line.rsplit("\t", 3) for line in _admin("show jobs")]
    return [(handle, retries, ignored != "0", queued != "0") for handle, retries, ignored, queued in rows]


def _admin(command: str) -> list[str]:
    """Ask the server that jobs go to; what is not UTF-8, or not in the database's encoding, comes as escapes."""
    client = _client or _no_servers()
    try:
        lines = client.ready().admin(command)
    except errors.GearbridgeError as error:
        raise _sql_error(error) from None
    octets = (line.encode("utf-8", "surrogateescape") for line in lines)
    return [_printable(line.decode("utf-8", "backslashreplace")) for line in octets]


def _row(found: JobStatus) -> StatusRow:
    return found.known, found.running, found.numerator, found.denominator, found.percentage, found.waiting_clients


def _checked(function: str | None, payloads: Sequence[object] | None) -> tuple[str, Sequence[str | bytes]]:
    """Return function and payloads, none of which is NULL."""
    if function is None or payloads is None:
        raise _null(function)
    for number, payload in enumerate(payloads, 1):
        if payload is None:
            raise SqlError("22004", "gearman payload cannot be NULL", f"Element {number} of the array is NULL.")
        if isinstance(payload, list):
            raise SqlError("2202E", "the payloads must be an array of one dimension")
    return function, cast("Sequence[str | bytes]", payloads)


def _warn(text: bytes) -> None:
    plpy.warning(_printable(text.decode("utf-8", "backslashreplace")))


def _sql_error(error: Exception) -> SqlError:
    sqlstate, detail, hint = _STATES.get(type(error), ("22023", None, None))
    return SqlError(sqlstate, str(error), detail, hint)


def _no_servers() -> SessionClient:
    hint = "Say where they are: SELECT gman_servers_set('127.0.0.1:4730');"
    raise SqlError("55000", "no job servers are set in this session", None, hint)


def _null(function: str | None) -> SqlError:
    # pggearman's words, for those who look for them; pggearman says workload for payload.
    return SqlError("22004", f"gearman {'function' if function is None else 'payload'} cannot be NULL")


def _not_text(reason: str) -> SqlError:
    hint = "Pass the payload as bytea, then the result comes as bytea: gman_do(function, convert_to(payload, 'UTF8'))"
    return SqlError("22021", "the job's result is not UTF-8 text", f"The job is done, but {reason}.", hint)


def _printable(text: str) -> str:
    """Return the text with what a message of this database cannot contain as backslash escapes."""
    encoding = plpy.execute("SELECT pg_catalog.current_setting('server_encoding') AS name")[0]["name"]
    try:
        codecs.lookup(encoding)
    except LookupError:  # SQL_ASCII, and those that PostgreSQL names differently
        encoding = "ascii"
    return text.replace("\0", "\\x00").encode(encoding, "backslashreplace").decode(encoding)


def _seconds(name: str, value: str | None, default: float) -> float | None:
    """Read a setting as PostgreSQL reads its own times: '5s', '500ms'; a bare number is milliseconds; 0 is no limit."""
    if not value:
        return default
    match = _DURATION.fullmatch(value)
    if match is None:
        hint = f"Write for instance: SET {name} = '5s'; the units are us, ms, s, min, h and d, and 0 means no limit."
        raise SqlError("22023", f'invalid value for setting "{name}": "{value}"', None, hint)
    return float(match.group(1)) * _UNITS[match.group(2)] or None
