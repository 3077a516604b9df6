"""A reading as lines of text that fit a terminal. It knows no terminal, only its size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.escaping import escaped

from .figures import OLD, sorted_rows

if TYPE_CHECKING:
    from .figures import Reading, Row

BOLD, DIM, RED, REVERSE, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[7m", "\x1b[0m"
HELP = "q quit   s sort   arrows scroll"
_COLUMNS = ("WAITING", "HIGH", "NORMAL", "LOW", "RUNNING", "WORKERS", "CHANGE/S")
_WIDTH = 9  # of a column of numbers
_LINES_AROUND = 4  # totals, an empty line, the head, the help


def lines(reading: Reading, width: int, height: int, sort: str = "waiting", first: int = 0) -> list[str]:
    """The screen from top to bottom, each line not wider than `width`; colours are escape sequences beside that."""
    rows = sorted_rows(reading, sort)
    notes = [DIM + note[: width - 1] + PLAIN for note in age(reading)]
    room = max(1, height - _LINES_AROUND - len(reading.trouble) - len(notes))
    first = max(0, min(first, len(rows) - room))
    name_width = max(10, width - 1 - _WIDTH * _fitting(width))
    shown = [_totals(reading, rows, width), *_trouble(reading, width), *notes, "", _head(name_width, width, sort)]
    shown += [_row(row, name_width, width) for row in rows[first : first + room]]
    if not rows:
        shown.append("No function is known.")
    shown += [""] * (height - len(shown) - 1)
    place = f"   {first + 1}-{min(first + room, len(rows))} of {len(rows)}" if len(rows) > room else ""
    return [*shown[: height - 1], DIM + f"{HELP}   by {sort}{place}"[: width - 1] + PLAIN]


def table(reading: Reading, sort: str = "waiting") -> list[str]:
    """The figures once, without colours, for a pipe or a file."""
    rows = sorted_rows(reading, sort)
    width = max([len("FUNCTION"), *(len(escaped(row.name)) for row in rows)])
    return [
        f"{'FUNCTION':<{width}}" + "".join(f"{column:>{_WIDTH}}" for column in _COLUMNS[:6]),
        *(f"{escaped(row.name):<{width}}" + "".join(f"{cell:>{_WIDTH}}" for cell in _cells(row)[:6]) for row in rows),
    ]


def age(reading: Reading) -> list[str]:
    """Return what is to be known of figures of the job table that are old."""
    if reading.counted < OLD:
        return []
    return [
        f"changes of the last {reading.counted:.0f} s by other programs may be missing in what waits in the job table"
    ]


def _fitting(width: int) -> int:
    """Return the number of columns that fit."""
    return max(1, min(len(_COLUMNS), (width - 12) // _WIDTH))


def _totals(reading: Reading, rows: list[Row], width: int) -> str:
    waiting, running = sum(row.waiting for row in rows), sum(row.running for row in rows)
    servers = ", ".join(f"{server} ({version})" for server, version in reading.versions.items()) or "no server answers"
    text = f"{waiting:,} waiting  {running:,} running  {reading.connections} connections  {len(rows):,} functions"
    return BOLD + f"{text}   {escaped(servers)}"[: width - 1] + PLAIN


def _trouble(reading: Reading, width: int) -> list[str]:
    return [RED + escaped(f"{server}: {why}")[: width - 1] + PLAIN for server, why in reading.trouble.items()]


def _head(name_width: int, width: int, sort: str) -> str:
    marked = [f"*{column}" if column.lower().startswith(sort) else column for column in _COLUMNS]
    columns = "".join(f"{column:>{_WIDTH}}" for column in marked[: _fitting(width)])
    return REVERSE + f"{'FUNCTION':<{name_width}}{columns}"[: width - 1] + PLAIN


def _row(row: Row, name_width: int, width: int) -> str:
    name = escaped(row.name)
    if len(name) >= name_width:
        name = name[: name_width - 2] + "…"
    cells = "".join(f"{cell:>{_WIDTH}}" for cell in _cells(row)[: _fitting(width)])
    text = f"{name:<{name_width}}{cells}"[: width - 1]
    if row.waiting and not row.workers:
        return RED + text + PLAIN  # there is no worker for it
    return text if row.waiting or row.running else DIM + text + PLAIN


def _cells(row: Row) -> list[str]:
    change = "" if row.change is None else f"{row.change:+.0f}" if round(row.change) else "0"
    return [*(f"{count}" for count in row[1:7]), change]
