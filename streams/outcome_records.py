"""Outcomes and scores as records of the log: CloudEvents 1.0 in Kafka's binary mode, and the compacted member score.

Nearly every order makes some: what the policy alone decides is encoded once, the rest is one struct and one call.
"""

from hashlib import sha1
from typing import Final
from uuid import NAMESPACE_URL, uuid5

import msgspec

from scoring import outcomes
from scoring.outcomes import Outcome, Silence, TierFacts
from scoring.policy import ROLLING, Policy
from scoring.shortfall import missing_to_next
from scoring.state import MemberState
from scoring.vocabulary import PROSPECT, STAGES
from streams.instants import instant_text
from streams.outcome_bodies import Keeps, LogPosition, OutcomeBody, ScoreBody, ScorePart, ToNext
from streams.outcome_parts import TierParts, boundary_part, cause_part, match_text, place, quiet_part, rule_part
from streams.outcome_sentences import sentence
from streams.segment_values import SegmentValues, segment_names
from streams.topics import LIFECYCLE_ALERTS, MEMBER_EVENTS, SEGMENT_CHANGES, TIER_CHANGES

#: Every outcome id is a name in this space (docs/rules.md, section 9).
NAMESPACE: Final = uuid5(NAMESPACE_URL, "https://memberpulse.dev/outcomes")
_NAMESPACE_HASHED: Final = sha1(NAMESPACE.bytes, usedforsecurity=False)
_VARIANT: Final = {f"{digit:x}": f"{digit & 3 | 8:x}" for digit in range(16)}

Header = tuple[str, bytes]
Record = tuple[str, bytes, bytes, list[Header]]

_KINDS: Final = (
    outcomes.TIER_JOINED,
    outcomes.TIER_UPGRADED,
    outcomes.TIER_DOWNGRADED,
    outcomes.OVERRIDE_SET,
    outcomes.OVERRIDE_ENDED,
    outcomes.TIER_PROLONGED,
    outcomes.TIER_EXPIRING,
    outcomes.FIRST_PURCHASE,
    outcomes.NEAR_CHURN_ALERT,
    outcomes.LAPSED_RECENTLY,
    outcomes.LAPSED_MID,
    outcomes.DORMANT_ALERT,
    outcomes.RECOVERED,
    outcomes.REACTIVATED,
    outcomes.SEGMENT_LEFT,
    outcomes.SEGMENT_ENTERED,
)
#: The header that names each kind.
TYPE_HEADERS: Final = {kind: ("ce_type", f"memberpulse.{kind}.v1".encode()) for kind in _KINDS}
_SPECIFICATION: Final = ("ce_specversion", b"1.0")
_CONTENT_TYPE: Final = ("content-type", b"application/json")

_encode: Final = msgspec.json.Encoder().encode


_STAGE_PLACES: Final = [place(name, rank) for rank, name in enumerate(STAGES)]


def outcome_id(epoch: int, member_id: str, kind: str, cause: str, sequence: int) -> str:
    """The same for the same decision, however often it is taken: consumers drop repeats by it."""
    # uuid.uuid5 step by step, at a third of its cost; set are the version (5) and the variant (two bits of digit 17).
    named = _NAMESPACE_HASHED.copy()
    named.update(f"{epoch}|{member_id}|{kind}|{cause}|{sequence}".encode())
    digits = named.hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:32]}"


