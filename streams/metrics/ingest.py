"""What ingest tells Prometheus: upstream records in, canonical events out."""

from prometheus_client import CollectorRegistry, Counter

from streams.metrics.consumers import RefusingMetrics


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
