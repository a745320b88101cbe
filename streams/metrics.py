"""Every metric of every process: its name, its kind and what it means.

Each class registers the metrics of one part of the system in the registry it is given and keeps handles to them, with
the label values that are known beforehand already at zero. Hot code adds up per batch and calls a handle once.
Units are base units (seconds, records); instants are Unix timestamps in seconds, never ages. No label carries a
member's id. A leaf module: it imports nothing of the project. ``docs/operations.md`` lists the metrics for operators.
"""

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

#: What became of an event: absorbed, a repeat by content or id, a replay by offset, or refused (the other three).
EVENT_OUTCOMES: Final = ("applied", "duplicate", "replayed", "too_late", "quarantined", "dead_letter")
COMMIT_OUTCOMES: Final = ("committed", "refused", "failed")
PROJECTION_OUTCOMES: Final = ("written", "deleted", "stale", "unusable")
PROJECTION_RESTARTS: Final = ("behind", "requested")
HOLD_REASONS: Final = ("jump", "mass", "operator")
SILENCE_REASONS: Final = ("clock", "upstream")
#: Why a webhook endpoint did not accept an outcome; ``address``: its address is not public.
DELIVERY_FAILURES: Final = (
    "address",
    "dns",
    "connection",
    "tls",
    "timeout",
    "redirect",
    "throttled",
    "client_error",
    "server_error",
    "gone",
)
#: Why an outcome is not sent to an endpoint; ``unusable`` is a record that is no outcome.
DELIVERY_SKIPS: Final = ("type", "tier", "shop", "catch_up", "unusable")
#: What an endpoint can be in; ``paused`` is the operator's word, ``gone`` an answer 410, ``lost`` a forgotten offset.
ENDPOINT_STATES: Final = ("delivering", "failing", "paused", "dead", "gone", "lost")
LIVE_ENDINGS: Final = ("overrun", "stopping", "restart", "renew", "stuck")
POSTING_RESULTS: Final = ("accepted", "refused", "unknown", "not_sent")
LOOKUP_SOURCES: Final = ("redis", "last_good", "default", "unknown")
READ_FAILURES: Final = ("timeout", "error", "mixed_up")

_CUT_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_REDIS_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
_HTTP_BUCKETS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.25, 1, 5)
_RECOVERY_BUCKETS: Final = (1, 5, 15, 30, 60, 120, 300, 600, 1800)
_LOOP_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


def _by_label(metric: Counter, values: Iterable[str]) -> dict[str, Counter]:
    """The children of a one-label counter: series that exist, at zero, before anything happened."""
    return {value: metric.labels(value) for value in values}


class ConsumerMetrics:
    """What every process of a consumer group reports. One instance per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lag = Gauge(
            "memberpulse_lag_records",
            "Records of an assigned partition that are not handled yet",
            ["topic", "partition"],
            registry=registry,
        )
        self.commits = _by_label(
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


class ScorerMetrics(RefusingMetrics):
    """The scorer: events in, outcomes out, and the state between."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        # At zero from the start, else Prometheus would not see the first one as an increase.
        self.dead_letters.labels("forged")
        self.events = _by_label(
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


class IngestMetrics(RefusingMetrics):
    """Ingest: upstream records in, canonical events out."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.records = Counter(
            "memberpulse_ingested_records_total",
            "Upstream records by source topic and what became of them",
            ["topic", "outcome"],
            registry=registry,
        )


class ProjectorMetrics(ConsumerMetrics):
    """The projector: member-scores in, Redis out."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.scores = _by_label(
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
            buckets=_REDIS_BUCKETS,
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
        self.restarts = _by_label(
            Counter(
                "memberpulse_projection_restarts_total",
                "Times a partition was projected again: Redis was behind (emptied, restored), or it was requested",
                ["reason"],
                registry=registry,
            ),
            PROJECTION_RESTARTS,
        )


class ServingMetrics:
    """The HTTP API: requests, and where the values in answers came from."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "memberpulse_http_requests_total",
            "Requests answered, by route (as in the OpenAPI file, never with an id), method and class of status",
            ["route", "method", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "memberpulse_http_request_seconds",
            "From a request's head to the end of its answer, by route",
            ["route"],
            buckets=_HTTP_BUCKETS,
            registry=registry,
        )
        self.members = _by_label(
            Counter(
                "memberpulse_lookups_total",
                "Members looked up, by where the value came from; unknown: Redis answered that there is none",
                ["source"],
                registry=registry,
            ),
            LOOKUP_SOURCES,
        )
        self.redis_errors = _by_label(
            Counter(
                "memberpulse_lookup_redis_errors_total",
                "Reads that Redis did not answer well; mixed_up: a value of another member, which is a defect",
                ["reason"],
                registry=registry,
            ),
            READ_FAILURES,
        )
        self.redis_seconds = Histogram(
            "memberpulse_lookup_redis_seconds",
            "From sending a read, of many members at once, to Redis's answer",
            buckets=_REDIS_BUCKETS,
            registry=registry,
        )
        self.last_good = Gauge(
            "memberpulse_last_good_members", "Members whose last good value is kept for an outage", registry=registry
        )
        self.policy_version = Gauge(
            "memberpulse_serving_policy_version",
            "Version of the newest policy read from the log; 0: none yet, so previews are refused",
            registry=registry,
        )


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
            buckets=_HTTP_BUCKETS,
            registry=registry,
        )
        self.ended = _by_label(
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


class PostingMetrics:
    """Events that come through HTTP. May share the registry of the process that serves them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.events = _by_label(
            Counter(
                "memberpulse_posted_events_total",
                "Events posted, by what became of them; unknown: not acknowledged within the deadline",
                ["result"],
                registry=registry,
            ),
            POSTING_RESULTS,
        )


class TickerMetrics:
    """The ticker: time as entries in the log. May share the scorer's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.active = Gauge("memberpulse_ticker_active", "1 in the one process that appends ticks", registry=registry)
        self.tick = Gauge(
            "memberpulse_tick_timestamp_seconds",
            "The last tick appended, by partition",
            ["partition"],
            registry=registry,
        )
        self.held_total = _by_label(
            Counter(
                "memberpulse_ticks_held_total",
                "Ticks that wait for an operator, by reason",
                ["reason"],
                registry=registry,
            ),
            HOLD_REASONS,
        )
        self.held = Gauge("memberpulse_tick_held", "1 while ticks wait for an operator", registry=registry)
        self.silent_total = _by_label(
            Counter(
                "memberpulse_ticks_silent_total",
                "Ticks left out because the clock stepped back, or upstream records were not handled yet",
                ["reason"],
                registry=registry,
            ),
            SILENCE_REASONS,
        )
        self.cuts = Gauge(
            "memberpulse_cuts_published_timestamp_seconds",
            "When this process had put the latest cuts into every partition; 0 before its first",
            registry=registry,
        )


#: Why a request was not let in: no credential; an unknown, revoked or forged one; a token that is over; too many
#: requests; a page of another site asking an API without keys.
ACCESS_REFUSALS: Final = ("missing", "invalid", "expired", "rate", "origin")


class AccessMetrics:
    """Who was not let in. May share the API's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.refused = _by_label(
            Counter(
                "memberpulse_access_refused_total",
                "Requests refused before any route ran, by reason",
                ["reason"],
                registry=registry,
            ),
            ACCESS_REFUSALS,
        )


