"""Shops for tests: days are counted from ``FIRST``, in UTC."""

from collections.abc import Sequence
from pathlib import Path

from scoring.vocabulary import DAY_MS
from streams import policy_file
from streams.backtest.purchases import Shop, from_rows
from streams.importing.conversion import Conversion
from streams.importing.readers import Format
from streams.mapping import Mapping
from tests.builders import a_zone

FIRST = 20_000
NOON_MS = DAY_MS // 2


def instant(day: float) -> int:
    return round((FIRST + day) * DAY_MS)


def a_shop(*members: Sequence[float], end: int) -> Shop:
    """Each member's purchases as days (0.5 is noon of the first); the record ends at the start of day ``end``."""
    bought = []
    for days in members:
        first: dict[int, int] = {}
        for day in sorted(days):
            first.setdefault(FIRST + int(day), instant(day))
        bought.append(sorted(first.items()))
    return Shop(bought, sum(map(len, bought)), a_zone(), instant(end))


def read(file: Path) -> Shop:
    """The shop of a file for the shipped mapping cdnow."""
    conversion = Conversion([file], Format.AUTO, Mapping.load("cdnow"), 1 << 45)
    return from_rows(conversion.entries(lambda _: None), policy_file.load("absolute").to_policy()).shop()
