"""How many of each function's jobs are in a bridge's hand, and what became of the others since it has the table."""

from __future__ import annotations

from dataclasses import astuple, dataclass

from gearbridge.core.settings import FORGET_AT


@dataclass(slots=True)
class Tally:
    """The counts of one function.

    handed_over: settled once the job server had them.
    completed, failed, retried: followed to their end; failed are those that failed for good, handed over or not,
        because no job server takes them.
    resubmitted: sent again, because the link was lost, or the job server has lost the job.
    refused: not taken by the job server, to be sent again a little later.
    """

    in_hand: int = 0
    claimed: int = 0
    handed_over: int = 0
    completed: int = 0
    failed: int = 0
    retried: int = 0
    resubmitted: int = 0
    refused: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*map(sum, zip(astuple(self), astuple(other), strict=True)))


class Tallies:
    """The functions that had a claimed job, in the order in which they became known.

    Those that have none are forgotten once very many are known, as a job server does; their counts are not.
    """

    def __init__(self) -> None:
        self.functions: dict[bytes, Tally] = {}
        self.forgotten = Tally()
        self._forget_at = FORGET_AT

    def of(self, name: bytes) -> Tally:
        """The counts of a function, made known if it was not."""
        tally = self.functions.get(name)
        if tally is None:
            if len(self.functions) >= self._forget_at:
                self._forget_idle()
            tally = self.functions[name] = Tally()
        return tally

    def _forget_idle(self) -> None:
        for name in [name for name, tally in self.functions.items() if not tally.in_hand]:
            self.forgotten += self.functions.pop(name)
        self._forget_at = max(FORGET_AT, 2 * len(self.functions))
