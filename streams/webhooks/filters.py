"""Does an endpoint want this outcome?"""

from collections.abc import Iterable

from scoring import outcomes
from streams.outcome_facts import OutcomeFacts, Selection


class Filter:
    """What one endpoint wants; the names are those of :meth:`streams.outcome_facts.Selection.of`."""

    def __init__(
        self, *, types: Iterable[str] = (), tiers: Iterable[str] = (), shops: Iterable[str] = (), catch_up: bool = False
    ) -> None:
        self._types = Selection.of(types=types)
        self._others = (("tier", Selection.of(tiers=tiers)), ("shop", Selection.of(shops=shops)))
        self._catch_up = catch_up

    def skips(self, facts: OutcomeFacts) -> str | None:
        """Why the outcome is not sent, one of ``streams.metrics.webhooks.DELIVERY_SKIPS``; None when it is.

        An erasure passes every filter but that of types: who was told of a member has to forget them, whatever tier
        they had in the end.
        """
        if not self._types.wants(facts):
            return "type"
        if facts.kind == outcomes.TIER_ERASED:
            return None
        if facts.catch_up and not self._catch_up:
            return "catch_up"
        return next((reason for reason, selection in self._others if not selection.wants(facts)), None)
