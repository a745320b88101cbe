"""A member's current score as the value of a record of the compacted topic member-scores."""

from typing import Final

import msgspec

from scoring.policy import ROLLING, Policy
from scoring.shortfall import missing_to_next
from scoring.state import MemberState
from scoring.vocabulary import STAGES
from streams.outcome_parts import TierParts
from streams.plain_scores import PlainScores
from streams.score_bodies import ScoreBody, ScorePart
from streams.segment_values import segment_names

_encode: Final = msgspec.json.Encoder().encode


class ScoreRecords:
    """Writes the scores of members under one policy."""

    def __init__(self, policy: Policy, epoch: int, tier_parts: TierParts) -> None:
        self._policy = policy
        self._epoch = epoch
        self._currency = policy.currency
        self._names = [rule.name for rule in policy.tiers]
        self._by_percentile = policy.by_percentile
        self._has_segments = policy.segments is not None
        #: The reported numbers are those of the tiers, too, where both are counted over the same window.
        self._has_tier_numbers = policy.tier_window != ROLLING or policy.tier_window_days != policy.window_days
        self._adds_to_all = self._by_percentile or self._has_tier_numbers
        self._tier_parts = tier_parts
        self._plain = PlainScores(policy, epoch)

    def record(self, member_id: str, state: MemberState) -> bytes:
        """The whole current score of a member, the value of its record in member-scores; the key is the member id.

        Instants are epoch milliseconds and never ages, so that the record stays true while nothing happens.
        """
        if state.further is None and not self._adds_to_all:
            return self._plain.value(member_id, state)
        tier = state.tier
        policy = self._policy
        if state.further is not None and state.further.merge is not None:
            return self._merged_score(member_id, state, state.further.merge.into)
        if policy.tier_window == ROLLING:
            to_next = self._tier_parts.to_next_by(tier, state.tier_frequency, state.tier_monetary)
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
        return score[:-1] + self._further(state)

    def _merged_score(self, member_id: str, state: MemberState, into: str) -> bytes:
        score = _encode(
            ScoreBody(
                member_id,
                self._epoch,
                state.offset,
                state.sequence,
                None,
                None,
                None,
                None,
                None,
                None,
                0,
                0,
                self._currency,
                state.as_of,
                state.joined_at,
                state.next_due or None,
                None,
                self._policy.version,
            )
        )
        return score[:-1] + b"," + _encode(ScorePart(merged_into=into))[1:]

    def erasure_headers(self, state: MemberState) -> list[tuple[str, bytes]]:
        """The headers of the record without a value that takes an erased member's score away.

        They name its version, so that no reader brings an older score back.
        """
        return [("epoch", b"%d" % self._epoch), ("offset", b"%d" % state.offset)]

    def _further(self, state: MemberState) -> bytes:
        part = _encode(
            ScorePart(
                self._names[state.base] if state.base != state.tier else None,
                self._names[state.floor] if state.floor else None,
                state.held_until or None,
                state.grace_until or None,
                STAGES[state.told_stage] if state.told_stage != state.stage else None,
                segment_names(state) if self._has_segments else None,
                state.tier_frequency > 0 if self._by_percentile else None,
                None,
                True if state.provisional else None,
                state.tier_frequency if self._has_tier_numbers else None,
                state.tier_monetary if self._has_tier_numbers else None,
            )
        )
        return b"," + part[1:] if len(part) > 2 else b"}"
