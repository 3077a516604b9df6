"""`gearbridge bench`: a load on any Gearman server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from gearbridge.bench.background import submit, work
from gearbridge.bench.foreground import round_trips
from gearbridge.cli.options import tls_options
from gearbridge.client.connection import parse_servers

if TYPE_CHECKING:
    from gearbridge.bench.lanes import Phase
    from gearbridge.client.tls import Tls


@click.command("bench")
@click.option("--servers", metavar="HOST:PORT", default="127.0.0.1:4730", help="The server to measure (one).")
@click.option("--jobs", type=click.IntRange(1), default=100_000, help="Number of jobs.")
@click.option("--size", type=click.IntRange(0), default=64, help="Payload size in bytes.")
@click.option("--connections", type=click.IntRange(1), default=4, help="Number of submitting connections.")
@click.option("--in-flight", type=click.IntRange(1), default=100, help="Submits in flight on each connection.")
@click.option("--workers", type=click.IntRange(0), default=16, help="Number of workers; 0 leaves the jobs queued.")
@click.option("--foreground", is_flag=True, help="Submit foreground jobs, which measures round trips.")
@click.option(
    "--function", metavar="NAME", default="gearbridge_bench", help="The function; it must have no other jobs."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@tls_options
def command(
    servers: str,
    jobs: int,
    size: int,
    connections: int,
    in_flight: int,
    workers: int,
    function: str,
    tls: Tls | None,
    *,
    foreground: bool,
    as_json: bool,
) -> None:
    """Submit background jobs to a Gearman server, then work them off; print jobs/s and latencies.

    Works with any Gearman server, gearmand included. The jobs are real: on a server that keeps jobs they are written
    and deleted. Do not point it at a server in use.

    \b
    Examples:
      gearbridge bench --servers 127.0.0.1:4730 --jobs 20000
      gearbridge bench --foreground --connections 8 --in-flight 32 --workers 8
    """
    addresses = parse_servers(servers)
    if len(addresses) != 1:
        raise click.UsageError("bench measures one server at a time")
    if foreground and not workers:
        raise click.UsageError("foreground jobs need workers")
    name = function.encode()
    context = None if tls is None else tls.context()
    phases: dict[str, Phase] = {}
    clients = f"{connections} connections, {in_flight} in flight"

    def show(phase: str, result: Phase, how: str) -> None:
        phases[phase] = result
        if not as_json:
            _print(phase, result, how)

    if foreground:
        done = round_trips(addresses[0], name, jobs, size, connections, in_flight, workers, context)
        show("trips", done, f"{clients}, {workers} workers")
    else:
        show("submit", submit(addresses[0], name, jobs, size, connections, in_flight, context), clients)
        if workers:
            show("work", work(addresses[0], name, jobs, workers, context), f"{workers} workers")
    if as_json:
        click.echo(json.dumps({phase: {"rate": one.rate, **one._asdict()} for phase, one in phases.items()}))


def _print(name: str, phase: Phase, how: str) -> None:
    click.echo(
        f"{name:<7}{phase.jobs:>9,} jobs {phase.rate:>10,.0f} jobs/s   "
        f"p50 {phase.p50 * 1000:8.3f} ms   p99 {phase.p99 * 1000:8.3f} ms   ({how})"
    )
