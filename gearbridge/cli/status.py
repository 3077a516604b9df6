"""`gearbridge status`: how far a job is."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import click

from gearbridge.cli.options import as_name, servers_option, tls_options
from gearbridge.client.client import Client

from .output import say

if TYPE_CHECKING:
    from gearbridge.client.client import JobStatus
    from gearbridge.client.tls import Tls


@click.command("status")
@click.argument("handle", callback=as_name)
@click.option("--unique", "-u", is_flag=True, help="Take HANDLE as a unique key.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.option("--follow", "-f", is_flag=True, help="Print every change until the job is gone.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.01),
    default=0.2,
    show_default=True,
    metavar="SECONDS",
    help="Time between two requests with --follow.",
)
@servers_option
@tls_options
def command(
    handle: bytes,
    unique: bool,
    as_json: bool,
    follow: bool,
    interval: float,
    servers: tuple[str, ...],
    tls: Tls | None,
) -> None:
    """Show the status of the job with HANDLE.

    Gearman forgets a job when it is done, so a job that is unknown is finished, or never was.

    \b
    Exit status:
      0  the job is known; with --follow, it was at first
      1  the job is unknown
      2  wrong usage
      3  no server could be reached, or it did not answer in time

    \b
    Examples:
      gearbridge status H:host:42
      gearbridge status --follow --json H:host:42
    """
    with Client(servers, tls=tls) as client:
        ask = client.status_by_unique_key if unique else client.status
        status = ask(handle)
        known = status.known
        _print(handle, status, as_json)
        while follow and status.known:
            time.sleep(interval)
            before, status = status, ask(handle)
            if status != before:
                _print(handle, status, as_json)
    sys.exit(0 if known else 1)


def _print(handle: bytes, status: JobStatus, as_json: bool) -> None:
    name = handle.decode("utf-8", "backslashreplace")
    if as_json:
        waiting = {} if status.waiting_clients is None else {"waiting_clients": status.waiting_clients}
        fields = {
            "handle": name,
            "known": status.known,
            "running": status.running,
            "numerator": status.numerator,
            "denominator": status.denominator,
            "percentage": status.percentage,
            **waiting,
        }
        click.echo(json.dumps(fields))
        return
    if not status.known:
        state = "unknown (finished, or never was)"
    elif not status.running:
        state = "waiting for a worker"
    else:
        state = "running"
    if status.percentage is not None:
        state += f", {status.percentage:.0f} % ({status.numerator}/{status.denominator})"
    if status.waiting_clients:
        state += f", {status.waiting_clients} waiting for it"
    say(f"{name}: {state}")
