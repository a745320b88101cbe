"""Is what late orders show to have been wrong told? The section ``[corrections]`` of a policy."""

from typing import Annotated, Any

from streams.file_rules import Part
from streams.policy_units import about


class Corrections(Part):
    """Outcomes that turn out to have been wrong when an order arrives late."""

    enabled: Annotated[
        bool,
        about(
            "whether an alert or a fall that an order arriving late shows to have been wrong is corrected; a tier on "
            "hold that was lost so is given back",
            more="what a late order shows to have been wrong is now corrected",
            less="wrong alerts and falls are no longer corrected",
        ),
    ] = False

    def settled(self, content: dict[str, Any]) -> dict[str, Any]:
        """The dumped section as the canonical form has it: nothing where nothing is corrected."""
        return content if self.enabled else {}
