"""Many members: load, run, a tick that finds a tenth of them due, kill, recover; how long, in how much memory."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.base import DUE_EVERY, Base, write_in
from bench.contenders.memberpulse import Memberpulse, settings_for
from bench.job import Job
from bench.latency import Percentiles
from bench.loading import load, sender
from bench.pace import WARM_UP_S, Change, Pace, run
from bench.running import ContenderFailedError, Running, running
from bench.spread import Speed, speed
from bench.tables import Table
from bench.workload import Workload
from streams.codecs import encode_tick
from streams.commands.output import notes
from streams.engine.sending import Batches
from streams.topics import LIFECYCLE_ALERTS, PARTITION_KEY

_PARTITIONS: Final = 4
#: Orders per second beside the tick and the kill.
RATE: Final = 1000
#: Seconds before the tick or the kill, and for which orders go on at least.
_BEFORE_S: Final = 4
#: How long a tick may take to reach everybody, and the group to give a dead worker's partitions to the next.
_PATIENCE_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Recovered:
    """One start on what is remembered. Times are seconds, ``memory`` bytes."""

    records: int
    per_second: float
    ready_seconds: float
    memory: int


@dataclass(frozen=True, slots=True)
class Members:
    """Everything about ``members``. ``outage_seconds`` is the longest that an order waited for its change."""

    members: int
    written_seconds: float
    first: Recovered
    orders: int
    full_speed: Speed
    calm: Percentiles
    due: int
    fired_seconds: float
    during_tick: Percentiles
    memory_after: int
    again: Recovered
    outage_seconds: float


def measure(scorer: Memberpulse, bootstrap: str, members: int, orders: int, seconds: int, now: int) -> Members:
    """With ``orders`` orders at full speed, then 1,000 a second for ``seconds`` beside the tick; ``now`` is epoch ms.

    Raises:
        ContenderFailedError: a process ended or stood still, or not exactly those who were due were told.
    """
    job = Job(name="members", bootstrap=bootstrap, topic="members-orders", partitions=_PARTITIONS, events=orders)
    pace = _Paces(job, Base(members, 3 * RATE * (seconds + WARM_UP_S), now), seconds)
    workload = Workload(orders, members, now)
    bought = {order.member for order in workload.orders(orders)}
    due = pace.base.due - sum(member % DUE_EVERY == 0 for member in bought)
    notes().print(f"Members: writing {members:,}", highlight=False)
    load(bootstrap, job.topic, job.partitions, workload, orders)
    scorer.prepare(job)
    written = write_in(scorer.folder, job, pace.base)
    with ExitStack() as started:
        process = started.enter_context(running(scorer.command(job), scorer.folder))
        first = _recovered(process)
        # The policies, which it leaves out of its count, are not read again.
        samples = process.samples(orders - _PARTITIONS)
        calm = run(scorer.folder, pace.next())
        tick = _Tick(job, due, now)
        during = run(scorer.folder, pace.next(), tick.append_and_wait)
        memory_after = process.memory()
        again: list[Recovered] = []

        def kill(_: Running) -> None:
            time.sleep(_BEFORE_S)
            process.kill()
            again.append(_recovered(started.enter_context(running(scorer.command(job), scorer.folder))))

        after = run(scorer.folder, pace.next(), kill)
    return Members(
        members=members,
        written_seconds=written,
        first=first,
        orders=orders,
        full_speed=speed(samples, orders),
        calm=_readable(calm),
        due=due,
        fired_seconds=tick.fired_at - tick.appended_at,
        during_tick=_readable(each for each in during if tick.appended_at <= each.due <= tick.fired_at),
        memory_after=memory_after,
        again=again[0],
        outage_seconds=max(each.readable - each.due for each in after),
    )


class _Paces:
    """One after the other, each with movers of its own."""

    def __init__(self, job: Job, base: Base, seconds: int) -> None:
        self.base = base
        self._job = job
        self._seconds = seconds
        self._begun = 0

    def next(self) -> Pace:
        """The next one."""
        number = self._begun
        self._begun += 1
        movers = number * RATE * (self._seconds + WARM_UP_S)
        return Pace(
            job=self._job,
            base=self.base,
            rate=RATE,
            seconds=self._seconds,
            first_mover=movers,
            run=number,
            silence_s=_PATIENCE_S,
        )


class _Tick:
    """A tick in every partition, and when the last of those who are due was told (epoch seconds)."""

    def __init__(self, job: Job, due: int, now: int) -> None:
        self._job = job
        self._due = due
        self._now = now
        self.appended_at = 0.0
        self.fired_at = 0.0

    def append_and_wait(self, _: Running) -> None:
        """To be called while orders are sent."""
        time.sleep(WARM_UP_S + _BEFORE_S)
        notes().print(f"Members: a tick for {self._due:,}", highlight=False)
        asyncio.run(self._append_and_wait())

    async def _append_and_wait(self) -> None:
        topic = settings_for(self._job).topic(LIFECYCLE_ALERTS)
        alerts = [TopicPartition(topic, number) for number in range(self._job.partitions)]
        consumer = AIOKafkaConsumer(bootstrap_servers=self._job.bootstrap)
        await consumer.start()
        try:
            before = sum((await consumer.end_offsets(alerts)).values())
            ticks = {(self._job.topic, number): Batches() for number in range(self._job.partitions)}
            for (_, number), batches in ticks.items():
                batches.append(PARTITION_KEY, encode_tick(self._now, number))
            async with sender(self._job.bootstrap) as sending:
                self.appended_at = time.time()
                await sending.send(ticks)
            told = 0
            while told < self._due:
                await asyncio.sleep(0.05)
                told = sum((await consumer.end_offsets(alerts)).values()) - before
                if time.time() > self.appended_at + _PATIENCE_S:
                    break
            self.fired_at = time.time()
        finally:
            await consumer.stop()
        if told != self._due:
            raise ContenderFailedError(f"{told:,} members were told by the tick; {self._due:,} were due")


def _recovered(process: Running) -> Recovered:
    facts = process.wait_for("recovered")
    ready = perf_counter() - process.started
    return Recovered(facts["recovered"], facts["recovered"] / facts["seconds"], ready, process.memory())


def _readable(changes: Iterator[Change] | list[Change]) -> Percentiles:
    return Percentiles.of((each.readable - each.due) * 1000 for each in changes)


def table(many: Members) -> Table:
    """What happened, in the order in which it happened."""

    def ms(values: Percentiles) -> str:
        return f"{values.median:,.1f} / {values.p99:,.1f} / {values.most:,.1f}"

    def recovered(each: Recovered) -> str:
        return f"{each.ready_seconds:,.1f} s ({each.records:,} records, {each.per_second:,.0f}/s)"

    lines = [
        ("written into the changelog", f"{many.written_seconds:,.0f} s"),
        ("from the start of the process until it scores", recovered(many.first)),
        ("memory then", f"{many.first.memory / 2**20:,.0f} MiB"),
        (
            f"{many.orders:,} orders at full speed",
            f"{many.full_speed.per_second:,.0f}/s, {many.full_speed.per_cpu_second:,.0f} per CPU second",
        ),
        (f"orders at {RATE:,}/s: median / p99 / most", f"{ms(many.calm)} ms"),
        (f"a tick finds {many.due:,} due: all told after", f"{many.fired_seconds:,.1f} s"),
        ("orders meanwhile: median / p99 / most", f"{ms(many.during_tick)} ms"),
        ("memory after it", f"{many.memory_after / 2**20:,.0f} MiB"),
        ("kill -9, from the next start until it scores", recovered(many.again)),
        ("the longest that an order waited for its tier change then", f"{many.outage_seconds:,.1f} s"),
    ]
    how = (
        f"{many.members:,} members with five open orders each in 4 partitions and one process. The second start "
        "includes the session of the killed worker (10 s), which the group waits for. Latencies are from the instant "
        "at which the order was to be sent until its tier change could be read."
    )
    return Table(f"{many.members:,} members", ("", ""), lines, how)
