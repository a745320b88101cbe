"""Instants as text: RFC 3339 with ``Z`` and milliseconds, from and to epoch milliseconds (UTC)."""

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

import msgspec

from scoring.calendar import instant_of

_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_SECONDS: Final = [f"{second:02d}." for second in range(60)]
_MILLIS: Final = [f"{milli:03d}Z" for milli in range(1000)]
# Orders of a minute come together and timers fire on the same midnights: a join of three known texts costs a quarter of
# formatting the numbers.
_MINUTES: Final[dict[int, str]] = {}
_MOST_MINUTES: Final = 10_000
_MICROSECOND: Final = timedelta(microseconds=1)
__all__ = ["date_text", "floored", "instant_text", "parse_instant"]

#: msgspec rounds a seventh digit; from .xxx9995 on that carries into the next millisecond, where the rules say floor.
_CARRIES: Final = re.compile(r"\.[0-9]{3}999[5-9]")


@lru_cache(maxsize=4096)
def date_text(day: int) -> str:
    """``1997-01-01`` for a local day, counted from 1970-01-01."""
    return date.fromordinal(day + _EPOCH_ORDINAL).isoformat()


def instant_text(instant: int) -> str:
    """``1997-01-01T12:00:00.000Z`` for epoch milliseconds. Raises ValueError outside the years 1 to 9999."""
    minute = instant // 60_000
    text = _MINUTES.get(minute)
    if text is None:
        text = _begin_minute(minute)
    rest = instant - minute * 60_000
    return f"{text}{_SECONDS[rest // 1000]}{_MILLIS[rest % 1000]}"


def _begin_minute(minute: int) -> str:
    """``1997-01-01T12:00:`` for a minute, counted from 1970."""
    if len(_MINUTES) >= _MOST_MINUTES:
        _MINUTES.clear()
    day, rest = divmod(minute, 24 * 60)
    hours, minutes = divmod(rest, 60)
    text = _MINUTES[minute] = f"{date_text(day)}T{hours:02d}:{minutes:02d}:"
    return text


def floored(text: str, moment: datetime) -> datetime:
    """``moment``, decoded from ``text``, put back below the millisecond that rounding carried it over."""
    return moment - _MICROSECOND if _CARRIES.search(text) else moment


def parse_instant(text: str) -> int:
    """Epoch milliseconds of an RFC 3339 text. Raises ValueError without an offset or when it is no instant."""
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError as error:
        raise ValueError(f"{text!r} is no RFC 3339 instant") from error
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC")
    return instant_of(floored(text, moment))
