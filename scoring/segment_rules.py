"""By which numbers members are put into segments, and what these are called; apart, so that a policy can hold it."""

from collections.abc import Sequence
from math import floor, isfinite
from typing import Final

#: The names of the recency x frequency grid; the last is for members without any kept order. The index is what a row
#: may store: append, never reorder.
RF_SEGMENTS: Final = (
    "champion",
    "loyal",
    "potential_loyalist",
    "new",
    "promising",
    "need_attention",
    "about_to_sleep",
    "cant_lose",
    "at_risk",
    "hibernating",
    "prospect",
)
PROSPECT_SEGMENT: Final = 10

#: The frequency x monetary quadrants. Index: 2 if M is low, plus 1 if F is low.
QUADRANTS: Final = ("frequent_high_spend", "rare_high_spend", "frequent_low_spend", "rare_low_spend")

#: The 2 x 2 x 2 types. Index: 4 if M is low, plus 2 if R is low (long ago), plus 1 if F is low.
#: Important means that M is high. Names after the Chinese retail practice (value, development, keep, win back), as in
#: Alibaba Cloud's Quick Audience (help.aliyun.com/en/document_detail/134842.html).
EIGHT_TYPES: Final = (
    "important_value",
    "important_development",
    "important_keep",
    "important_win_back",
    "general_value",
    "general_development",
    "general_keep",
    "general_win_back",
)

#: The three groups of names, in the order in which they are told, and what they are called.
GROUPS: Final = (RF_SEGMENTS, QUADRANTS, EIGHT_TYPES)
GROUP_NAMES: Final = ("grid", "quadrants", "types")

#: Local days since the last purchase day up to which R is 5, 4, 3, 2 (design, section 6).
DEFAULT_R_CUTS: Final = (30, 60, 90, 180)
#: Kept orders from which on F is 2, 3, 4, 5: the scores 1 to 5 stand for 1, 2, 3-4, 5-7, 8 and more (likewise).
DEFAULT_F_CUTS: Final = (2, 3, 5, 8)
#: R is high below this many local days: a member lapses here by default, too. Our choice; no source.
DEFAULT_HIGH_RECENCY_DAYS: Final = 90
#: F is high above this many kept orders: whoever came back. Our choice; no source.
DEFAULT_HIGH_FREQUENCY: Final = 1


class Medians:
    """What a member's R, F and M are compared with for high and low: local days, kept orders, minor units.

    The daily medians are those of the members with at least one kept order in the reported window. They are whole,
    observed values: of an even count, the lower of the two middle values of F and M and the upper one of R in days.
    Where no two values are equal, exactly half of the members are high then, as with the mean of the two.
    """

    def __init__(self, recency_days: int, frequency: int, monetary: int) -> None:
        self.recency_days = recency_days
        self.frequency = frequency
        self.monetary = monetary


class SegmentRules:
    """What a policy says about segments. Days are local days of the policy's zone, money is minor units.

    ``r_cuts`` are four rising numbers of days: R is 5 up to and including the first, 1 beyond the last. They should lie
    below the reported window, or members count as recent who have no order left in it. ``f_cuts`` are four rising
    numbers of kept orders: F is 2 from the first on, 5 from the last. Two equal cuts leave out the score between them.

    With ``by_median`` the daily medians decide what is high, and the three ``high_...`` numbers only as long as there
    are none; without it these numbers always decide. A member exactly at a number is low, in all three measures.

    With ``by_quantile`` the grid's cuts are the quantiles of the day (:meth:`with_quantiles`), and ``r_cuts`` and
    ``f_cuts`` serve only as long as there are none.

    ``named`` are the names, from any of the three groups, of the segments whose entering and leaving is an outcome.
    ``stated`` are the rules of the policy where these are the rules of a day, else None.

    Nothing is checked here: a policy is validated before it is published.
    """

    def __init__(
        self,
        r_cuts: list[int],
        f_cuts: list[int],
        high_recency_days: int,
        high_frequency: int,
        high_monetary: int,
        by_median: bool,
        named: frozenset[str],
        by_quantile: bool = False,
        stated: "SegmentRules | None" = None,
    ) -> None:
        self.r_cuts = r_cuts
        self.f_cuts = f_cuts
        self.set_numbers = Medians(high_recency_days, high_frequency, high_monetary)
        self.by_median = by_median
        self.named = named
        self.by_quantile = by_quantile
        self.stated = stated

    def marks(self, medians: Medians | None) -> Medians:
        """The numbers that R, F and M are compared with, given the medians in force (none before the first cut)."""
        if self.by_median and medians is not None:
            return medians
        return self.set_numbers

    def with_quantiles(self, r_quantiles: Sequence[float], f_quantiles: Sequence[float]) -> "SegmentRules":
        """The same rules with the grid's cuts at a day's quantiles, 20, 40, 60 and 80 % of R in days and of F.

        A value equal to a quantile lies in the interval that ends there, as in ``pandas.qcut``. So members with equal
        values always have equal scores, whatever their order, and a tie across a quantile goes as a whole to the more
        recent R and to the rarer F: where most members bought once, all of them have F = 1, and the next score given
        is the one above the last quantile that equals 1. Scores can therefore be missing, and groups differ in size.

        Raises:
            ValueError: not four finite numbers that do not fall.
        """
        for quantiles in (r_quantiles, f_quantiles):
            if len(quantiles) != 4 or not all(isfinite(q) for q in quantiles):
                raise ValueError(f"expected four finite quantiles, got {list(quantiles)}")
            if any(quantiles[i] > quantiles[i + 1] for i in range(3)):
                raise ValueError(f"expected quantiles that do not fall, got {list(quantiles)}")
        high = self.set_numbers
        return SegmentRules(
            # R and F are whole: at most 30.5 days is at most 30, and above 1 or 1.5 orders is at least 2.
            [floor(q) for q in r_quantiles],
            [floor(q) + 1 for q in f_quantiles],
            high.recency_days,
            high.frequency,
            high.monetary,
            self.by_median,
            self.named,
            self.by_quantile,
            self if self.stated is None else self.stated,
        )
