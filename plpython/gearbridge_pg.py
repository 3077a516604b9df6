"""What the gman_* functions of gearbridge_direct do, each in a line or two over this session's client.

It knows no packet and no socket; those are the client's, which is embedded beside it.

Rules of this file:
1. One client per session. It keeps its connection from call to call; whatever ends a call early closes it.
2. Text is UTF-8 on the wire, whatever the database's encoding; PL/Python converts.

It runs inside PostgreSQL, where gearbridge._load() makes it part of a package with a name of its own: Python 3.9 and
later, standard library only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

import plpy

if TYPE_CHECKING:  # inside PostgreSQL the package is not named gearbridge, so there the names must be relative
    from collections.abc import Callable, Sequence
    from typing import Optional

    import gearbridge_pg_clients as clients
    from gearbridge_pg_errors import SqlError, not_text, null_argument, printable, sql_error
    from gearbridge_pg_session import SessionClient

    from gearbridge import errors
    from gearbridge.client.session import JobStatus
    from gearbridge.records import Priority

    #: known, running, numerator, denominator, percentage, waiting clients
    StatusRow = tuple[bool, bool, int, int, Optional[float], Optional[int]]
else:
    from . import errors
    from . import gearbridge_pg_clients as clients
    from .gearbridge_pg_errors import SqlError, not_text, null_argument, printable, sql_error
    from .records import Priority

_PRIORITIES = {"high": Priority.HIGH, "normal": Priority.NORMAL, "low": Priority.LOW}

_WHOLE_NUMBER = re.compile(rb"\s*([+-]?[0-9]+)")  # what C's atoi reads
_EPOCH = "SELECT extract(epoch FROM $1)::pg_catalog.float8 AS seconds"


def servers_set(servers: str, function: str | None = None) -> bool:
    """Use these servers from now on, for one function or the others."""
    clients.set_servers(servers, function)
    return True


def servers() -> str | None:
    """Return the servers as `servers_set` takes them; None where none are set."""
    return clients.servers()


def allow_servers(servers: str, role: str) -> None:
    """Allow a role to reach these servers and no others."""
    clients.allow(servers, role)


def ping() -> str:
    """Return the time that an echo takes, as an interval."""
    client = clients.for_questions()
    try:
        return f"{client.ready().ping():.6f} seconds"
    except errors.GearbridgeError as error:
        raise sql_error(error) from None


def do_bytes(
    function: str | None, payload: bytes | str | None, unique_key: str | None, priority: str = "normal"
) -> bytes:
    """Run a job in the foreground and return its result."""
    if function is None or payload is None:
        raise null_argument(function)
    client = clients.for_function(function)
    try:
        return client.ready().do(
            function,
            payload,
            unique_key,
            priority=_PRIORITIES[priority],
            on_warning=_warn,
            traceparent=client.traceparent,
        )
    except (errors.GearbridgeError, ValueError) as error:
        raise sql_error(error) from None


def do_text(function: str | None, payload: str | None, unique_key: str | None, priority: str = "normal") -> str | None:
    """Run a job in the foreground and return its result as text; None for an empty one, as pggearman."""
    return _text(do_bytes(function, payload, unique_key, priority))


def do_all_bytes(function: str | None, payloads: Sequence[object] | None) -> list[bytes]:
    """Run a job for each payload in parallel and return the results."""
    name, all_payloads = _checked(function, payloads)
    client = clients.for_function(name)
    try:
        return client.ready().do_all(name, all_payloads, on_warning=_warn, traceparent=client.traceparent)
    except (errors.GearbridgeError, ValueError) as error:
        raise sql_error(error) from None


def do_all_text(function: str | None, payloads: Sequence[object] | None) -> list[str | None]:
    """Run a job for each payload in parallel and return the results as text."""
    return [_text(result) for result in do_all_bytes(function, payloads)]


def sum_all(jobs: Sequence[str | None]) -> int:
    """Run jobs, given as function and payload in turn, and sum the whole numbers that their results begin with."""
    payloads: dict[str, list[str]] = {}
    for function, payload in zip(jobs[::2], jobs[1::2]):
        if function is None or payload is None:
            raise null_argument(function)
        payloads.setdefault(function, []).append(payload)
    results = [result for function in payloads for result in do_all_bytes(function, payloads[function])]
    numbers = [_WHOLE_NUMBER.match(result) for result in results]
    return sum(int(number.group(1)) for number in numbers if number)


def _text(result: bytes) -> str | None:
    try:
        text = result.decode()
    except UnicodeDecodeError as error:
        raise not_text(str(error)) from None
    if "\0" in text:
        raise not_text("it contains NUL, which PostgreSQL's text cannot hold")
    return text or None


def do_background(
    function: str | None, payload: bytes | str | None, unique_key: str | None, priority: str = "normal"
) -> str:
    """Submit a background job and return its handle."""
    if function is None or payload is None:
        raise null_argument(function)
    client = clients.for_function(function)
    try:
        return client.submit(function, payload, unique_key, _PRIORITIES[priority])
    except (errors.GearbridgeError, ValueError) as error:
        raise sql_error(error) from None


def do_background_at(
    function: str | None, payload: bytes | str | None, run_at: str | None, unique_key: str | None
) -> str:
    """Submit a background job that waits for a point in time, written as PostgreSQL writes it."""
    if function is None or payload is None:
        raise null_argument(function)
    client = clients.for_function(function)
    seconds = None if run_at is None else plpy.execute(plpy.prepare(_EPOCH, ["timestamptz"]), [run_at])[0]["seconds"]
    try:
        return client.submit(function, payload, unique_key, run_at=seconds)
    except (errors.GearbridgeError, ValueError) as error:
        raise sql_error(error) from None


def do_background_many(function: str | None, payloads: Sequence[object] | None) -> list[str]:
    """Submit a background job for each payload and return their handles."""
    name, all_payloads = _checked(function, payloads)
    client = clients.for_function(name)
    try:
        return client.ready().do_background_many(name, all_payloads, traceparent=client.traceparent)
    except (errors.GearbridgeError, ValueError) as error:
        raise sql_error(error) from None


def status(handle: str) -> StatusRow:
    """Return a job's status as gman_status()'s row."""
    return _first_known(lambda client: client.status(handle))


def status_by_unique_key(unique_key: str) -> StatusRow:
    """Return a job's status as gman_status_by_unique_key()'s row."""
    return _first_known(lambda client: client.status_by_unique_key(unique_key))


def _first_known(ask: Callable[[SessionClient], JobStatus]) -> StatusRow:
    """Ask the session's client, then those of single functions, until one knows the job."""
    asked = clients.all_clients()
    try:
        for client in asked:
            found = ask(client.ready())
            if found.known:
                break
    except (errors.GearbridgeError, ValueError) as error:
        raise sql_error(error) from None
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
    client = clients.for_questions()
    try:
        lines = client.ready().admin(command)
    except errors.GearbridgeError as error:
        raise sql_error(error) from None
    octets = (line.encode("utf-8", "surrogateescape") for line in lines)
    return [printable(line.decode("utf-8", "backslashreplace")) for line in octets]


def _row(found: JobStatus) -> StatusRow:
    return found.known, found.running, found.numerator, found.denominator, found.percentage, found.waiting_clients


def _checked(function: str | None, payloads: Sequence[object] | None) -> tuple[str, Sequence[str | bytes]]:
    """Return function and payloads, none of which is NULL."""
    if function is None or payloads is None:
        raise null_argument(function)
    for number, payload in enumerate(payloads, 1):
        if payload is None:
            raise SqlError("22004", "gearman payload cannot be NULL", f"Element {number} of the array is NULL.")
        if isinstance(payload, list):
            raise SqlError("2202E", "the payloads must be an array of one dimension")
    return function, cast("Sequence[str | bytes]", payloads)


def _warn(text: bytes) -> None:
    plpy.warning(printable(text.decode("utf-8", "backslashreplace")))
