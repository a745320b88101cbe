"""A member's state as far as their score tells it, for the rules to go on from.

A score has no ledger, only what the ledger comes to. But until ``next_due_ms`` the rules need no more of it to judge
another order: what counts in the reported window and for tiers, the last purchase, and the hold. So a ledger is made up
that comes to the same: as many orders, worth as much, in the same windows. Everything else is left to the rules.
"""

from typing import Final

from scoring.further import Asked, Further, Override
from scoring.policy import ROLLING, Policy
from scoring.qualifying_window import year_start
from scoring.state import NO_DAY, ORDER, MemberState, unknown_member
from scoring.vocabulary import ACTIVE, NEW, PROSPECT, STAGES
from streams.serving.scores import Score

#: More kept orders than anybody has: a provisional tier is never confirmed by a ledger that is made up.
_OUT_OF_REACH: Final = Asked(1 << 60, None, match_all=True)
#: For a purchase day before every window, of members who bought on several days.
_LONG_AGO_DAYS: Final = 20_000
_DAY_MS: Final = 86_400_000
_NO_FINGERPRINT: Final = bytes(8)

#: Orders that are alike: how many, instant (epoch ms), local day, worth of each in minor units.
_Alike = tuple[int, int, int, int]


class UnlikePolicyError(Exception):
    """The score names a tier that the policy does not have: they do not belong together."""


def rebuilt(score: Score, policy: Policy, at: int) -> MemberState:
    """The state behind a score, for one more order that is judged ``at`` (epoch ms, not before the score's as_of).

    Good for :func:`scoring.engine.apply` of a new order and for nothing else.

    Raises:
        UnlikePolicyError: the score is not one of this policy.
    """
    names = policy.tier_names
    given = (score.tier, score.base or score.tier, score.floor or names[0])
    if not set(given) <= set(names):
        raise UnlikePolicyError(f"the score has the tiers {', '.join(map(str, given))}, the policy {', '.join(names)}")
    tier, base, floor = (names.index(str(name)) for name in given)
    stage = STAGES.index(score.stage or STAGES[PROSPECT])
    state = unknown_member(score.as_of_ms)
    state.offset, state.sequence = score.offset, score.sequence
    state.tier, state.stage = tier, stage
    state.tier_since, state.stage_since = score.tier_since_ms or score.as_of_ms, score.stage_since_ms or score.as_of_ms
    state.joined_at = score.joined_ms
    state.next_due = score.next_due_ms or 0
    state.frequency, state.monetary = score.frequency, score.monetary
    state.tier_frequency, state.tier_monetary = tier_numbers(score)
    told = STAGES.index(score.told_stage) if score.told_stage else stage
    own = Further(base, told, score.held_until_ms or 0, score.grace_until_ms or 0)
    if score.floor is not None:
        own.floor, own.override_in_force = floor, True
        # An end within the score's time would be its next_due_ms.
        own.override = Override(0, "", score.floor, max(at, score.as_of_ms) + _DAY_MS)
    if score.provisional:
        own.provisional, own.qualified_at, own.asked = True, score.as_of_ms, _OUT_OF_REACH
    if own.says_something(tier, stage):
        state.further = own
    _make_up_ledger(state, score.last_purchase_ms, policy, policy.zone.day_of(max(at, score.as_of_ms)))
    return state


def keep_base(after: MemberState, before: MemberState) -> None:
    """Undo a fall by a purchase, of which there is none.

    Where tiers go by years and nothing is held, a base may rest on the orders of last year, which scores do not tell.
    """
    if after.base < before.base:
        own = after.own_further()
        own.base, own.provisional = before.base, before.provisional
        if max(own.base, own.floor) == before.tier:
            after.tier_since = before.tier_since
        after.tier = max(own.base, own.floor)


def tier_numbers(score: Score) -> tuple[int, int]:
    """Orders and minor units that count for tiers."""
    if score.tier_frequency is None or score.tier_monetary is None:
        return score.frequency, score.monetary
    return score.tier_frequency, score.tier_monetary


def _make_up_ledger(state: MemberState, last_at: int | None, policy: Policy, day: int) -> None:
    """Orders that come to the state's numbers on the local day ``day``, the latest one at ``last_at`` (epoch ms)."""
    if last_at is None:
        return
    last_day = policy.zone.day_of(last_at)
    reported = (day - policy.window_days + 1, state.frequency, state.monetary)
    rolling = policy.tier_window == ROLLING
    tiers_begin = day - policy.tier_window_days + 1 if rolling else year_start(state, policy, day, 0)
    for_tiers = (tiers_begin, state.tier_frequency, state.tier_monetary)
    # The later a window begins, the fewer orders it has: what only the longer one has lies before the shorter one.
    (begin, inner, inner_worth), (earlier, outer, outer_worth) = sorted((reported, for_tiers), reverse=True)
    lots = [(begin, inner, inner_worth), (earlier, max(outer - inner, 0), max(outer_worth - inner_worth, 0))]
    made: list[_Alike] = []
    upper = NO_DAY
    for first_day, count, worth in lots:
        holds_last = first_day <= last_day < upper
        made += _lot(count, worth, policy, first_day, last_at if holds_last else None, alone=state.stage == NEW)
        upper = first_day
    state.last_at, state.last_day = last_at, last_day
    state.purchase_days = 2 if state.stage == ACTIVE else 1
    if last_day < upper or state.stage == ACTIVE:
        # Purchases that no window counts any more.
        gone_day = last_day if last_day < upper else last_day - _LONG_AGO_DAYS
        state.gone_at = last_at if last_day < upper else policy.zone.start_of_day(gone_day)
        state.gone_days, state.gone_purchase_days = 1, (gone_day,)
    if last_day < upper and state.stage == ACTIVE:
        state.gone_days, state.gone_purchase_days = 2, (last_day - _LONG_AGO_DAYS, last_day)
    state.oldest_day = min((bought for _, _, bought, _ in made), default=NO_DAY)
    state.orders = _packed(made, apart=policy.seal is not None)


def _packed(made: list[_Alike], *, apart: bool) -> bytes:
    """The ledger. Nobody asks for one of its orders, unless it is sealed: then they have to differ (``apart``).

    Otherwise all have the same fingerprint, so that thousands are made up as quickly as one.
    """
    packed, number = [], 0
    for count, at, bought, worth in made:
        if not apart:
            packed.append(ORDER.pack(_NO_FINGERPRINT, at, bought, worth, 1) * count)
            continue
        for _ in range(count):
            number += 1
            packed.append(ORDER.pack(number.to_bytes(8, "big"), at, bought, worth, 1))
    return b"".join(packed)


def _lot(count: int, worth: int, policy: Policy, first_day: int, last_at: int | None, *, alone: bool) -> list[_Alike]:
    """So many orders of so much in all from ``first_day`` on; one is at ``last_at``.

    ``alone``: all are of the day of the last one.
    """
    if count == 0:
        return []
    zone = policy.zone
    first_at, day = zone.start_of_day(first_day), first_day
    if last_at is not None and (alone or zone.day_of(last_at) == first_day):
        first_at, day = last_at, zone.day_of(last_at)
    least = policy.min_order_amount
    rest = worth - least * (count - 1)
    last = (1, first_at, day, rest) if last_at is None else (1, last_at, zone.day_of(last_at), rest)
    return [(count - 1, first_at, day, least), last] if count > 1 else [last]
