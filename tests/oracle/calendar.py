"""Which local day an instant has, and when a local day starts, by asking the zone database itself."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_MILLISECOND = timedelta(milliseconds=1)
_DAY_MS = 86_400_000
_STEP_MS = 900_000


def instant_of(text: str) -> int:
    """RFC 3339 with an offset, as epoch milliseconds; anything finer is cut off."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC")
    return (moment - _EPOCH) // _MILLISECOND


@cache
def zone_named(name: str) -> ZoneInfo:
    """The time zone of an IANA name."""
    return ZoneInfo(name)


def day_of(instant: int, zone: str) -> int:
    """The calendar date of an epoch-millisecond instant in ``zone``, in days since 1970-01-01."""
    moment = _EPOCH + timedelta(milliseconds=instant)
    return moment.astimezone(zone_named(zone)).toordinal() - _EPOCH_ORDINAL


@cache
def start_of_day(day: int, zone: str) -> int:
    """The first instant of a local day, found by walking through the hours around it.

    A day that the zone skipped starts where the next one does.
    """
    instant = day * _DAY_MS - _DAY_MS
    while day_of(instant, zone) < day:
        instant += _STEP_MS
    earlier = instant - _STEP_MS
    while instant - earlier > 1:
        middle = (earlier + instant) // 2
        if day_of(middle, zone) < day:
            earlier = middle
        else:
            instant = middle
    return instant
