"""What one evaluation tells, in the order in which it is told (docs/rules.md, section 9)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.oracle.answer import NOTHING_ELSE, Said
from tests.oracle.calendar import day_of
from tests.oracle.holds import Step
from tests.oracle.policy import QUIET_STAGES, Rules
from tests.oracle.segments import GROUPS, Names
from tests.oracle.standing import Standing

_QUIETNESS = {"new": 0, "active": 0, "near_churn": 1, "recently_lapsed": 2, "mid_lapsed": 3, "dormant": 4}
_QUIET_ALERTS = dict(QUIET_STAGES)
#: Late timers are marked on everything but the tier changes that were there before holds.
_NEVER_CAUGHT_UP = ("tier.joined", "tier.upgraded", "tier.downgraded")


@dataclass(frozen=True)
class Change:
    """An outcome without its place in the member's story; ``due_at`` is None where nothing was due."""

    kind: str
    before: str
    after: str
    reason: str
    due_at: int | None = None
    said: Said = NOTHING_ELSE

    @property
    def tells_hold(self) -> bool:
        """Whether it says until when the tier is held; who joins is in the lowest one, which has no end."""
        return self.kind.startswith("tier.") and self.kind != "tier.joined"

    @property
    def may_be_caught_up(self) -> bool:
        """Whether a late timer marks it."""
        return self.kind not in _NEVER_CAUGHT_UP


def changes(instant: int, before: Standing, after: Standing, step: Step, reason: str, rules: Rules) -> Iterator[Change]:
    """The outcomes of one evaluation, in order; ``reason`` is empty for a timer."""
    yield from _tier_changes(before, after, step, reason, rules)
    yield from _alert(before.told_stage, after, reason or "quiet", day_of(instant, rules.zone))
    if rules.segments is not None:
        yield from _segments(before.segments, after.segments, reason, rules.segments.told)


def _tier_changes(before: Standing, after: Standing, step: Step, reason: str, rules: Rules) -> Iterator[Change]:
    tiers, general = after.tiers, reason or "window_exit"
    said = Said(keeps=after.keeps)
    old, new, base = (rules.levels[rank].name for rank in (before.tiers.tier, tiers.tier, tiers.base))
    if not before.is_member:
        yield Change("tier.joined", "", rules.levels[0].name, "joined")
    if step.override_set:
        yield Change("tier.override_set", old, new, "override", said=said)
    elif step.override_ended:
        yield Change("tier.override_ended", old, new, "override_ended", said=replace(said, detail=step.override_ended))
    if old != new:
        kind = "tier.upgraded" if tiers.tier > before.tiers.tier else "tier.downgraded"
        why = "override" if step.override_set else "override_ended" if step.override_ended else step.fell_by
        yield Change(kind, old, new, why or general, said=said)
    if step.prolonged_by and tiers.tier == tiers.base:
        why = "hold_end" if step.prolonged_by == "hold_end" else general
        yield Change("tier.prolonged", base, base, why, said=said)
    if step.expiring:
        yield Change(
            "tier.expiring", base, base, "hold_end", said=replace(said, would_be=rules.levels[step.would_be].name)
        )


def _alert(told: str, after: Standing, reason: str, today: int) -> Iterator[Change]:
    kind, habit = _alert_kind(told, after.told_stage), after.habit
    if kind is not None and kind in _QUIET_ALERTS.values():
        assert habit is not None
        said = Said(
            gaps=tuple(habit.gaps), expected_gap_s=habit.expected_gap_s, quiet_days=habit.quiet_days_until(today)
        )
        yield Change(kind, told, after.told_stage, reason, habit.boundary(after.told_stage), said)
    elif kind is not None:
        yield Change(kind, told, after.told_stage, reason)


def _alert_kind(before: str, after: str) -> str | None:
    if after in (before, "prospect"):
        return None
    if before == "prospect":
        return "lifecycle.first_purchase"
    if _QUIETNESS[after] > _QUIETNESS[before]:
        return _QUIET_ALERTS[after]
    if _QUIETNESS[after] == _QUIETNESS[before]:
        return None
    return "lifecycle.recovered" if before == "near_churn" else "lifecycle.reactivated"


def _segments(before: Names, after: Names, reason: str, told: frozenset[str]) -> Iterator[Change]:
    for place in range(len(GROUPS)):
        old, new = before.names[place], after.names[place]
        if old == new:
            continue
        only_recency = before.marks[place][1:] == after.marks[place][1:]
        why = reason or ("quiet" if only_recency else "window_exit")
        if old in told:
            yield Change("segment.left", old, new, why)
        if new in told:
            yield Change("segment.entered", old, new, why)
