"""Writing the workload into Kafka, and reading back what became of it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from kafka import KafkaAdminClient

from bench.job import Contender, Job
from bench.workload import Standing, Workload
from streams import policy_file
from streams.commands.progress import progress
from streams.engine.sending import Batches, BatchSender
from streams.murmur import partition_of
from streams.policy_publication import policy_record
from streams.topics import PARTITION_KEY

#: Orders built between two sends: about 30 MB.
_CHUNK = 100_000


class WrongResultError(Exception):
    """A contender came to another result than the orders say: its speed means nothing."""


@asynccontextmanager
async def sender(bootstrap: str) -> AsyncIterator[BatchSender]:
    """A sender of whole batches."""
    sending = BatchSender(AIOKafkaClient(loop=asyncio.get_running_loop(), bootstrap_servers=bootstrap))
    await sending.start()
    try:
        yield sending
    finally:
        await sending.stop()


def load(bootstrap: str, topic: str, partitions: int, workload: Workload, events: int) -> None:
    """Make a topic; write the policy and the first ``events`` orders of the workload, each where its member belongs."""
    make_topic(bootstrap, topic, partitions)
    asyncio.run(_write(bootstrap, topic, partitions, workload, events))


def make_topic(bootstrap: str, topic: str, partitions: int) -> None:
    """A topic whose records bear the time of their appending, as ``member-events`` does."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        configs = {"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"}
        layout = {"num_partitions": partitions, "replication_factor": 1, "configs": configs}
        admin.create_topics({topic: layout}, wait_for_metadata=True)
    finally:
        admin.close()


def make_topics(bootstrap: str, topics: list[str], partitions: int) -> None:
    """Make topics with the broker's defaults."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        layout = {"num_partitions": partitions, "replication_factor": 1}
        admin.create_topics(dict.fromkeys(topics, layout), wait_for_metadata=True)
    finally:
        admin.close()


def delete_topics(bootstrap: str, topics: list[str]) -> None:
    """Delete those of the topics that exist."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.delete_topics([topic for topic in admin.list_topics() if topic in topics])
    finally:
        admin.close()


async def _write(bootstrap: str, topic: str, partitions: int, workload: Workload, events: int) -> None:
    policy = policy_file.load("absolute")
    waiting = {(topic, number): Batches() for number in range(partitions)}
    for (_, number), batches in waiting.items():
        batches.append(PARTITION_KEY, policy_record(policy, number), [("log_time", b"0")])
    async with sender(bootstrap) as sending:

        async def flush() -> None:
            await sending.send(waiting)
            waiting.update({place: Batches() for place in waiting})

        with progress(f"Writing {topic}", "orders", events) as advance:
            for written, order in enumerate(workload.orders(events), 1):
                key, value = order.record()
                waiting[topic, partition_of(key, partitions)].append(key, value)
                if written % _CHUNK == 0:
                    await flush()
                    advance(_CHUNK)
            await flush()
            advance(events % _CHUNK)


def check(contender: Contender, job: Job, expected: Mapping[bytes, Standing], changes: int) -> dict[str, int]:
    """Compare a contender's results with the orders, member by member; how many records it wrote, by topic.

    Raises:
        WrongResultError: a member's count, sum or last time differs, a member is missing or too many, orders were
            refused, or there is not one record for each of the common job's ``changes`` of tier.
    """
    counts, last = asyncio.run(_read(job, _partitions(job.bootstrap, contender.written(job)), contender.results(job)))
    letters = contender.dead_letters(job)
    if letters is not None and counts[letters]:
        raise WrongResultError(f"{contender.title}: {counts[letters]:,} orders are in the dead letters; none should be")
    told = contender.tier_changes(job)
    if told is not None and counts[told] != changes:
        raise WrongResultError(f"{contender.title}: {counts[told]:,} changes of tier; there should be {changes:,}")
    found = {contender.member(key): contender.standing(value) for key, value in last.items()}
    if found != expected:
        wrong = [key for key in expected.keys() | found.keys() if found.get(key) != expected.get(key)]
        first = min(wrong)
        raise WrongResultError(
            f"{contender.title}: {len(wrong):,} of {len(expected):,} members are wrong; {first.decode()} has "
            f"{found.get(first)} where the orders say {expected.get(first)} (count, minor units, last order)"
        )
    return counts


def _partitions(bootstrap: str, topics: Sequence[str]) -> dict[str, list[TopicPartition]]:
    """The partitions of each topic; none of a topic that does not exist."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        existing = set(admin.list_topics()).intersection(topics)
        counts = {each["name"]: len(each["partitions"]) for each in admin.describe_topics(sorted(existing))}
    finally:
        admin.close()
    return {topic: [TopicPartition(topic, number) for number in range(counts.get(topic, 0))] for topic in topics}


async def _read(
    job: Job, partitions: Mapping[str, list[TopicPartition]], results: str
) -> tuple[dict[str, int], dict[bytes, bytes]]:
    """How many records each topic holds, and the last value of each member's key in ``results``."""
    consumer = AIOKafkaConsumer(bootstrap_servers=job.bootstrap, max_partition_fetch_bytes=4 << 20)
    await consumer.start()
    try:
        ends = await consumer.end_offsets([tp for tps in partitions.values() for tp in tps])
        counts = {topic: sum(ends[tp] for tp in tps) for topic, tps in partitions.items()}
        waited = {tp for tp in partitions[results] if ends[tp] > 0}
        consumer.assign(waited)
        await consumer.seek_to_beginning(*waited)
        last: dict[bytes, bytes] = {}
        with progress(f"Checking {results}", "records", counts[results]) as advance:
            while waited:
                for tp, records in (await consumer.getmany(timeout_ms=1000)).items():
                    for record in records:
                        last[record.key] = record.value
                    advance(len(records))
                    if records[-1].offset >= ends[tp] - 1:
                        waited.discard(tp)
        last.pop(PARTITION_KEY, None)
        return counts, last
    finally:
        await consumer.stop()
