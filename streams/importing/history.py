"""The ticks that belong to a history's own time."""

from collections.abc import Iterable, Iterator

from scoring.calendar import Zone
from streams.importing.ordering import Entry


def with_ticks(entries: Iterable[Entry], zone: Zone, until: int | None, now: int) -> Iterator[Entry | int]:
    """The entries, in time order, with one tick at the start of every local day after the first; a tick is its instant.

    The tick at the start of day d + 1 follows every entry of day d. The last one is at the start of the day after the
    last
    entry, or of the local day ``until`` when that is later; none is later than ``now`` (epoch milliseconds), because
    time that is in the log has passed for every member.
    """
    next_day: int | None = None
    boundary = 0
    for entry in entries:
        if next_day is None:
            next_day = zone.day_of(entry.at) + 1
            boundary = zone.start_of_day(next_day)
        while entry.at >= boundary:
            if boundary <= now:
                yield boundary
            next_day += 1
            boundary = zone.start_of_day(next_day)
        yield entry
    if next_day is None:
        return
    last_day = max(next_day, until or next_day)
    while next_day <= last_day and boundary <= now:
        yield boundary
        next_day += 1
        boundary = zone.start_of_day(next_day)
