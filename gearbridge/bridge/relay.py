"""What becomes of the jobs in a bridge's hand: claimed rows and replies in, submissions and settlements out.

    claimed ──► LATER ──due──► READY ──next_ready──► OUT ──► ended: an operation in the journal
                  ▲              ▲                    │
                  └──refused─────┴─────link lost──────┘

Rules of this file:
1. A job is submitted with its handle as unique key, and again with the same one when the link to the job server was
   lost: a job server that still has it makes one job of both.
2. JOB_CREATED ends a job that is only handed over. One that has something to be written back is followed: it is a
   foreground job, and what its worker says ends it.
3. It knows no socket and no clock. The link's replies are told in order, and none after `lost`.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from gearbridge.client.session import BACKGROUND, FOREGROUND, number, read_status
from gearbridge.core.jobs import EnqueuedJob
from gearbridge.core.journal import Journal
from gearbridge.records import Drop, Failed, Retry
from gearbridge.traces import split_trace
from gearbridge.wire import commands as c

from .tally import Tallies

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gearbridge.records import ClaimedJob, Operation

    from .tally import Tally

#: Seconds until a job is submitted again that the job server had no room for.
AFTER_REFUSAL = 1.0
#: Codes of ERROR after which the same job would be refused again and again.
_FOR_GOOD = frozenset({b"ARGUMENT_TOO_LARGE", b"INVALID_ARGUMENT"})
#: Why a job failed whose worker only said that it did.
_FAILED = "the job server says that the job failed"


class Flight(EnqueuedJob):
    """A job in the bridge's hand. `followed` says that its end is waited for; `tally` is its function's."""

    __slots__ = ("asked", "followed", "job_server_handle", "tally")

    def __init__(self, claimed: ClaimedJob, tally: Tally, *, follow: bool) -> None:
        super().__init__(claimed, claimed.function)
        self.tally = tally
        # An equal unique key makes one job of two until it is finished, so whoever has one is told when that is.
        self.followed = follow or self.keep_result or self.max_attempts > 1 or bool(self.unique_key)
        self.job_server_handle = b""  # while the job server has it, and it is followed
        self.asked = False  # whether it was there already when it was last looked after

    @property
    def command(self) -> int:
        """The packet to submit it with."""
        return (FOREGROUND if self.followed else BACKGROUND)[self.priority]

    @property
    def arguments(self) -> tuple[bytes, bytes, bytes]:
        """That packet's arguments."""
        return self.function, self.handle, self.payload

    @property
    def traceparent(self) -> bytes:
        """What goes ahead of that packet, where there is one."""
        return split_trace(self.reducer)[1] if self.reducer else b""

    def begin_anew(self) -> None:
        """Whatever a job server said of it is void."""
        self.job_server_handle = b""
        self.asked = False
        self.begin_result()


