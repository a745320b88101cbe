"""From what values on is somebody among the best so many percent? The cuts of a day, from its sketches.

With the true values this is exact. A sketch that has only a choice of them puts each cut where the share of members at
or above it is at most ``rank_error()`` away from what it reckons (:mod:`streams.cuts.sketches`).
"""

from collections.abc import Iterable
from typing import Final

from streams.cuts.census import Asked
from streams.cuts.sketches import MemberSketches, Tally
from streams.cuts_document import CutsDocument, DayMedians, DayQuantiles, FourNumbers, TierCuts

#: With fewer ranked members than this a percentage is a matter of chance, and thresholds decide.
FEWEST_RANKED: Final = 500


def compute(sketches: MemberSketches, asked: Iterable[Asked]) -> CutsDocument:
    """The cuts of a day, from the sketches of all partitions."""
    ranks = sketches.rank.tally()
    ranked = sketches.rank.members
    return CutsDocument(
        ranked,
        ranked < FEWEST_RANKED,
        {
            tier.tier: TierCuts(cut_of_best(ranks, tier.enter_percent), cut_of_best(ranks, tier.leave_percent))
            for tier in asked
        },
        _medians(sketches),
        _quantiles(sketches),
    )


def cut_of_best(values: Tally, percent: int) -> int | None:
    """The smallest value v with 100 x (members with v or more) <= ``percent`` x (all members).

    So many percent pass at most: members who are equal and would be too many stay below together. None when not even
    those with the largest value pass.
    """
    everybody = sum(members for _, members in values)
    cut = None
    passing = 0
    for value, members in reversed(values):
        passing += members
        if 100 * passing > percent * everybody:
            break
        cut = value
    return cut


def value_at(values: Tally, percent: int) -> int:
    """The smallest value v with 100 x (members with v or less) >= ``percent`` x (all members).

    ``values`` must not be empty.
    """
    everybody = sum(members for _, members in values)
    below = 0
    for value, members in values:
        below += members
        if 100 * below >= percent * everybody:
            return value
    raise ValueError("nobody was counted")


def _upper_median(values: Tally) -> int:
    """Of an even number of members the upper one of the two in the middle."""
    return -value_at([(-value, members) for value, members in reversed(values)], 50)


def _medians(sketches: MemberSketches) -> DayMedians | None:
    if sketches.recency.members == 0:
        return None
    # The lower of each measure: many days are low recency.
    return DayMedians(
        _upper_median(sketches.recency.tally()),
        value_at(sketches.frequency.tally(), 50),
        value_at(sketches.monetary.tally(), 50),
    )


def _quantiles(sketches: MemberSketches) -> DayQuantiles | None:
    if sketches.recency.members == 0:
        return None
    return DayQuantiles(_fifths(sketches.recency.tally()), _fifths(sketches.frequency.tally()))


def _fifths(values: Tally) -> FourNumbers:
    return value_at(values, 20), value_at(values, 40), value_at(values, 60), value_at(values, 80)
