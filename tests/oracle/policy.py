"""The thresholds, read from the document inside ``policy.published``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Quietest first, with the name of the alert that tells of it.
QUIET_STAGES = (
    ("dormant", "lifecycle.dormant"),
    ("mid_lapsed", "lifecycle.lapsed_mid"),
    ("recently_lapsed", "lifecycle.lapsed_recently"),
    ("near_churn", "lifecycle.near_churn"),
)


@dataclass(frozen=True)
class Level:
    """One tier; a threshold that is not asked for is None."""

    name: str
    frequency: int | None
    monetary: int | None
    match: str

    def is_met(self, frequency: int, monetary: int) -> bool:
        """Whether a member with these numbers qualifies (docs/rules.md, section 6)."""
        answers = []
        if self.frequency is not None:
            answers.append(frequency >= self.frequency)
        if self.monetary is not None:
            answers.append(monetary >= self.monetary)
        return all(answers) if self.match == "all" else any(answers)


@dataclass(frozen=True)
class Rules:
    """Days are local days of ``zone``, money is minor units of ``currency``."""

    currency: str
    zone: str
    reported_days: int
    tier_days: int
    min_order_amount: int
    horizon_days: int
    levels: tuple[Level, ...]
    stage_days: Mapping[str, int]

    def rank(self, frequency: int, monetary: int) -> int:
        """The place in ``levels`` of the highest tier that these numbers qualify for."""
        met = [place for place, level in enumerate(self.levels) if place > 0 and level.is_met(frequency, monetary)]
        return max(met, default=0)


def rules_of(document: Mapping[str, Any]) -> Rules:
    """Read a policy document; a missing key is a ``KeyError`` that names it."""
    windows, tiers, lifecycle = document["windows"], document["tiers"], document["lifecycle"]
    longest = max(windows["reported_days"], tiers["window_days"], lifecycle["dormant_days"])
    return Rules(
        currency=document["currency"],
        zone=document["time_zone"],
        reported_days=windows["reported_days"],
        tier_days=tiers["window_days"],
        min_order_amount=document["min_order_amount"],
        horizon_days=longest + windows["return_days"] + 5,
        levels=tuple(
            Level(level["name"], level.get("frequency"), level.get("monetary"), level.get("match", "any"))
            for level in tiers["levels"]
        ),
        stage_days={stage: lifecycle[f"{stage}_days"] for stage, _ in QUIET_STAGES},
    )
