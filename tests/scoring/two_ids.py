"""Two ids of one person in two partitions, and events about them."""

from datetime import datetime
from typing import Any

from streams.policy_file import PolicyDocument
from tests.driver import key_on

S, T = key_on(0, 2, "s"), key_on(1, 2, "t")
#: Midnight (UTC) with which the unmerge time of a merge on day 10 ends, by the default of 30 days.
END = datetime.fromisoformat("2026-02-10T00:00:00+00:00")


def returned(member_id: str, order_id: str, at: datetime, amount: int, **fields: Any) -> dict[str, Any]:
    return {
        "type": "order.returned",
        "event_id": f"returned-{order_id}-{amount}",
        "member_id": member_id,
        "occurred_at": at.isoformat(),
        "order_id": order_id,
        "returned_amount": amount,
        **fields,
    }


def visit(member_id: str, at: datetime) -> dict[str, Any]:
    return {"type": "visit", "event_id": f"visit-{at:%j%H}", "member_id": member_id, "occurred_at": at.isoformat()}


def held(**tiers: Any) -> PolicyDocument:
    """C from two orders, B from four, A from six; tiers are held for 100 days."""
    levels = [{"name": "D"}, *({"name": name, "frequency": n} for name, n in (("C", 2), ("B", 4), ("A", 6)))]
    content = {"window_days": 100, "downgrade": "at_hold_end", "hold_days": 100, "expiring_days": 0, "levels": levels}
    return PolicyDocument.model_validate(
        {"version": 1, "currency": "USD", "time_zone": "UTC", "tiers": content | tiers}
    )
