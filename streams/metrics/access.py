"""Who was not let in to the HTTP API, for Prometheus."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter

from streams.metrics.known_labels import by_label

#: Why a request was not let in: no credential; an unknown, revoked or forged one; a token that is over; too many
#: requests; a page of another site asking an API without keys.
ACCESS_REFUSALS: Final = ("missing", "invalid", "expired", "rate", "origin")


class AccessMetrics:
    """Who was not let in. May share the API's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.refused = by_label(
            Counter(
                "memberpulse_access_refused_total",
                "Requests refused before any route ran, by reason",
                ["reason"],
                registry=registry,
            ),
            ACCESS_REFUSALS,
        )
