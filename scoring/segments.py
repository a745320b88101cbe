"""Which segments a member is in, and on which day that may change by itself.

R is counted in whole local days from the day of the last kept order, however long ago it was, to the day asked about:
0 on the day itself, one more at each local midnight. F and M are those of the reported window. So a member whose orders
have all left the window has F = 0, and is still no prospect: she bought once.

What changes with time alone: R (:func:`next_segment_change`, :func:`next_type_change`), and F and M when an order
leaves the window (``exit_day`` of :class:`scoring.state.MemberState`). Medians and quantile cuts change when they are
published.
"""

from bisect import bisect_left, bisect_right
from typing import Final

from scoring.further import NO_SEGMENT
from scoring.segment_rules import PROSPECT_SEGMENT, Medians, SegmentRules
from scoring.state import NO_DAY

#: The memberships of somebody not yet known: what a first evaluation is compared with.
NO_MEMBERSHIPS: Final = (NO_SEGMENT, NO_SEGMENT, NO_SEGMENT)

# Indices into RF_SEGMENTS; a row per R from 1 to 5, a column per F from 1 to 5. The grid is the complete one of the
# widely copied ``seg_map`` of RFM notebooks ("[1-2][1-2]" hibernating ... "5[4-5]" champions). The boxes of the R
# package rfm are not used: they leave cells without a name and give others several.
_GRID: Final = (
    9, 9, 8, 8, 7,
    9, 9, 8, 8, 7,
    6, 6, 5, 1, 1,
    4, 2, 2, 1, 1,
    3, 2, 2, 0, 0,
)  # fmt: skip


def r_score(days: int, rules: SegmentRules) -> int:
    """R from 5 (most recent) to 1, ``days`` local days after the day of the last kept order; a cut is inclusive."""
    return 5 - bisect_left(rules.r_cuts, days)


def f_score(frequency: int, rules: SegmentRules) -> int:
    """F from 1 to 5 (most) for a number of kept orders in the window; 1 as well when all have left it."""
    return 1 + bisect_right(rules.f_cuts, frequency)


def rf_segment(r: int, f: int) -> int:
    """The index into ``RF_SEGMENTS`` of a cell of the grid, both scores from 1 to 5.

    Never prospect: somebody without any kept order has no R, see :func:`memberships`.
    """
    return _GRID[5 * r + f - 6]


def quadrant(frequency: int, monetary: int, rules: SegmentRules, medians: Medians | None) -> int:
    """The index into ``QUADRANTS`` for F kept orders worth M minor units; high is strictly above the number."""
    marks = rules.marks(medians)
    return (0 if monetary > marks.monetary else 2) + (0 if frequency > marks.frequency else 1)


def eight_type(recency_days: int, frequency: int, monetary: int, rules: SegmentRules, medians: Medians | None) -> int:
    """The index into ``EIGHT_TYPES``, R in local days since the last purchase day, F in kept orders, M in minor units.

    F and M are high strictly above their numbers, R strictly below its number of days: the fewer days, the higher R.
    """
    marks = rules.marks(medians)
    important = 0 if monetary > marks.monetary else 4
    recent = 0 if recency_days < marks.recency_days else 2
    return important + recent + (0 if frequency > marks.frequency else 1)


def memberships(
    purchase_days: int,
    last_day: int,
    day: int,
    frequency: int,
    monetary: int,
    rules: SegmentRules,
    medians: Medians | None,
) -> tuple[int, int, int]:
    """The member's RF segment, quadrant and type on the local day ``day``, as indices.

    The other numbers are those of :class:`scoring.state.MemberState`, counted on that day. Without any kept order
    (``purchase_days`` is 0) the member is a prospect and nothing else: low in everything would mean somebody lost, who
    in fact never came.
    """
    if purchase_days == 0:
        return PROSPECT_SEGMENT, NO_SEGMENT, NO_SEGMENT
    age = day - last_day
    return (
        rf_segment(r_score(age, rules), f_score(frequency, rules)),
        quadrant(frequency, monetary, rules, medians),
        eight_type(age, frequency, monetary, rules, medians),
    )


def next_segment_change(last_day: int, day: int, rules: SegmentRules) -> int:
    """The local day after ``day`` on which R falls if nothing happens, and so the RF segment may change.

    ``last_day`` is the local day of the last kept order; a member without one has no such day and is not to be asked
    about. ``NO_DAY`` when R is 1 already. Not every fall of R changes the name: the rows for R = 2 and R = 1 are alike.
    """
    passed = bisect_left(rules.r_cuts, day - last_day)
    return last_day + rules.r_cuts[passed] + 1 if passed < len(rules.r_cuts) else NO_DAY


def next_type_change(last_day: int, day: int, rules: SegmentRules, medians: Medians | None) -> int:
    """The local day after ``day`` on which the type changes if nothing happens, as R is no longer high.

    ``NO_DAY`` when R is low already. With medians in force, the day holds until the next ones are published. For a
    member without any kept order as in :func:`next_segment_change`.
    """
    high_until = rules.marks(medians).recency_days
    return last_day + high_until if day - last_day < high_until else NO_DAY
