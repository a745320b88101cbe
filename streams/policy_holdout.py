"""How many members get no action, so that its effect can be measured? The section ``[holdout]`` of a policy."""

from typing import Annotated, Any

from pydantic import Field

from scoring.holdout import Holdout
from streams.file_rules import Part
from streams.policy_units import ShortText, about


class Withholding(Part):
    """The share of members from whom actions are withheld; the same members under every policy with the same salt."""

    percent: Annotated[
        int,
        Field(ge=0, le=50, json_schema_extra={"unit": "percent of members"}),
        about(
            "how many members get no action; 0 withholds none, and then nothing can be measured",
            more="more members get no action; those who got none before still get none",
            less="fewer members get no action; some who got none now do",
            begins="{new} now get no action, so that its effect can be measured",
            ends="nobody is held out any longer: the effect of actions can no longer be measured",
            zero="none",
            called="share",
            unused=0,
        ),
    ] = 10
    salt: Annotated[
        ShortText,
        about(
            "the draw; the same salt holds out the same members for good",
            other="other members get no action: what was measured so far ends here",
        ),
    ] = "memberpulse"

    def settled(self, content: dict[str, Any], *, in_use: bool) -> dict[str, Any]:
        """The dumped section as the canonical form has it: nothing where there is no action or nobody is held out."""
        return content if in_use and self.percent else {}

    def rules(self) -> Holdout:
        """Who is held out, as the rules ask."""
        return Holdout(self.percent, self.salt)
