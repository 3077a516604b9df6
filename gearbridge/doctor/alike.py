"""What is asked of every database in the same words."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gearbridge.wire.parser import MAX_PACKET

from .finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: What findings of the database are about.
ABOUT = "database"
#: Seconds that two clocks may differ before due times surprise somebody.
_CLOCKS = 2.0

#: Asks for the largest payload among that many waiting jobs: some databases read each of them for its length.
LARGEST = (
    "SELECT part.handle, part.function, part.size FROM (SELECT job.handle, job.function, length(job.payload) AS size "
    "FROM {} AS job WHERE job.state = 1 LIMIT 100000) AS part ORDER BY part.size DESC LIMIT 1"
)


def room_finding(why: str | None) -> Finding:
    """Check the outcome of a trial to write a job: the database's error, None where there was room."""
    text = "there is room for more jobs" if why is None else f"there is no room for more jobs: {why}"
    return Finding(ABOUT, why is None, text, "make room on the database's disk")


def jobs_finding(waiting: int, failed: int, taken: bool | None, nodes: Sequence[str] = ()) -> Finding:
    """Check that waiting jobs are claimed; `taken`: a server or a bridge has the table alone, None where unknown.

    `nodes` are those that have it together.
    """
    who = f"; {'a' if taken else 'no'} server or bridge has the table" if taken is not None else ""
    if nodes:
        taken = True
        who = f"; {'nodes' if nodes[1:] else 'node'} {', '.join(nodes)} {'have' if nodes[1:] else 'has'} the table"
    remedy = "start gearbridge server --store with this database's URL, or gearbridge bridge --database"
    text = f"jobs that SQL enqueued: {waiting} wait, {failed} failed{who}"
    return Finding(ABOUT, taken is not False or not waiting, text, remedy)


def largest_findings(found: Sequence[object] | None) -> Iterator[Finding]:
    """Check that the largest payload fits a packet; `found` is a row that LARGEST has brought."""
    if found is not None:
        handle, function, size = found
        text = f"the largest payload that waits has {size} bytes: {handle} of {function}"
        remedy = f"a packet has at most {MAX_PACKET} bytes by default: raise --max-packet, or cancel that job"
        yield Finding(ABOUT, int(str(size)) <= MAX_PACKET, text, remedy)


def kept_finding(jobs: int | None, owned: bool | None) -> Finding:
    """Check that a server has what is kept under a prefix. None: what is unknown."""
    kept = "" if jobs is None else f": {jobs}"
    who = "" if owned is None else f"; {'a' if owned else 'no'} server has them"
    remedy = "start gearbridge server --store with this URL, or those jobs wait"
    return Finding(ABOUT, owned is not False or not jobs, f"jobs kept under the prefix{kept}{who}", remedy)


def held_findings(sessions: list[str]) -> Iterator[Finding]:
    """The transactions that have held jobs for long: those jobs wait for them, and no others."""
    if sessions:
        text = f"rows of the job table have been held for long by: {'; '.join(sessions)}"
        yield Finding(ABOUT, False, text, "have it committed or rolled back, or end that session")


def clock_finding(ask: Callable[[], float]) -> Finding:
    """Check that the clocks agree; `ask` returns the database's, in seconds since 1970."""
    before = time.time()
    there = ask()
    difference = abs(there - (before + time.time()) / 2)
    text = f"the clocks here and there differ by {difference:.1f} s"
    return Finding(ABOUT, difference <= _CLOCKS, text, "set them (NTP): jobs with a due time run so much off")
