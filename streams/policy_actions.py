"""What is recommended for a member of this tier and stage? The tables ``[[actions]]`` of a policy."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from scoring.policy import Action
from scoring.vocabulary import STAGES
from streams.file_problems import nearest
from streams.file_rules import Part, readable
from streams.policy_units import Days, ShortText, about


class Recommendation(Part):
    """What an alert or a change of tier recommends for members who are in one tier and one stage after it."""

    model_config = ConfigDict(json_schema_extra={"noun": "Action for", "by": ["tier", "stage"]})

    tier: Annotated[ShortText, about("the name of a tier")]
    stage: Annotated[
        Literal["prospect", "new", "active", "near_churn", "recently_lapsed", "mid_lapsed", "dormant"],
        about("the stage that the member is in after the alert or the change of tier"),
    ]
    offer: Annotated[ShortText, about("what is offered, in the words of your campaign tool")]
    message_key: Annotated[ShortText, about("which message is sent, in the words of your campaign tool")]
    valid_days: Annotated[
        int,
        Field(ge=1, le=365, json_schema_extra={"unit": "days"}),
        about(
            "how long the offer is valid, the day of the outcome included",
            more="the offer is valid for longer",
            less="the offer is valid for less long",
        ),
    ] = 14
    cap: Annotated[
        int,
        Field(ge=1, le=1_000, json_schema_extra={"unit": "times"}),
        about(
            "how often a member may get the offer within cap_days; without cap_days it is passed on, and not counted",
            more="a member may get it more often",
            less="a member may get it less often",
        ),
    ] = 1
    cap_days: Annotated[
        Days | None,
        about(
            "within how many days the offer is not recommended beyond its cap; one offer has one cap",
            called="cap span",
            absent="none",
            begins="the offer is no longer recommended beyond its cap",
            ends="the offer is recommended however often a member had it",
            more="a member may get it less often",
            less="a member may get it more often",
        ),
    ] = None
    channel: Annotated[
        ShortText | None,
        about("by which way the message is sent, in the words of your campaign tool", absent="not named"),
    ] = None


def clashes_of(actions: Sequence[Recommendation], tiers: Sequence[str] | None) -> Iterator[tuple[str, str]]:
    """Tiers are those of the policy (None where these are not all known), each pair is there once, and one offer has
    one cap.
    """
    first: dict[tuple[str, str], int] = {}
    for index, action in enumerate(actions):
        if readable(action) is None:
            continue
        yield from _caps_apart(actions, index)
        tier, stage = readable(action.tier), readable(action.stage)
        if tier is not None and tiers is not None and tier not in tiers:
            known = f"expected the name of a tier of this policy: {', '.join(tiers)}"
            yield f"actions[{index}].tier", f'found the text "{tier}"; {nearest(tier, list(tiers))}{known}'
        if tier is None or stage is None:
            continue
        if first.setdefault((tier, stage), index) != index:
            taken = f'tier "{tier}" and stage "{stage}" have an action in actions[{first[tier, stage]}]'
            yield f"actions[{index}]", f"{taken}; each pair may be there once"


def _caps_apart(actions: Sequence[Recommendation], index: int) -> Iterator[tuple[str, str]]:
    """What the first action with the same offer says otherwise of its cap."""
    offer = readable(actions[index].offer)
    same = (each for each in range(index) if readable(actions[each]) is not None and actions[each].offer == offer)
    first = next(same, None)
    if offer is None or first is None:
        return
    mine, other = actions[index], actions[first]
    is_counted = readable(mine.cap_days) is not None or readable(other.cap_days) is not None
    for key in ("cap_days", "cap") if is_counted else ():
        stated, before = getattr(mine, key), getattr(other, key)
        if isinstance(stated, int | None) and isinstance(before, int | None) and stated != before:
            found = "is not stated" if stated is None else f"found {stated}"
            told = f'the offer "{offer}" has {"none" if before is None else before} in actions[{first}]'
            yield f"actions[{index}].{key}", f"{found}; {told}, and one offer has one cap"


def in_order(contents: list[dict[str, Any]], tiers: Sequence[str]) -> list[dict[str, Any]]:
    """Dumped actions by tier and stage, since the order in a file means nothing."""
    return sorted(contents, key=lambda each: (tiers.index(each["tier"]), STAGES.index(each["stage"])))


def rules_of(actions: Sequence[Recommendation], tiers: Sequence[str]) -> dict[tuple[int, int], Action]:
    """The actions as the rules use them, by tier rank and index of the stage."""
    return {
        (tiers.index(action.tier), STAGES.index(action.stage)): Action(
            action.offer, action.message_key, action.valid_days, action.cap, action.cap_days or 0, action.channel or ""
        )
        for action in actions
    }
