"""Outcomes as records of the log: CloudEvents 1.0 in Kafka's binary mode.

Nearly every order makes some: what the policy alone decides is encoded once, the rest is one struct and one call.
"""

from typing import Final

import msgspec

from scoring import outcomes
from scoring.further import Told
from scoring.outcomes import Outcome, Silence, Superseded, TierFacts
from scoring.policy import ROLLING, Policy
from scoring.vocabulary import PROSPECT, STAGES
from streams.action_parts import ActionParts
from streams.instants import instant_text
from streams.outcome_bodies import Keeps, KeepsByCut, LogPosition, OutcomeBody, ToCut, ToNext
from streams.outcome_headers import Header, OutcomeHeaders
from streams.outcome_ids import outcome_id
from streams.outcome_parts import (
    TierParts,
    alert_corrected_part,
    boundary_part,
    cause_part,
    erased_part,
    merged_part,
    place,
    quiet_text,
    rule_part,
)
from streams.outcome_sentences import sentence
from streams.plain_outcomes import PlainOutcomes
from streams.score_records import ScoreRecords
from streams.segment_values import SegmentValues
from streams.topics import LIFECYCLE_ALERTS, MEMBER_EVENTS, SEGMENT_CHANGES, TIER_CHANGES

Record = tuple[str, bytes, bytes, list[Header]]

_KINDS: Final = (
    outcomes.TIER_JOINED,
    outcomes.TIER_UPGRADED,
    outcomes.TIER_DOWNGRADED,
    outcomes.OVERRIDE_SET,
    outcomes.OVERRIDE_ENDED,
    outcomes.TIER_PROLONGED,
    outcomes.TIER_EXPIRING,
    outcomes.TIER_CONFIRMED,
    outcomes.TIER_WITHDRAWN,
    outcomes.TIER_CORRECTED,
    outcomes.TIER_MERGED,
    outcomes.TIER_UNMERGED,
    outcomes.TIER_ERASED,
    outcomes.FIRST_PURCHASE,
    outcomes.NEAR_CHURN_ALERT,
    outcomes.LAPSED_RECENTLY,
    outcomes.LAPSED_MID,
    outcomes.DORMANT_ALERT,
    outcomes.RECOVERED,
    outcomes.REACTIVATED,
    outcomes.LIFECYCLE_CORRECTED,
    outcomes.SEGMENT_LEFT,
    outcomes.SEGMENT_ENTERED,
)
#: Kinds that say that a member went up, and so which test was passed to enter a tier.
_RISING: Final = (outcomes.TIER_UPGRADED, outcomes.OVERRIDE_SET, outcomes.OVERRIDE_ENDED)
#: The header that names each kind.
TYPE_HEADERS: Final = {kind: ("ce_type", f"memberpulse.{kind}.v1".encode()) for kind in _KINDS}

_encode: Final = msgspec.json.Encoder().encode
_STAGE_PLACES: Final = [place(name, rank) for rank, name in enumerate(STAGES)]


