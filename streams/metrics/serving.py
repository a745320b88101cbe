"""What the HTTP API tells Prometheus: its requests, and where the values in its answers came from."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from streams.metrics.buckets import HTTP_BUCKETS, REDIS_BUCKETS
from streams.metrics.known_labels import by_label

LOOKUP_SOURCES: Final = ("redis", "last_good", "default", "unknown")
READ_FAILURES: Final = ("timeout", "error", "mixed_up")


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
            buckets=HTTP_BUCKETS,
            registry=registry,
        )
        self.members = by_label(
            Counter(
                "memberpulse_lookups_total",
                "Members looked up, by where the value came from; unknown: Redis answered that there is none",
                ["source"],
                registry=registry,
            ),
            LOOKUP_SOURCES,
        )
        self.redis_errors = by_label(
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
            buckets=REDIS_BUCKETS,
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
