"""The metrics of a bridge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gearbridge.bridge.tally import Tally

from .exposition import FUNCTIONS, OTHERS, PROCESS, STORE, family, gauge, of_process, of_store
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
METRICS: Table = {
    **PROCESS,
    "gearbridge_bridge_active": ((), "1 while it has the job table, 0 while it stands by."),
    "gearbridge_bridge_job_server_connected": (("server",), "1 for the job server that jobs go to."),
    "gearbridge_bridge_functions": ((), "Functions that had a claimed job."),
    "gearbridge_bridge_jobs": (
        ("state",),
        "Claimed jobs: `later` wait until they are due, `ready` for a job server, `sent` for its replies.",
    ),
    **_BY_FUNCTION,
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
        if self.store is not None:
            yield from of_store(self.store)


def read(view: BridgeView) -> BridgeFigures:
    """Read the figures; quick, to be called in the event loop."""
    functions = view.functions()
    own = [(shown(name), tally) for name, tally in functions[:FUNCTIONS]]
    others = sum((tally for _, tally in functions[FUNCTIONS:]), view.forgotten())
    if others != Tally():
        own.append((OTHERS, others))
    return BridgeFigures(
        view.not_ready() is None, view.active, view.servers(), len(functions), view.in_hand(), own, view.store()
    )
