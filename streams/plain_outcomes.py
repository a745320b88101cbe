"""The values of nearly all outcomes: those of orders, where no hold, override, percentile or silence has to be told of.

What :class:`~streams.outcome_bodies.OutcomeBody` would be encoded to, byte for byte, joined from what the policy, the
kind and the ranks decide (a *form*) and what differs: 1.4 µs instead of 1.9, sentence included, compiled.
"""

from typing import Final

import msgspec

from scoring.advising import ADVISING
from scoring.outcomes import (
    FIRST_PURCHASE,
    REACTIVATED,
    RECOVERED,
    TIER_DOWNGRADED,
    TIER_JOINED,
    TIER_UPGRADED,
    Outcome,
)
from scoring.policy import Policy, TierRule
from scoring.vocabulary import PROSPECT, STAGES
from streams.currencies import money_text
from streams.instants import instant_text
from streams.outcome_parts import TierParts, boundary_part, match_text, place, rule_part
from streams.outcome_sentences import around_numbers
from streams.topics import LIFECYCLE_ALERTS, MEMBER_EVENTS, TIER_CHANGES

_encode: Final = msgspec.json.Encoder().encode
_NULL: Final = "null"
_OF_TIERS: Final = (TIER_JOINED, TIER_UPGRADED, TIER_DOWNGRADED)
_PLAIN: Final = (*_OF_TIERS, FIRST_PURCHASE, RECOVERED, REACTIVATED)
#: Of a measure that a tier does not ask for.
_NOT_ASKED: Final = -1


def json_text(part: object) -> str:
    """As JSON."""
    return _encode(part).decode()


def _inside(text: str) -> str:
    """Text as it stands between the quotes of a JSON string."""
    return json_text(text)[1:-1]


class Form:
    """What is the same in all outcomes of a kind, for a reason, from one rank to another, with a tier afterwards.

    Texts are parts of the JSON, in the order in which they stand in it; ``in_days`` is empty where the sentence says no
    numbers, ``next_begin`` where nothing is missing to a next tier. ``orders`` and ``money`` are what that one asks.
    """

    __slots__ = (
        "begin",
        "behind",
        "end",
        "in_days",
        "keeps",
        "money",
        "next_begin",
        "next_end",
        "orders",
        "says",
        "standing",
        "topic",
    )

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.begin = self.says = self.in_days = self.behind = self.standing = ""
        self.next_begin = self.next_end = self.keeps = ""
        self.orders = self.money = _NOT_ASKED
        self.end = "}"


