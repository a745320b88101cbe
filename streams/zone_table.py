"""The table of a time zone's offset changes, from the pinned ``tzdata`` package and never from the machine's own files.

Two workers with different system zone databases would otherwise give a member different local days.
"""

from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

from scoring.calendar import Zone

_FIRST: Final = int(datetime(1900, 1, 1, tzinfo=UTC).timestamp())
_LAST: Final = int(datetime(2101, 1, 1, tzinfo=UTC).timestamp())
#: Two changes within 12 hours are not in the database, and 146,000 looks take a fifth of a second, once per zone.
_STEP: Final = 12 * 3600
#: Before every instant in use, in milliseconds: the first offset holds from here on.
_BEGINNING: Final = -(1 << 60)


@cache
def zone_names() -> frozenset[str]:
    """Every name of the pinned database, for example ``Europe/Berlin``."""
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split())


@cache
def zone_info(name: str) -> ZoneInfo:
    """The zone of that name in the pinned database. Raises KeyError when there is none."""
    if name not in zone_names():
        raise KeyError(name)
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as table:
        return ZoneInfo.from_file(table, key=name)


@cache
def _changes(name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    info = zone_info(name)

    def offset_ms(second: int) -> int:
        delta = datetime.fromtimestamp(second, info).utcoffset()
        return 0 if delta is None else delta.days * 86_400_000 + delta.seconds * 1000

    starts, offsets = [_BEGINNING], [offset_ms(_FIRST)]
    for second in range(_FIRST, _LAST, _STEP):
        offset = offset_ms(second)
        if offset != offsets[-1]:
            before, after = second - _STEP, second
            while after - before > 1:
                middle = (before + after) // 2
                before, after = (middle, after) if offset_ms(middle) == offsets[-1] else (before, middle)
            starts.append(after * 1000)
            offsets.append(offset)
    return tuple(starts), tuple(offsets)


def zone_table(name: str) -> Zone:
    """The zone from 1900 to 2100; the first and the last offset hold beyond. Raises KeyError for an unknown name."""
    starts, offsets = _changes(name)
    return Zone(name, list(starts), list(offsets))
