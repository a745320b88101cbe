"""The job that every peer does: count, sum, last time and tier per member, and a record whenever the tier moves."""

from bisect import bisect_right
from typing import Final

import orjson

from bench.workload import Workload

#: Minor units from which a member has the next tier: those of the shipped policy ``absolute``, by money alone.
THRESHOLDS: Final = (10_000, 30_000, 80_000)
#: The tiers' names, lowest first.
TIERS: Final = "DCBA"
#: Reads a standing: the JSON list of count, sum, tier and the text of the last time.
STANDING_LIST: Final = orjson.loads
#: A change of tier; a member's first order that leaves her in the lowest tier changes none.
CHANGE: Final = b'{"member_id":"%b","from":"%c","to":"%c","monetary":%d}'


def tier_of(monetary: int) -> int:
    """The rank of the tier that so many minor units earn."""
    return bisect_right(THRESHOLDS, monetary)


def tier_changes(workload: Workload, events: int) -> int:
    """How often the first ``events`` orders move a tier."""
    spent: dict[int, int] = {}
    changes = 0
    for order in workload.orders(events):
        before = spent.get(order.member, 0)
        after = spent[order.member] = before + order.amount
        changes += tier_of(before) != tier_of(after)
    return changes
