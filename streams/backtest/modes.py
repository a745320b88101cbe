"""What is compared: fixed days, the member's own rhythm, and chance, each as seconds times a multiple per silence."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from scoring.rhythm import DAY_S, QuietCalendar, Rhythm, blended_gap
from streams.backtest.purchases import Shop
from streams.backtest.silences import Replay, Silence

FIXED: Final = "fixed"
RHYTHM: Final = "rhythm"
RANDOM: Final = "random"
#: Chance draws a silence evenly from one second to so many days, times the multiple.
_RANDOM_DAYS: Final = 100


@dataclass(frozen=True, slots=True)
class Mode:
    """One way to call members quiet. ``weight`` is the rhythm's, 0 for the others.

    ``replay`` takes a multiple in thousandths: of a day for fixed days, of the typical gap for a rhythm.
    """

    name: str
    weight: int
    replay: Replay

    @property
    def label(self) -> str:
        """``fixed``, ``rhythm, weight 5`` or ``random``."""
        return f"{self.name}, weight {self.weight}" if self.name == RHYTHM else self.name

    def setting(self, multiple: int) -> str:
        """A multiple in words: ``60 days``, ``1.747 g``, ``0 to 131 days``."""
        if self.name == FIXED:
            return f"{multiple / 1000:g} days"
        if self.name == RHYTHM:
            return f"{multiple / 1000:.3f} g"
        return f"0 to {multiple * _RANDOM_DAYS / 1000:.0f} days"


def modes_of(
    shop: Shop, silences: list[Silence], rhythms: Sequence[Rhythm], quiet: QuietCalendar, seed: int
) -> list[Mode]:
    """Fixed days, the rhythms in their order, and chance, drawn from ``seed``."""
    chance = Random(seed)  # noqa: S311 - the same run has to give the same numbers
    drawn = [chance.randint(1, _RANDOM_DAYS * DAY_S) for _ in silences]
    return [
        Mode(FIXED, 0, Replay(shop, silences, [DAY_S] * len(silences), quiet)),
        *(
            Mode(
                RHYTHM,
                rhythm.weight,
                Replay(shop, silences, [blended_gap(s.gap_count, s.twice_median, rhythm) for s in silences], quiet),
            )
            for rhythm in rhythms
        ),
        Mode(RANDOM, 0, Replay(shop, silences, drawn, quiet)),
    ]
