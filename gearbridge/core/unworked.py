"""Functions whose jobs wait and that have no worker: found by a look over all functions now and then.

Rules of this file:
1. A function is reported once it was found so for `GRACE` seconds, and once more when that is over.
2. Where nodes share the table another one may work: only a function whose waiting jobs did not become fewer for
   `SHARED_GRACE` seconds is reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .function import Function
    from .state import State

#: Seconds between two looks.
PAUSE = 5.0
GRACE = 10.0
SHARED_GRACE = 60.0


class NobodyWorks(NamedTuple):
    """Jobs of a function wait for `seconds` by now, and no worker of this server can do them."""

    function: bytes
    jobs: int
    seconds: float


class WorkedAgain(NamedTuple):
    """A reported function has a worker again, or `jobs` is 0: none of its jobs waits any more."""

    function: bytes
    jobs: int
    seconds: float


class _Found:
    """A function as it was found: since when, with how many jobs, and whether it was reported."""

    __slots__ = ("jobs", "reported", "since")

    def __init__(self, since: float, jobs: int) -> None:
        self.since = since
        self.jobs = jobs
        self.reported = False


class Unworked:
    """The functions without workers of one server."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._found: dict[bytes, _Found] = {}

    def look(self, now: float) -> list[NobodyWorks | WorkedAgain]:
        """Return what has begun and what has ended since the last look."""
        before, self._found = self._found, {}
        reports: list[NobodyWorks | WorkedAgain] = []
        grace = SHARED_GRACE if self._state.shared else GRACE
        for function in self._state.queue.functions.values():
            if function.workers or not (function.total or any(function.enqueued)):
                continue
            jobs = _waiting(function)
            if not jobs:
                continue
            found = before.pop(function.name, None) or _Found(now, jobs)
            if self._state.shared and jobs < found.jobs:  # another node works
                found.since = now
            found.jobs = jobs
            self._found[function.name] = found
            if not found.reported and now - found.since >= grace:
                found.reported = True
                reports.append(NobodyWorks(function.name, jobs, now - found.since))
        for name, found in before.items():
            if found.reported:
                known = self._state.queue.functions.get(name)
                jobs = 0 if known is None else _waiting(known)
                reports.append(WorkedAgain(name, jobs, now - found.since))
        return reports


def _waiting(function: Function) -> int:
    """Return the number of its jobs that a worker could have now."""
    return sum(function.waiting(priority) for priority in (0, 1, 2))
