"""What the ticker tells Prometheus: the ticks appended, those that wait and those left out."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from streams.metrics.known_labels import by_label

HOLD_REASONS: Final = ("jump", "mass", "operator")
SILENCE_REASONS: Final = ("clock", "upstream")


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
        self.held_total = by_label(
            Counter(
                "memberpulse_ticks_held_total",
                "Ticks that wait for an operator, by reason",
                ["reason"],
                registry=registry,
            ),
            HOLD_REASONS,
        )
        self.held = Gauge("memberpulse_tick_held", "1 while ticks wait for an operator", registry=registry)
        self.silent_total = by_label(
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
