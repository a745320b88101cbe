"""One isolated run on a broker: topics under a prefix of its own, records into them and everything back out."""

import json
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from streams.config import Settings
from streams.kafka_clients import admin_settings
from streams.log_reading import LogRecord, admin_client, committed, log_consumer, scan, spans
from streams.policy_file import from_canonical
from streams.policy_publication import open_empty_partitions
from streams.topic_admin import WantedTopic, carry_out, look, plan, wanted_topics
from streams.topics import MEMBER_EVENTS
from tests.oracle.records import POLICY, GeneratedRecord

REPOSITORY = Path(__file__).parents[2]
_ACKNOWLEDGED_WITHIN_S = 60.0


class Deployment:
    """Settings, topics and environment of one run. ``home`` is where its processes live and log."""

    def __init__(
        self,
        bootstrap: str,
        home: Path,
        *,
        partitions: int = 4,
        session_timeout: float = 3.0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.bootstrap = bootstrap
        self.prefix = f"t{uuid.uuid4().hex[:8]}-"
        self.partitions = partitions
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MEMBERPULSE_")},
            "PYTHONPATH": str(REPOSITORY),
            "MEMBERPULSE_KAFKA__BOOTSTRAP": bootstrap,
            "MEMBERPULSE_KAFKA__TOPIC_PREFIX": self.prefix,
            "MEMBERPULSE_KAFKA__PARTITIONS": str(partitions),
            "MEMBERPULSE_KAFKA__SESSION_TIMEOUT_SECONDS": str(session_timeout),
            "MEMBERPULSE_METRICS__SCORE_PORT": "0",
            "MEMBERPULSE_METRICS__INGEST_PORT": "0",
            "MEMBERPULSE_TICKER__ENABLED": "false",
            **(environment or {}),
        }
        self.settings = Settings.model_validate(
            {
                "kafka": {
                    "bootstrap": bootstrap,
                    "topic_prefix": self.prefix,
                    "partitions": partitions,
                    "session_timeout_seconds": session_timeout,
                }
            }
        )
        self.events_topic = self.settings.topic(MEMBER_EVENTS)

    def make_topics(self, **events_config: str) -> None:
        """Every topic of the product; ``events_config`` overrides settings of member-events (underscores for dots)."""
        wanted = [
            WantedTopic(
                name=topic.name,
                carries=topic.carries,
                partitions=topic.partitions,
                config={**topic.config, **_dotted(events_config)} if topic.name == self.events_topic else topic.config,
            )
            for topic in wanted_topics(self.settings)
        ]
        with admin_client(self.settings) as admin:
            carry_out(admin, plan(wanted, look(admin, wanted)), replication=1)

    def open_with(self, policy: Mapping[str, Any] = POLICY) -> None:
        """Publish a policy as the first record of every partition."""
        open_empty_partitions(self.settings, from_canonical(json.dumps(policy).encode()))

    def producer(self, **settings: Any) -> KafkaProducer:
        """A producer whose records arrive once and in order."""
        return KafkaProducer(**admin_settings(self.settings), acks="all", linger_ms=5, batch_size=200_000, **settings)

    def append(self, records: Iterable[GeneratedRecord]) -> None:
        """Append to member-events as fast as possible and wait until all of it is in the log."""
        producer = self.producer()
        try:
            sent = [send(producer, self.events_topic, record) for record in records]
            producer.flush(timeout=_ACKNOWLEDGED_WITHIN_S)
            for future in sent:
                future.get(timeout=_ACKNOWLEDGED_WITHIN_S)
        finally:
            producer.close(timeout=_ACKNOWLEDGED_WITHIN_S)

    def read(self, topic: str) -> Iterator[LogRecord]:
        """Everything in a topic (physical name), each partition in offset order."""
        with log_consumer(self.settings) as consumer:
            yield from scan(consumer, topic, spans(consumer, topic))

    def read_logical(self, topic: str) -> list[LogRecord]:
        """Everything in a topic by its logical name."""
        return list(self.read(self.settings.topic(topic)))

    def ends(self, topic: str) -> dict[int, int]:
        """The end of each partition of a topic (physical name)."""
        with log_consumer(self.settings) as consumer:
            return {number: span.end for number, span in spans(consumer, topic).items()}

    def committed(self, role: str = "score") -> dict[tuple[str, int], int]:
        """What the role's group has committed, per (topic, partition)."""
        with admin_client(self.settings) as admin:
            return committed(admin, self.settings.group(role))

    def backlog(self) -> int:
        """Records of member-events behind the committed offsets."""
        offsets = self.committed()
        return sum(
            end - offsets.get((self.events_topic, number), 0) for number, end in self.ends(self.events_topic).items()
        )

    def wait_until_quiet(self, seconds: float, tend: Callable[[], object] | None = None) -> None:
        """Wait until everything in member-events is committed, calling ``tend`` meanwhile; raises TimeoutError."""
        until = time.monotonic() + seconds
        backlog: int | str = "unknown"
        while time.monotonic() < until:
            if tend is not None:
                tend()
            try:
                backlog = self.backlog()
            except KafkaError as error:
                backlog = repr(error)
            if backlog == 0:
                return
            time.sleep(0.25)
        raise TimeoutError(f"after {seconds:.0f} s the scorer's backlog is {backlog}; see the logs in {self.home}")


def send(producer: KafkaProducer, topic: str, record: GeneratedRecord) -> Any:
    """Queue one record where it was generated for."""
    return producer.send(
        topic, key=record.key, value=record.value, headers=list(record.headers), partition=record.partition
    )


def _dotted(settings: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "."): value for name, value in settings.items()}
