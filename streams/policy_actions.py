"""What is recommended for a member of this tier who has become this quiet? The tables ``[[actions]]`` of a policy."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from scoring.policy import Action
from scoring.vocabulary import STAGES
from streams.file_problems import nearest
from streams.file_rules import Part, readable
from streams.policy_units import about, plain_name

ShortText = Annotated[str, AfterValidator(plain_name), Field(min_length=1, max_length=64)]


class Recommendation(Part):
    """What an alert recommends for members of one tier who enter one stage."""

    model_config = ConfigDict(json_schema_extra={"noun": "Action for", "by": ["tier", "stage"]})

    tier: Annotated[ShortText, about("the name of a tier")]
    stage: Annotated[
        Literal["near_churn", "recently_lapsed", "mid_lapsed", "dormant"],
        about("the stage that is entered; these four have an alert"),
    ]
    offer: Annotated[ShortText, about("what is offered, in the words of your campaign tool")]
    message_key: Annotated[ShortText, about("which message is sent, in the words of your campaign tool")]
    valid_days: Annotated[
        int,
        Field(ge=1, le=365, json_schema_extra={"unit": "days"}),
        about(
            "how long the offer is valid from the day of the alert",
            more="the offer is valid for longer",
            less="the offer is valid for less long",
        ),
    ] = 14
    cap: Annotated[
        int,
        Field(ge=1, le=1_000, json_schema_extra={"unit": "times"}),
        about(
            "how often a member may get it; passed through, the scorer does not count",
            more="a member may get it more often",
            less="a member may get it less often",
        ),
    ] = 1


def clashes_of(actions: Sequence[Recommendation], tiers: Sequence[str] | None) -> Iterator[tuple[str, str]]:
    """Tiers are those of the policy (None where these are not all known), and each pair is there once."""
    first: dict[tuple[str, str], int] = {}
    for index, action in enumerate(actions):
        if readable(action) is None:
            continue
        tier, stage = readable(action.tier), readable(action.stage)
        if tier is not None and tiers is not None and tier not in tiers:
            known = f"expected the name of a tier of this policy: {', '.join(tiers)}"
            yield f"actions[{index}].tier", f'found the text "{tier}"; {nearest(tier, list(tiers))}{known}'
        if tier is None or stage is None:
            continue
        if first.setdefault((tier, stage), index) != index:
            taken = f'tier "{tier}" and stage "{stage}" have an action in actions[{first[tier, stage]}]'
            yield f"actions[{index}]", f"{taken}; each pair may be there once"


def in_order(contents: list[dict[str, Any]], tiers: Sequence[str]) -> list[dict[str, Any]]:
    """Dumped actions by tier and stage, since the order in a file means nothing."""
    return sorted(contents, key=lambda each: (tiers.index(each["tier"]), STAGES.index(each["stage"])))


def rules_of(actions: Sequence[Recommendation], tiers: Sequence[str]) -> dict[tuple[int, int], Action]:
    """The actions as the rules use them, by tier rank and index of the stage."""
    return {
        (tiers.index(action.tier), STAGES.index(action.stage)): Action(
            action.offer, action.message_key, action.valid_days, action.cap
        )
        for action in actions
    }
