"""What the streams of live events tell Prometheus."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from streams.metrics.buckets import HTTP_BUCKETS
from streams.metrics.known_labels import by_label

LIVE_ENDINGS: Final = ("overrun", "stopping", "restart", "renew", "stuck")


class LiveMetrics:
    """Outcomes as server-sent events. May share the registry of the process that serves them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.clients = Gauge("memberpulse_live_clients", "Open streams of live events", registry=registry)
        self.events = Counter(
            "memberpulse_live_events_total", "Events queued for clients, one for each client", registry=registry
        )
        self.delay_seconds = Histogram(
            "memberpulse_live_delay_seconds",
            "From an outcome's record, as its producer dated it, to the queues of the clients",
            buckets=HTTP_BUCKETS,
            registry=registry,
        )
        self.ended = by_label(
            Counter(
                "memberpulse_live_streams_ended_total",
                "Streams ended by the server, by their last event",
                ["event"],
                registry=registry,
            ),
            LIVE_ENDINGS,
        )
        self.late = Counter(
            "memberpulse_live_late_total",
            "Outcomes sent after one of the same member that was told later; they are marked late",
            registry=registry,
        )
        self.unusable = Counter(
            "memberpulse_live_unusable_total",
            "Records of outcome topics that are no outcomes, and were not sent",
            registry=registry,
        )
