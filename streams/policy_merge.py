"""How long can a merge of two members be taken back? The section ``[merge]`` of a policy."""

from typing import Annotated, Any

from pydantic import Field

from streams.file_rules import Part
from streams.policy_units import about


class Merging(Part):
    """Members who turned out to be one person."""

    unmerge_days: Annotated[
        int,
        Field(ge=0, le=365, json_schema_extra={"unit": "days", "zero": "not at all"}),
        about(
            "how long after the day of a merge it can be taken back; until then the merged member's orders are kept "
            "apart",
            more="a merge can be taken back for longer",
            less="a merge is for good sooner",
        ),
    ] = 30

    def settled(self, content: dict[str, Any]) -> dict[str, Any]:
        """The dumped section as the canonical form has it: nothing where it says no more than the default."""
        return content if self != Merging() else {}
