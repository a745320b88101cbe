"""The thresholds, read from the document inside ``policy.published`` (docs/rules.md, section 14)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

#: Quietest first, with the name of the alert that tells of it.
QUIET_STAGES = (
    ("dormant", "lifecycle.dormant"),
    ("mid_lapsed", "lifecycle.lapsed_mid"),
    ("recently_lapsed", "lifecycle.lapsed_recently"),
    ("near_churn", "lifecycle.near_churn"),
)
_PERCENTS: Final = {"near_churn": 120, "recently_lapsed": 150, "mid_lapsed": 300, "dormant": 600}
_SLACK_DAYS = 5
_TWO_YEARS_DAYS = 731
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Level:
    """One tier; a threshold that is not asked for is None."""

    name: str
    frequency: int | None
    monetary: int | None
    match: str
    never_downgrade: bool = False

    def is_met(self, frequency: int, monetary: int) -> bool:
        """Whether a member with these numbers qualifies (docs/rules.md, section 6)."""
        answers = []
        if self.frequency is not None:
            answers.append(frequency >= self.frequency)
        if self.monetary is not None:
            answers.append(monetary >= self.monetary)
        return all(answers) if self.match == "all" else any(answers)


@dataclass(frozen=True)
class HoldRules:
    """How a tier is held and lost; days. ``to_match``: a fall goes to what the member qualifies for."""

    hold_days: int
    grace_days: int
    expiring_days: int
    to_match: bool


@dataclass(frozen=True)
class Rhythm:
    """The member's own pace; ``percents`` by stage."""

    weight: int
    typical_gap_days: int
    floor_days: int
    ceiling_days: int
    percents: Mapping[str, int]


@dataclass(frozen=True)
class SegmentRules:
    """The numbers of the three groups of names, and the names that are told."""

    r_cuts: tuple[int, ...]
    f_cuts: tuple[int, ...]
    high_recency_days: int
    high_frequency: int
    high_monetary: int
    told: frozenset[str]
    by_median: bool
    by_quantile: bool


@dataclass(frozen=True)
class SealingRules:
    """How many orders one by one, and how many hashes, a member has at most."""

    max_orders: int
    max_hashes: int


@dataclass(frozen=True)
class Action:
    """What is recommended; ``cap_days`` is None where nobody counts."""

    offer: str
    message_key: str
    channel: str | None
    valid_days: int
    cap: int
    cap_days: int | None


@dataclass(frozen=True)
class Rules:
    """Days are local days of ``zone``, money is minor units of ``currency``.

    ``window`` is rolling, calendar_year or membership_year. ``holds`` is None when tiers fall at once,
    ``segments`` when none are scored. ``stage_days`` is empty in rhythm mode. ``sealing`` is None when nothing
    is sealed. ``may_fall_at_change``: this policy takes tiers on hold away when it comes. ``actions`` are by names of
    tier and stage.
    """

    currency: str
    zone: str
    reported_days: int
    window: str
    tier_days: int
    min_order_amount: int
    horizon_days: int
    levels: tuple[Level, ...]
    holds: HoldRules | None
    is_rhythm: bool
    stage_days: Mapping[str, int]
    rhythm: Rhythm
    lateness_ms: int
    quiet_days: frozenset[int]
    segments: SegmentRules | None
    return_days: int
    by_percentile: bool
    unmerge_days: int
    is_provisional: bool
    may_fall_at_change: bool
    sealing: SealingRules | None
    corrects: bool
    actions: Mapping[tuple[str, str], Action]
    holdout_percent: int
    holdout_salt: str

    def rank_of(self, name: str) -> int | None:
        """The place of a tier's name, None without such a tier."""
        return next((place for place, level in enumerate(self.levels) if level.name == name), None)


