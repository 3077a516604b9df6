"""Log lines about single jobs: taken from a worker that was too slow, lost with their worker, failed for good.

Workers cause them, so their rate is limited, and what they send is quoted.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from gearbridge.core.incidents import FailedJob, LostWorker, TimeOut
from gearbridge.process.rate_limited_log import RateLimitedLog

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gearbridge.core.incidents import Incident

#: Lines of a kind in each ten seconds.
_BURST = 5
#: Characters of an error that are logged.
_MOST_ERROR = 200

_log = logging.getLogger(__name__)


class IncidentLog:
    """The log of one server."""

    def __init__(self) -> None:
        self._logs = {kind: RateLimitedLog(_log, burst=_BURST) for kind in (TimeOut, LostWorker, FailedJob)}
        self._notices = RateLimitedLog(_log, burst=_BURST)

    def write(self, taken: Iterable[tuple[Sequence[Incident], int]], notices: Iterable[str] = ()) -> None:
        """Log what `Engine.take_incidents` and `Engine.take_notices` returned."""
        for notice in notices:
            self._notices.warn("%s", notice)
        for incidents, more in taken:
            log = self._logs[type(incidents[0])]
            for incident in incidents:
                handle = incident.handle.decode("ascii", "backslashreplace")
                function = incident.function.decode("utf-8", "backslashreplace")
                log.warn("%s", _described(incident), extra={"handles": [handle], "functions": [function]})
            log.leave_out(more)


def _described(incident: Incident) -> str:
    job = f"job {incident.handle.decode('ascii', 'backslashreplace')} (function {_quoted(incident.function)})"
    if isinstance(incident, FailedJob):
        attempts = f", after {incident.attempts} earlier attempts" if incident.attempts else ""
        return f"{job} has failed for good{attempts}: {incident.error[:_MOST_ERROR]!r}"
    worker = f"worker {incident.address} ({_quoted(incident.client_id)})"
    if isinstance(incident, LostWorker):
        return f"{job} has lost its {worker}, whose connection ended"
    return f"{job} was taken from its {worker}, which did not end it within its time-out of {incident.seconds:g} s"


def _quoted(name: bytes) -> str:
    # Names come from workers: as a literal, no line end or escape sequence of theirs gets into the log.
    return repr(name.decode("utf-8", "backslashreplace"))
