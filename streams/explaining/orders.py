"""Which orders does a member have, what is each still worth, and until when does it count?"""

from typing import Any, Final

from scoring.ledger import PAID
from scoring.policy import ROLLING, Policy
from scoring.qualifying_window import year_start
from scoring.state import ORDER, MemberState
from streams.explaining.dates import last_day_before, zoned
from streams.instants import date_text

_STUB: Final = -1


def orders_in_words(state: MemberState, policy: Policy) -> list[dict[str, Any]]:
    """Every unsealed order and stub, the newest first. The ids themselves are not kept, only their fingerprints."""
    found: list[tuple[int, dict[str, Any]]] = []
    for order, at, day, value, _ in ORDER.iter_unpack(state.orders):
        found.append((at, _order(state, policy, order, at, day, value, value, "paid")))
    for order, at, day, value, _, net, status, first_revision, _, returns in state.amended:
        word = "paid" if status == PAID else "cancelled"
        if first_revision == _STUB:
            word = "not_seen_yet"
        told = _order(state, policy, order, at, day, value, net, word)
        told["returned"] = sum(each[3] for each in returns)
        found.append((at, told))
    return [told for _, told in sorted(found, key=lambda each: (-each[0], each[1]["fingerprint"]))]


def buckets_in_words(state: MemberState, policy: Policy) -> list[dict[str, Any]]:
    """What is left of sealed orders, a day each, the newest first."""
    sealed = state.sealed
    if sealed is None:
        return []
    return [
        {
            "day": date_text(bucket.day),
            "orders": bucket.frequency,
            "net": bucket.monetary,
            "fingerprints": len(bucket.fingerprints) // 8,
            **_counts_until(state, policy, bucket.day, counted=bucket.frequency > 0),
        }
        for bucket in reversed(sealed.buckets)
    ]


def _order(
    state: MemberState, policy: Policy, order: bytes, at: int, day: int, value: int, net: int, word: str
) -> dict[str, Any]:
    kept = value >= policy.min_order_amount
    return {
        "fingerprint": order.hex(),
        "at": zoned(at, policy.zone),
        "day": date_text(day),
        "status": word,
        "paid": net,
        "returned": 0,
        "net": max(value, 0),
        "kept": kept,
        **_counts_until(state, policy, day, counted=kept),
    }


def _counts_until(state: MemberState, policy: Policy, day: int, *, counted: bool) -> dict[str, str | None]:
    """The last local day on which orders of ``day`` count in the reported window and for tiers; None: not any more."""
    today = policy.zone.day_of(state.as_of)
    reported = day + policy.window_days
    rolling = policy.tier_window == ROLLING
    for_tiers = day + policy.tier_window_days if rolling else year_start(state, policy, day, 2)
    start = policy.zone.start_of_day
    return {
        "in_window_until": last_day_before(start(reported), policy.zone) if counted and reported > today else None,
        "for_tier_until": last_day_before(start(for_tiers), policy.zone) if counted and for_tiers > today else None,
    }
