"""A seeded run of misfortunes: records flow in while workers are killed, frozen, ended and joined."""

import random
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from kafka.errors import KafkaError

from tests.chaos.cluster import Cluster, Worker
from tests.chaos.deployment import Deployment, send
from tests.oracle.records import GeneratedRecord

KILL, JOIN, END, FREEZE = "kill -9", "a worker joins", "SIGTERM", "SIGSTOP"
#: How long records flow on while a misfortune that is due waits for its moment.
_FLOWING_S = 2.0
_FENCED = 75


def schedule(seed: int, records: int, *, kills: int, joins: int, ends: int, freezes: int) -> list[tuple[int, str]]:
    """What happens after how many records appended, in order; the first one is a second worker joining."""
    rng = random.Random(seed)
    fates = [KILL] * kills + [JOIN] * joins + [END] * ends + [FREEZE] * freezes
    rng.shuffle(fates)
    places = sorted(int(records * rng.uniform(0.04, 0.96)) for _ in fates)
    return [(records // 50, JOIN), *zip(places, fates, strict=True)]


def _works(worker: Worker) -> bool:
    return worker.metric("memberpulse_assigned_partitions") > 0 and worker.metric("memberpulse_commits_total") > 0


class Feed(threading.Thread):
    """Appends records at a steady rate (records per second), up to ``limit`` of them."""

    def __init__(self, deployment: Deployment, records: Sequence[GeneratedRecord], rate: float) -> None:
        super().__init__(daemon=True)
        self.sent = 0
        self.limit = 0
        self.rate = rate
        self.failure: Exception | None = None
        self._records = records
        self._step = max(1, int(rate / 20))
        self._deployment = deployment

    def run(self) -> None:
        """Append everything; what goes wrong is kept in ``failure``."""
        producer = self._deployment.producer()
        try:
            for first in range(0, len(self._records), self._step):
                while first >= self.limit:
                    time.sleep(0.02)
                due = time.monotonic() + 0.05
                futures = [
                    send(producer, self._deployment.events_topic, record)
                    for record in self._records[first : first + self._step]
                ]
                producer.flush()
                for future in futures:
                    future.get(timeout=30)
                self.sent += len(futures)
                time.sleep(max(0.0, due - time.monotonic()))
        except (KafkaError, OSError, RuntimeError) as failure:
            self.failure = failure
        finally:
            producer.close(timeout=10)


@dataclass
class Chaos:
    """One run of a schedule. ``told`` is its diary; ``wrong_ends`` are workers that ended as they should not."""

    cluster: Cluster
    rng: random.Random
    session_timeout: float
    told: list[str] = field(default_factory=list)
    wrong_ends: list[str] = field(default_factory=list)
    frozen: list[tuple[float, Worker]] = field(default_factory=list)
    seen: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def run(self, records: Sequence[GeneratedRecord], fates: Sequence[tuple[int, str]], rate: float) -> None:
        """Append everything while the fates happen, then wait until all is committed and end the workers."""
        deployment = self.cluster.deployment
        waiting = list(fates)
        self.cluster.start()
        feed = Feed(deployment, records, rate)
        feed.start()
        looked = time.monotonic()
        while feed.is_alive() or waiting or self.frozen:
            feed.limit = waiting[0][0] if waiting else len(records)
            if waiting and feed.sent >= waiting[0][0]:
                self._await_work()
                feed.limit += int(rate * _FLOWING_S)
                time.sleep(self.rng.uniform(0.3, 0.6 * _FLOWING_S))
                self._befall(waiting.pop(0)[1])
            self._mind()
            if time.monotonic() - looked > 1:
                looked = time.monotonic()
                self._watch()
            time.sleep(0.02)
        feed.join()
        if feed.failure is not None:
            raise feed.failure
        deployment.wait_until_quiet(120, self._mind)
        self._await_work()
        self._watch()
        self._tell("everything is committed")
        for worker in list(self.cluster.workers):
            self._end(worker)

    def _watch(self) -> None:
        for worker in self.cluster.workers:
            self.seen[worker.name] = (
                worker.metric("memberpulse_events_processed_total"),
                worker.metric('memberpulse_events_processed_total{outcome="replayed"}'),
                worker.metric("memberpulse_state_regressions_total"),
            )

    def _await_work(self) -> None:
        """Most misfortunes hit a worker at work, at any moment of its commit interval; some one that is starting."""
        until = time.monotonic() + (20 if self.rng.random() < 0.75 else 0)
        while time.monotonic() < until and not any(map(_works, self.cluster.workers)):
            self._mind()
            time.sleep(0.1)

    def _befall(self, fate: str) -> None:
        able = [worker for worker in self.cluster.workers if worker.running and not worker.frozen]
        if fate == JOIN or not able:
            self._tell(f"{JOIN}: {self.cluster.start().name}")
            return
        worker = self.rng.choice([each for each in able if _works(each)] or able)
        self._tell(f"{fate}: {worker.name} of {len(self.cluster.workers)}")
        if fate == KILL:
            worker.kill()
            self.cluster.remove(worker)
            self.cluster.start()
        elif fate == END:
            self._end(worker)
            if not self.cluster.workers:
                self.cluster.start()
        else:
            if len(able) == 1:
                self.cluster.start()
            worker.freeze()
            self.frozen.append((time.monotonic() + self.session_timeout + self.rng.uniform(1.5, 3), worker))

    def _end(self, worker: Worker) -> None:
        worker.ask_to_end()
        code = self.cluster.remove(worker)
        # Before it has begun anything, a signal ends Python at once.
        if code != (0 if worker.has_begun else -signal.SIGTERM):
            self.wrong_ends.append(f"{worker.name} ended with {code} after SIGTERM: {worker.tail()}")

    def _mind(self) -> None:
        """Thaw what was frozen long enough, and start again what ended by itself."""
        for until, worker in list(self.frozen):
            if time.monotonic() < until:
                continue
            self.frozen.remove((until, worker))
            self._tell(f"SIGCONT: {worker.name}")
            worker.thaw()
            code = worker.ended(10)
            if code != _FENCED:
                self.wrong_ends.append(f"{worker.name} ended with {code} after SIGCONT: {worker.tail()}")
        for worker in [each for each in self.cluster.workers if not each.running]:
            code = self.cluster.remove(worker)
            self._tell(f"{worker.name} ended by itself with {code}, and is started again")
            if code != _FENCED:
                self.wrong_ends.append(f"{worker.name} ended with {code}: {worker.tail()}")
            self.cluster.start()

    def _tell(self, what: str) -> None:
        self.told.append(f"{time.monotonic() - self.began:6.1f} s  {what}")

    @property
    def figures(self) -> str:
        """Sums over all workers, as far as they were seen before they ended."""
        absorbed, skipped, regressions = (sum(each[i] for each in self.seen.values()) for i in range(3))
        return (
            f"{time.monotonic() - self.began:.0f} s, {len(self.seen)} workers, "
            f"{absorbed:,.0f} records absorbed of which {skipped:,.0f} skipped, {regressions:.0f} regressions"
        )
