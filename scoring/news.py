"""Which outcomes follow from an evaluation, and what they say."""

from scoring.lifecycle import alert_for, boundary_of
from scoring.outcomes import TIER_DOWNGRADED, TIER_JOINED, TIER_UPGRADED, Outcome
from scoring.policy import Policy
from scoring.state import MemberState
from scoring.vocabulary import CATCH_UP_AFTER_MS, PROSPECT, STAGES


class Origin:
    """What led to an evaluation: an event, or a timer.

    ``tick_at`` is the instant of the tick that fired the timer (epoch ms), 0 for an event.
    """

    __slots__ = ("cause", "channel", "imported", "order_id", "reason", "recorded_at", "shop_id", "tick_at")

    def __init__(
        self,
        *,
        cause: str,
        reason: str,
        recorded_at: int,
        imported: bool,
        tick_at: int = 0,
        order_id: str = "",
        shop_id: str = "",
        channel: str = "",
    ) -> None:
        self.cause = cause
        self.reason = reason
        self.recorded_at = recorded_at
        self.imported = imported
        self.tick_at = tick_at
        self.order_id = order_id
        self.shop_id = shop_id
        self.channel = channel


def report(state: MemberState, tier: int, stage: int, policy: Policy, origin: Origin) -> list[Outcome]:
    """The outcomes of the evaluation that led from ``tier`` (-1 before the first event) and ``stage`` to ``state``.

    They take their sequence numbers from ``state``.
    """
    told: list[Outcome] = []
    names = policy.tier_names
    if tier < 0:
        told.append(_outcome(state, origin, TIER_JOINED, "", names[0], -1, 0))
        tier = 0
    if state.tier != tier:
        kind = TIER_UPGRADED if state.tier > tier else TIER_DOWNGRADED
        told.append(_outcome(state, origin, kind, names[tier], names[state.tier], tier, state.tier))
    alert = alert_for(stage, state.stage)
    if alert:
        news = _outcome(state, origin, alert, STAGES[stage], STAGES[state.stage], stage, state.stage)
        if state.stage > stage > PROSPECT:
            news.due_at = policy.zone.start_of_day(state.last_day + boundary_of(policy, state.stage))
            if origin.tick_at:
                news.reason = "quiet"
                news.catch_up = origin.imported or origin.tick_at - news.due_at > CATCH_UP_AFTER_MS
        told.append(news)
    return told


def _outcome(
    state: MemberState,
    origin: Origin,
    kind: str,
    before: str,
    after: str,
    rank_before: int,
    rank_after: int,
) -> Outcome:
    state.sequence += 1
    joined = kind == TIER_JOINED
    # By position: 21 keywords cost as much again as everything else here.
    return Outcome(
        kind,
        state.sequence,
        origin.cause,
        "joined" if joined else origin.reason,
        before,
        after,
        rank_before,
        rank_after,
        state.as_of,
        0,
        origin.recorded_at,
        origin.imported,
        state.frequency,
        state.monetary,
        state.last_at,
        state.next_due,
        0 if joined else state.tier,
        state.offset,
        origin.order_id,
        origin.shop_id,
        origin.channel,
    )
