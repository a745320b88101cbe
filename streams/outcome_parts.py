"""The parts of outcomes that only some kinds have, and those that the policy alone decides."""

from typing import Final

import msgspec

from scoring import outcomes
from scoring.lifecycle import boundary_of
from scoring.outcomes import Missing, Outcome, Silence, TierFacts
from scoring.policy import Policy, TierRule
from scoring.vocabulary import MID_LAPSED, NEAR_CHURN, RECENTLY_LAPSED, STAGES
from streams.instants import date_text, instant_text
from streams.outcome_bodies import (
    EventCause,
    ExpiringPart,
    Keeps,
    OverrideEndedPart,
    OverrideGone,
    OverrideSet,
    OverrideSetPart,
    QuietPart,
    RecommendedAction,
    TierPart,
    TimerCause,
    ToNext,
)

_encode: Final = msgspec.json.Encoder().encode


def place(name: str, rank: int) -> msgspec.Raw:
    """A tier or a stage."""
    return msgspec.Raw(_encode({"name": name, "rank": rank}))


def match_text(rule: TierRule) -> str:
    """Whether one of a tier's measures suffices."""
    return "all" if rule.match_all else "any"


def rule_part(rule: TierRule) -> msgspec.Raw | None:
    """What a tier asks for; ``None`` for the lowest, which nobody can lose."""
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

    def __init__(self, tiers: list[TierRule], places: list[msgspec.Raw], rules: list[msgspec.Raw | None]) -> None:
        self._tiers = tiers
        self._places = places
        self._rules = rules
        #: For members of each tier who have neither a hold nor an override: nearly all that are told.
        self.plain = [_continued(_encode(TierPart(each, None, None, None))) for each in places]

    def of(self, kind: str, facts: TierFacts) -> bytes:
        """What follows after the fields that all have, with the closing brace."""
        base = self._places[facts.base]
        floor = self._places[facts.floor] if facts.floor else None
        held_until = instant_text(facts.held_until) if facts.held_until else None
        grace_until = instant_text(facts.grace_until) if facts.grace_until else None
        override = facts.override
        if kind == outcomes.TIER_EXPIRING:
            would_be = self._places[facts.would_be]
            return _continued(_encode(ExpiringPart(base, floor, held_until, grace_until, would_be)))
        if kind == outcomes.OVERRIDE_SET and override is not None:
            granted = OverrideSet(
                override.tier,
                instant_text(override.until),
                facts.override_reason,
                facts.override_actor,
                override.event_id,
            )
            return _continued(_encode(OverrideSetPart(base, floor, held_until, grace_until, granted)))
        if kind == outcomes.OVERRIDE_ENDED and override is not None:
            gone = OverrideGone(override.tier, instant_text(override.until), override.event_id)
            return _continued(_encode(OverrideEndedPart(base, floor, held_until, grace_until, gone, facts.detail)))
        return _continued(_encode(TierPart(base, floor, held_until, grace_until)))

    def to_next(self, tier: int, misses: Missing | None) -> ToNext | None:
        """What is missing to the tier above; ``None`` at the top. A measure that it does not ask for is null."""
        if misses is None:
            return None
        rule = self._tiers[tier + 1]
        return ToNext(rule.name, misses.frequency, misses.monetary, match_text(rule))

    def keeps(self, facts: TierFacts) -> Keeps | msgspec.Raw | None:
        """What the base misses to be kept; without an end of its hold, what it asks for."""
        misses = facts.keeps
        if misses is None:
            return self._rules[facts.base]
        rule = self._tiers[facts.base]
        return Keeps(rule.name, instant_text(facts.held_until), misses.frequency, misses.monetary, match_text(rule))


def quiet_part(silence: Silence) -> bytes:
    """What a quiet alert says after the fields that all have, with the closing brace."""
    action = silence.action
    recommended = None
    if action is not None:
        until = instant_text(silence.valid_until)
        recommended = RecommendedAction(action.offer, action.message_key, until, action.cap)
    return _continued(
        _encode(
            QuietPart(
                silence.gaps,
                silence.expected_gap,
                date_text(silence.last_day),
                silence.quiet_days,
                None if silence.spend_at_risk < 0 else silence.spend_at_risk,
                recommended,
            )
        )
    )


def cause_part(outcome: Outcome) -> EventCause | TimerCause:
    """What led to an outcome. The cause's text does not say: a producer may call an event "timer:1"."""
    if outcome.timer_at:
        return TimerCause(instant_text(outcome.timer_at))
    return EventCause(outcome.cause, outcome.order_id or None, outcome.shop_id or None, outcome.channel or None)


def _continued(part: bytes) -> bytes:
    return b"," + part[1:]