class PlainOutcomes:
    """Of one policy."""

    def __init__(self, policy: Policy, epoch: int, published: msgspec.Raw, parts: TierParts, *, near: bool) -> None:
        """``near``: what is missing to the next tier follows from the numbers reported."""
        self._policy = policy
        self._near = near
        self._ends = parts.plain
        self._currency = policy.currency
        self._money = f',"currency":{json_text(policy.currency)},"window_days":{policy.window_days},"crossed":'
        self._decided = (
            f',"policy":{json_text(published)},"epoch":{epoch},"position":{{"topic":"{MEMBER_EVENTS}","partition":'
        )
        self._forms: dict[tuple[str, str, int, int, int], Form] = {}
        # A currency that has to be escaped is none.
        self._has_none = policy.by_percentile or _inside(policy.currency) != policy.currency

    def form(self, outcome: Outcome) -> Form | None:
        """What an outcome has in common with others; None for one that is not plain."""
        if outcome.facts is not None or outcome.timer_at or outcome.due_at or outcome.sweep or self._has_none:
            return None
        key = (outcome.kind, outcome.reason, outcome.rank_before, outcome.rank_after, outcome.tier)
        form = self._forms.get(key)
        if form is None:
            kind = outcome.kind
            if kind not in _PLAIN or outcome.tier < 0 or (self._policy.actions and kind in ADVISING):
                return None
            form = self._forms[key] = self._make(outcome)
        return form

    def _make(self, outcome: Outcome) -> Form:
        policy = self._policy
        kind, before, after, tier = outcome.kind, outcome.rank_before, outcome.rank_after, outcome.tier
        higher = max(before, after)
        of_tier = kind in _OF_TIERS
        form = Form(TIER_CHANGES if of_tier else LIFECYCLE_ALERTS)
        names = policy.tier_names if of_tier else STAGES
        crossed = _NULL
        if of_tier:
            form.end = self._ends[tier].decode()
            if before >= 0:
                crossed = json_text(rule_part(policy, higher, entering=kind == TIER_UPGRADED))
        elif before != PROSPECT:
            crossed = json_text(boundary_part(policy, higher))
        came_from = json_text(place(names[before], before)) if before >= 0 else _NULL
        says, behind = around_numbers(outcome)
        form.begin = f'{{"kind":"{kind}","member_id":"'
        form.says = _inside(says)
        form.in_days = "" if kind == TIER_JOINED else f" in {policy.window_days} days"
        form.behind = (
            f'{_inside(behind)}","from":{came_from},"to":{json_text(place(names[after], after))}'
            f',"reason":"{outcome.reason}","at":"'
        )
        form.standing = f'{self._money}{crossed},"tier":{json_text(place(policy.tier_names[tier], tier))},"to_next":'
        if self._near and tier + 1 < len(policy.tiers):
            rule: TierRule = policy.tiers[tier + 1]
            form.next_begin = f'{{"tier":{json_text(rule.name)},"frequency":'
            form.orders = _NOT_ASKED if rule.frequency is None else rule.frequency
            form.money = _NOT_ASKED if rule.monetary is None else rule.monetary
            form.next_end = f',"match":"{match_text(rule)}"}}'
        form.keeps = f',"keeps":{json_text(rule_part(policy, tier, entering=False))}{self._decided}'
        return form

    def value(self, form: Form, outcome: Outcome, member_id: str, at: str, partition: int) -> bytes:
        """Of an outcome of this form; ``at`` is its instant."""
        frequency, monetary = outcome.frequency, outcome.monetary
        event, order, shop, channel = outcome.cause, outcome.order_id, outcome.shop_id, outcome.channel
        # No quotes, no escapes and nothing beyond ASCII: JSON is as long.
        strings = f"{member_id}{event}{order}{shop}{channel}"
        if len(_encode(strings)) != len(strings) + 2:
            member_id, event = _inside(member_id), _inside(event)
            order, shop, channel = _inside(order), _inside(shop), _inside(channel)
        numbers = ""
        if form.in_days:
            orders = "1 order" if frequency == 1 else f"{frequency} orders"
            numbers = f"{orders}, {money_text(monetary, self._currency)}{form.in_days}"
        to_next = _NULL
        if form.next_begin:
            missing_orders = missing_money = _NULL
            if form.orders >= 0:
                missing_orders = str(form.orders - frequency) if form.orders > frequency else "0"
            if form.money >= 0:
                missing_money = str(form.money - monetary) if form.money > monetary else "0"
            to_next = f'{form.next_begin}{missing_orders},"monetary":{missing_money}{form.next_end}'
        last_at, next_due_at = outcome.last_purchase_at, outcome.next_due_at
        last = at if last_at == outcome.at else instant_text(last_at) if last_at else ""
        next_due = instant_text(next_due_at) if next_due_at else ""
        return (
            f'{form.begin}{member_id}","sequence":{outcome.sequence},"sentence":"member {member_id} '
            f"{form.says}{numbers}{form.behind}{at}"
            f'","due_at":null,"recorded_at":"{instant_text(outcome.recorded_at)}'
            f'","catch_up":{"true" if outcome.catch_up else "false"},'
            f'"next_due_at":{_quoted(next_due)},"last_purchase_at":{_quoted(last)},'
            f'"frequency":{frequency},"monetary":{monetary}{form.standing}{to_next}{form.keeps}{partition},'
            f'"offset":{outcome.offset}}},"cause":{{"event_id":"{event}",'
            f'"order_id":{_quoted(order)},"shop_id":{_quoted(shop)},"channel":{_quoted(channel)}}}{form.end}'
        ).encode()


def _quoted(text: str) -> str:
    return f'"{text}"' if text else _NULL
