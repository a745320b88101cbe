"""The values of nearly all scores: of members about whom there is nothing more to say than all scores say.

What :class:`~streams.score_bodies.ScoreBody` would be encoded to, byte for byte, joined from what the policy, the tier
and the stage decide (a *form*) and what differs: 0.5 µs instead of 0.8, compiled. The encoder writes a number faster
than anything else makes a text of it, but most numbers need not be made: small ones are known, many instants are the
same.
"""

from typing import Final

import msgspec

from scoring.policy import Policy
from scoring.state import MemberState
from scoring.tier_rules import TierRule
from scoring.vocabulary import STAGES
from streams.outcome_parts import match_text

_encode: Final = msgspec.json.Encoder().encode
_NULL: Final = "null"
#: Of a measure that the next tier does not ask for, and where there is none.
_NOT_ASKED: Final = -1
# None of these numbers is ever negative.
_NUMBERS: Final = [str(number) for number in range(1000)]
_KNOWN: Final = len(_NUMBERS)
#: How many due instants are known as text before that begins anew: nearly all are midnights. 0.1 MB.
_MOST_DUE: Final = 1000


class Form:
    """What is the same in all scores of a tier and a stage: parts of the JSON, in the order in which they stand in it.

    ``orders`` and ``money`` are what the next tier asks.
    """

    __slots__ = ("begin", "between", "end", "money", "next", "orders", "stage")

    def __init__(self, policy: Policy, tier: int, stage: int) -> None:
        version = f',"policy_version":{policy.version}}}'
        self.begin = f',"tier":{_text(policy.tiers[tier].name)},"tier_rank":{tier},"tier_since_ms":'
        self.stage = f',"stage":"{STAGES[stage]}","stage_since_ms":'
        self.orders = self.money = _NOT_ASKED
        self.next, self.between, self.end = f',"to_next":{_NULL}', "", version
        if tier + 1 < len(policy.tiers):
            rule: TierRule = policy.tiers[tier + 1]
            self.orders = _NOT_ASKED if rule.frequency is None else rule.frequency
            self.money = _NOT_ASKED if rule.monetary is None else rule.monetary
            self.next = (
                f',"to_next":{{"tier":{_text(rule.name)},"frequency":{"" if rule.frequency is not None else _NULL}'
            )
            self.between = f',"monetary":{"" if rule.monetary is not None else _NULL}'
            self.end = f',"match":"{match_text(rule)}"}}{version}'


class PlainScores:
    """Of one policy that does not go by percentile and counts for tiers what it reports."""

    def __init__(self, policy: Policy, epoch: int) -> None:
        self._epoch = f',"epoch":{epoch},"offset":'
        self._currency = f',"currency":{_text(policy.currency)},"as_of_ms":'
        self._forms = [[Form(policy, tier, stage) for stage in range(len(STAGES))] for tier in range(len(policy.tiers))]
        self._next_dues = {0: _NULL}

    def value(self, member_id: str, state: MemberState) -> bytes:
        """The score of a member of whom the state knows nothing further."""
        form = self._forms[state.tier][state.stage]
        at, last_at, joined_at, since = state.as_of, state.last_at, state.joined_at, state.stage_since
        sequence, frequency = state.sequence, state.frequency
        as_of = str(at)
        joined = as_of if joined_at == at else str(joined_at)
        tier_since = as_of if state.tier_since == at else str(state.tier_since)
        stage_since = joined if since == joined_at else as_of if since == at else str(since)
        last = _NULL if not last_at else as_of if last_at == at else str(last_at)
        next_due = self._next_dues.get(state.next_due)
        if next_due is None:
            next_due = self._begin_due(state.next_due)
        missing_orders = missing_money = ""
        if form.orders >= 0:
            missing = form.orders - state.tier_frequency
            missing_orders = "0" if missing <= 0 else _NUMBERS[missing] if missing < _KNOWN else str(missing)
        if form.money >= 0:
            missing = form.money - state.tier_monetary
            missing_money = str(missing) if missing > 0 else "0"
        return (
            f'{{"member_id":{_encode(member_id).decode()}{self._epoch}{state.offset}'
            f',"sequence":{_NUMBERS[sequence] if sequence < _KNOWN else sequence}'
            f'{form.begin}{tier_since}{form.stage}{stage_since},"last_purchase_ms":{last}'
            f',"frequency":{_NUMBERS[frequency] if frequency < _KNOWN else frequency},"monetary":{state.monetary}'
            f'{self._currency}{as_of},"joined_ms":{joined},"next_due_ms":{next_due}'
            f"{form.next}{missing_orders}{form.between}{missing_money}{form.end}"
        ).encode()

    def _begin_due(self, next_due: int) -> str:
        """A due instant as text, kept for others."""
        known = self._next_dues
        if len(known) >= _MOST_DUE:
            known.clear()
            known[0] = _NULL
        text = known[next_due] = str(next_due)
        return text


def _text(text: str) -> str:
    """As JSON."""
    return _encode(text).decode()
