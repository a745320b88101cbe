"""May a new policy take a tier away before its hold ends? The section ``[change]`` of a policy."""

from collections.abc import Iterator
from typing import Annotated, Any

from streams.file_rules import Part
from streams.policy_units import about


class Transition(Part):
    """What happens to known members when this policy takes the place of another."""

    no_one_falls_before_expiry: Annotated[
        bool,
        about(
            "whether, when this policy takes the place of another, tiers last to the end of their holds all the same; "
            "with false, who does not qualify by this policy falls at once",
            more="when this policy comes, nobody falls before the end of a hold",
            less="when this policy comes, who does not qualify falls at once",
        ),
    ] = True

    def settled(self, content: dict[str, Any]) -> dict[str, Any]:
        """The dumped section as the canonical form has it: nothing where holds last."""
        return {} if self.no_one_falls_before_expiry else content

    def without_holds(self) -> Iterator[tuple[str, str]]:
        """The section says nothing where tiers fall at once anyway."""
        for key in self.model_fields_set:
            yield key, 'may only be stated with tiers.downgrade = "at_hold_end"; here tiers fall at once'
