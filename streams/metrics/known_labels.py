"""Series that exist before anything happened: else Prometheus would not see the first event as an increase."""

from collections.abc import Iterable

from prometheus_client import Counter


def by_label(metric: Counter, values: Iterable[str]) -> dict[str, Counter]:
    """The children of a one-label counter, at zero."""
    return {value: metric.labels(value) for value in values}
