"""Cuts and quantiles from every value, written from the rule and not from the sketches: slow and plain."""

from collections.abc import Sequence
from math import ceil


def exact_cut(values: Sequence[int], percent: float) -> int | None:
    """The smallest observed value v with 100 x (members with v or more) <= ``percent`` x (all members)."""
    ordered = sorted(values)
    everybody = len(ordered)
    found = [
        value
        for place, value in enumerate(ordered)
        if (place == 0 or ordered[place - 1] != value) and 100 * (everybody - place) <= percent * everybody
    ]
    return min(found, default=None)


def share_from(values: Sequence[int], cut: int | None) -> float:
    """The share of members with ``cut`` or more, in percent."""
    return 0.0 if cut is None else 100 * sum(1 for value in values if value >= cut) / len(values)


def exact_quantile(values: Sequence[int], percent: int) -> int:
    """The smallest value that so many percent of the members do not exceed."""
    return sorted(values)[max(ceil(len(values) * percent / 100), 1) - 1]
