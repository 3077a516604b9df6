"""Finding jobs for a worker that can do very many functions.

A worker of few functions looks at each of them for a job, and is listed in each while it sleeps. One of thousands, as a
worker that serves one function for each tenant, does not: its functions report to it when their first job comes, so
that a grab, a sleep and a wake-up look only at functions that have jobs.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .function import Function, FunctionWorker
    from .jobs import Job
    from .queue import JobQueue

#: Positions of functions that were given up, beyond as many as are left, before the others are numbered anew.
_SPARE = 64


class WideWorker:
    """The functions of a worker that has many, by position (their order of CAN_DO), and which of them have jobs."""

    __slots__ = ("_alone", "_order", "_peer", "_ready", "as_only")

    def __init__(self, peer: FunctionWorker) -> None:
        self._peer = peer
        self._order: list[Function | None] = []
        self._ready: tuple[list[int], list[int], list[int]] = ([], [], [])  # positions, sorted, by priority
        self._alone: dict[int, dict[FunctionWorker, int]] = {}
        self.as_only = (peer,)  # `Function.wide` of all functions that no other wide worker has

    def alone(self, timeout: int) -> dict[FunctionWorker, int]:
        """Return `Function.workers` where this worker is the only one: one dict for all its functions."""
        workers = self._alone.get(timeout)
        if workers is None:
            workers = self._alone[timeout] = {self._peer: timeout}
        return workers

    def shares(self, workers: dict[FunctionWorker, int]) -> bool:
        """Return whether this dict is shared by several functions, and not to be changed."""
        return self._alone.get(workers[self._peer]) is workers

    def add(self, function: Function) -> None:
        """Take in a function, behind all others."""
        self._peer.functions[function] = len(self._order)
        self._order.append(function)
        function.wide = (*function.wide, self._peer) if function.wide else self.as_only
        for priority in (0, 1, 2):
            if function.ready[priority]:
                self.note(function, priority)

    def discard(self, function: Function) -> None:
        """Give up a function."""
        function.wide = tuple(peer for peer in function.wide if peer is not self._peer)
        position = self._peer.functions.pop(function)
        self._order[position] = None
        while self._order and self._order[-1] is None:
            self._order.pop()
        for ready in self._ready:
            at = bisect_left(ready, position)
            if at < len(ready) and ready[at] == position:
                del ready[at]
        if len(self._order) > 2 * len(self._peer.functions) + _SPARE:
            self._number_anew()

    def note(self, function: Function, priority: int) -> None:
        """Note that a function has a job of this priority."""
        position = self._peer.functions[function]
        ready = self._ready[priority]
        at = bisect_left(ready, position)
        if at == len(ready) or ready[at] != position:
            ready.insert(at, position)

    def has_ready(self, queue: JobQueue) -> bool:
        """Return whether `take` would find a job."""
        if queue.withheld:
            return queue.has_ready([*self._peer.functions])
        for priority, ready in enumerate(self._ready):
            while ready:
                function = self._order[ready[-1]]
                if function is not None and function.first(priority) is not None:
                    return True
                ready.pop()
        return False

    def take(self, queue: JobQueue) -> tuple[Job, Function] | None:
        """Take the job that is next for this worker: by priority, then functions in turn, as `JobQueue.take`."""
        peer = self._peer
        for priority, ready in enumerate(self._ready):
            while ready:
                at = bisect_left(ready, peer.turn)
                if at == len(ready):
                    at = 0
                position = ready[at]
                function = self._order[position]
                if function is not None:
                    job = queue.take_from(function, priority, peer)
                    if job is not None:
                        peer.turn = position + 1 if position + 1 < len(self._order) else 0
                        return job, function
                del ready[at]
        return None

    def _number_anew(self) -> None:
        places = {position: place for place, position in enumerate(self._peer.functions.values())}
        functions = [*self._peer.functions]
        self._peer.functions.update({function: place for place, function in enumerate(functions)})
        self._order = [*functions]
        for ready in self._ready:
            ready[:] = [places[position] for position in ready]
