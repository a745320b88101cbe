"""The parts of outcomes that only some kinds have, and those that the policy alone decides."""

from typing import Final

import msgspec

from scoring import outcomes
from scoring.further import Told
from scoring.lifecycle import boundary_of
from scoring.outcomes import BelowCut, Missing, Outcome, Silence, TierFacts
from scoring.percentile import cut_in_force, cuts_decide, rank_value
from scoring.policy import Policy
from scoring.tier_rules import TierRule
from scoring.vocabulary import MID_LAPSED, NEAR_CHURN, RECENTLY_LAPSED, STAGES
from streams.instants import date_text, instant_text
from streams.kind_bodies import (
    AlertCorrectedPart,
    ExpiringPart,
    MergePart,
    OverrideEndedPart,
    OverrideGone,
    OverrideSet,
    OverrideSetPart,
    PyramidPart,
    RisingPart,
    SupersededOutcome,
    TierCorrectedPart,
    TierPart,
)
from streams.outcome_bodies import (
    Cause,
    Cut,
    CutsCause,
    EventCause,
    Keeps,
    KeepsByCut,
    PolicyCause,
    TimerCause,
    ToCut,
    ToNext,
)

_encode: Final = msgspec.json.Encoder().encode


def place(name: str, rank: int) -> msgspec.Raw:
    """A tier or a stage."""
    return msgspec.Raw(_encode({"name": name, "rank": rank}))


def match_text(rule: TierRule) -> str:
    """Whether one of a tier's measures suffices."""
    return "all" if rule.match_all else "any"


def rule_part(policy: Policy, rank: int, *, entering: bool) -> msgspec.Raw | None:
    """What a tier asks of who is below it, or of who has it; ``None`` for the lowest, which nobody can lose."""
    rule = policy.tiers[rank]
    if rank > 0 and cuts_decide(policy, rank):
        return msgspec.Raw(_encode(Cut(rule.name, cut_in_force(policy, rank, entering=entering))))
    if rule.frequency is None and rule.monetary is None:
        return None
    return msgspec.Raw(_encode(ToNext(rule.name, rule.frequency, rule.monetary, match_text(rule))))


def boundary_part(policy: Policy, stage: int) -> msgspec.Raw:
    """When a lifecycle stage begins: after how many open days, or at how much of the expected gap."""
    boundary: dict[str, str | int] = {"stage": STAGES[stage]}
    rhythm = policy.rhythm
    if rhythm is None:
        boundary["days_since_last_purchase"] = boundary_of(policy, stage)
    else:
        thousandths = rhythm.dormant
        if stage == NEAR_CHURN:
            thousandths = rhythm.near_churn
        elif stage == RECENTLY_LAPSED:
            thousandths = rhythm.recently_lapsed
        elif stage == MID_LAPSED:
            thousandths = rhythm.mid_lapsed
        boundary["percent_of_expected_gap"] = thousandths // 10
    return msgspec.Raw(_encode(boundary))


