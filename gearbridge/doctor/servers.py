"""A job server, gearmand or ours: whether it answers, and whether somebody works for what it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gearbridge.client.client import Client
from gearbridge.errors import ConnectionLost, GearbridgeError, ReplyTimeout, ServerError, ServersUnreachable

from .finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gearbridge.client.tls import Tls

#: Seconds to connect, and to wait for an answer.
PATIENCE = 5.0
#: Functions without a worker that are named; there may be thousands.
_NAMED = 10


class Look(NamedTuple):
    """What was found at a server: findings, the lines of `status`, None without an answer, and its nodes' names."""

    server: str
    findings: list[Finding]
    status: list[str] | None = None
    nodes: tuple[str, ...] = ()


def check_servers(servers: Sequence[str], functions: Sequence[str] = (), tls: Tls | None = None) -> Iterator[Finding]:
    """Look at servers, given as HOST:PORT. `functions` are those that must have a worker.

    Nodes that share a job table show the same waiting jobs: a worker of one works for all.
    """
    looks = [_look(server, tls) for server in servers]
    for look in looks:
        yield from look.findings
        if look.status is not None:
            others = [one.status for one in looks if one is not look and one.nodes == look.nodes != () and one.status]
            yield from _workers(look, others, functions)


def _look(server: str, tls: Tls | None) -> Look:
    with Client(server, connect_timeout=PATIENCE, reply_timeout=PATIENCE, tls=tls) as client:
        try:
            seconds = client.ping()
        except (ServersUnreachable, OSError) as error:
            remedy = f"is it running (gearbridge server), on this port, and does a firewall let you to it? {error}"
            return Look(server, [Finding(server, False, "the server cannot be reached", remedy)])
        except GearbridgeError as error:
            text = f"what listens there is no Gearman server: {error}"
            return Look(server, [Finding(server, False, text, "name another port")])
        findings = [Finding(server, True, f"the server answers, after {seconds * 1000:.1f} ms")]
        try:
            (version,) = client.admin("version")
            findings.append(Finding(server, True, f"the admin protocol answers: {version.removeprefix('OK ')}"))
            return Look(server, findings, client.admin("status"), _nodes(client))
        except (GearbridgeError, ConnectionLost, ReplyTimeout) as error:
            text = f"the admin protocol does not answer: {error}"
            return Look(server, [*findings, Finding(server, False, text, "does a proxy stand between?")])


def _nodes(client: Client) -> tuple[str, ...]:
    """Return the names of the nodes that share the server's job table; gearmand has none."""
    try:
        return tuple(sorted(line.split("\t", 1)[0] for line in client.admin("nodes")))
    except ServerError:
        return ()


def _figures(status: list[str]) -> dict[str, tuple[int, int]]:
    """Return each function's jobs and workers."""
    return {name: (int(jobs), int(workers)) for name, jobs, _, workers in (line.rsplit("\t", 3) for line in status)}


def _workers(look: Look, others: list[list[str]], functions: Sequence[str]) -> Iterator[Finding]:
    server, figures = look.server, _figures(look.status or [])
    elsewhere = {name for status in others for name, (_, workers) in _figures(status).items() if workers}
    served = sum(1 for _, workers in figures.values() if workers)
    for name in functions:
        jobs, workers = figures.get(name, (0, 0))
        yield Finding(server, workers > 0 or name in elsewhere, f"{name}: {workers} workers, {jobs} jobs", _start(name))
    alone = [
        name
        for name, (jobs, workers) in figures.items()
        if jobs and not workers and name not in elsewhere and name not in functions
    ]
    unseen = len(look.nodes) - len(others) - 1
    also = f" here; {unseen} more nodes share the jobs, and were not asked" if unseen > 0 else ""
    for name in alone[:_NAMED]:
        yield Finding(server, False, f"{name}: {figures[name][0]} jobs, and no worker{also}", _start(name))
    if len(alone) > _NAMED:
        yield Finding(server, False, f"{len(alone) - _NAMED} more functions have jobs and no worker", "as above")
    if not alone:
        yield Finding(server, True, f"no function waits for its first worker; {served} have one")


def _start(function: str) -> str:
    return f"start one, for instance: gearbridge work {function} -- COMMAND"
