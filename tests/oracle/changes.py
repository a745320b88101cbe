"""What one evaluation tells, in the order in which it is told (docs/rules.md, section 9)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.oracle.answer import NOTHING_ELSE, Said
from tests.oracle.calendar import day_of
from tests.oracle.corrections import BY_TIME, QUIET_KINDS, Corrections, Told
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
    corrects: Told | None = None

    @property
    def tells_hold(self) -> bool:
        """Whether it says until when the tier is held; who joins or is there again begins in the lowest."""
        return self.kind.startswith("tier.") and self.kind not in ("tier.joined", "tier.unmerged")

    @property
    def may_be_caught_up(self) -> bool:
        """Whether a late timer marks it."""
        return self.kind not in _NEVER_CAUGHT_UP


def changes(
    instant: int, before: Standing, after: Standing, step: Step, found: Corrections, reason: str, rules: Rules
) -> Iterator[Change]:
    """The outcomes of one evaluation, in order; ``reason`` is empty for a timer."""
    yield from _tier_changes(before, after, step, found, reason, rules)
    for told, truth in [(made.told, made.truth) for made in found.made if made.truth]:
        said = Said(now=after.told_stage)
        yield Change("lifecycle.corrected", told.stage, truth, "late_event", said=said, corrects=told)
    for change in _alert(before.told_stage, after, reason or "quiet", day_of(instant, rules.zone)):
        if not (found.is_return_silent and change.kind in ("lifecycle.recovered", "lifecycle.reactivated")):
            yield change
    if rules.segments is not None:
        yield from _segments(before.segments, after.segments, reason, rules.segments.told)


def is_correctable(change: Change, before: Standing, after: Standing) -> bool:
    """Whether late news may show an outcome of a timer to have been wrong (section 12)."""
    if change.kind in QUIET_KINDS:
        return True
    is_base = before.tier == before.tiers.base and after.tier == after.tiers.base
    return change.kind == "tier.downgraded" and change.reason in BY_TIME and is_base


def remembered(change: Change, sequence: int, at: int, before: Standing, after: Standing) -> Told:
    """What is remembered of a correctable outcome."""
    if change.kind in QUIET_KINDS:
        return Told(sequence, change.kind, at, stage=change.after)
    return Told(sequence, change.kind, at, before=before.tier, after=after.tier)


def _tier_changes(
    before: Standing, after: Standing, step: Step, found: Corrections, reason: str, rules: Rules
) -> Iterator[Change]:
    tiers, general = after.tiers, reason or "window_exit"
    said = Said(keeps=after.keeps)
    old, new, base = (rules.levels[rank].name for rank in (before.tier, tiers.tier, tiers.base))
    if not before.is_member:
        yield Change("tier.joined", "", rules.levels[0].name, "joined")
    for told, rank in [(made.told, made.rank) for made in found.made if not made.truth]:
        wrong, right = rules.levels[told.after].name, rules.levels[rank].name
        yield Change("tier.corrected", wrong, right, "late_event", said=replace(said, now=new), corrects=told)
    if step.override_set:
        yield Change("tier.override_set", old, new, "override", said=said)
    elif step.override_ended:
        yield Change("tier.override_ended", old, new, "override_ended", said=replace(said, detail=step.override_ended))
    yield from _moves(before, after, step, found, _why_moved(step, found, reason), rules)
    if step.confirmed and tiers.tier == tiers.base:
        yield Change("tier.confirmed", base, base, "settled", said=said)
    if step.prolonged_by and tiers.tier == tiers.base:
        why = "hold_end" if step.prolonged_by == "hold_end" else general
        yield Change("tier.prolonged", base, base, why, said=said)
    if step.expiring:
        yield Change(
            "tier.expiring", base, base, "hold_end", said=replace(said, would_be=rules.levels[step.would_be].name)
        )


def _moves(
    before: Standing, after: Standing, step: Step, found: Corrections, why: str, rules: Rules
) -> Iterator[Change]:
    tiers, said = after.tiers, Said(keeps=after.keeps)
    old, new, base = (rules.levels[rank].name for rank in (before.tier, tiers.tier, tiers.base))
    if step.withdrawn and before.tier == found.tiers.base:
        yield Change("tier.withdrawn", old, base, why, said=said)
    if rules.by_percentile and tiers.tier != before.tier:
        by_peers = why == "cut_moved" or (why in ("hold_end", "grace_end") and step.still_passes)
        said = replace(said, value=after.value, moved_by="peers" if by_peers else "own")
    if tiers.tier > before.tier:
        is_provisional = tiers.tier == tiers.base and tiers.hold is not None and tiers.hold.provisional
        said = replace(said, provisional=is_provisional if rules.is_provisional else None)
        yield Change("tier.upgraded", old, new, why, said=said)
    elif tiers.tier < before.tier:
        yield Change("tier.downgraded", old, new, why, said=said)


def _why_moved(step: Step, found: Corrections, reason: str) -> str:
    """The reason of a tier change, section 9.3."""
    if reason in ("policy_changed", "cut_moved"):
        return reason
    if step.override_set or step.override_ended:
        return "override" if step.override_set else "override_ended"
    if found.is_fall_undone:
        return "late_event"
    return step.fell_by or reason or "window_exit"


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