class TierParts:
    """Writes what tier kinds say of holds and overrides, for one policy."""

    def __init__(self, policy: Policy, places: list[msgspec.Raw], rules: list[msgspec.Raw | None]) -> None:
        """``rules`` are what the tiers ask of those who have them."""
        self._policy = policy
        self._tiers = policy.tiers
        self._by_percentile = policy.by_percentile
        self._places = places
        self._rules = rules
        #: For members of each tier who have neither a hold nor an override: nearly all that are told.
        self.plain = [_continued(_encode(TierPart(each, None, None, None))) for each in places]

    def of(self, kind: str, facts: TierFacts) -> bytes:
        """What follows after the fields that all have, with the closing brace."""
        stands = self._stands(facts)
        override = facts.override
        if facts.provisional is not None:
            return _continued(_encode(RisingPart(*stands, facts.provisional)))
        if kind == outcomes.TIER_EXPIRING:
            return _continued(_encode(ExpiringPart(*stands, self._places[facts.would_be])))
        if kind == outcomes.OVERRIDE_SET and override is not None:
            granted = OverrideSet(
                override.tier,
                instant_text(override.until),
                facts.override_reason,
                facts.override_actor,
                override.event_id,
            )
            return _continued(_encode(OverrideSetPart(*stands, granted)))
        if kind == outcomes.OVERRIDE_ENDED and override is not None:
            gone = OverrideGone(override.tier, instant_text(override.until), override.event_id)
            return _continued(_encode(OverrideEndedPart(*stands, gone, facts.detail)))
        if kind == outcomes.TIER_UNMERGED:
            return _continued(_encode(MergePart(*stands, facts.into)))
        return _continued(_encode(TierPart(*stands)))

    def of_rank(self, kind: str, facts: TierFacts, higher: int) -> bytes:
        """The same of a change by percentile; ``higher`` is the higher one of the two tiers."""
        cuts, cut, date = self._policy.cuts, None, None
        if cuts is not None and cuts_decide(self._policy, higher):
            cut = cut_in_force(self._policy, higher, entering=kind == outcomes.TIER_UPGRADED)
            date = cuts.date
        return _continued(_encode(PyramidPart(*self._stands(facts), facts.value, cut, date, facts.moved_by)))

    def of_correction(self, facts: TierFacts, told: Told, supersedes: str, tier: int) -> bytes:
        """The same of a fall that is corrected, whose id is ``supersedes``; ``tier`` is the rank after that."""
        part = TierCorrectedPart(*self._stands(facts), supersedes, _superseded(told), self._places[tier])
        return _continued(_encode(part))

    def _stands(self, facts: TierFacts) -> tuple[msgspec.Raw, msgspec.Raw | None, str | None, str | None]:
        """What every tier kind says: the fields of :class:`TierPart`."""
        return (
            self._places[facts.base],
            self._places[facts.floor] if facts.floor else None,
            instant_text(facts.held_until) if facts.held_until else None,
            instant_text(facts.grace_until) if facts.grace_until else None,
        )

    def to_next(self, tier: int, misses: Missing | BelowCut | None) -> ToNext | ToCut | None:
        """What is missing to the tier above; ``None`` at the top. A measure that it does not ask for is null."""
        if misses is None:
            return None
        rule = self._tiers[tier + 1]
        if isinstance(misses, BelowCut):
            return ToCut(rule.name, misses.cut, misses.value)
        return ToNext(rule.name, misses.frequency, misses.monetary, match_text(rule))

    def to_next_by(self, tier: int, frequency: int, monetary: int) -> ToNext | ToCut | None:
        """The same from what counts for it."""
        above = tier + 1
        if above == len(self._tiers):
            return None
        rule = self._tiers[above]
        if self._by_percentile and cuts_decide(self._policy, above):
            cut = cut_in_force(self._policy, above, entering=True)
            return ToCut(rule.name, cut, rank_value(frequency, monetary))
        orders = rule.frequency
        money = rule.monetary
        return ToNext(
            rule.name,
            None if orders is None else orders - frequency if orders > frequency else 0,
            None if money is None else money - monetary if money > monetary else 0,
            match_text(rule),
        )

    def keeps(self, facts: TierFacts) -> Keeps | KeepsByCut | msgspec.Raw | None:
        """What the base misses to be kept; without an end of its hold, what it asks for."""
        misses = facts.keeps
        if misses is None:
            return self._rules[facts.base]
        rule = self._tiers[facts.base]
        if isinstance(misses, BelowCut):
            return KeepsByCut(rule.name, instant_text(facts.held_until), misses.cut, misses.value)
        return Keeps(rule.name, instant_text(facts.held_until), misses.frequency, misses.monetary, match_text(rule))


def merged_part(into: str) -> bytes:
    """What is said of a member who is merged into another, with the closing brace."""
    return _continued(_encode(MergePart(None, None, None, None, into)))


def erased_part() -> bytes:
    """What is said of a member who is erased, with the closing brace."""
    return _continued(_encode(TierPart(None, None, None, None)))


def quiet_text(silence: Silence) -> str:
    """What a quiet alert says after the fields that all have, the action and the closing brace left out.

    Joined, as is all of an alert that a tick tells to very many: half the time of a struct and its encoder.
    """
    return (
        f',"gaps":{_encode(silence.gaps).decode()},"expected_gap_seconds":{silence.expected_gap}'
        f',"last_purchase_day":"{date_text(silence.last_day)}","quiet_days_counted":{silence.quiet_days}'
        f',"spend_at_risk":{"null" if silence.spend_at_risk < 0 else silence.spend_at_risk}'
    )


def alert_corrected_part(told: Told, supersedes: str, now: msgspec.Raw) -> bytes:
    """What the correction of an alert, whose id is ``supersedes``, says after the fields that all have."""
    return _continued(_encode(AlertCorrectedPart(supersedes, _superseded(told), now)))


def cause_part(outcome: Outcome) -> Cause:
    """What led to an outcome. The cause's text does not say: a producer may call an event "timer:1"."""
    if outcome.timer_at:
        return TimerCause(instant_text(outcome.timer_at))
    if outcome.sweep == outcomes.SWEPT_BY_POLICY:
        return PolicyCause(outcome.cause.removeprefix("policy:"))
    if outcome.sweep == outcomes.SWEPT_BY_CUTS:
        return CutsCause(outcome.cause.removeprefix("cuts:"))
    return EventCause(outcome.cause, outcome.order_id or None, outcome.shop_id or None, outcome.channel or None)


def _superseded(told: Told) -> SupersededOutcome:
    return SupersededOutcome(told.kind, instant_text(told.at), told.sequence)


def _continued(part: bytes) -> bytes:
    return b"," + part[1:]
