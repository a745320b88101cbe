"""When has an outcome been refused for so long that those behind it go on without it?

An endpoint that is down must get everything, in order, once it is back. One that accepts others, or that answers and
says no (4xx), tells something about the outcome itself. Only such time counts, and one outage never adds to it.
"""

from math import inf
from typing import Final

from streams.webhooks.remembered import Remembered

_HOUR_S: Final = 3600
#: The reasons of ``streams.metrics.webhooks.DELIVERY_FAILURES`` with which an endpoint that is there says no.
_REFUSALS: Final = ("client_error",)


class Patience:
    """Shared by the partitions of an endpoint. Instants are epoch seconds."""

    def __init__(self, hours: int) -> None:
        self._seconds = hours * _HOUR_S
        self._accepted_at = -inf
        self._set_aside_at = -inf

    def accepted(self, at: float) -> None:
        """The endpoint accepted something."""
        self._accepted_at = max(self._accepted_at, at)

    def accepted_since(self, at: float) -> bool:
        """Whether the endpoint accepted something after ``at``."""
        return self._accepted_at > at

    def refused(self, memory: Remembered, since: float, now: float, reason: str) -> None:
        """An outcome was not accepted at ``now``, nor at ``since``, which was the attempt before."""
        if reason in _REFUSALS or self.accepted_since(since):
            memory.refused_seconds += now - since

    def is_over(self, memory: Remembered, now: float) -> bool:
        """Whether an outcome is to be set aside.

        Where nothing else is accepted either, one of them goes at a time: what becomes of the next one tells whether it
        was the outcome or the endpoint.
        """
        if memory.refused_seconds < self._seconds:
            return False
        return self.accepted_since(self._set_aside_at) or now - self._set_aside_at >= self._seconds

    def end(self, now: float) -> None:
        """An outcome was set aside."""
        self._set_aside_at = now
