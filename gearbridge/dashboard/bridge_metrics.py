"""The metrics of a bridge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gearbridge.bridge.tally import Tally

from .bridge_view import WaitingSnapshot, sum_of
from .exposition import COUNTED, FUNCTIONS, OTHERS, PROCESS, STORE, family, gauge, of_process, of_store
from .text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prometheus_client.core import Metric

    from .bridge_view import BridgeView, InFlightSnapshot, JobServerSnapshot
    from .exposition import Table
    from .monitor import StoreSnapshot

_PREFIX = "gearbridge_bridge_"
_BY_FUNCTION: Table = {
    "gearbridge_bridge_jobs_in_hand": (("function",), "Jobs that were claimed and are not settled."),
    "gearbridge_bridge_jobs_claimed_total": (("function",), "Jobs that were taken from the job table."),
    "gearbridge_bridge_jobs_handed_over_total": (("function",), "Jobs that were settled once the job server had them."),
    "gearbridge_bridge_jobs_completed_total": (("function",), "Jobs that were followed, and done with success."),
    "gearbridge_bridge_jobs_failed_total": (("function",), "Jobs that failed for good, or that no packet can carry."),
    "gearbridge_bridge_jobs_retried_total": (("function",), "Attempts that failed, and after which there is another."),
    "gearbridge_bridge_jobs_resubmitted_total": (
        ("function",),
        "Submissions made again: the link was lost, or the job server has lost the job.",
    ),
    "gearbridge_bridge_jobs_refused_total": (
        ("function",),
        "Submissions that the job server did not take, as one that is full; not settled yet.",
    ),
}
_WAITING: Table = {
    "gearbridge_bridge_jobs_waiting": (("function",), "Jobs in the job table that may be claimed and are not."),
    "gearbridge_bridge_jobs_scheduled": (("function",), "Jobs in the job table that are due later."),
    "gearbridge_bridge_oldest_job_seconds": (("function",), "Age of the oldest of those that wait; 0: none waits."),
}
METRICS: Table = {
    **PROCESS,
    "gearbridge_bridge_active": ((), "1 while it has the job table, 0 while it stands by."),
    "gearbridge_bridge_job_server_connected": (("server",), "1 for the job server that jobs go to."),
    "gearbridge_bridge_functions": ((), "Functions that had a claimed job, or have one that waits."),
    "gearbridge_bridge_jobs": (
        ("state",),
        "Claimed jobs: `later` wait until they are due, `ready` for a job server, `sent` for its replies.",
    ),
    **_BY_FUNCTION,
    **_WAITING,
    **COUNTED,
    **STORE,
}


@dataclass(frozen=True, eq=False)  # a registry of metrics wants it hashable
class BridgeFigures:
    """A bridge's Figures. `store` is None while it stands by."""

    ready: bool
    active: bool
    servers: Sequence[JobServerSnapshot]
    known: int
    in_hand: InFlightSnapshot
    functions: Sequence[tuple[str, Tally]]
    waiting: Sequence[tuple[str, WaitingSnapshot]]
    counted: float | None
    store: StoreSnapshot | None

    def collect(self) -> Iterable[Metric]:
        yield from of_process(self.ready)
        yield gauge(METRICS, "gearbridge_bridge_active", self.active)
        connected = (((one.server,), one.connected) for one in self.servers)
        yield family(METRICS, "gearbridge_bridge_job_server_connected", connected)
        yield gauge(METRICS, "gearbridge_bridge_functions", self.known)
        states = (((state,), count) for state, count in self.in_hand._asdict().items())
        yield family(METRICS, "gearbridge_bridge_jobs", states)
        for metric in _BY_FUNCTION:
            field = metric.removeprefix(_PREFIX).removeprefix("jobs_").removesuffix("_total")
            yield family(METRICS, metric, (((name,), getattr(tally, field)) for name, tally in self.functions))
        for metric, values in (
            ("gearbridge_bridge_jobs_waiting", (((name,), one.waiting) for name, one in self.waiting)),
            ("gearbridge_bridge_jobs_scheduled", (((name,), one.scheduled) for name, one in self.waiting)),
            ("gearbridge_bridge_oldest_job_seconds", (((name,), one.oldest or 0) for name, one in self.waiting)),
        ):
            yield family(METRICS, metric, values)
        yield gauge(METRICS, "gearbridge_table_count_age_seconds", self.counted or 0)
        if self.store is not None:
            yield from of_store(self.store)


def read(view: BridgeView) -> BridgeFigures:
    """Read the figures; quick, to be called in the event loop."""
    waiting = view.waiting()
    functions = dict(view.functions())
    names = [*functions, *(name for name in waiting if name not in functions)]
    own = [(shown(name), functions.get(name, Tally())) for name in names[:FUNCTIONS]]
    own_waiting = [(shown(name), waiting.get(name, WaitingSnapshot())) for name in names[:FUNCTIONS]]
    rest = names[FUNCTIONS:]
    others = sum((functions[name] for name in rest if name in functions), view.forgotten())
    if rest or others != Tally():
        own.append((OTHERS, others))
        own_waiting.append((OTHERS, sum_of(waiting[name] for name in rest if name in waiting)))
    return BridgeFigures(
        view.not_ready() is None,
        view.active,
        view.servers(),
        len(names),
        view.in_hand(),
        own,
        own_waiting,
        view.counted(),
        view.store(),
    )
