"""When is a member called quiet? The section ``[lifecycle]`` of a policy: fixed days, own rhythm, quiet days."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from scoring.rhythm import DAY_S, NO_QUIET_DAYS, QuietCalendar, Rhythm
from streams.file_rules import Part, readable
from streams.policy_units import Days, about
from streams.quiet_days import MOST_ENTRIES, QuietDays, in_order, span_of

_HOUR_S: Final = 3_600
_HOUR_MS: Final = 3_600_000

Percent = Annotated[int, Field(ge=100, le=10_000, json_schema_extra={"unit": "percent of the typical gap"})]
GapDays = Annotated[int, Field(ge=1, le=365, json_schema_extra={"unit": "days"})]


def _boundary(stage: str) -> Any:
    return about(
        f"days since the day of the last kept order at which a member becomes {stage}, in fixed mode",
        more="alerts come later",
        less="alerts come earlier",
    )


def _multiple(stage: str) -> Any:
    return about(
        f"percent of a member's typical gap after which a member becomes {stage}, in rhythm mode",
        more="alerts come later",
        less="alerts come earlier",
    )


class OwnRhythm(Part):
    """How long a member usually stays away, and after which multiple of that a member is quiet."""

    weight: Annotated[
        int,
        Field(ge=1, le=100, json_schema_extra={"unit": "gaps"}),
        about(
            "as how many of a member's own gaps the shop's typical gap counts",
            more="members are judged more alike",
            less="members are judged more by their own gaps",
        ),
    ] = 5
    typical_gap_days: Annotated[
        GapDays,
        about(
            "the shop's typical gap between purchase days",
            more="alerts come later, above all for members with few purchases",
            less="alerts come earlier, above all for members with few purchases",
        ),
    ] = 30
    floor_days: Annotated[
        GapDays,
        about(
            "a member's typical gap is taken to be at least this",
            more="alerts come later for members who buy very often",
            less="alerts come earlier for members who buy very often",
        ),
    ] = 21
    ceiling_days: Annotated[
        GapDays,
        about(
            "a member's typical gap is taken to be at most this",
            more="alerts come later for members who buy seldom",
            less="alerts come earlier for members who buy seldom",
        ),
    ] = 180
    near_churn_percent: Annotated[Percent, _multiple("near_churn")] = 120
    recently_lapsed_percent: Annotated[Percent, _multiple("recently_lapsed")] = 150
    mid_lapsed_percent: Annotated[Percent, _multiple("mid_lapsed")] = 300
    dormant_percent: Annotated[Percent, _multiple("dormant")] = 600

    def clashes(self) -> Iterator[tuple[str, str]]:
        """Floor below ceiling; each boundary comes at least an hour after the one before."""
        if self.floor_days > self.ceiling_days:
            sentence = f"is above the ceiling: floor_days {self.floor_days}, ceiling_days {self.ceiling_days}"
            if "floor_days" in self.model_fields_set:
                yield "floor_days", sentence
            else:
                yield "ceiling_days", sentence.replace("above the ceiling", "below the floor")
        boundaries = ("near_churn_percent", "recently_lapsed_percent", "mid_lapsed_percent", "dormant_percent")
        for before, name in pairwise(boundaries):
            lower, higher = readable(getattr(self, before)), readable(getattr(self, name))
            if lower is None or higher is None:
                continue
            found = f"{'found' if name in self.model_fields_set else 'is not stated and then'} {higher} percent"
            if higher <= lower:
                yield name, f"{found}; must be more than the {lower} of {before}"
            elif self.floor_days * DAY_S * (higher - lower) < 100 * _HOUR_S:
                at_floor = f"at a typical gap of {self.floor_days} {'day' if self.floor_days == 1 else 'days'}"
                yield name, f"{found}; {at_floor} that is less than an hour after the {lower} of {before}"

    def rules(self) -> Rhythm:
        """The rhythm as the rules use it: seconds, and thousandths for percents."""
        return Rhythm(
            weight=self.weight,
            usual_gap=self.typical_gap_days * DAY_S,
            floor=self.floor_days * DAY_S,
            ceiling=self.ceiling_days * DAY_S,
            near_churn=10 * self.near_churn_percent,
            recently_lapsed=10 * self.recently_lapsed_percent,
            mid_lapsed=10 * self.mid_lapsed_percent,
            dormant=10 * self.dormant_percent,
        )


class Lifecycle(Part):
    """When a member becomes quieter: after fixed days, or after multiples of the member's own typical gap."""

    mode: Annotated[
        Literal["fixed", "rhythm"],
        about(
            '"fixed": after the same days for everybody; "rhythm": by each member\'s own typical gap',
            more="alerts come by each member's own typical gap",
            less="alerts come after the same days for everybody",
        ),
    ] = "fixed"
    near_churn_days: Annotated[Days, _boundary("near_churn")] = 60
    recently_lapsed_days: Annotated[Days, _boundary("recently_lapsed")] = 90
    mid_lapsed_days: Annotated[Days, _boundary("mid_lapsed")] = 180
    dormant_days: Annotated[Days, _boundary("dormant")] = 365
    allowed_lateness_hours: Annotated[
        int,
        Field(ge=0, le=336, json_schema_extra={"unit": "hours"}),
        about(
            "how long alerts are held back, so that purchases that arrive late still prevent them; scores are not "
            "held back",
            more="alerts are told later, and fewer of them too early",
            less="alerts are told earlier, and more of them before a late purchase arrives",
        ),
    ] = 0
    quiet_days: Annotated[
        tuple[QuietDays, ...],
        Field(max_length=MOST_ENTRIES, strict=False),
        AfterValidator(in_order),
        about(
            "days on which nobody is expected to buy; they do not count towards a boundary or a gap; up to 366 "
            "entries, 3,660 days together",
            other="boundaries near these days move",
            called="quiet days",
        ),
    ] = ()
    rhythm: Annotated[
        OwnRhythm,
        about(
            "how the typical gap is reckoned, which alerts tell in both modes, and its multiples, which count in "
            "rhythm mode"
        ),
    ] = OwnRhythm()

    def settled(self, content: dict[str, Any]) -> dict[str, Any]:
        """The dumped section as the canonical form has it: what is not in use leaves no trace, what is, is written
        out.
        """
        unused = set()
        if self.mode == "fixed":
            unused.add("mode")
            if self.rhythm == OwnRhythm():
                unused.add("rhythm")
        if not self.allowed_lateness_hours:
            unused.add("allowed_lateness_hours")
        if not self.quiet_days:
            unused.add("quiet_days")
        return {key: value for key, value in content.items() if key not in unused}

    def rhythm_rules(self) -> Rhythm | None:
        """The rhythm as the rules use it, None in fixed mode."""
        return self.rhythm.rules() if self.mode == "rhythm" else None

    def quiet_calendar(self) -> QuietCalendar:
        """The quiet days as the rules use them: local days since 1970-01-01."""
        return QuietCalendar([span_of(entry) for entry in self.quiet_days]) if self.quiet_days else NO_QUIET_DAYS

    def lateness_ms(self) -> int:
        """How long alerts are held back, in milliseconds."""
        return self.allowed_lateness_hours * _HOUR_MS

    def clashes(self) -> Iterator[tuple[str, str]]:
        """Each boundary is later than the one before."""
        boundaries = ("near_churn_days", "recently_lapsed_days", "mid_lapsed_days", "dormant_days")
        for before, name in pairwise(boundaries):
            days_before, days = getattr(self, before), getattr(self, name)
            if days <= days_before:
                found = "found" if name in self.model_fields_set else "is not stated and then"
                yield name, f"{found} {days} days; must be more than the {days_before} of {before}"
