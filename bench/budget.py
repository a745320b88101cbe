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

from aiokafka.client import AIOKafkaClient
from faust.types import TP

from bench.job import Job
from bench.loading import delete_topics, make_topic, sender
from bench.tables import Table
from bench.workload import Workload
from scoring.engine import Decision, Position, apply
from scoring.events import MemberEvent
from scoring.outcomes import Outcome
from scoring.state import MemberState
from streams import policy_file, rows
from streams.codecs import decode
from streams.commands.output import notes
from streams.engine.batches import RecordBatch
from streams.engine.reading import Reader
from streams.engine.sending import NO_HEADERS, Batches, Outgoing
from streams.outcome_records import OutcomeRecords
from streams.stream_process import keep_freed_memory

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
    keep_freed_memory()
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
    outcome_records: list[Outgoing] = [
        (member.encode(), *records.written(outcome, member, member.encode(), 0)[1:])
        for member, outcome in told.outcomes
    ]
    score_records: list[Outgoing] = [
        (member.encode(), records.scores.record(member, state), NO_HEADERS) for member, state in told.after
    ]
    row_records: list[Outgoing] = [(member.encode(), rows.encode(state), NO_HEADERS) for member, state in told.after]
    keyed = [(member, member.encode(), outcome) for member, outcome in told.outcomes]
    outcomes = len(told.outcomes) / events
    known_share = len(known) / events
    return [
        Step("fetch an order", *asyncio.run(_fetched(job, events))),
        Step("decode the order", _timed(lambda each: decode(*each), raw), 1),
        Step("decode the row", _timed(rows.decode, known), known_share),
        Step("apply the rules", _timed(lambda each: apply(each[0], each[1], policy, position), pairs), 1),
        Step("write an outcome", _timed(lambda each: records.written(each[2], each[0], each[1], 0), keyed), outcomes),
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
    """Microseconds to fetch one order of the topic as the scorer does, as records, and 1.

    The clock runs from the ``events``-th order on, when connections and buffers are there, to twice as many.
    """
    positions = {TP(job.topic, number): 0 for number in range(job.partitions)}
    fetched = 0
    enough = asyncio.Event()
    begun: tuple[int, float] | None = None
    ended = (0, 0.0)

    async def take(batch: RecordBatch) -> None:
        nonlocal fetched, begun, ended
        positions[batch.tp] = batch.end
        fetched += len(batch.records)
        if begun is None and fetched >= events:
            begun = fetched, process_time()
        elif fetched >= 2 * events and not enough.is_set():
            ended = fetched, process_time()
            enough.set()

    async def refuse(tp: TP, position: int) -> None:
        raise AssertionError(f"{tp} begins after {position}")

    client = AIOKafkaClient(bootstrap_servers=job.bootstrap)
    reader = Reader(client, lambda: positions, take, refuse, lambda _, __: None, 1000)
    await reader.start({job.topic})
    reading = asyncio.create_task(reader.run())
    await enough.wait()
    reading.cancel()
    await asyncio.wait([reading])
    await reader.stop()
    assert begun is not None
    return (ended[1] - begun[1]) / (ended[0] - begun[0]) * 1e6, 1


def _batched(records: Sequence[Outgoing]) -> Batches:
    batches = Batches()
    for key, value, headers in records:
        batches.append(key, value, headers)
    return batches


async def _sent(job: Job, records: Sequence[Outgoing]) -> float:
    """Microseconds to send one of the records to a topic of one partition, in batches as the scorer's."""
    make_topic(job.bootstrap, _TOPIC, 1)
    try:
        async with sender(job.bootstrap) as sending:
            await sending.send({(_TOPIC, 0): _batched(records[:100])})
            begin = process_time()
            for first in range(0, len(records), 1000):
                await sending.send({(_TOPIC, 0): _batched(records[first : first + 1000])})
            return (process_time() - begin) / len(records) * 1e6
    finally:
        delete_topics(job.bootstrap, [_TOPIC])


def table(steps: Sequence[Step], per_cpu_second: float) -> Table:
    """A line for each step, and one for what they leave of an order when so many take a second of processor time."""
    lines = [(step.name, f"{step.microseconds:.2f}", f"{step.per_order:.2f}", f"{step.share:.2f}") for step in steps]
    together = sum(step.share for step in steps)
    whole = 1e6 / per_cpu_second
    lines.append(("everything else", "", "", f"{whole - together:.2f}"))
    lines.append(("one order", "", "", f"{whole:.2f}"))
    how = (
        "Processor time in microseconds, each step timed alone in one process over the same kind of orders; the whole "
        "is that of the table of the product. Everything else is the loop around the steps, Faust, the event loop and "
        "what caches cost a process that holds all its members."
    )
    return Table("Where each microsecond goes", ("step", "each", "per order", "µs per order"), lines, how)


if __name__ == "__main__":
    _, _, _events, _now = sys.argv
    print(json.dumps([astuple(step) for step in measure(Job.from_arguments(), int(_events), int(_now))]))
