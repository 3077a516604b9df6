"""A job server, gearmand or ours: whether it answers, and whether somebody works for what it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.client.client import Client
from gearbridge.errors import ConnectionLost, GearbridgeError, ReplyTimeout, ServersUnreachable

from .finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gearbridge.client.tls import Tls

#: Seconds to connect, and to wait for an answer.
PATIENCE = 5.0
#: Functions without a worker that are named; there may be thousands.
_NAMED = 10


def check_server(server: str, functions: Sequence[str] = (), tls: Tls | None = None) -> Iterator[Finding]:
    """Look at a server, given as HOST:PORT. `functions` are those that must have a worker."""
    with Client(server, connect_timeout=PATIENCE, reply_timeout=PATIENCE, tls=tls) as client:
        try:
            seconds = client.ping()
        except (ServersUnreachable, OSError) as error:
            remedy = f"is it running (gearbridge server), on this port, and does a firewall let you to it? {error}"
            yield Finding(server, False, "the server cannot be reached", remedy)
            return
        except GearbridgeError as error:
            yield Finding(server, False, f"what listens there is no Gearman server: {error}", "name another port")
            return
        yield Finding(server, True, f"the server answers, after {seconds * 1000:.1f} ms")
        try:
            (version,) = client.admin("version")
            yield Finding(server, True, f"the admin protocol answers: {version.removeprefix('OK ')}")
            yield from _workers(server, client.admin("status"), functions)
        except (GearbridgeError, ConnectionLost, ReplyTimeout) as error:
            yield Finding(server, False, f"the admin protocol does not answer: {error}", "does a proxy stand between?")


def _workers(server: str, status: list[str], functions: Sequence[str]) -> Iterator[Finding]:
    figures = {name: (int(jobs), int(workers)) for name, jobs, _, workers in (line.rsplit("\t", 3) for line in status)}
    served = sum(1 for _, workers in figures.values() if workers)
    for name in functions:
        jobs, workers = figures.get(name, (0, 0))
        yield Finding(server, workers > 0, f"{name}: {workers} workers, {jobs} jobs", _start(name))
    alone = [name for name, (jobs, workers) in figures.items() if jobs and not workers and name not in functions]
    for name in alone[:_NAMED]:
        yield Finding(server, False, f"{name}: {figures[name][0]} jobs, and no worker", _start(name))
    if len(alone) > _NAMED:
        yield Finding(server, False, f"{len(alone) - _NAMED} more functions have jobs and no worker", "as above")
    if not alone:
        yield Finding(server, True, f"no function waits for its first worker; {served} have one")


def _start(function: str) -> str:
    return f"start one, for instance: gearbridge work {function} -- COMMAND"
