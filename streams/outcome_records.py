"""Outcomes and scores as records of the log: CloudEvents 1.0 in Kafka's binary mode, and the compacted member score.

Nearly every order makes some: what the policy alone decides is encoded once, the rest is one struct and one call.
"""

from hashlib import sha1
from typing import Final
from uuid import NAMESPACE_URL, uuid5

import msgspec

from scoring import outcomes
from scoring.lifecycle import boundary_of
from scoring.outcomes import Outcome
from scoring.policy import Policy, TierRule
from scoring.state import MemberState
from scoring.vocabulary import PROSPECT, STAGES
from streams.instants import instant_text
from streams.outcome_bodies import EventCause, LogPosition, OutcomeBody, ScoreBody, TimerCause, ToNext
from streams.outcome_sentences import sentence
from streams.topics import LIFECYCLE_ALERTS, MEMBER_EVENTS, TIER_CHANGES

#: Every outcome id is a name in this space (docs/rules.md, section 9).
NAMESPACE: Final = uuid5(NAMESPACE_URL, "https://memberpulse.dev/outcomes")
_NAMESPACE_HASHED: Final = sha1(NAMESPACE.bytes, usedforsecurity=False)
_VARIANT: Final = {f"{digit:x}": f"{digit & 3 | 8:x}" for digit in range(16)}
#: A reason tells a timer from an event; the cause's text does not, since a producer may call an event "timer:1".
_TIMER_REASONS: Final = ("window_exit", "quiet")

Header = tuple[str, bytes]
Record = tuple[str, bytes, bytes, list[Header]]

_KINDS: Final = (
    outcomes.TIER_JOINED,
    outcomes.TIER_UPGRADED,
    outcomes.TIER_DOWNGRADED,
    outcomes.FIRST_PURCHASE,
    outcomes.NEAR_CHURN_ALERT,
    outcomes.LAPSED_RECENTLY,
    outcomes.LAPSED_MID,
    outcomes.DORMANT_ALERT,
    outcomes.RECOVERED,
    outcomes.REACTIVATED,
)
_TYPE_HEADERS: Final = {kind: ("ce_type", f"memberpulse.{kind}.v1".encode()) for kind in _KINDS}
_SPECIFICATION: Final = ("ce_specversion", b"1.0")
_CONTENT_TYPE: Final = ("content-type", b"application/json")

_encode: Final = msgspec.json.Encoder().encode


def _place(name: str, rank: int) -> msgspec.Raw:
    return msgspec.Raw(_encode({"name": name, "rank": rank}))


_STAGE_PLACES: Final = [_place(name, rank) for rank, name in enumerate(STAGES)]


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
        self._places = [_place(rule.name, rank) for rank, rule in enumerate(policy.tiers)]
        self._rules = [_rule(rule) for rule in policy.tiers]
        self._boundaries = [_boundary(policy, stage) for stage in range(len(STAGES))]
        #: The reported numbers earn the tier only where both are counted over the same window.
        self._same_window = policy.tier_window_days == policy.window_days
        self._source_header = ("ce_source", source.encode())
        self._published = msgspec.Raw(_encode({"version": policy.version, "content_hash": policy.content_hash}))

    def record(self, outcome: Outcome, member_id: str, partition: int) -> Record:
        """The topic's logical name, key, value and headers of one outcome decided in ``partition`` of member-events."""
        kind = outcome.kind
        key = member_id.encode()
        at = instant_text(outcome.at)
        tier = outcome.tier
        before = outcome.rank_before
        reason = outcome.reason
        of_tier = kind.startswith("tier.")
        higher = max(before, outcome.rank_after)
        if of_tier:
            places = self._places
            # Reached by rising, missed by falling; joining crosses nothing.
            crossed = self._rules[higher] if before >= 0 else None
        else:
            places = _STAGE_PLACES
            # The boundary reached, or on the way back the one left behind; a first purchase crosses none.
            crossed = self._boundaries[higher] if before != PROSPECT else None
        value = _encode(
            OutcomeBody(
                kind,
                member_id,
                outcome.sequence,
                sentence(outcome, member_id, self._policy),
                places[before] if before >= 0 else None,
                places[outcome.rank_after],
                reason,
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
                self._to_next(tier, outcome.frequency, outcome.monetary) if self._same_window else None,
                self._rules[tier],
                self._published,
                self._epoch,
                LogPosition(MEMBER_EVENTS, partition, outcome.offset),
                TimerCause(instant_text(int(outcome.cause.removeprefix("timer:"))))
                if reason in _TIMER_REASONS
                else EventCause(
                    outcome.cause, outcome.order_id or None, outcome.shop_id or None, outcome.channel or None
                ),
            )
        )
        headers = [
            _SPECIFICATION,
            ("ce_id", outcome_id(self._epoch, member_id, kind, outcome.cause, outcome.sequence).encode()),
            _TYPE_HEADERS[kind],
            self._source_header,
            ("ce_time", at.encode()),
            ("ce_subject", key),
            ("ce_sequence", b"%020d" % outcome.sequence),
            _CONTENT_TYPE,
        ]
        return TIER_CHANGES if of_tier else LIFECYCLE_ALERTS, key, value, headers

    def score_record(self, member_id: str, state: MemberState) -> bytes:
        """The whole current score of a member, the value of its record in member-scores; the key is the member id.

        Instants are epoch milliseconds and never ages, so that the record stays true while nothing happens.
        """
        tier = state.tier
        to_next = self._to_next(tier, state.tier_frequency, state.tier_monetary)
        return _encode(
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
                self._policy.version,
            )
        )

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
            "all" if rule.match_all else "any",
        )


def _rule(rule: TierRule) -> msgspec.Raw | None:
    """What a tier asks for; ``None`` for the lowest, which nobody can lose."""
    if rule.frequency is None and rule.monetary is None:
        return None
    asked = ToNext(rule.name, rule.frequency, rule.monetary, "all" if rule.match_all else "any")
    return msgspec.Raw(_encode(asked))


def _boundary(policy: Policy, stage: int) -> msgspec.Raw:
    """After how many quiet days a lifecycle stage begins."""
    return msgspec.Raw(_encode({"stage": STAGES[stage], "days_since_last_purchase": boundary_of(policy, stage)}))
