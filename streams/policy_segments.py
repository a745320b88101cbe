"""Which groups are members put into? The section ``[segments]`` of a policy."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from scoring.segment_rules import (
    DEFAULT_F_CUTS,
    DEFAULT_HIGH_FREQUENCY,
    DEFAULT_HIGH_RECENCY_DAYS,
    DEFAULT_R_CUTS,
    EIGHT_TYPES,
    QUADRANTS,
    RF_SEGMENTS,
    SegmentRules,
)
from streams.file_problems import known_name
from streams.file_rules import Part, readable
from streams.policy_units import Days, Orders, about

_NAMES: Final = (*RF_SEGMENTS, *QUADRANTS, *EIGHT_TYPES)

CutDays = Annotated[int, Field(ge=0, le=3650, json_schema_extra={"unit": "days"})]
NoOrMoreOrders = Annotated[int, Field(ge=0, le=1_000_000, json_schema_extra={"unit": "kept orders"})]
NoOrMoreMoney = Annotated[int, Field(ge=0, le=1_000_000_000_000, json_schema_extra={"unit": "minor units (cents)"})]


def _known_segment(name: str) -> str:
    return known_name(name, list(_NAMES), "segment's name, for example champion")


def _in_order(names: tuple[str, ...]) -> tuple[str, ...]:
    """Each name once, in one order, so that the same names are the same policy."""
    return tuple(name for name in _NAMES if name in names)


SegmentName = Annotated[
    str, AfterValidator(_known_segment), Field(json_schema_extra={"enum": list(_NAMES), "hint": "a segment's name"})
]


class Segments(Part):
    """The numbers by which members are put into segments, and the segments that are told. Each may be left out but
    ``high_monetary``.
    """

    r_cuts: Annotated[
        tuple[CutDays, ...],
        Field(min_length=4, max_length=4, strict=False),
        about(
            "days since the day of the last kept order up to which the recency score is 5, 4, 3, 2; rising",
            other="members move between segments",
            called="recency cuts",
        ),
    ] = DEFAULT_R_CUTS
    f_cuts: Annotated[
        tuple[Orders, ...],
        Field(min_length=4, max_length=4, strict=False),
        about(
            "kept orders in the reported window from which on the frequency score is 2, 3, 4, 5; rising",
            other="members move between segments",
            called="frequency cuts",
        ),
    ] = DEFAULT_F_CUTS
    high_recency_days: Annotated[
        Days,
        about(
            "recency is high below so many days since the day of the last kept order",
            more="more members are recent",
            less="fewer members are recent",
            called="high_recency",
        ),
    ] = DEFAULT_HIGH_RECENCY_DAYS
    high_frequency: Annotated[
        NoOrMoreOrders,
        about(
            "frequency is high above so many kept orders in the reported window",
            more="fewer members are frequent",
            less="more members are frequent",
        ),
    ] = DEFAULT_HIGH_FREQUENCY
    high_monetary: Annotated[
        NoOrMoreMoney,
        about(
            "monetary value is high above this",
            more="fewer members are of high value",
            less="more members are of high value",
        ),
    ]
    by_median: Annotated[
        bool,
        about(
            "whether the medians of the day say what is high; the three high_ numbers then serve until there are any",
            more="the medians of the day say what is high",
            less="set numbers say what is high",
        ),
    ] = False
    by_quantile: Annotated[
        bool,
        about(
            "whether fifths of the day's members are the cuts of the grid; r_cuts and f_cuts then serve until there "
            "are any",
            more="the grid is cut into fifths of the day's members",
            less="set numbers cut the grid",
        ),
    ] = False
    told: Annotated[
        tuple[SegmentName, ...],
        Field(max_length=100, strict=False),
        AfterValidator(_in_order),
        about("the segments whose entering and leaving is told; none by default", other="other changes are told"),
    ] = ()

    def settled(self, content: dict[str, Any]) -> dict[str, Any]:
        """The dumped section as the canonical form has it."""
        unused = {key for key in ("by_median", "by_quantile") if not content[key]}
        return {key: value for key, value in content.items() if key not in unused}

    def clashes(self) -> Iterator[tuple[str, str]]:
        """Cuts rise."""
        for name, cuts in (("r_cuts", readable(self.r_cuts)), ("f_cuts", readable(self.f_cuts))):
            for index, (before, cut) in enumerate(pairwise(cuts or ()), start=1):
                if cut <= before:
                    yield f"{name}[{index}]", f"found {cut}; must be more than the {before} before it"

    def rules(self) -> SegmentRules:
        """The segments as the rules use them."""
        return SegmentRules(
            list(self.r_cuts),
            list(self.f_cuts),
            self.high_recency_days,
            self.high_frequency,
            self.high_monetary,
            by_median=self.by_median,
            named=frozenset(self.told),
            by_quantile=self.by_quantile,
        )
