"""`gearbridge top`: functions and workers, as they are now, in the terminal."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from gearbridge.cli.options import servers_option, tls_options
from gearbridge.client.client import Client
from gearbridge.errors import GearbridgeError, ServerError
from gearbridge.top.figures import SORTS, Answers, Reading, read
from gearbridge.top.screen import age, lines, table
from gearbridge.top.terminal import Terminal

from .output import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gearbridge.client.tls import Tls

#: Seconds to connect, and to wait for an answer.
_PATIENCE = 2.0


@click.command("top")
@servers_option
@tls_options
@click.option(
    "--interval", type=click.FloatRange(min=0.1), default=2.0, metavar="SECONDS", help="Time between two updates."
)
@click.option("--sort", type=click.Choice(list(SORTS)), default="waiting", help="Column to sort by.")
@click.option("--once", is_flag=True, help="Print the figures once, as a table; the default without a terminal.")
def command(servers: tuple[str, ...], interval: float, sort: str, once: bool, tls: Tls | None) -> None:
    """Watch job servers, gearmand too: waiting jobs by priority, running jobs, workers and their changes, per function.

    Several servers are added up. Functions with jobs and without a worker are red. Keys: q quits, s sorts by the next
    column, arrows and page keys scroll.

    \b
    Examples:
      gearbridge top
      gearbridge top --servers jobs1,jobs2 --sort change
    """
    clients = {
        server: Client(server, connect_timeout=_PATIENCE, reply_timeout=_PATIENCE, tls=tls) for server in servers
    }
    if once or not (sys.stdout.isatty() and sys.stdin.isatty()):
        reading = _look(clients, None)
        for line in table(reading, sort):
            say(line)
        for note in age(reading):
            say(f"gearbridge: {note}", err=True)
        for server, why in reading.trouble.items():
            say(f"gearbridge: {server}: {why}", err=True)
        sys.exit(3 if reading.trouble else 0)
    with Terminal() as terminal:
        _watch(terminal, clients, interval, sort)


def _watch(terminal: Terminal, clients: Mapping[str, Client], interval: float, sort: str) -> None:
    reading: Reading | None = None
    first = 0
    orders = list(SORTS)
    while True:
        reading = _look(clients, reading)
        until = time.monotonic() + interval
        while (left := until - time.monotonic()) > 0:
            width, height = terminal.size
            last = max(0, len(reading.rows) - 1)
            first = max(0, min(first, last))
            terminal.draw(lines(reading, width, height, sort, first))
            key = terminal.key(left)
            if key == "q":
                return
            if key == "s":
                sort = orders[(orders.index(sort) + 1) % len(orders)]
            first += {"up": -1, "down": 1, "page up": 5 - height, "page down": height - 5}.get(key or "", 0)


def _look(clients: Mapping[str, Client], before: Reading | None) -> Reading:
    answers: dict[str, Answers] = {}
    trouble: dict[str, str] = {}
    for server, client in clients.items():
        try:
            (version,) = client.admin("version")
            status, priorities, workers = (client.admin(line) for line in ("status", "prioritystatus", "workers"))
            own = (_own(client, line) for line in ("nodes", "counted"))
            answers[server] = Answers(version.removeprefix("OK "), status, priorities, workers, *own)
        except GearbridgeError as error:
            trouble[server] = str(error)
    return read(answers, trouble, time.monotonic(), before)


def _own(client: Client, line: str) -> list[str]:
    """Return the answer to a command that gearmand does not have, and older servers: then it is empty."""
    try:
        return client.admin(line)
    except ServerError:
        return []
