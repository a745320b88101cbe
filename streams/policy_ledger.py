"""When are old orders final, and how many does a member's ledger know one by one? The section ``[ledger]``."""

from typing import Annotated, Any

from pydantic import Field

from scoring.policy import SealRules
from streams.file_rules import Part
from streams.policy_units import about


class Ledger(Part):
    """Whether orders older than the return window are final, and the size of a member's ledger."""

    seal: Annotated[
        bool,
        about(
            "whether orders older than windows.return_days are put together by days; nothing about them can change "
            "then, and later news is too late",
            more="old orders become final: later news is too late, and rows are smaller",
            less="old orders can change until they leave; what is final stays so",
        ),
    ] = False
    max_orders: Annotated[
        int,
        Field(ge=16, le=100_000, json_schema_extra={"unit": "orders"}),
        about(
            "orders of a member that can still change; beyond it the oldest become final",
            more="more of a busy member's orders can change",
            less="fewer of a busy member's orders can change",
        ),
    ] = 512
    max_hashes: Annotated[
        int,
        Field(ge=64, le=1_000_000, json_schema_extra={"unit": "orders"}),
        about(
            "final orders of a member by which late news is recognised; beyond it the oldest are forgotten, and "
            "unknown orders of their days are too late",
            more="more of a busy member's final orders are recognised; rows are larger",
            less="fewer of a busy member's final orders are recognised",
        ),
    ] = 4096

    def settled(self, content: dict[str, Any]) -> dict[str, Any]:
        """The dumped section as the canonical form has it; empty when nothing is sealed."""
        return content if self.seal else {}

    def rules(self) -> SealRules | None:
        """The section as the rules use it; None when nothing is sealed."""
        return SealRules(self.max_orders, self.max_hashes) if self.seal else None
