"""What the projector tells Prometheus: member-scores in, Redis out."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from streams.metrics.buckets import REDIS_BUCKETS
from streams.metrics.consumers import ConsumerMetrics
from streams.metrics.known_labels import by_label

PROJECTION_OUTCOMES: Final = ("written", "deleted", "stale", "unusable")
PROJECTION_RESTARTS: Final = ("behind", "requested")


class ProjectorMetrics(ConsumerMetrics):
    """The projector: member-scores in, Redis out."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.scores = by_label(
            Counter(
                "memberpulse_projected_scores_total",
                "Scores by what became of them in Redis; stale: Redis held a newer one",
                ["outcome"],
                registry=registry,
            ),
            PROJECTION_OUTCOMES,
        )
        self.redis_seconds = Histogram(
            "memberpulse_redis_batch_seconds",
            "From sending a batch to Redis to its acknowledgement, waits for Redis to come back included",
            buckets=REDIS_BUCKETS,
            registry=registry,
        )
        self.redis_errors = Counter(
            "memberpulse_redis_errors_total", "Attempts to reach Redis that failed and are repeated", registry=registry
        )
        self.projected = Gauge(
            "memberpulse_redis_projected_timestamp_seconds",
            "When the newest score in Redis was written to member-scores, by partition",
            ["partition"],
            registry=registry,
        )
        self.restarts = by_label(
            Counter(
                "memberpulse_projection_restarts_total",
                "Times a partition was projected again: Redis was behind (emptied, restored), or it was requested",
                ["reason"],
                registry=registry,
            ),
            PROJECTION_RESTARTS,
        )
