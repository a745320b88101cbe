"""What every process of a consumer group tells Prometheus, and those that write dead letters as well."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from streams.metrics.known_labels import by_label

COMMIT_OUTCOMES: Final = ("committed", "refused", "failed")


class ConsumerMetrics:
    """What every process of a consumer group reports. One instance per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lag = Gauge(
            "memberpulse_lag_records",
            "Records of an assigned partition that are not handled yet",
            ["topic", "partition"],
            registry=registry,
        )
        self.commits = by_label(
            Counter("memberpulse_commits_total", "Offset commits by outcome", ["outcome"], registry=registry),
            COMMIT_OUTCOMES,
        )
        self.last_commit = Gauge(
            "memberpulse_last_commit_timestamp_seconds", "When offsets were last committed", registry=registry
        )
        self.rebalances = Counter(
            "memberpulse_rebalances_total", "Assignments received from the consumer group", registry=registry
        )
        self.assigned_partitions = Gauge(
            "memberpulse_assigned_partitions", "Partitions assigned to this process", registry=registry
        )


class RefusingMetrics(ConsumerMetrics):
    """What a process reports that also writes dead letters."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.dead_letters = Counter(
            "memberpulse_dead_letters_total",
            "Records written to dead-letters, by reason",
            ["reason"],
            registry=registry,
        )
