"""Metrics in Prometheus's formats. The table says each metric once; docs/reference/metrics.md is checked against it.

What is read in the event loop is copied; the text is made of the copy in a thread, so that a scrape delays nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder

from gearbridge.version import __version__

from .seen import FunctionSeen
from .text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prometheus_client.core import Metric

    from gearbridge.core.timing import Histogram

    from .seen import Seen, StoreSeen, TimesSeen

#: Functions with series of their own: the first that became known, so that no series comes and goes. The others are
#: summed up under a name that no function needs.
FUNCTIONS = 200
OTHERS = "(others)"
_PRIORITIES = ("high", "normal", "low")

#: Name, labels, help. Counters end in _total, histograms have the unit as their last word.
METRICS = {
    "gearbridge_info": ((), "Always 1; the label `version` says which gearbridge this is."),
    "gearbridge_ready": ((), "1 while work may be sent here, as /readyz says."),
    "gearbridge_connections": ((), "Open connections: clients, workers, admin tools."),
    "gearbridge_functions": ((), "Functions that are known."),
    "gearbridge_jobs_queued": (("function", "priority"), "Jobs that a worker may take."),
    "gearbridge_jobs_later": (("function",), "Jobs that wait for their commit, or for the time when they are due."),
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
    "gearbridge_store_up": ((), "1 while the store can be reached."),
    "gearbridge_store_waiting_bytes": ((), "What waits in memory for its commit."),
    "gearbridge_store_unwritten_ends": ((), "Ends and attempts that could not be written yet."),
    "gearbridge_commit_group_operations": ((), "Commit groups by their number of operations."),
    "gearbridge_commit_seconds": ((), "How long commit groups took, tries again included."),
}


class Figures(NamedTuple):
    """All that the metrics say, at one moment."""

    ready: bool
    connections: int
    known: int
    functions: Sequence[FunctionSeen]
    times: Sequence[TimesSeen]
    store: StoreSeen


def read(seen: Seen) -> Figures:
    """Read the figures; quick, to be called in the event loop."""
    functions = seen.functions()
    own, rest = functions[:FUNCTIONS], [*functions[FUNCTIONS:], seen.forgotten()]
    others = _sum(rest)
    if others.submitted or len(rest) > 1:
        own = [*own, others]
    return Figures(
        seen.not_ready() is None, seen.connections(), len(functions), own, seen.times(FUNCTIONS), seen.store()
    )


def render(figures: Figures, accept: str) -> tuple[bytes, str]:
    """The page and its content type, in the format that the header Accept asks for."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(figures))
    ProcessCollector(registry=registry)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Collector:
    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        figures, store = self._figures, self._figures.store
        info = GaugeMetricFamily("gearbridge_info", METRICS["gearbridge_info"][1], labels=["version"])
        info.add_metric([__version__], 1)
        yield info
        yield _gauge("gearbridge_ready", figures.ready)
        yield _gauge("gearbridge_connections", figures.connections)
        yield _gauge("gearbridge_functions", figures.known)
        yield from _by_function(figures.functions)
        for name, histograms in (
            ("gearbridge_job_wait_seconds", [(one.name, one.waits) for one in figures.times]),
            ("gearbridge_job_run_seconds", [(one.name, one.runs) for one in figures.times]),
        ):
            family = HistogramMetricFamily(name, METRICS[name][1], labels=["function"])
            for function, histogram in histograms:
                family.add_metric([shown(function)], *_buckets(histogram))
            yield family
        yield _gauge("gearbridge_store_up", store.trouble is None)
        yield _gauge("gearbridge_store_waiting_bytes", store.waiting_bytes)
        yield _gauge("gearbridge_store_unwritten_ends", store.kept)
        yield _histogram("gearbridge_commit_group_operations", store.group_sizes)
        yield _histogram("gearbridge_commit_seconds", store.group_seconds)


def _by_function(functions: Sequence[FunctionSeen]) -> Iterable[Metric]:
    names = [shown(one.name) if one.name else OTHERS for one in functions]
    queued = GaugeMetricFamily(
        "gearbridge_jobs_queued", METRICS["gearbridge_jobs_queued"][1], labels=["function", "priority"]
    )
    for name, one in zip(names, functions, strict=True):
        for priority, count in zip(_PRIORITIES, one.queued, strict=True):
            queued.add_metric([name, priority], count)
    yield queued
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
        kind = CounterMetricFamily if metric.endswith("_total") else GaugeMetricFamily
        family = kind(metric, METRICS[metric][1], labels=["function"])
        for name, value in zip(names, values, strict=True):
            family.add_metric([name], value)
        yield family


def _sum(functions: Sequence[FunctionSeen]) -> FunctionSeen:
    """Many functions as one without a name. Its oldest job is the oldest of all."""
    ages = [one.oldest for one in functions if one.oldest is not None]
    high, normal, low = (sum(one.queued[priority] for one in functions) for priority in (0, 1, 2))
    return FunctionSeen(
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


def _gauge(name: str, value: float) -> Metric:
    return GaugeMetricFamily(name, METRICS[name][1], value=value)


def _histogram(name: str, histogram: Histogram) -> Metric:
    family = HistogramMetricFamily(name, METRICS[name][1])
    family.add_metric([], *_buckets(histogram))
    return family


def _buckets(histogram: Histogram) -> tuple[list[tuple[str, float]], float]:
    """Buckets as Prometheus wants them, each counting all below it too, and the sum of values."""
    total = 0
    buckets = []
    for bound, count in zip((*histogram.bounds, float("inf")), histogram.counts, strict=True):
        total += count
        buckets.append(("+Inf" if bound == float("inf") else str(float(bound)), float(total)))
    return buckets, histogram.total