class OutcomeRecords:
    """Writes what one policy decided. ``epoch`` is the settings' epoch; ``source`` becomes ``ce_source``."""

    def __init__(self, policy: Policy, epoch: int, source: str = "/memberpulse/score") -> None:
        self._policy = policy
        self._epoch = epoch
        self._currency = policy.currency
        self._window_days = policy.window_days
        self._by_percentile = policy.by_percentile
        self._places = [place(rule.name, rank) for rank, rule in enumerate(policy.tiers)]
        ranks = range(len(policy.tiers))
        self._rules = [rule_part(policy, rank, entering=False) for rank in ranks]
        self._entered = [rule_part(policy, rank, entering=True) for rank in ranks]
        self._boundaries = [boundary_part(policy, stage) for stage in range(len(STAGES))]
        self._tier_parts = TierParts(policy, self._places, self._rules)
        self._actions = ActionParts(policy)
        #: Of members under the same policy.
        self.scores = ScoreRecords(policy, epoch, self._tier_parts)
        #: The reported numbers earn the tier only where both are counted over the same window.
        self._same_window = policy.tier_window == ROLLING and policy.tier_window_days == policy.window_days
        self._headers = OutcomeHeaders(TYPE_HEADERS, source, epoch)
        self._published = msgspec.Raw(_encode({"version": policy.version, "content_hash": policy.content_hash}))
        self._segments = (
            None
            if policy.segments is None
            else SegmentValues(policy, policy.segments, self._places, self._published, epoch)
        )
        self._plain = PlainOutcomes(policy, epoch, self._published, self._tier_parts, near=self._same_window)

    def record(self, outcome: Outcome, member_id: str, partition: int) -> Record:
        """The topic's logical name, key, value and headers of one outcome decided in ``partition`` of member-events."""
        key = member_id.encode()
        at = instant_text(outcome.at)
        topic, value = self._topic_and_value(outcome, member_id, at, partition)
        headers = self._headers.pairs(outcome.kind, outcome.cause, at, member_id, key, outcome.sequence)
        return topic, key, value, headers

    def written(self, outcome: Outcome, member_id: str, key: bytes, partition: int) -> tuple[str, bytes, bytes]:
        """The same without the key, which the caller has; the headers as the record will have them."""
        at = instant_text(outcome.at)
        headers = self._headers.encoded(outcome.kind, outcome.cause, at, member_id, key, outcome.sequence)
        form = self._plain.form(outcome)
        if form is None:
            topic, value = self._topic_and_value(outcome, member_id, at, partition)
            return topic, value, headers
        return form.topic, self._plain.value(form, outcome, member_id, at, partition), headers

    def _topic_and_value(self, outcome: Outcome, member_id: str, at: str, partition: int) -> tuple[str, bytes]:
        kind = outcome.kind
        position = LogPosition(MEMBER_EVENTS, partition, outcome.offset)
        if kind.startswith("tier."):
            if outcome.tier >= 0:
                return TIER_CHANGES, self._value(outcome, member_id, at, position, self._places)
            return TIER_CHANGES, self._departure(outcome, member_id, at, position)
        if self._segments is not None and kind.startswith("segment."):
            return SEGMENT_CHANGES, self._segments.value(outcome, member_id, at, position)
        return LIFECYCLE_ALERTS, self._value(outcome, member_id, at, position, _STAGE_PLACES)

    def _value(
        self, outcome: Outcome, member_id: str, at: str, position: LogPosition, places: list[msgspec.Raw]
    ) -> bytes:
        tier = outcome.tier
        before = outcome.rank_before
        higher = max(before, outcome.rank_after)
        facts = outcome.facts
        keeps: Keeps | KeepsByCut | msgspec.Raw | None = self._rules[tier]
        to_next: ToNext | ToCut | None = None
        more = b""
        if places is not self._places:
            # The boundary reached, or on the way back the one left behind; a first purchase crosses none.
            crossed = self._boundaries[higher] if before != PROSPECT else None
            if isinstance(facts, Silence):
                more = quiet_text(facts).encode() + b"}"
            elif isinstance(facts, Superseded):
                supersedes = self._id_of(facts.told, member_id)
                more = alert_corrected_part(facts.told, supersedes, _STAGE_PLACES[facts.told_stage])
        else:
            # Reached by rising, missed by falling; joining crosses nothing.
            rules = self._entered if outcome.rank_after > before and outcome.kind in _RISING else self._rules
            crossed = rules[higher] if before >= 0 else None
            more = self._tier_parts.plain[tier]
        last_at = outcome.last_purchase_at
        if isinstance(facts, TierFacts):
            parts = self._tier_parts
            to_next = parts.to_next(tier, facts.to_next)
            keeps = parts.keeps(facts)
            told = facts.superseded
            if told is not None:
                more = parts.of_correction(facts, told, self._id_of(told, member_id), tier)
            elif facts.value >= 0:
                more = parts.of_rank(outcome.kind, facts, higher)
            else:
                more = parts.of(outcome.kind, facts)
        elif self._same_window:
            to_next = self._tier_parts.to_next_by(tier, outcome.frequency, outcome.monetary)
        if outcome.kind in self._actions.kinds:
            more = self._actions.behind(more, outcome, member_id)
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
                at if last_at == outcome.at else instant_text(last_at) if last_at else None,
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

    def _departure(self, outcome: Outcome, member_id: str, at: str, position: LogPosition) -> bytes:
        """The value of an outcome after which the member has no tier: merged, or erased."""
        before = outcome.rank_before
        facts = outcome.facts
        into = facts.into if isinstance(facts, TierFacts) else ""
        value = _encode(
            OutcomeBody(
                outcome.kind,
                member_id,
                outcome.sequence,
                sentence(outcome, member_id, self._policy),
                self._places[before] if before >= 0 else None,
                None,
                outcome.reason,
                at,
                None,
                instant_text(outcome.recorded_at),
                outcome.catch_up,
                instant_text(outcome.next_due_at) if outcome.next_due_at else None,
                None,
                outcome.frequency,
                outcome.monetary,
                self._currency,
                self._window_days,
                None,
                None,
                None,
                None,
                self._published,
                self._epoch,
                position,
                cause_part(outcome),
            )
        )
        return value[:-1] + (merged_part(into) if into else erased_part())

    def _id_of(self, told: Told, member_id: str) -> str:
        """The id of an outcome that a timer led to."""
        return outcome_id(self._epoch, member_id, told.kind, f"timer:{told.at}", told.sequence)
