"""On which days is nobody expected to buy? Dates and ranges of dates, as a policy lists them."""

import re
from datetime import date
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field

from streams.file_problems import unfit

#: How many dates and ranges a policy may list, and how many days these may be together.
MOST_ENTRIES: Final = 366
MOST_DAYS: Final = 3_660
_EPOCH: Final = date(1970, 1, 1).toordinal()
_DAY: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_ENTRY: Final = re.compile(f"({_DAY})(?:/({_DAY}))?")


def _date_as_text(entry: object) -> object:
    """TOML has dates of its own, written without quotes."""
    return entry.isoformat() if type(entry) is date else entry


def span_of(entry: str) -> tuple[int, int]:
    """First and last day of an entry that was checked, counted in days since 1970-01-01."""
    first, _, last = entry.partition("/")
    days = [date.fromisoformat(day).toordinal() - _EPOCH for day in (first, last or first)]
    return days[0], days[1]


def _days_of_the_calendar(entry: str) -> str:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise unfit("expected a date like 2026-12-24 or a range like 2026-12-24/2027-01-02, both ends included")
    for day in match.groups():
        try:
            date.fromisoformat(day or match[1])
        except ValueError as error:
            raise unfit(f"the calendar has no {day}") from error
    first, last = span_of(entry)
    if last < first:
        raise unfit("the range ends before it begins; write the earlier day first")
    return entry


def in_order(entries: tuple[str, ...]) -> tuple[str, ...]:
    """The same days in the one way that the canonical form has: rising, and touching ranges as one."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(span_of(entry) for entry in entries):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    days = sum(last - first + 1 for first, last in merged)
    if days > MOST_DAYS:
        raise unfit(f"these are {days:,} days together; expected at most {MOST_DAYS:,}")
    return tuple(_text(first) if first == last else f"{_text(first)}/{_text(last)}" for first, last in merged)


def _text(day: int) -> str:
    return date.fromordinal(day + _EPOCH).isoformat()


QuietDays = Annotated[
    str,
    AfterValidator(_days_of_the_calendar),
    BeforeValidator(_date_as_text),
    Field(
        json_schema_extra={
            "hint": "a date like 2026-12-24 or a range like 2026-12-24/2027-01-02",
            "pattern": f"^{_DAY}(/{_DAY})?$",
        }
    ),
]
