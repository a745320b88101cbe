"""What the webhooks tell Prometheus of every endpoint, and of the file that names them."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

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
