"""What is asked for each tier? The tables ``[[tiers.levels]]`` of a policy."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from streams.file_rules import Part, readable
from streams.policy_units import Money, Orders, ShortText, about, plain_name

Percent = Annotated[int, Field(ge=1, le=99, json_schema_extra={"unit": "percent"})]


class Level(Part):
    """One tier; the lowest has neither threshold."""

    model_config = ConfigDict(
        json_schema_extra={
            "noun": "Tier",
            "next": "above",
        }
    )

    name: Annotated[
        str,
        AfterValidator(plain_name),
        Field(min_length=1, max_length=64),
        about("what the tier is called; each name once"),
    ]
    frequency: Annotated[
        Orders | None,
        about(
            "kept orders within the window, at least; left out where they are not asked for",
            more="harder to reach",
            less="easier to reach",
            absent="not asked for",
        ),
    ] = None
    monetary: Annotated[
        Money | None,
        about(
            "what these come to after returns, at least; left out where it is not asked for",
            more="harder to reach",
            less="easier to reach",
            absent="not asked for",
        ),
    ] = None
    match: Annotated[
        Literal["any", "all"] | None,
        about(
            '"any": one of the two suffices, the default; "all": both are needed',
            more="harder to reach",
            less="easier to reach",
            beside=["frequency", "monetary"],
        ),
    ] = None
    enter_percent: Annotated[
        Percent | None,
        about(
            'of the ranked members, the best so many enter the tier; with basis = "percentile"; four tiers have the '
            "defaults 5, 20 and 60 from the highest",
            more="easier to reach",
            less="harder to reach",
            absent="not asked for",
        ),
    ] = None
    leave_percent: Annotated[
        Percent | None,
        about(
            "of the ranked members, the best so many keep the tier: a margin, so that nobody goes to and fro; four "
            "tiers have the defaults 6, 22 and 63 from the highest",
            more="easier to keep",
            less="harder to keep",
            absent="not asked for",
        ),
    ] = None
    never_downgrade: Annotated[
        bool,
        about(
            "whether time alone never takes this tier away; returns and cancellations still can",
            more="who has it or a higher one never falls below it by time",
            less="it ends with its hold, unless it is earned again",
        ),
    ] = False
    benefit_cost: Annotated[
        int | None,
        Field(ge=0, le=1_000_000_000_000, json_schema_extra={"unit": "minor units (cents)"}),
        about(
            "what the tier's benefits cost per member and year; decides nothing, 'policy preview' adds it up",
            more="each member of it costs more",
            less="each member of it costs less",
            absent="not priced",
        ),
    ] = None

    benefits: Annotated[
        tuple[ShortText, ...],
        Field(max_length=50, strict=False),
        about("what members of the tier get, in your words; decides nothing, previews of baskets tell it at the till"),
    ] = ()

    @property
    def asks(self) -> bool:
        """Whether anything is asked for."""
        return self.frequency is not None or self.monetary is not None

    def settled(self, content: dict[str, Any]) -> dict[str, Any]:
        """The dumped table as the canonical form has it."""
        if self.asks:
            content.setdefault("match", "any")
        unused = {name for name in ("never_downgrade", "benefits") if not getattr(self, name)}
        return {key: content[key] for key in type(self).model_fields if key in content and key not in unused}


def levels_that_do_not_rise(given: Sequence[Level]) -> Iterator[tuple[str, str]]:
    """The lowest tier asks for nothing, every other for something, and for more than the ones below."""
    levels = [readable(level) for level in given]
    first: dict[str, int] = {}
    highest: dict[str, tuple[int, str]] = {}
    for index, level in enumerate(levels):
        if level is None:
            continue
        name = readable(level.name)
        called = "" if name is None else f' "{name}"'
        if name is not None and first.setdefault(name, index) != index:
            yield f"levels[{index}].name", f"{called[1:]} is taken by levels[{first[name]}]; names must differ"
        if index == 0:
            if level.asks or level.match is not None:
                yield "levels[0]", f"the lowest tier{called} must ask for nothing: everybody starts there"
            continue
        if not level.asks:
            yield f"levels[{index}]", f"the tier{called} needs frequency, monetary or both"
        for measure, value in (("frequency", readable(level.frequency)), ("monetary", readable(level.monetary))):
            below, lower = highest.get(measure, (0, ""))
            if value is not None and value <= below:
                sentence = f"found {value}; must be more than the {below} of the lower tier{lower}"
                yield f"levels[{index}].{measure}", sentence
            elif value is not None:
                highest[measure] = (value, called)
