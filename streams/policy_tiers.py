"""What earns a tier, and how long is it held? The section ``[tiers]`` of a policy."""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from scoring.policy import CALENDAR_YEAR, MEMBERSHIP_YEAR, ROLLING
from scoring.tier_rules import HoldRules, TierRule
from streams.file_rules import Part, readable
from streams.policy_levels import Level, levels_that_do_not_rise
from streams.policy_pyramid import percents_of, percents_that_do_not_fit
from streams.policy_units import Days, about

AT_HOLD_END: Final = "at_hold_end"
PERCENTILE: Final = "percentile"
_WINDOWS: Final = {"rolling": ROLLING, "calendar_year": CALENDAR_YEAR, "membership_year": MEMBERSHIP_YEAR}
#: So many days before the end of a hold members are told, where the policy does not say.
_NOTICE_DAYS: Final = 30
#: Keys that mean nothing where tiers fall at once.
_OF_HOLDS: Final = ("hold_days", "grace_days", "fall", "expiring_days")


class Tiers(Part):
    """The tiers, lowest first, what is counted for them, and how long they are held."""

    basis: Annotated[
        Literal["thresholds", "percentile"],
        about(
            '"thresholds": what levels[] ask for; "percentile": the best so many percent of the members with an order '
            "in the window, ranked by orders times money; thresholds then decide while fewer than 500 are ranked",
            more="tiers are now for the best so many percent",
            less="tiers no longer depend on other members: thresholds decide",
        ),
    ] = "thresholds"
    window: Annotated[
        Literal["rolling", "calendar_year", "membership_year"],
        about(
            '"rolling": the last window_days days; "calendar_year": from 1 January; "membership_year": from the day '
            "of the first event; with a year, this one and the one before are looked at",
            other="other orders count for a tier",
            called="qualifying window",
        ),
    ] = "rolling"
    window_days: Annotated[
        Days,
        about(
            "the span in which orders earn a tier, with a rolling window",
            more="orders count for longer, tiers are easier to keep",
            less="orders count for less long, tiers are harder to keep",
            absent="whole years",
        ),
    ] = 365
    upgrade: Annotated[
        Literal["at_once", "provisional"],
        about(
            'a member rises at once in any case; "provisional": the upgrade is confirmed when orders that can no '
            "longer be returned earn it alone, and a fall before that is told as its withdrawal",
            more="upgrades are now provisional until the return window is over",
            less="upgrades are final at once",
        ),
    ] = "at_once"
    downgrade: Annotated[
        Literal["at_once", "at_hold_end"],
        about(
            '"at_once": a member falls when she no longer qualifies; "at_hold_end": a tier is held for a time',
            more="tiers are now held for a time: members fall later",
            less="tiers are no longer held: members who do not qualify fall at once",
        ),
    ] = "at_once"
    hold_days: Annotated[
        Days,
        about(
            "how long a tier is held from the day it is entered, with a rolling window; a year window holds to the "
            "end of a year",
            more="tiers are held for longer: members fall later",
            less="tiers are held for less long: members fall earlier",
            absent="none",
            begins="tiers are now held {new}",
            ends="tiers are no longer held so many days",
        ),
    ] = 365
    grace_days: Annotated[
        int,
        Field(ge=0, le=365, json_schema_extra={"unit": "days"}),
        about(
            "how long after the end of a hold qualifying still keeps the tier",
            more="members have longer to earn their tier again",
            less="members have less time to earn their tier again",
        ),
    ] = 0
    fall: Annotated[
        Literal["one_level", "to_match"],
        about(
            '"one_level": a hold that ends costs one tier at most; "to_match": down to the tier that is earned',
            more="members fall to the tier that they have earned",
            less="members fall one tier at a time",
        ),
    ] = "one_level"
    expiring_days: Annotated[
        int | None,
        Field(ge=0, le=365, json_schema_extra={"unit": "days"}),
        about(
            "how long before the end of a hold a member who would lose the tier is told; 0: never; default 30 with "
            "at_hold_end, 0 when hold_days is 30 or less",
            more="members are told earlier that their tier ends",
            less="members are told later that their tier ends",
            begins="members are told {new} before their tier ends",
            ends="members are no longer told before their tier ends",
            unused=0,
            zero="never",
        ),
    ] = None
    levels: Annotated[
        tuple[Level, ...], Field(min_length=1, max_length=26, strict=False), about("the tiers, lowest first")
    ]

    @property
    def are_held(self) -> bool:
        """Whether a tier is held for a time."""
        return self.downgrade == AT_HOLD_END

    @property
    def are_provisional(self) -> bool:
        """Whether upgrades wait for the return window."""
        return self.upgrade == "provisional"

    @property
    def notice_days(self) -> int:
        """``expiring_days`` as it applies: days before the end of a hold, 0 for never."""
        if not self.are_held:
            return 0
        if self.expiring_days is not None:
            return self.expiring_days
        return 0 if self.window == "rolling" and self.hold_days <= _NOTICE_DAYS else _NOTICE_DAYS

    @property
    def are_by_percentile(self) -> bool:
        """Whether members are compared with each other."""
        return self.basis == PERCENTILE

    def settled(self, content: dict[str, Any]) -> dict[str, Any]:
        """The dumped section as the canonical form has it: what applies is written out, what does not leaves no
        trace.
        """
        # What goes without saying is not written.
        unused = {"window"} if self.window == "rolling" else {"window_days", "hold_days"}
        if not self.are_provisional:
            unused |= {"upgrade"}
        if not self.are_held:
            unused |= {"downgrade", *_OF_HOLDS}
        content |= {
            "expiring_days": self.notice_days,
            "levels": [level.settled(entry) for level, entry in zip(self.levels, content["levels"], strict=True)],
        }
        if not self.are_by_percentile:
            unused |= {"basis"}
        else:
            for entry, (enter, leave) in list(zip(content["levels"], percents_of(self.levels), strict=True))[1:]:
                entry |= {"enter_percent": enter, "leave_percent": leave}
        return {key: content[key] for key in type(self).model_fields if key in content and key not in unused}

    def window_kind(self) -> int:
        """The window as the rules name it."""
        return _WINDOWS[self.window]

    def hold_rules(self, *, kept_on_change: bool) -> HoldRules | None:
        """The holds as the rules use them, None where tiers fall at once; ``kept_on_change``: they outlast a policy."""
        if not self.are_held:
            return None
        return HoldRules(self.hold_days, self.grace_days, self.fall == "one_level", self.notice_days, kept_on_change)

    def rules(self) -> list[TierRule]:
        """The tiers as the rules use them, lowest first."""
        percents = percents_of(self.levels) if self.are_by_percentile else [(0, 0)] * len(self.levels)
        return [
            TierRule(level.name, level.frequency, level.monetary, level.match == "all", level.never_downgrade, *percent)
            for level, percent in zip(self.levels, percents, strict=True)
        ]

    def clashes(self) -> Iterator[tuple[str, str]]:
        """The levels rise, and what is said of windows and holds belongs together."""
        yield from levels_that_do_not_rise(readable(self.levels) or ())
        yield from percents_that_do_not_fit(readable(self.levels) or (), readable(self.basis))
        yield from self._not_by_percentile()
        yield from self._keys_without_effect()
        yield from self._tiers_that_are_never_lost()
        rolling = readable(self.window) == "rolling"
        notice = readable(self.expiring_days)
        if self.are_held and rolling and notice is not None and notice >= self.hold_days:
            yield "expiring_days", f"found {notice} days; must be fewer than the {self.hold_days} of hold_days"

    def _keys_without_effect(self) -> Iterator[tuple[str, str]]:
        stated = self.model_fields_set
        window, downgrade = readable(self.window), readable(self.downgrade)
        by_year = window is not None and window != "rolling"
        if downgrade == "at_once":
            if by_year:
                yield "window", f'"{window}" needs downgrade = "{AT_HOLD_END}"'
            for key in _OF_HOLDS:
                if key in stated:
                    yield key, f'may only be stated with downgrade = "{AT_HOLD_END}"; here tiers fall at once'
        for key in ("window_days", "hold_days"):
            if by_year and key in stated and (key != "hold_days" or downgrade == AT_HOLD_END):
                yield key, f'may not be stated with window = "{window}": years say how long'

    def _not_by_percentile(self) -> Iterator[tuple[str, str]]:
        if readable(self.basis) != PERCENTILE:
            return
        window, upgrade = readable(self.window), readable(self.upgrade)
        if window is not None and window != "rolling":
            yield "window", f'"{window}" needs basis = "thresholds": a rank is of the last window_days days'
        if upgrade is not None and upgrade != "at_once":
            yield "upgrade", f'"{upgrade}" needs basis = "thresholds": a cut cannot be passed by settled orders alone'

    def _tiers_that_are_never_lost(self) -> Iterator[tuple[str, str]]:
        for index, level in enumerate(readable(self.levels) or ()):
            if readable(level) is None or "never_downgrade" not in level.model_fields_set:
                continue
            where = f"levels[{index}].never_downgrade"
            if index == 0:
                yield where, "the lowest tier cannot be lost; leave it out"
            elif readable(self.downgrade) == "at_once":
                yield where, f'may only be stated with downgrade = "{AT_HOLD_END}"; here tiers fall at once'
