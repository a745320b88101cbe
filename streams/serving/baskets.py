"""What would this basket do to this member? Judged by the scorer's own rules, and nothing is written."""

from datetime import timedelta
from typing import Final, NamedTuple

import msgspec

from scoring.calendar import EPOCH, instant_of
from scoring.engine import Position, apply
from scoring.errors import Refused
from scoring.events import OrderPaid
from scoring.policy import ROLLING, Policy
from streams.instants import instant_text
from streams.serving.policies import InForce
from streams.serving.rebuilt import keep_base, rebuilt
from streams.serving.scores import Score
from streams.serving.shapes import Basket

#: Event and order id of an order that nobody placed.
_ID: Final = "preview"
_decode: Final = msgspec.json.Decoder(Score).decode


class RefusedBasketError(Exception):
    """The scorer would refuse such an order; the text says why."""


class Judged(NamedTuple):
    """The score after a basket that was judged ``at`` (epoch ms).

    ``doubts`` says why the scorer may come to another one; it is empty where it cannot.
    """

    at: int
    after: Score
    doubts: list[str]


def judged(score: Score | None, member_id: str, basket: Basket, in_force: InForce, now: int) -> Judged:
    """A basket on top of a score, or as a first order, at its own instant or ``now`` (epoch ms).

    Raises:
        RefusedBasketError: the scorer would refuse the order.
        UnlikePolicyError: score and policy do not belong together.
    """
    policy = in_force.policy
    moment = EPOCH + timedelta(milliseconds=now) if basket.occurred_at is None else basket.occurred_at
    at = instant_of(moment)
    order = OrderPaid(
        event_id=_ID,
        member_id=member_id,
        occurred_at=moment,
        order_id=_ID,
        net_amount=basket.net_amount,
        currency=basket.currency,
        shop_id=basket.shop_id,
        channel=basket.channel,
        lines=basket.lines,
    )
    state = None if score is None else rebuilt(score, policy, at)
    position = Position(0 if score is None else score.offset, now, 0, imported=False)
    try:
        decided = apply(state, order, policy, position).state
    except Refused as refused:
        why = refused.detail.removeprefix(f"{_ID}: ")
        raise RefusedBasketError(f"the scorer would refuse such an order: {why}") from refused
    if score is None or state is None:
        return Judged(at, _decode(in_force.scores.record(member_id, decided)), [])
    if basket.net_amount < policy.min_order_amount:
        # Too little to count: nothing moves, and nothing that the score does not know has to be asked.
        after = msgspec.structs.replace(score, as_of_ms=decided.as_of)
    else:
        keep_base(decided, state)
        after = _decode(in_force.scores.record(member_id, decided))
    return Judged(at, after, _doubts(score, policy, at))


def _doubts(score: Score, policy: Policy, at: int) -> list[str]:
    doubts = []
    if score.next_due_ms is not None and at >= score.next_due_ms:
        doubts.append(
            f"time alone may have changed something at {instant_text(score.next_due_ms)}, which the score does not "
            "say yet"
        )
    if policy.tier_window != ROLLING:
        doubts.append("tiers go by years: what is missing to the next tier is told by the orders of this year alone")
    elif policy.tier_window_days != policy.window_days and score.tier_frequency is None:
        doubts.append("the score was written by an older version, which did not say what counts for tiers")
    if at < score.as_of_ms and (policy.corrects or policy.rhythm is not None):
        doubts.append("what an order this late does depends on others, which scores do not have")
    return doubts
