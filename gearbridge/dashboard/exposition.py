"""Metrics in Prometheus's formats. Each metric is in a table once; docs/reference/metrics.md is checked against them.

Figures are copied in the event loop; the text is made of the copy in a thread, so that a scrape delays no client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder

from gearbridge.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from prometheus_client.core import Metric

    from gearbridge.core.histograms import Histogram

    from .monitor import StoreSnapshot

    Table = Mapping[str, tuple[tuple[str, ...], str]]

#: Functions with series of their own: the first that became known, so that no series comes and goes. The others are
#: summed up under a name that no function needs.
FUNCTIONS = 200
OTHERS = "(others)"

#: Name, labels, help. Counters end in _total, histograms have the unit as their last word.
PROCESS: Table = {
    "gearbridge_info": ((), "Always 1; the label `version` says which gearbridge this is."),
    "gearbridge_ready": ((), "1 while all is well here, as /readyz says."),
}
COUNTED: Table = {
    "gearbridge_table_count_age_seconds": (
        (),
        "For how long changes of other sessions may be missing in what waits in the job table; 0: it has none.",
    )
}
STORE: Table = {
    "gearbridge_store_up": ((), "1 while the store can be reached, full or not."),
    "gearbridge_store_full": ((), "1 while the store has no room on its disk."),
    "gearbridge_store_waiting_bytes": ((), "What waits in memory for its commit."),
    "gearbridge_store_unwritten_ends": ((), "Ends and attempts that could not be written yet."),
    "gearbridge_store_unsettled": ((), "Ends and attempts that are not durable yet; see --unsettled."),
    "gearbridge_commit_group_operations": ((), "Commit groups by their number of operations."),
    "gearbridge_commit_seconds": ((), "How long commit groups took, tries again included."),
}


class Figures(Protocol):
    """All figures of the metrics, at one moment."""

    def collect(self) -> Iterable[Metric]:
        """The metrics; called in a thread."""


def render(figures: Figures, accept: str) -> bytes:
    """The page, in the format that the header Accept asks for."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(figures)
    ProcessCollector(registry=registry)
    encode, _ = choose_encoder(accept)
    return encode(registry)


def of_process(ready: bool) -> Iterable[Metric]:
    """The metrics of PROCESS."""
    info = GaugeMetricFamily("gearbridge_info", PROCESS["gearbridge_info"][1], labels=["version"])
    info.add_metric([__version__], 1)
    yield info
    yield gauge(PROCESS, "gearbridge_ready", ready)


def of_store(store: StoreSnapshot) -> Iterable[Metric]:
    """The metrics of STORE."""
    yield gauge(STORE, "gearbridge_store_up", store.trouble is None or store.full)
    yield gauge(STORE, "gearbridge_store_full", store.full)
    yield gauge(STORE, "gearbridge_store_waiting_bytes", store.waiting_bytes)
    yield gauge(STORE, "gearbridge_store_unwritten_ends", store.kept)
    yield gauge(STORE, "gearbridge_store_unsettled", store.unsettled)
    yield histogram(STORE, "gearbridge_commit_group_operations", [((), store.group_sizes)])
    yield histogram(STORE, "gearbridge_commit_seconds", [((), store.group_seconds)])


def gauge(table: Table, name: str, value: float) -> Metric:
    """A figure without labels."""
    return family(table, name, [((), value)])


def family(table: Table, name: str, rows: Iterable[tuple[Sequence[str], float]]) -> Metric:
    """Make a gauge, or a counter by its name, from rows of the values of its labels, and the figure."""
    labels, text = table[name]
    made = (CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily)(name, text, labels=labels)
    for values, figure in rows:
        made.add_metric(values, figure)
    return made


def histogram(table: Table, name: str, rows: Iterable[tuple[Sequence[str], Histogram]]) -> Metric:
    """A histogram: the values of its labels, and the counts, of each row."""
    labels, text = table[name]
    made = HistogramMetricFamily(name, text, labels=labels)
    for values, counted in rows:
        made.add_metric(values, *_buckets(counted))
    return made


def _buckets(counted: Histogram) -> tuple[list[tuple[str, float]], float]:
    """Buckets as Prometheus wants them, each counting all below it too, and the sum of values."""
    total = 0
    buckets = []
    for bound, count in zip((*counted.bounds, float("inf")), counted.counts, strict=True):
        total += count
        buckets.append(("+Inf" if bound == float("inf") else str(float(bound)), float(total)))
    return buckets, counted.total
