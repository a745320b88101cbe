"""What became of events that were posted through HTTP, for Prometheus."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter

from streams.metrics.known_labels import by_label

POSTING_RESULTS: Final = ("accepted", "refused", "unknown", "not_sent")


class PostingMetrics:
    """Events that come through HTTP. May share the registry of the process that serves them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.events = by_label(
            Counter(
                "memberpulse_posted_events_total",
                "Events posted, by what became of them; unknown: not acknowledged within the deadline",
                ["result"],
                registry=registry,
            ),
            POSTING_RESULTS,
        )
