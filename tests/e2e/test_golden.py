"""The golden cases on a real broker: every case in a partition of its own, and the scorer killed after each record."""

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from streams.dead_letters import OFFSET_HEADER, PARTITION_HEADER, REASON_HEADER
from streams.devstack import DevStack
from streams.policy_file import from_canonical
from streams.topics import DEAD_LETTERS, MEMBER_EVENTS, OUTCOME_TOPICS
from tests.chaos.cluster import Worker
from tests.chaos.deployment import Deployment
from tests.oracle.golden import Golden, golden_cases
from tests.oracle.log import LogRecord
from tests.oracle.records import PARTITION_KEY, GeneratedRecord, partition_of
from tests.outcome_words import published_in_words

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

#: Here members have a number behind their names, by which they belong to the partition of their case.
CASES = [golden for golden in golden_cases() if not golden.is_about_ids]
#: Fields that name a member.
NAMES = ("member_id", "into", "absorbed", "referrer_id")


def in_partition(name: str, partition: int) -> str:
    """A name like this one that Kafka's partitioner puts there."""
    candidates = (f"{name}-{number}" for number in count())
    return next(each for each in candidates if partition_of(each.encode(), len(CASES)) == partition)


def moved(record: LogRecord, partition: int) -> GeneratedRecord:
    """The record as it would be in another partition, with members who belong there."""
    assert record.key is not None
    assert record.value is not None
    event: dict[str, Any] = json.loads(record.value)
    key = record.key
    if key == PARTITION_KEY:
        event["partition"] = partition
        if "policy" in event:
            # The file leaves out what is the default; the hash is of the whole.
            event["content_hash"] = from_canonical(json.dumps(event["policy"]).encode()).content_hash
    else:
        event |= {field: in_partition(event[field], partition) for field in NAMES if field in event}
        key = event["member_id"].encode()
    return GeneratedRecord(
        key,
        json.dumps(event).encode(),
        record.headers,
        is_poison=False,
        partition=partition,
        timestamp=record.timestamp,
    )


@dataclass
class Waiting:
    """What is left of a case: its records, each with how many had to be written by the scorer before it."""

    left: list[tuple[int, GeneratedRecord]]

    @classmethod
    def of(cls, case: Golden, partition: int) -> "Waiting":
        return cls(
            [
                (sum(offset < record.offset for offset in case.written), moved(record, partition))
                for record in case.story
            ]
        )

    def take(self, written: int) -> list[GeneratedRecord]:
        """The next record, when as many as it needs have been written; else nothing."""
        if not self.left or self.left[0][0] > written:
            return []
        return [self.left.pop(0)[1]]


def written(deployment: Deployment) -> Counter[int]:
    """How much members have written for each other, by partition; what a crash repeats counts once."""
    found = {
        (record.partition, record.key, record.value)
        for record in deployment.read_logical(MEMBER_EVENTS)
        if is_written(record.value)
    }
    return Counter(partition for partition, _, _ in found)


def is_written(value: bytes | None) -> bool:
    """Whether it is the scorer who wrote an event."""
    event = json.loads(value or b"{}")
    return bool(event.get("via")) or event.get("type") == "member.absorbed"


def append(deployment: Deployment, records: list[GeneratedRecord]) -> None:
    """Append with the instants of the story as the records' own."""
    producer = deployment.producer()
    try:
        for r in records:
            producer.send(
                deployment.events_topic,
                key=r.key,
                value=r.value,
                headers=list(r.headers),
                partition=r.partition,
                timestamp_ms=r.timestamp,
            ).get(timeout=30)
    finally:
        producer.close(timeout=30)


def told(deployment: Deployment) -> dict[int, list[Mapping[str, Any]]]:
    """Every outcome once, by partition, each member's in sequence; the same id always says the same."""
    by_id: dict[str, Mapping[str, Any]] = {}
    for topic in OUTCOME_TOPICS:
        for record in deployment.read_logical(topic):
            identity = (record.header("ce_id") or b"").decode()
            body = json.loads(record.value or b"{}")
            assert by_id.setdefault(identity, body) == body, "an outcome was told again in other words"
    found: dict[int, list[Mapping[str, Any]]] = {number: [] for number in range(len(CASES))}
    for body in sorted(by_id.values(), key=lambda each: (each["position"]["offset"], each["sequence"])):
        found[body["position"]["partition"]].append(body)
    return found


def refused(deployment: Deployment) -> dict[int, list[str]]:
    """Reasons of the dead letters, by partition, each once. What a crash repeats may be refused when it is late."""
    letters: dict[tuple[int, int], str] = {}
    for record in deployment.read_logical(DEAD_LETTERS):
        if is_written(record.value):
            continue
        place = (int(record.header(PARTITION_HEADER) or b"-1"), int(record.header(OFFSET_HEADER) or b"-1"))
        letters[place] = (record.header(REASON_HEADER) or b"").decode()
    found: dict[int, list[str]] = {number: [] for number in range(len(CASES))}
    for (partition, _), reason in sorted(letters.items()):
        found[partition].append(reason)
    return found


def test_every_golden_case_comes_out_of_kafka_though_the_scorer_is_killed_after_each_record(
    stack: DevStack, tmp_path: Path
) -> None:
    chance = Random(15)
    deployment = Deployment(
        stack.broker.bootstrap,
        tmp_path,
        partitions=len(CASES),
        session_timeout=6.0,
        environment={"MEMBERPULSE_SCORE__COMMIT_INTERVAL_SECONDS": "0.3"},
    )
    # The stories' instants are the records' own, wherever the clock of the day stands.
    century = str(100 * 366 * 86_400_000)
    deployment.make_topics(
        message_timestamp_type="CreateTime",
        message_timestamp_before_max_ms=century,
        message_timestamp_after_max_ms=century,
    )
    waiting = [Waiting.of(case, number) for number, case in enumerate(CASES)]
    rounds = count()
    while any(case.left for case in waiting):
        has_written = written(deployment)
        records = [record for number, case in enumerate(waiting) for record in case.take(has_written[number])]
        append(deployment, records)
        with Worker(deployment, f"scorer-{next(rounds)}") as scorer:
            if not records:
                # What is missing is what the scorer writes: then this one may come to an end.
                deployment.wait_until_quiet(90)
                continue
            while scorer.running and not scorer.metric("memberpulse_events_processed_total"):
                time.sleep(0.02)
            # It has just absorbed the first; commits come every 0.3 s: now in the middle of one, now before, now after.
            time.sleep(chance.uniform(0.0, 0.6))
            assert scorer.running, scorer.tail()
    with Worker(deployment, "last") as scorer:
        until = time.monotonic() + 60
        while not scorer.has_begun and time.monotonic() < until:
            time.sleep(0.1)
        deployment.wait_until_quiet(90)
        assert scorer.end() == 0, scorer.tail()
    found, letters = told(deployment), refused(deployment)
    for number, case in enumerate(CASES):
        assert_whole(case, found[number])
        assert published_in_words(found[number]) == case.told, case.name
        assert letters[number] == case.refused, case.name


def assert_whole(case: Golden, bodies: list[Mapping[str, Any]]) -> None:
    sequences: dict[str, list[int]] = {}
    for body in bodies:
        sequences.setdefault(body["member_id"], []).append(body["sequence"])
    for member, numbers in sequences.items():
        assert sorted(numbers) == list(range(1, len(numbers) + 1)), f"{case.name}: {member} has a hole"