class OutcomeRecords:
    """Writes what one policy decided. ``epoch`` is the settings' epoch; ``source`` becomes ``ce_source``."""

    def __init__(self, policy: Policy, epoch: int, source: str = "/memberpulse/score") -> None:
        self._policy = policy
        self._epoch = epoch
        self._currency = policy.currency
        self._window_days = policy.window_days
        self._tiers = policy.tiers
        self._names = [rule.name for rule in policy.tiers]
        self._places = [place(rule.name, rank) for rank, rule in enumerate(policy.tiers)]
        self._rules = [rule_part(rule) for rule in policy.tiers]
        self._boundaries = [boundary_part(policy, stage) for stage in range(len(STAGES))]
        self._tier_parts = TierParts(self._tiers, self._places, self._rules)
        #: The reported numbers earn the tier only where both are counted over the same window.
        self._same_window = policy.tier_window == ROLLING and policy.tier_window_days == policy.window_days
        self._source_header = ("ce_source", source.encode())
        self._published = msgspec.Raw(_encode({"version": policy.version, "content_hash": policy.content_hash}))
        self._segments = (
            None
            if policy.segments is None
            else SegmentValues(policy, policy.segments, self._places, self._published, epoch)
        )

    def record(self, outcome: Outcome, member_id: str, partition: int) -> Record:
        """The topic's logical name, key, value and headers of one outcome decided in ``partition`` of member-events."""
        kind = outcome.kind
        key = member_id.encode()
        at = instant_text(outcome.at)
        position = LogPosition(MEMBER_EVENTS, partition, outcome.offset)
        if kind.startswith("tier."):
            topic = TIER_CHANGES
            value = self._value(outcome, member_id, at, position, self._places)
        elif self._segments is not None and kind.startswith("segment."):
            topic = SEGMENT_CHANGES
            value = self._segments.value(outcome, member_id, at, position)
        else:
            topic = LIFECYCLE_ALERTS
            value = self._value(outcome, member_id, at, position, _STAGE_PLACES)
        headers = [
            _SPECIFICATION,
            ("ce_id", outcome_id(self._epoch, member_id, kind, outcome.cause, outcome.sequence).encode()),
            TYPE_HEADERS[kind],
            self._source_header,
            ("ce_time", at.encode()),
            ("ce_subject", key),
            ("ce_sequence", b"%020d" % outcome.sequence),
            _CONTENT_TYPE,
        ]
        return topic, key, value, headers

    def _value(
        self, outcome: Outcome, member_id: str, at: str, position: LogPosition, places: list[msgspec.Raw]
    ) -> bytes:
        tier = outcome.tier
        before = outcome.rank_before
        higher = max(before, outcome.rank_after)
        facts = outcome.facts
        keeps: Keeps | msgspec.Raw | None = self._rules[tier]
        to_next: ToNext | None = None
        more = b""
        if places is not self._places:
            # The boundary reached, or on the way back the one left behind; a first purchase crosses none.
            crossed = self._boundaries[higher] if before != PROSPECT else None
            if isinstance(facts, Silence):
                more = quiet_part(facts)
        else:
            # Reached by rising, missed by falling; joining crosses nothing.
            crossed = self._rules[higher] if before >= 0 else None
            more = self._tier_parts.plain[tier]
        if isinstance(facts, TierFacts):
            parts = self._tier_parts
            to_next = parts.to_next(tier, facts.to_next)
            keeps = parts.keeps(facts)
            more = parts.of(outcome.kind, facts)
        elif self._same_window:
            to_next = self._to_next(tier, outcome.frequency, outcome.monetary)
        value = _encode(
            OutcomeBody(
                outcome.kind,
                member_id,
                outcome.sequence,
                sentence(outcome, member_id, self._policy),
                places[before] if before >= 0 else None,
                places[outcome.rank_after],
                outcome.reason,
                at,
                instant_text(outcome.due_at) if outcome.due_at else None,
                instant_text(outcome.recorded_at),
                outcome.catch_up,
                instant_text(outcome.next_due_at) if outcome.next_due_at else None,
                instant_text(outcome.last_purchase_at) if outcome.last_purchase_at else None,
                outcome.frequency,
                outcome.monetary,
                self._currency,
                self._window_days,
                crossed,
                self._places[tier],
                to_next,
                keeps,
                self._published,
                self._epoch,
                position,
                cause_part(outcome),
            )
        )
        return value[:-1] + more if more else value

    def score_record(self, member_id: str, state: MemberState) -> bytes:
        """The whole current score of a member, the value of its record in member-scores; the key is the member id.

        Instants are epoch milliseconds and never ages, so that the record stays true while nothing happens.
        """
        tier = state.tier
        policy = self._policy
        if policy.tier_window == ROLLING:
            to_next = self._to_next(tier, state.tier_frequency, state.tier_monetary)
        else:
            to_next = self._tier_parts.to_next(tier, missing_to_next(state, tier, policy))
        score = _encode(
            ScoreBody(
                member_id,
                self._epoch,
                state.offset,
                state.sequence,
                self._names[tier],
                tier,
                state.tier_since,
                STAGES[state.stage],
                state.stage_since,
                state.last_at or None,
                state.frequency,
                state.monetary,
                self._currency,
                state.as_of,
                state.joined_at,
                state.next_due or None,
                to_next,
                policy.version,
            )
        )
        return score if state.further is None else score[:-1] + self._further(state)

    def _further(self, state: MemberState) -> bytes:
        part = _encode(
            ScorePart(
                self._names[state.base] if state.base != state.tier else None,
                self._names[state.floor] if state.floor else None,
                state.held_until or None,
                state.grace_until or None,
                STAGES[state.told_stage] if state.told_stage != state.stage else None,
                segment_names(state) if self._segments is not None else None,
            )
        )
        return b"," + part[1:] if len(part) > 2 else b"}"

    def _to_next(self, tier: int, frequency: int, monetary: int) -> ToNext | None:
        """What is missing to the tier above; ``None`` at the top. A measure that it does not ask for is null."""
        above = tier + 1
        if above == len(self._tiers):
            return None
        rule = self._tiers[above]
        orders = rule.frequency
        money = rule.monetary
        return ToNext(
            rule.name,
            None if orders is None else orders - frequency if orders > frequency else 0,
            None if money is None else money - monetary if money > monetary else 0,
            match_text(rule),
        )
