"""Figures of several servers as one table. It sends nothing: answers of the admin protocol are passed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


class Answers(NamedTuple):
    """One server's answers to `version`, `status`, `prioritystatus`, `workers`, `nodes` and `counted`.

    gearmand has no nodes, and no job table: `counted` is empty.
    """

    version: str
    status: Sequence[str]
    priorities: Sequence[str]
    workers: Sequence[str]
    nodes: Sequence[str] = ()
    counted: Sequence[str] = ()


#: Seconds from which on the age of counts is shown.
OLD = 10.0


class Row(NamedTuple):
    """A function. `waiting` counts jobs that are due later too; `change` is their growth a second, None at first."""

    name: str
    waiting: int
    high: int
    normal: int
    low: int
    running: int
    workers: int
    change: float | None = None


class Reading(NamedTuple):
    """All servers at one moment, in seconds on a clock that never steps."""

    at: float
    rows: Mapping[str, Row]
    connections: int
    versions: Mapping[str, str]  # by server
    trouble: Mapping[str, str]  # by server that did not answer
    counted: float = (
        0.0  # seconds for which changes may be missing in what waits in a job table; the most of all servers
    )


#: How rows may be sorted, by the name that the screen shows.
SORTS: dict[str, Callable[[Row], tuple[float | str, ...]]] = {
    "waiting": lambda row: (-row.waiting, -row.running, row.name),
    "running": lambda row: (-row.running, -row.waiting, row.name),
    "workers": lambda row: (-row.workers, row.name),
    "change": lambda row: (-abs(row.change or 0.0), row.name),
    "name": lambda row: (row.name,),
}


def read(answers: Mapping[str, Answers], trouble: Mapping[str, str], at: float, before: Reading | None) -> Reading:
    """Add up the servers' answers, and compare them with the reading before.

    Nodes that share a job table all count what waits in it, so that is not added up.
    """
    groups: dict[object, dict[str, Row]] = {}
    for server, one in answers.items():
        nodes = frozenset(line.split("\t", 1)[0] for line in one.nodes)
        group = groups.setdefault(nodes or server, {})
        for row in _rows(one):
            group[row.name] = _shared(group[row.name], row) if row.name in group else row
    rows: dict[str, Row] = {}
    for group in groups.values():
        for name, row in group.items():
            rows[name] = _sum(rows[name], row) if name in rows else row
    if before is not None and at > before.at:
        for name, row in rows.items():
            old = before.rows[name].waiting if name in before.rows else 0
            rows[name] = row._replace(change=(row.waiting - old) / (at - before.at))
    connections = sum(len(one.workers) for one in answers.values())
    versions = {server: one.version for server, one in answers.items()}
    return Reading(at, rows, connections, versions, trouble, max(map(_age, answers.values()), default=0.0))


def sorted_rows(reading: Reading, sort: str) -> list[Row]:
    """The rows in one of the orders of SORTS."""
    return sorted(reading.rows.values(), key=SORTS[sort])


def _age(answers: Answers) -> float:
    """Return the age of a server's counts of its job table; "-" where it has none, or has not counted yet."""
    for line in answers.counted:
        age = line.removeprefix("OK ")
        return 0.0 if age == "-" else float(age)
    return 0.0


def _rows(answers: Answers) -> Iterable[Row]:
    queued = {name: tuple(map(int, numbers)) for name, *numbers in (_cells(line, 4) for line in answers.priorities)}
    for name, total, running, workers in (_cells(line, 3) for line in answers.status):
        high, normal, low, *_ = queued.get(name, (0, 0, 0))
        yield Row(name, int(total) - int(running), high, normal, low, int(running), int(workers))


def _cells(line: str, numbers: int) -> list[str]:
    """A name, which may have tabulators itself, and the numbers behind it."""
    return line.rsplit("\t", numbers)


def _shared(one: Row, other: Row) -> Row:
    """Return the row of two nodes: each takes for waiting what runs at the other one. Of foreground jobs the most."""
    running = one.running + other.running
    waiting = max(one.waiting + one.running, other.waiting + other.running) - running
    high, normal, low = (min(mine, theirs) for mine, theirs in zip(one[2:5], other[2:5], strict=True))
    return Row(one.name, max(0, waiting), high, normal, low, running, one.workers + other.workers)


def _sum(one: Row, other: Row) -> Row:
    counts = (mine + theirs for mine, theirs in zip(one[1:7], other[1:7], strict=True))
    return Row(one.name, *counts)