class Relay:
    """The jobs in hand, at most `window` of each function. `journal` holds what the table has to be told."""

    def __init__(self, window: int, max_packet: int, *, follow: bool = False) -> None:
        self.journal = Journal()
        self.tallies = Tallies()
        self.wants_claim = False  # there is room where there was none
        self.refusal = ""  # why the job server refused the last job that it refused, until it takes one
        self._window = window
        self._max_packet = max_packet
        self._follow = follow
        self._linked = False
        self._retiring = False
        self._stopping = False
        self._jobs: dict[bytes, Flight] = {}  # all in hand, by handle
        self._ready: deque[Flight] = deque()
        self._out: dict[Flight, None] = {}  # those that the job server was sent, in that order
        self._later: list[tuple[float, int, Flight]] = []  # a heap, by the second at which each is due
        self._serial = 0  # keeps what is due in the same second in order
        self._wall = 0.0

    # From the table.

    def rooms(self) -> dict[bytes, int] | None:
        """How many jobs to claim of each function of which some are in hand; of any other a window's full.

        None while there is no link. Asking clears `wants_claim`.
        """
        self.wants_claim = False
        if not self._linked or self._retiring:
            return None
        return {
            name: self._window - tally.in_hand if tally.in_hand <= self._window // 2 else 0
            for name, tally in self.tallies.functions.items()
            if tally.in_hand
        }

    def claimed(self, jobs: Iterable[ClaimedJob]) -> None:
        """Take what was claimed in hand. Call `tick` then, for what is to wait."""
        for job in jobs:
            if job.handle in self._jobs:
                continue
            tally = self.tallies.of(job.function)
            tally.claimed += 1
            tally.in_hand += 1
            flight = Flight(job, tally, follow=self._follow)
            self._jobs[flight.handle] = flight
            size = sum(map(len, flight.arguments)) + 2
            if size > self._max_packet:
                self._ended(
                    flight, Failed(flight.handle, None, f"its packet of {size} bytes is over the bridge's limit")
                )
            elif flight.due:
                self._wait(flight, flight.due)
            else:
                self._ready.append(flight)

    def tick(self, wall: float) -> float | None:
        """Make ready what is due; return in how many seconds more will be, None for never. `wall`: since 1970."""
        self._wall = wall
        later = self._later
        while later and later[0][0] <= wall:
            self._ready.append(heappop(later)[2])
        return later[0][0] - wall if later else None

    # To and from the job server.

    def linked(self) -> None:
        """There is a link to a job server."""
        self._linked = True
        self.wants_claim = True

    def lost(self) -> None:
        """The link is gone: whatever was on it is to be submitted again, before the rest and in the same order."""
        self._linked = False
        for flight in self._out:
            flight.begin_anew()
            flight.tally.resubmitted += 1
        self._ready.extendleft(reversed(self._out))
        self._out.clear()

    def next_ready(self) -> Flight | None:
        """The next job to submit; it counts as sent."""
        if not self._ready or self._stopping or not self._linked:
            return None
        flight = self._ready.popleft()
        self._out[flight] = None
        return flight

    def reply(self, flight: Flight, command: int, args: Sequence[bytes]) -> None:
        """What the job server says of a job that it was sent."""
        if flight not in self._out:
            return  # it has ended: what is still said of it changes nothing
        if command == c.JOB_CREATED:
            self.refusal = ""
            if flight.followed:
                flight.job_server_handle = args[0]
            else:
                flight.tally.handed_over += 1
                self._end(flight, Drop(flight.handle))
        elif command == c.WORK_COMPLETE:
            self._ended(flight, flight.completed(args[1]))
        elif command == c.WORK_FAIL:
            self._ended(flight, flight.failed(_FAILED))
        elif command == c.WORK_EXCEPTION:
            self._ended(flight, flight.failed(args[1].decode("utf-8", "backslashreplace")))
        elif command == c.WORK_STATUS:
            flight.numerator, flight.denominator = number(args[1]), number(args[2])
            self.journal.progress(flight)
        elif command == c.WORK_DATA:
            flight.add_data(args[1])
        elif command == c.STATUS_RES:
            self._status(flight, args)
        elif command == c.ERROR:
            self._refused(flight, args)

    def to_ask_after(self) -> list[Flight]:
        """Followed jobs that were there at the last call already; the job server is to be asked whether it has them.

        gearmand discards, without a word, a job whose client was gone for a moment: the next one to wait for it, under
        the same unique key, waits for ever.
        """
        followed = [flight for flight in self._out if flight.job_server_handle]
        old = [flight for flight in followed if flight.asked]
        for flight in followed:
            flight.asked = True
        return old

    # The end.

    def retire(self) -> None:
        """Claim nothing more, and leave to the next bridge what is not to be submitted yet."""
        self._retiring = True
        for _, _, flight in self._later:
            self._leave(flight)
        self._later.clear()

    def stop(self) -> None:
        """Submit nothing more either."""
        self.retire()
        self._stopping = True

    @property
    def unanswered(self) -> bool:
        """Whether the job server has still to say of a job whether it has it."""
        return any(not flight.job_server_handle for flight in self._out)

    @property
    def in_hand(self) -> tuple[int, int, int]:
        """How many jobs wait for their time, for the link, and for what the job server says of them."""
        return len(self._later), len(self._ready), len(self._out)

    @property
    def idle(self) -> bool:
        """Whether nothing is in hand."""
        return not self._jobs

    # Inside.

    def _status(self, flight: Flight, args: Sequence[bytes]) -> None:
        if args[0] == flight.job_server_handle and not read_status(args).known:
            del self._out[flight]
            flight.begin_anew()
            flight.tally.resubmitted += 1
            self._ready.append(flight)

    def _refused(self, flight: Flight, args: Sequence[bytes]) -> None:
        self.refusal = b": ".join(args).decode("utf-8", "backslashreplace")
        if args[0] in _FOR_GOOD:
            self._ended(flight, Failed(flight.handle, None, f"the job server refused it: {self.refusal}"))
            return
        flight.tally.refused += 1
        del self._out[flight]
        if self._retiring:
            self._leave(flight)
        else:
            self._wait(flight, self._wall + AFTER_REFUSAL)

    def _wait(self, flight: Flight, due: float) -> None:
        self._serial += 1
        heappush(self._later, (due, self._serial, flight))

    def _ended(self, flight: Flight, ending: Operation) -> None:
        """It was followed to its end, or can have none."""
        tally = flight.tally
        if isinstance(ending, Failed):
            tally.failed += 1
        elif isinstance(ending, Retry):
            tally.retried += 1
        else:
            tally.completed += 1
        self._end(flight, ending)

    def _end(self, flight: Flight, ending: Operation) -> None:
        self._out.pop(flight, None)
        self.journal.end(ending)
        self._leave(flight)
        if flight.tally.in_hand == self._window // 2:
            self.wants_claim = True

    def _leave(self, flight: Flight) -> None:
        """It is in hand no more."""
        del self._jobs[flight.handle]
        flight.tally.in_hand -= 1
