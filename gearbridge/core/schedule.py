"""The due time of a SUBMIT_JOB_SCHED: the next minute that its five fields name. Reads no clock and knows no job.

Source: Gearman's PROTOCOL document, which describes the packet; gearmand never implemented it. Where the document is
silent, decided here:

1. Times are UTC: a server moved to another zone, or a change to summer time, moves no job and doubles none.
2. All fields that are given must hold together. An empty field or "*" stands for any.
3. Days of the week are 0 to 6 and 0 is Monday, as in the document (cron counts from Sunday).
4. A job runs once. The first minute that begins at or after the given moment counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Lowest and highest value of each field, in the packet's order.
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))

_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAYS_TO_1970 = 719_162  # from the first day of year 1
_MINUTES_A_DAY = 24 * 60


class Schedule(NamedTuple):
    """One moment that recurs, or does not; None stands for any value."""

    minute: int | None
    hour: int | None
    day: int | None  # of the month
    month: int | None
    weekday: int | None  # 0 is Monday


def parse_schedule(fields: Sequence[bytes]) -> Schedule:
    """The packet's five fields as a schedule.

    Raises ValueError when one is no number or out of its bounds, and for a day that its month never has.
    """
    schedule = Schedule(*(_number(field, *bounds) for field, bounds in zip(fields, BOUNDS, strict=True)))
    if schedule.day is not None and schedule.month is not None and schedule.day > _LONGEST_MONTHS[schedule.month - 1]:
        raise ValueError("the month never has this day")
    return schedule


def next_time(schedule: Schedule, wall: float) -> int:
    """The first moment at or after `wall` that matches; both in seconds since 1970, and the result is a whole minute.

    It is at most 40 years away: 29 February on a given day of the week, across a year 2100.
    """
    first_day, first_minute = divmod(-int(-wall // 60), _MINUTES_A_DAY)
    minute = _minute_of_day(schedule, first_minute)
    start = first_day if minute is not None else first_day + 1
    day = next(_matching_days(schedule, start))
    if day != first_day or minute is None:
        minute = _minute_of_day(schedule, 0)
    assert minute is not None  # every day has a minute that matches
    return (day * _MINUTES_A_DAY + minute) * 60


def _number(field: bytes, lowest: int, highest: int) -> int | None:
    if field in (b"", b"*"):
        return None
    if not field.isdigit() or len(field) > 4 or not lowest <= int(field) <= highest:
        raise ValueError(f"not a number from {lowest} to {highest}")
    return int(field)


def _minute_of_day(schedule: Schedule, first: int) -> int | None:
    """The first minute of a day at or after `first` that matches."""
    hours = range(24) if schedule.hour is None else (schedule.hour,)
    for hour in hours:
        begin = max(first, hour * 60)
        if begin >= (hour + 1) * 60:
            continue
        if schedule.minute is None:
            return begin
        if hour * 60 + schedule.minute >= begin:
            return hour * 60 + schedule.minute
    return None


def _matching_days(schedule: Schedule, start: int) -> Iterator[int]:
    """The days since 1970 from `start` on that match, without end. Walks over months, so that no search is long."""
    year, month = _month_of(start)
    while True:
        if schedule.month in (None, month):
            first = _first_of(year, month)
            length = _first_of(year + month // 12, month % 12 + 1) - first
            for day in range(1, length + 1) if schedule.day is None else (schedule.day,):
                date = first + day - 1
                # 1 January 1970 was a Thursday.
                if date >= start and day <= length and schedule.weekday in (None, (date + 3) % 7):
                    yield date
        year, month = (year + month // 12, month % 12 + 1) if schedule.month is None else _coming(schedule, year, month)


def _coming(schedule: Schedule, year: int, month: int) -> tuple[int, int]:
    """The schedule's month, this year or the next."""
    assert schedule.month is not None
    return (year, schedule.month) if month < schedule.month else (year + 1, schedule.month)


def _first_of(year: int, month: int) -> int:
    """The first day of a month, in days since 1970."""
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400 - _DAYS_TO_1970
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return days + sum(_LONGEST_MONTHS[: month - 1]) - (month > 2 and not leap)


def _month_of(day: int) -> tuple[int, int]:
    """Year and month of a day since 1970."""
    year = 1970 + day * 400 // 146_097  # 400 years have so many days; the guess may be one year late
    if _first_of(year, 1) > day:
        year -= 1
    elif _first_of(year + 1, 1) <= day:
        year += 1
    return year, max(month for month in range(1, 13) if _first_of(year, month) <= day)
