"""Where each microsecond goes: the scorer's steps timed one by one, over the same orders, in one process."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from time import process_time
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.job import Job
from bench.loading import delete_topics, make_topic, sender
from bench.workload import Workload
from scoring.engine import Decision, Position, apply
from scoring.events import MemberEvent
from scoring.outcomes import Outcome
from scoring.state import MemberState
from streams import policy_file, rows
from streams.codecs import decode
from streams.commands.output import notes
from streams.engine.sending import NO_HEADERS, Outgoing
from streams.outcome_records import OutcomeRecords

#: Orders per member, as in the throughput measurement, so that rows and ledgers are as long.
_ORDERS_PER_MEMBER: Final = 5
_TOPIC: Final = "bench-budget"


@dataclass(frozen=True, slots=True)
class Step:
    """Microseconds of processor time one takes, and how many there are per order."""

    name: str
    microseconds: float
    per_order: float

    @property
    def share(self) -> float:
        """Microseconds per order."""
        return self.microseconds * self.per_order


@dataclass(frozen=True, slots=True)
class Told:
    """What the rules made of the orders: the raw material of the steps after them."""

    before: list[MemberState | None]
    after: list[tuple[str, MemberState]]
    outcomes: list[tuple[str, Outcome]]


def measure_in(folder: Path, job: Job, events: int, now: int) -> list[Step]:
    """:func:`measure` in a process of its own, over the build in ``folder``."""
    notes().print(f"Budget: every step over {events:,} orders", highlight=False)
    command = [sys.executable, "-m", "bench.budget", job.argument(), str(events), str(now)]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return [Step(*step) for step in json.loads(done.stdout)]


def measure(job: Job, events: int, now: int) -> list[Step]:
    """Time every step over ``events`` orders; what is read and sent goes through the broker. ``now`` is epoch ms.

    Per order there is one decode, one row decoded and written and one score: members are drawn evenly, and hardly any
    is met twice between two cuts.
    """
    workload = Workload(events, max(events // _ORDERS_PER_MEMBER, 1), now)
    document = policy_file.load("absolute")
    policy = document.to_policy()
    records = OutcomeRecords(policy, epoch=1)
    raw = [order.record() for order in workload.orders(events)]
    decoded: list[Any] = [decode(key, value) for key, value in raw]
    told = _fold(decoded, policy, now)
    known = [rows.encode(state) for state in told.before if state is not None]
    position = Position(events, now, 0, imported=False)
    pairs = list(zip(told.before, decoded, strict=True))
    outcome_records: list[Outgoing] = [records.record(outcome, member, 0)[1:] for member, outcome in told.outcomes]
    score_records: list[Outgoing] = [
        (member.encode(), records.scores.record(member, state), NO_HEADERS) for member, state in told.after
    ]
    row_records: list[Outgoing] = [(member.encode(), rows.encode(state), NO_HEADERS) for member, state in told.after]
    outcomes = len(told.outcomes) / events
    known_share = len(known) / events
    return [
        Step("fetch an order", *asyncio.run(_fetched(job, events))),
        Step("decode the order", _timed(lambda each: decode(*each), raw), 1),
        Step("decode the row", _timed(rows.decode, known), known_share),
        Step("apply the rules", _timed(lambda each: apply(each[0], each[1], policy, position), pairs), 1),
        Step("write an outcome", _timed(lambda each: records.record(each[1], each[0], 0), told.outcomes), outcomes),
        Step("write a score", _timed(lambda each: records.scores.record(*each), told.after), 1),
        Step("encode the row", _timed(lambda each: rows.encode(each[1]), told.after), 1),
        Step("send an outcome", asyncio.run(_sent(job, outcome_records)), outcomes),
        Step("send a score", asyncio.run(_sent(job, score_records)), 1),
        Step("send a row", asyncio.run(_sent(job, row_records)), 1),
    ]


def _fold(events: Iterable[MemberEvent], policy: Any, now: int) -> Told:
    told = Told([], [], [])
    members: dict[str, MemberState] = {}
    position = Position(0, now, 0, imported=False)
    for offset, event in enumerate(events):
        position.offset = offset
        known = members.get(event.member_id)
        decision: Decision = apply(known, event, policy, position)
        members[event.member_id] = decision.state
        told.before.append(known)
        told.after.append((event.member_id, decision.state))
        told.outcomes.extend((event.member_id, outcome) for outcome in decision.outcomes)
    return told


def _timed(work: Callable[[Any], object], items: Sequence[Any]) -> float:
    """Microseconds per item, the best of three (noise only adds), without what the loop and the call cost."""

    def once(function: Callable[[Any], object]) -> float:
        begin = process_time()
        for item in items:
            function(item)
        return process_time() - begin

    def nothing(item: object) -> object:
        return item

    best = min(once(work) for _ in range(3)) - min(once(nothing) for _ in range(3))
    return best / len(items) * 1e6


async def _fetched(job: Job, events: int) -> tuple[float, float]:
    """Microseconds to fetch one order of the topic, as records, and 1."""
    consumer = AIOKafkaConsumer(bootstrap_servers=job.bootstrap, max_partition_fetch_bytes=1 << 20)
    await consumer.start()
    try:
        tps = [TopicPartition(job.topic, number) for number in range(job.partitions)]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        await consumer.getmany(timeout_ms=5000)
        fetched = 0
        begin = process_time()
        while fetched < events // 2:
            fetched += sum(map(len, (await consumer.getmany(timeout_ms=1000)).values()))
        return (process_time() - begin) / fetched * 1e6, 1
    finally:
        await consumer.stop()


async def _sent(job: Job, records: Sequence[Outgoing]) -> float:
    """Microseconds to send one of the records to a topic of one partition, in batches as the scorer's."""
    make_topic(job.bootstrap, _TOPIC, 1)
    try:
        async with sender(job.bootstrap) as sending:
            await asyncio.gather(*await sending.send(_TOPIC, 0, records[:100]))
            begin = process_time()
            for first in range(0, len(records), 5000):
                await asyncio.gather(*await sending.send(_TOPIC, 0, records[first : first + 5000]))
            return (process_time() - begin) / len(records) * 1e6
    finally:
        delete_topics(job.bootstrap, [_TOPIC])


if __name__ == "__main__":
    _, _, _events, _now = sys.argv
    print(json.dumps([astuple(step) for step in measure(Job.from_arguments(), int(_events), int(_now))]))
