"""Calls from SQL straight to a job server, in one session: the first, one by one in one statement, and many at once.

    python -m tests.bench.direct_calls [--calls N] [--rounds N]

Each round prints a line; the best and the median tell more than one figure, because on an idle machine most of a call's
time is the waking of a core that sleeps. The job server keeps its jobs in memory.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gearbridge.extension.build import build
from gearbridge.extension.cluster import TemporaryCluster
from tests.fixtures.postgres import make_database, value
from tests.fixtures.server import GearbridgeServer

if TYPE_CHECKING:
    from tests.fixtures.postgres import Database, Session

ONE_BY_ONE = "SELECT count(gman_do_background('bench', 'x')) FROM generate_series(1, %s)"
MANY = """
    SELECT count(gman_do_background_many('bench', payloads))
    FROM (SELECT array_agg('x'::text) AS payloads FROM generate_series(1, %s) AS n GROUP BY n / 1000) AS batch
"""

#: What is promised: milliseconds at most, and calls a second at least.
PROMISED = {"first": 100.0, "one by one": 20_000.0, "many": 100_000.0}


def seconds(session: Session, query: str, *parameters: object) -> float:
    """How long a query takes."""
    begin = time.perf_counter()
    value(session, query, *parameters)
    return time.perf_counter() - begin


def one_round(database: Database, role: str, calls: int) -> dict[str, float]:
    """A new session of an application's role, which was granted these calls and is allowed this server."""
    with database.connect(role) as session:
        return {
            "first": 1000 * seconds(session, "SELECT gman_do_background('bench', 'x')"),
            "one by one": calls / seconds(session, ONE_BY_ONE, calls),
            "many": 10 * calls / seconds(session, MANY, 10 * calls),
        }


@click.command()
@click.option("--calls", default=20_000, help="Calls in the statement, and a tenth of the jobs of the many.")
@click.option("--rounds", default=5, help="How often each is measured.")
def main(calls: int, rounds: int) -> None:
    """Measure direct calls from SQL, and compare them with what is promised."""
    with (
        TemporaryCluster() as cluster,
        tempfile.TemporaryDirectory() as folder,
        GearbridgeServer(Path(folder), "--store", "memory:") as server,
    ):
        build(cluster.installation.extensions)
        database = make_database(cluster)
        with database.connect() as admin:
            admin.execute("CREATE EXTENSION gearbridge_direct CASCADE")
            admin.execute("CREATE ROLE application")
            admin.execute("SELECT gearbridge.grant_submit('application', 'bench')")
            admin.execute("SELECT gearbridge.allow_servers(%s)", (server.address,))
        measured = [one_round(database, "application", calls) for _ in range(rounds)]
    click.echo("direct calls   " + "".join(f"{name:>24}" for name in PROMISED))
    for one in measured:
        click.echo("               " + "".join(f"{figure:>24,.1f}" for figure in one.values()))
    medians = {name: statistics.median(one[name] for one in measured) for name in PROMISED}
    for name, promised in PROMISED.items():
        unit, good = ("ms", medians[name] <= promised) if name == "first" else ("/s", medians[name] >= promised)
        click.echo(
            f"{name:12} median {medians[name]:>12,.1f} {unit}, promised {promised:,.0f}: {'ok' if good else 'SHORT'}"
        )


if __name__ == "__main__":
    main()
