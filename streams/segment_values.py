"""What an outcome about a segment says, and the names of a member's segments."""

from typing import Final

import msgspec

from scoring.outcomes import Outcome, SegmentFacts
from scoring.policy import Policy
from scoring.segment_rules import EIGHT_TYPES, GROUP_NAMES, GROUPS, QUADRANTS, RF_SEGMENTS, SegmentRules
from scoring.segment_timers import GRID, TYPES, medians_of
from scoring.segments import f_score, r_score
from scoring.state import MemberState
from streams.instants import instant_text
from streams.outcome_bodies import GridScores, HighOrLow, LogPosition, SegmentBody
from streams.outcome_parts import cause_part
from streams.outcome_sentences import sentence

_encode: Final = msgspec.json.Encoder().encode


class SegmentValues:
    """Writes what one policy decided about segments."""

    def __init__(
        self, policy: Policy, rules: SegmentRules, tiers: list[msgspec.Raw], published: msgspec.Raw, epoch: int
    ) -> None:
        self._policy = policy
        self._rules = rules
        self._tiers = tiers
        self._published = published
        self._epoch = epoch
        self._places = [[msgspec.Raw(_encode({"name": name})) for name in names] for names in GROUPS]
        marks = self._marks = rules.marks(medians_of(policy))
        quadrants = {"frequency": marks.frequency, "monetary": marks.monetary}
        #: By group.
        self._cuts = [
            msgspec.Raw(_encode({"recency_days": rules.r_cuts, "frequency": rules.f_cuts})),
            msgspec.Raw(_encode(quadrants)),
            msgspec.Raw(_encode({"recency_days": marks.recency_days, **quadrants})),
        ]

    def value(self, outcome: Outcome, member_id: str, at: str, position: LogPosition) -> bytes:
        """The value of the record of an outcome of kind ``segment.left`` or ``segment.entered``."""
        facts = outcome.facts
        assert isinstance(facts, SegmentFacts)
        places = self._places[facts.group]
        before = outcome.rank_before
        after = outcome.rank_after
        return _encode(
            SegmentBody(
                outcome.kind,
                member_id,
                outcome.sequence,
                sentence(outcome, member_id, self._policy),
                GROUP_NAMES[facts.group],
                places[before] if before >= 0 else None,
                places[after] if after >= 0 else None,
                outcome.reason,
                at,
                None,
                instant_text(outcome.recorded_at),
                outcome.catch_up,
                instant_text(outcome.next_due_at) if outcome.next_due_at else None,
                instant_text(outcome.last_purchase_at) if outcome.last_purchase_at else None,
                outcome.frequency,
                outcome.monetary,
                self._policy.currency,
                self._policy.window_days,
                self._scores(facts, outcome.frequency, outcome.monetary),
                self._cuts[facts.group],
                self._tiers[outcome.tier],
                self._published,
                self._epoch,
                position,
                cause_part(outcome),
            )
        )

    def _scores(self, facts: SegmentFacts, frequency: int, monetary: int) -> GridScores | HighOrLow | None:
        age = facts.age
        if age < 0:
            return None
        if facts.group == GRID:
            return GridScores(r_score(age, self._rules), f_score(frequency, self._rules))
        marks = self._marks
        often = "high" if frequency > marks.frequency else "low"
        much = "high" if monetary > marks.monetary else "low"
        if facts.group != TYPES:
            return HighOrLow(often, much)
        return HighOrLow(often, much, "high" if age < marks.recency_days else "low")


def segment_names(state: MemberState) -> dict[str, str | None]:
    """The member's name in each group."""
    segment, quadrant, kind = state.rf_segment, state.quadrant, state.kind_of_eight
    return {
        GROUP_NAMES[0]: RF_SEGMENTS[segment] if segment >= 0 else None,
        GROUP_NAMES[1]: QUADRANTS[quadrant] if quadrant >= 0 else None,
        GROUP_NAMES[2]: EIGHT_TYPES[kind] if kind >= 0 else None,
    }
