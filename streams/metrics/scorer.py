"""What the scorer tells Prometheus: events in, outcomes out, and the state between."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from streams.metrics.consumers import RefusingMetrics
from streams.metrics.known_labels import by_label

#: What became of an event: absorbed, a repeat by content or id, a replay by offset, or refused (the other three).
EVENT_OUTCOMES: Final = ("applied", "duplicate", "replayed", "too_late", "quarantined", "dead_letter")
_CUT_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_RECOVERY_BUCKETS: Final = (1, 5, 15, 30, 60, 120, 300, 600, 1800)
_LOOP_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class ScorerMetrics(RefusingMetrics):
    """The scorer: events in, outcomes out, and the state between."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        # At zero from the start, else Prometheus would not see the first one as an increase.
        self.dead_letters.labels("forged")
        self.events = by_label(
            Counter(
                "memberpulse_events_processed_total",
                "Member events by what became of them",
                ["outcome"],
                registry=registry,
            ),
            EVENT_OUTCOMES,
        )
        self.outcomes = Counter(
            "memberpulse_outcomes_total",
            "Tier changes and lifecycle alerts decided, by kind",
            ["kind"],
            registry=registry,
        )
        self.cut_seconds = Histogram(
            "memberpulse_cut_seconds",
            "From the start of a cut (outcomes acknowledged, rows remembered) to its commit",
            buckets=_CUT_BUCKETS,
            registry=registry,
        )
        self.dirty_rows = Gauge(
            "memberpulse_dirty_rows",
            "Changed members not remembered in the changelog yet",
            ["partition"],
            registry=registry,
        )
        self.members = Gauge("memberpulse_members", "Members known, by partition", ["partition"], registry=registry)
        self.watermark = Gauge(
            "memberpulse_watermark_timestamp_seconds",
            "The last tick absorbed, by partition",
            ["partition"],
            registry=registry,
        )
        self.regressions = Counter(
            "memberpulse_state_regressions_total",
            "Changelog rows older than one before them: two writers at once; more than zero is a defect",
            registry=registry,
        )
        self.recovery_in_progress = Gauge(
            "memberpulse_recovery_in_progress", "1 while members are restored from the changelog", registry=registry
        )
        self.recovery_remaining = Gauge(
            "memberpulse_recovery_remaining_records", "Changelog records still to be restored", registry=registry
        )
        self.recovery_records = Counter(
            "memberpulse_recovery_records_total", "Changelog records restored since the start", registry=registry
        )
        self.recovery_seconds = Histogram(
            "memberpulse_recovery_duration_seconds",
            "How long a recovery took",
            buckets=_RECOVERY_BUCKETS,
            registry=registry,
        )
        self.loop_gap_seconds = Histogram(
            "memberpulse_event_loop_gap_seconds",
            "How late the event loop woke: half the session timeout ends the process",
            buckets=_LOOP_BUCKETS,
            registry=registry,
        )
