"""The metrics of a job server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gearbridge.core.snapshot import FunctionSnapshot
from gearbridge.records import PRIORITIES

from .exposition import COUNTED, FUNCTIONS, OTHERS, PROCESS, STORE, family, gauge, histogram, of_process, of_store
from .text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prometheus_client.core import Metric

    from gearbridge.core.snapshot import TimesSnapshot

    from .exposition import Table
    from .monitor import Monitor, NodesSnapshot, StoreSnapshot

_OWN: Table = {
    "gearbridge_connections": ((), "Open connections: clients, workers, admin tools."),
    "gearbridge_functions": ((), "Functions that are known."),
    "gearbridge_functions_without_workers": ((), "Functions that have waiting jobs and no worker."),
    "gearbridge_jobs_queued": (
        ("function", "priority"),
        "Jobs that a worker may take, those in the job table included.",
    ),
    "gearbridge_jobs_later": (
        ("function",),
        "Jobs that wait for their commit, or until they are due, those in the job table included.",
    ),
    "gearbridge_jobs_running": (("function",), "Jobs that a worker has."),
    "gearbridge_workers": (("function",), "Connections that can do the function."),
    "gearbridge_oldest_job_seconds": (("function",), "How long the job waits that has waited longest; 0: none waits."),
    "gearbridge_jobs_submitted_total": (("function",), "Jobs that came, by packet, HTTP or claim; not those joined."),
    "gearbridge_jobs_completed_total": (("function",), "Jobs that were done with success."),
    "gearbridge_jobs_failed_total": (("function",), "Jobs that failed for good."),
    "gearbridge_jobs_retried_total": (
        ("function",),
        "Attempts that are made again: lost with a worker, or failed.",
    ),
    "gearbridge_jobs_cancelled_total": (("function",), "Jobs that an administrator ended."),
    "gearbridge_jobs_abandoned_total": (("function",), "Jobs that nobody waited for any more, or the store refused."),
    "gearbridge_job_wait_seconds": (("function",), "From when a worker could have the job until one had it (sampled)."),
    "gearbridge_job_run_seconds": (("function",), "From when a worker had the job until its end (sampled)."),
}
_NODES: Table = {
    "gearbridge_nodes": ((), "Nodes that share the job table, this one included; 0 without --node."),
    "gearbridge_nodes_lost_total": ((), "Nodes that this one has removed, because their lease was over."),
}
METRICS: Table = {**PROCESS, **_OWN, **COUNTED, **_NODES, **STORE}


@dataclass(frozen=True, eq=False)  # a registry of metrics wants it hashable
class ServerFigures:
    """A job server's Figures."""

    ready: bool
    connections: int
    known: int
    without_workers: int
    functions: Sequence[FunctionSnapshot]
    times: Sequence[TimesSnapshot]
    counted: float | None
    nodes: NodesSnapshot
    store: StoreSnapshot

    def collect(self) -> Iterable[Metric]:
        yield from of_process(self.ready)
        yield gauge(METRICS, "gearbridge_connections", self.connections)
        yield gauge(METRICS, "gearbridge_functions", self.known)
        yield gauge(METRICS, "gearbridge_functions_without_workers", self.without_workers)
        yield from _by_function(self.functions)
        waits = [((shown(one.name),), one.waits) for one in self.times]
        yield histogram(METRICS, "gearbridge_job_wait_seconds", waits)
        runs = [((shown(one.name),), one.runs) for one in self.times]
        yield histogram(METRICS, "gearbridge_job_run_seconds", runs)
        yield gauge(METRICS, "gearbridge_table_count_age_seconds", self.counted or 0)
        yield gauge(METRICS, "gearbridge_nodes", self.nodes.known)
        yield gauge(METRICS, "gearbridge_nodes_lost_total", self.nodes.removed)
        yield from of_store(self.store)


def read(seen: Monitor) -> ServerFigures:
    """Read the figures; quick, to be called in the event loop."""
    functions = seen.functions()
    own, rest = functions[:FUNCTIONS], [*functions[FUNCTIONS:], seen.forgotten()]
    others = _sum(rest)
    if others.submitted or len(rest) > 1:
        own = [*own, others]
    return ServerFigures(
        seen.not_ready() is None,
        seen.connections(),
        len(functions),
        sum(1 for one in functions if one.lacks_workers),
        own,
        seen.times(FUNCTIONS),
        seen.counted(),
        seen.nodes(),
        seen.store(),
    )


def _by_function(functions: Sequence[FunctionSnapshot]) -> Iterable[Metric]:
    names = [shown(one.name) if one.name else OTHERS for one in functions]
    queued = (
        ((name, priority), count)
        for name, one in zip(names, functions, strict=True)
        for priority, count in zip(PRIORITIES, one.queued, strict=True)
    )
    yield family(METRICS, "gearbridge_jobs_queued", queued)
    fields: dict[str, list[float]] = {
        "gearbridge_jobs_later": [one.later for one in functions],
        "gearbridge_jobs_running": [one.running for one in functions],
        "gearbridge_workers": [one.workers for one in functions],
        "gearbridge_oldest_job_seconds": [one.oldest or 0 for one in functions],
        "gearbridge_jobs_submitted_total": [one.submitted for one in functions],
        "gearbridge_jobs_completed_total": [one.completed for one in functions],
        "gearbridge_jobs_failed_total": [one.failed for one in functions],
        "gearbridge_jobs_retried_total": [one.retried for one in functions],
        "gearbridge_jobs_cancelled_total": [one.cancelled for one in functions],
        "gearbridge_jobs_abandoned_total": [one.abandoned for one in functions],
    }
    for metric, values in fields.items():
        yield family(METRICS, metric, (((name,), value) for name, value in zip(names, values, strict=True)))


def _sum(functions: Sequence[FunctionSnapshot]) -> FunctionSnapshot:
    """Many functions as one without a name. Its oldest job is the oldest of all."""
    ages = [one.oldest for one in functions if one.oldest is not None]
    high, normal, low = (sum(one.queued[priority] for one in functions) for priority in (0, 1, 2))
    return FunctionSnapshot(
        b"",
        (high, normal, low),
        sum(one.later for one in functions),
        sum(one.running for one in functions),
        sum(one.workers for one in functions),
        max(ages, default=None),
        sum(one.submitted for one in functions),
        sum(one.completed for one in functions),
        sum(one.failed for one in functions),
        sum(one.retried for one in functions),
        sum(one.cancelled for one in functions),
        sum(one.abandoned for one in functions),
    )
