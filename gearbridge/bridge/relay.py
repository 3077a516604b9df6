"""The jobs that a bridge has claimed: claimed rows and replies in, submissions and settlements out.

    claimed ──► LATER ──due──► READY ──next_ready──► OUT ──► ended: an operation in the journal
                  ▲              ▲                    │
                  └──refused─────┴─────link lost──────┘

Rules of this file:
1. A job is submitted with its handle and the database's life as unique key, and again with the same one when the link
   to the job server was lost: a job server that still has it makes one job of both. The key keeps the life in which the
   row was claimed, so that a job that is out when the database gets another one is not done twice.
2. JOB_CREATED ends a job that is only handed over. One that has something to be written back is followed: it is a
   foreground job, and its worker's report ends it.
3. It knows no socket and no clock. The link's replies are passed in order, and none after `lost`.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from gearbridge.client.session import number, read_status
from gearbridge.core.journal import Journal
from gearbridge.records import Drop, Failed, Retry
from gearbridge.wire import commands as c

from .config import WINDOW_BYTES
from .flight import Flight
from .tally import Tallies

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gearbridge.records import ClaimedJob, Operation

#: Seconds until a job is submitted again that the job server had no room for.
AFTER_REFUSAL = 1.0
#: Codes of ERROR after which the same job would be refused again and again.
_FOR_GOOD = frozenset({b"ARGUMENT_TOO_LARGE", b"INVALID_ARGUMENT"})
#: The error of a job that failed without a reason from its worker.
_FAILED = "the job server says that the job failed"
#: Bytes of a warning that are kept, for it may be the reason of a failure.
_MOST_WARNING = 10_000


class Relay:
    """The claimed jobs, at most `window` of each function and `window_bytes` of all together.

    `journal` holds the operations for the table.
    """

    def __init__(self, window: int, max_packet: int, *, follow: bool = False, window_bytes: int = WINDOW_BYTES) -> None:
        self.journal = Journal()
        self.tallies = Tallies()
        self.wants_claim = False  # there is room where there was none
        self.refusal = ""  # why the job server refused the last job that it refused, until it takes one
        self._window = window
        self._window_bytes = window_bytes
        self._bytes = 0  # of the claimed payloads
        self._max_packet = max_packet
        self._follow = follow
        self._linked = False
        self._retiring = False
        self._stopping = False
        self._jobs: dict[bytes, Flight] = {}  # all claimed jobs, by handle
        self._ready: deque[Flight] = deque()
        self._out: dict[Flight, None] = {}  # those that the job server was sent, in that order
        self._later: list[tuple[float, int, Flight]] = []  # a heap, by the second at which each is due
        self._serial = 0  # keeps what is due in the same second in order
        self._wall = 0.0

    # From the table.

    def claim_capacity(self) -> dict[bytes, int] | None:
        """Return how many jobs to claim of each function with claimed jobs; of any other a window's full.

        None while there is no link. Asking clears `wants_claim`.
        """
        self.wants_claim = False
        if not self._linked or self._retiring:
            return None
        is_full = self._bytes > self._window_bytes // 2
        return {
            name: self._window - tally.in_hand if tally.in_hand <= self._window // 2 and not is_full else 0
            for name, tally in self.tallies.functions.items()
            if tally.in_hand
        }

    def capacity_in_bytes(self) -> int:
        """Return how many bytes of payload to claim; at least one job is, whatever its size."""
        return 1 if self._bytes > self._window_bytes // 2 else self._window_bytes - self._bytes

    def claimed(self, jobs: Iterable[ClaimedJob], _now: float = 0.0) -> None:
        """Add claimed jobs. Call `tick` then, for those that are to wait."""
        for job in jobs:
            if job.handle in self._jobs:
                continue
            tally = self.tallies.of(job.function)
            tally.claimed += 1
            tally.in_hand += 1
            self._bytes += len(job.payload)
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

    def committed(
        self,
        _group: Sequence[Operation],
        _errors: Mapping[int, str],
        _now: float,
        _joined: Mapping[bytes, bytes] | None = None,
    ) -> None:
        """The journal's last group was written."""
        self.journal.group_done()

    def record_unwritten(self, handles: frozenset[bytes]) -> None:
        """Settlements that could not be written bound nothing here: their jobs have ended on the job server."""

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
        """Handle the job server's reply about a job."""
        if flight not in self._out:
            return  # it has ended: later replies about it change nothing
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
            # It carries no reason: a warning of the job is taken for it, as a server does.
            self._ended(flight, flight.failed(flight.warning.decode("utf-8", "backslashreplace") or _FAILED))
        elif command == c.WORK_EXCEPTION:
            self._ended(flight, flight.failed(args[1].decode("utf-8", "backslashreplace")))
        elif command == c.WORK_STATUS:
            flight.numerator, flight.denominator = number(args[1]), number(args[2])
            self.journal.progress(flight)
        elif command == c.WORK_DATA:
            flight.add_data(args[1])
        elif command == c.WORK_WARNING:
            flight.warning = args[1][:_MOST_WARNING]
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

    def drain(self) -> None:
        """Claim nothing more, and leave to the next bridge what is not to be submitted yet."""
        self._retiring = True
        for _, _, flight in self._later:
            self._leave(flight)
        self._later.clear()

    def stop(self) -> None:
        """Submit nothing more either."""
        self.drain()
        self._stopping = True

    @property
    def unanswered(self) -> bool:
        """Return whether an acknowledgement of the job server is pending."""
        return any(not flight.job_server_handle for flight in self._out)

    @property
    def in_hand(self) -> tuple[int, int, int]:
        """Return how many jobs wait until they are due, for the link, and for the job server's replies."""
        return len(self._later), len(self._ready), len(self._out)

    @property
    def idle(self) -> bool:
        """Whether no job is claimed."""
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
        was_full = self._bytes > self._window_bytes // 2
        self._leave(flight)
        if was_full:
            self.wants_claim = self.wants_claim or self._bytes <= self._window_bytes // 2 or not flight.tally.in_hand
        elif flight.tally.in_hand == self._window // 2:
            self.wants_claim = True

    def _leave(self, flight: Flight) -> None:
        """Remove a claimed job."""
        del self._jobs[flight.handle]
        flight.tally.in_hand -= 1
        self._bytes -= len(flight.payload)
