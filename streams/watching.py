"""The engine's own story, as Prometheus metrics and in a few lines of the log."""

import logging
from time import monotonic
from typing import Final

from streams.engine.observer import Observer
from streams.metrics.consumers import ConsumerMetrics
from streams.metrics.scorer import ScorerMetrics

log = logging.getLogger(__name__)

#: How often a long recovery tells how far it is.
_TELL_EVERY_S: Final = 10.0


class GroupObserver(Observer):
    """What any process of a consumer group reports."""

    def __init__(self, metrics: ConsumerMetrics) -> None:
        self._metrics = metrics

    def cut_done(self, seconds: float, rows: int, partitions: int) -> None:
        """Count the commit and note when it was."""
        self._metrics.commits["committed"].inc()
        self._metrics.last_commit.set_to_current_time()

    def rebalanced(self, partitions: int) -> None:
        """Count the assignment."""
        self._metrics.rebalances.inc()
        self._metrics.assigned_partitions.set(partitions)
        log.info("Assigned partitions: %d", partitions)

    def partition_lag(self, topic: str, partition: int, records: int) -> None:
        """Records that wait."""
        self._metrics.lag.labels(topic, str(partition)).set(records)


class ScorerObserver(GroupObserver):
    """The scorer's, with state and recovery."""

    def __init__(self, metrics: ScorerMetrics) -> None:
        super().__init__(metrics)
        self._scorer = metrics
        self._restored = 0
        self._told = 0.0

    def cut_done(self, seconds: float, rows: int, partitions: int) -> None:
        """Also how long it took."""
        super().cut_done(seconds, rows, partitions)
        self._scorer.cut_seconds.observe(seconds)

    def recovered(self, records: int, remaining: int) -> None:
        """Changelog records were applied."""
        self._scorer.recovery_records.inc(records)
        self._scorer.recovery_remaining.set(remaining)
        self._restored += records
        if monotonic() - self._told >= _TELL_EVERY_S:
            self._told = monotonic()
            log.info("%s rows of members read back, %s to go", f"{self._restored:,}", f"{remaining:,}")

    def stood_still(self, seconds: float) -> None:
        """How late the event loop woke."""
        self._scorer.loop_gap_seconds.observe(seconds)

    def recovery(self, running: bool, seconds: float) -> None:
        """Recovery began or ended."""
        self._scorer.recovery_in_progress.set(running)
        if running:
            self._restored, self._told = 0, monotonic()
            return
        self._scorer.recovery_seconds.observe(seconds)
        if self._restored:
            log.info("%s rows of members read back in %.1f s; scoring goes on", f"{self._restored:,}", seconds)

    def regressed(self, rows: int) -> None:
        """Rows older than ones before them."""
        self._scorer.regressions.inc(rows)
