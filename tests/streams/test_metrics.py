"""The metrics: complete in the operators' table, at zero from the start, and served."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry

from streams.metrics.access import AccessMetrics
from streams.metrics.ingest import IngestMetrics
from streams.metrics.live import LiveMetrics
from streams.metrics.posting import PostingMetrics
from streams.metrics.projector import ProjectorMetrics
from streams.metrics.scorer import ScorerMetrics
from streams.metrics.serving import ServingMetrics
from streams.metrics.ticker import TickerMetrics
from streams.metrics.webhooks import DeliverMetrics
from streams.metrics_server import MetricsPortError, register_process, serve, stop_serving

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
PARTS: list[Callable[[CollectorRegistry], Any]] = [
    AccessMetrics,
    ScorerMetrics,
    IngestMetrics,
    ProjectorMetrics,
    TickerMetrics,
    LiveMetrics,
    PostingMetrics,
    ServingMetrics,
    DeliverMetrics,
]


def registered() -> dict[str, str]:
    """Every metric of every process by its name in Prometheus, with its kind."""
    found = {}
    for part in PARTS:
        registry = CollectorRegistry()
        part(registry)
        register_process(registry, role="test", version="0")
        for metric in registry.collect():
            if metric.name.startswith("memberpulse_"):
                found[metric.name + ("_total" if metric.type == "counter" else "")] = metric.type
    return found


def test_the_operators_table_names_every_metric_with_its_kind_and_no_other() -> None:
    documented = dict(re.findall(r"^\| `(memberpulse_\w+)` \| (\w+) \|", OPERATIONS.read_text(), re.MULTILINE))
    assert documented == registered()


def test_the_scorer_and_the_ticker_share_a_registry() -> None:
    registry = CollectorRegistry()
    ScorerMetrics(registry)
    TickerMetrics(registry)


def test_known_outcomes_are_at_zero_before_anything_happened() -> None:
    registry = CollectorRegistry()
    ScorerMetrics(registry)
    TickerMetrics(registry)
    assert registry.get_sample_value("memberpulse_events_processed_total", {"outcome": "too_late"}) == 0
    assert registry.get_sample_value("memberpulse_ticks_held_total", {"reason": "mass"}) == 0


def test_prometheus_reads_what_was_counted() -> None:
    registry = CollectorRegistry()
    ScorerMetrics(registry).events["applied"].inc(1000)
    server, port = serve(registry, "127.0.0.1", 0)
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    finally:
        stop_serving(server)
    assert 'memberpulse_events_processed_total{outcome="applied"} 1000.0' in text


def test_a_taken_port_is_an_error_that_names_the_setting() -> None:
    server, port = serve(CollectorRegistry(), "127.0.0.1", 0)
    try:
        with pytest.raises(MetricsPortError, match=rf"127\.0\.0\.1:{port}.*metrics\.score_port"):
            serve(CollectorRegistry(), "127.0.0.1", port, setting="metrics.score_port")
    finally:
        stop_serving(server)