def rules_of(document: Mapping[str, Any]) -> Rules:
    """Read a policy document; a missing key without a default is a ``KeyError`` that names it."""
    windows, tiers, lifecycle = document["windows"], document["tiers"], document["lifecycle"]
    is_rhythm = lifecycle.get("mode", "fixed") == "rhythm"
    stage_days = {} if is_rhythm else {stage: lifecycle[f"{stage}_days"] for stage, _ in QUIET_STAGES}
    is_rolling = tiers.get("window", "rolling") == "rolling"
    tier_days = (tiers.get("window_days") or 365) if is_rolling else 0
    span = tier_days if is_rolling else _TWO_YEARS_DAYS
    longest = max(windows["reported_days"], span, *stage_days.values())
    return Rules(
        currency=document["currency"],
        zone=document["time_zone"],
        reported_days=windows["reported_days"],
        window=tiers.get("window", "rolling"),
        tier_days=tier_days,
        min_order_amount=document["min_order_amount"],
        horizon_days=longest + windows["return_days"] + _SLACK_DAYS,
        levels=tuple(_level(level) for level in tiers["levels"]),
        holds=_holds(tiers, is_rolling=is_rolling) if tiers.get("downgrade") == "at_hold_end" else None,
        is_rhythm=is_rhythm,
        stage_days=stage_days,
        rhythm=_rhythm(lifecycle.get("rhythm") or {}),
        lateness_ms=lifecycle.get("allowed_lateness_hours", 0) * 3_600_000,
        quiet_days=_days_of(lifecycle.get("quiet_days") or ()),
        segments=_segments(document["segments"]) if document.get("segments") is not None else None,
        return_days=windows["return_days"],
        by_percentile=tiers.get("basis") == "percentile",
        unmerge_days=(document.get("merge") or {}).get("unmerge_days", 30),
        is_provisional=tiers.get("upgrade") == "provisional",
        may_fall_at_change=(document.get("change") or {}).get("no_one_falls_before_expiry") is False,
        sealing=_sealing(document.get("ledger") or {}),
        corrects=(document.get("corrections") or {}).get("enabled", False),
        actions={(entry["tier"], entry["stage"]): _action(entry) for entry in document.get("actions") or ()},
        holdout_percent=_holdout(document).get("percent", 10),
        holdout_salt=_holdout(document).get("salt", "memberpulse"),
    )


def _action(entry: Mapping[str, Any]) -> Action:
    return Action(
        entry["offer"],
        entry["message_key"],
        entry.get("channel"),
        entry.get("valid_days", 14),
        entry.get("cap", 1),
        entry.get("cap_days"),
    )


def _holdout(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """In the log a policy without this section holds nobody out."""
    return document.get("holdout") or {"percent": 0}


def _sealing(ledger: Mapping[str, Any]) -> SealingRules | None:
    if not ledger.get("seal", False):
        return None
    return SealingRules(ledger.get("max_orders", 512), ledger.get("max_hashes", 4_096))


def _level(level: Mapping[str, Any]) -> Level:
    return Level(
        level["name"],
        level.get("frequency"),
        level.get("monetary"),
        level.get("match", "any"),
        level.get("never_downgrade", False),
    )


def _holds(tiers: Mapping[str, Any], *, is_rolling: bool) -> HoldRules:
    hold_days = tiers.get("hold_days") or 365
    expiring_days = tiers.get("expiring_days")
    if expiring_days is None:
        expiring_days = 0 if is_rolling and hold_days <= 30 else 30
    return HoldRules(hold_days, tiers.get("grace_days", 0), expiring_days, tiers.get("fall") == "to_match")


def _rhythm(rhythm: Mapping[str, Any]) -> Rhythm:
    return Rhythm(
        weight=rhythm.get("weight", 5),
        typical_gap_days=rhythm.get("typical_gap_days", 30),
        floor_days=rhythm.get("floor_days", 21),
        ceiling_days=rhythm.get("ceiling_days", 180),
        percents={stage: rhythm.get(f"{stage}_percent", percent) for stage, percent in _PERCENTS.items()},
    )


def _days_of(entries: Any) -> frozenset[int]:
    """``2026-12-24`` or ``2026-12-24/2027-01-02``, both ends included, as days since 1970-01-01."""
    days: set[int] = set()
    for entry in entries:
        first, _, last = entry.partition("/")
        ends = [date.fromisoformat(text).toordinal() - _EPOCH_ORDINAL for text in (first, last or first)]
        days.update(range(ends[0], ends[1] + 1))
    return frozenset(days)


def _segments(segments: Mapping[str, Any]) -> SegmentRules:
    return SegmentRules(
        r_cuts=tuple(segments.get("r_cuts") or (30, 60, 90, 180)),
        f_cuts=tuple(segments.get("f_cuts") or (2, 3, 5, 8)),
        high_recency_days=segments.get("high_recency_days", 90),
        high_frequency=segments.get("high_frequency", 1),
        high_monetary=segments["high_monetary"],
        told=frozenset(segments.get("told") or ()),
        by_median=segments.get("by_median", False),
        by_quantile=segments.get("by_quantile", False),
    )
