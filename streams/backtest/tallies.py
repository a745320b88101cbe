"""How good were some alerts? Counts of them, and the same for a thousand shops that could have been (bootstrap)."""

from collections.abc import Callable, Sequence
from random import Random
from struct import Struct
from typing import Final, NamedTuple

from scoring.rhythm import QuietCalendar, boundary_instant
from scoring.vocabulary import DAY_MS
from streams.backtest.purchases import Shop
from streams.backtest.silences import JUDGED_DAYS, Alert

#: Members beyond this are dealt at random into as many groups, and groups are drawn: the same spread, bounded time.
MOST_DRAWN: Final = 5_000
#: Added to each lead time in seconds, which may be negative, while it is packed.
_BIAS: Final = 1 << 32
_FIELDS: Final = Struct("<4IQ")
_SLOT_BITS: Final = 8 * _FIELDS.size

#: Called with how many resamples more are done.
Advance = Callable[[int], None]


class Sums(NamedTuple):
    """What some alerts come to: how many, how many were right, how many members were back within 30 and 60 days, and
    the lead times of the right ones in seconds, added up.
    """

    alerts: int
    right: int
    back_30: int
    back_60: int
    lead: int


class Judged(NamedTuple):
    """One alert: its member, whether they stayed away 90 days, were back within 30 and 60, and the seconds from the
    alert to the start of the day on which fixed days call the member lapsed (negative when that was before).
    """

    member: int
    right: bool
    back_30: bool
    back_60: bool
    lead: int


def judged(alerts: Sequence[Alert], shop: Shop, lapsed_seconds: int, quiet: QuietCalendar) -> list[Judged]:
    """The alerts with what came of them; ``lapsed_seconds`` is the fixed boundary that lead times count to."""
    found = []
    for alert in alerts:
        lapsed_at = boundary_instant(shop.zone, alert.last_day, lapsed_seconds, quiet)
        away = alert.away_ms
        found.append(
            Judged(
                alert.member,
                away >= JUDGED_DAYS * DAY_MS,
                away < 30 * DAY_MS,
                away < 60 * DAY_MS,
                (lapsed_at - alert.at) // 1000,
            )
        )
    return found


def sums_of(alerts: Sequence[Judged]) -> Sums:
    """All of them together."""
    return Sums(
        len(alerts),
        sum(each.right for each in alerts),
        sum(each.back_30 for each in alerts),
        sum(each.back_60 for each in alerts),
        sum(each.lead for each in alerts if each.right),
    )


class Resampling:
    """Draws members with replacement, as many as there are, and sums up all lists of alerts for each draw alike.

    A member comes with all their alerts in all lists, so that differences between lists are told without the chance
    that both share. Each member's counts of all lists are one long integer: adding it adds everything.
    """

    def __init__(self, members: int, lists: Sequence[Sequence[Judged]], seed: int) -> None:
        self._chance = Random(seed)  # noqa: S311 - the same run has to give the same numbers
        self._lists = len(lists)
        groups = min(members, MOST_DRAWN)
        dealt = list(range(members))
        if members > groups:
            self._chance.shuffle(dealt)
        self._packed = [0] * groups
        for slot, alerts in enumerate(lists):
            shift = slot * _SLOT_BITS
            for each in alerts:
                lead = each.lead + _BIAS if each.right else 0
                fields = 1 | each.right << 32 | each.back_30 << 64 | each.back_60 << 96 | lead << 128
                self._packed[dealt[each.member] % groups] += fields << shift

    def draw(self, resamples: int, advance: Advance) -> list[list[Sums]]:
        """For each of the lists, its sums in each resample."""
        drawn: list[list[Sums]] = [[] for _ in range(self._lists)]
        size = len(self._packed)
        for _ in range(resamples if size else 0):
            total = sum(self._chance.choices(self._packed, k=size))
            content = total.to_bytes(self._lists * _FIELDS.size, "little")
            for kept, (alerts, right, back_30, back_60, lead) in zip(drawn, _FIELDS.iter_unpack(content), strict=True):
                kept.append(Sums(alerts, right, back_30, back_60, lead - _BIAS * right))
            advance(1)
        return drawn
