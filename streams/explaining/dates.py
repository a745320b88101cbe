"""Instants in the policy's time zone, for data and for people."""

from scoring.calendar import Zone
from streams.instants import date_text, instant_text

_MINUTE_MS = 60_000


def zoned(instant: int, zone: Zone) -> str:
    """RFC 3339 with the zone's own offset: ``2026-03-29T03:00:00.000+02:00``, for epoch milliseconds."""
    offset = zone.offset_at(instant)
    minutes = abs(offset) // _MINUTE_MS
    sign = "-" if offset < 0 else "+"
    return f"{instant_text(instant + offset)[:-1]}{sign}{minutes // 60:02d}:{minutes % 60:02d}"


def zoned_or_none(instant: int, zone: Zone) -> str | None:
    """The same; None for 0, which stands for no such instant."""
    return zoned(instant, zone) if instant else None


def plain(text: str) -> str:
    """A zoned instant for people: ``2026-03-29``, with the time where it is not midnight."""
    day, minute = text[:10], text[11:16]
    return day if minute == "00:00" else f"{day} {minute}"


def last_day_before(instant: int, zone: Zone) -> str:
    """The last local day on which something can be done that has to be done before ``instant`` (epoch ms)."""
    return date_text(zone.day_of(instant - 1))