class DeliverMetrics:
    """Webhooks: outcomes to endpoints. One instance per registry; :meth:`of` gives the handles of one endpoint."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.delivered = Counter(
            "memberpulse_webhook_delivered_total", "Outcomes that an endpoint accepted", ["endpoint"], registry=registry
        )
        self.failed = Counter(
            "memberpulse_webhook_failed_total",
            "Requests that an endpoint did not accept, by reason; they are repeated",
            ["endpoint", "reason"],
            registry=registry,
        )
        self.set_aside = Counter(
            "memberpulse_webhook_set_aside_total",
            "Outcomes that an endpoint kept refusing, by the last reason; they wait on the topic undelivered",
            ["endpoint", "reason"],
            registry=registry,
        )
        self.file_in_force = Gauge(
            "memberpulse_webhook_file_in_force",
            "1 while the endpoints' file holds as it is, 0 while a changed one is refused and the former holds",
            registry=registry,
        )
        self.file_taken = Gauge(
            "memberpulse_webhook_file_taken_timestamp_seconds",
            "When the endpoints' file that holds was read",
            registry=registry,
        )
        self.skipped = Counter(
            "memberpulse_webhook_skipped_total",
            "Outcomes that are not for an endpoint, by the filter that held them back",
            ["endpoint", "reason"],
            registry=registry,
        )
        self.lag = Gauge(
            "memberpulse_webhook_lag_records",
            "Outcomes of this process's partitions that an endpoint has not got yet, filtered ones included",
            ["endpoint"],
            registry=registry,
        )
        self.oldest = Gauge(
            "memberpulse_webhook_oldest_undelivered_timestamp_seconds",
            "When the oldest outcome was written that waits for an endpoint; 0 while none waits",
            ["endpoint"],
            registry=registry,
        )
        self.state = Gauge(
            "memberpulse_webhook_state",
            "1 for the state that an endpoint is in, 0 for the others",
            ["endpoint", "state"],
            registry=registry,
        )
        self.partitions = Gauge(
            "memberpulse_webhook_assigned_partitions",
            "Partitions of outcome topics that this process reads for an endpoint",
            ["endpoint"],
            registry=registry,
        )

    def of(self, endpoint: str) -> "EndpointMetrics":
        """The handles of one endpoint."""
        return EndpointMetrics(self, endpoint)

    def forget(self, endpoint: str) -> None:
        """Report nothing of an endpoint any more."""
        for metric in (
            self.delivered,
            self.failed,
            self.set_aside,
            self.skipped,
            self.lag,
            self.oldest,
            self.state,
            self.partitions,
        ):
            metric.remove_by_labels({"endpoint": endpoint})


class EndpointMetrics:
    """The series of one webhook endpoint."""

    def __init__(self, metrics: DeliverMetrics, endpoint: str) -> None:
        self.delivered = metrics.delivered.labels(endpoint)
        self.failed = {reason: metrics.failed.labels(endpoint, reason) for reason in DELIVERY_FAILURES}
        self.set_aside = {
            reason: metrics.set_aside.labels(endpoint, reason) for reason in DELIVERY_FAILURES if reason != "gone"
        }
        self.skipped = {reason: metrics.skipped.labels(endpoint, reason) for reason in DELIVERY_SKIPS}
        self.lag = metrics.lag.labels(endpoint)
        self.oldest = metrics.oldest.labels(endpoint)
        self.partitions = metrics.partitions.labels(endpoint)
        self._states = {state: metrics.state.labels(endpoint, state) for state in ENDPOINT_STATES}

    def is_in(self, state: str) -> None:
        """Say which of ``ENDPOINT_STATES`` the endpoint is in."""
        for name, gauge in self._states.items():
            gauge.set(name == state)
