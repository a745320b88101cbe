"""A tick that reaches 20,000 members at once: orders do not wait for it, and a kill in its middle changes nothing."""

import threading
import time
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition

from streams.devstack import DevStack
from streams.kafka_clients import admin_settings
from streams.topics import LIFECYCLE_ALERTS, TIER_CHANGES
from tests.chaos.cluster import Worker
from tests.chaos.deployment import Deployment, send
from tests.chaos.verdict import outcome_bodies, verdict_on
from tests.e2e.shop import now_ms, order, ticks
from tests.oracle.records import DAY_MS

pytestmark = pytest.mark.kafka

QUIET_MEMBERS = 20_000
PARTITIONS = 4
_LATE_MS = 1_000


def quiet_members(stack: DevStack, home: Path) -> Deployment:
    """A deployment whose log has 20,000 members with one order each, 61 days ago."""
    deployment = Deployment(stack.broker.bootstrap, home, partitions=PARTITIONS, session_timeout=4.0)
    deployment.make_topics()
    deployment.open_with()
    then = now_ms() - 61 * DAY_MS
    deployment.append(
        order(f"quiet-{n:05d}", "o", at=then, appended=then, partitions=PARTITIONS) for n in range(QUIET_MEMBERS)
    )
    return deployment


class Arrivals(threading.Thread):
    """Reads tier changes as they come; ``at`` is when each member's first one was here (epoch ms)."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(daemon=True)
        self.at: dict[bytes, int] = {}
        self.ended = threading.Event()
        topic = deployment.settings.topic(TIER_CHANGES)
        self._consumer = KafkaConsumer(**admin_settings(deployment.settings), group_id=None, fetch_max_wait_ms=20)
        self._consumer.assign([TopicPartition(topic, place) for place in range(PARTITIONS)])
        self._consumer.seek_to_end()
        for place in range(PARTITIONS):
            self._consumer.position(TopicPartition(topic, place))

    def run(self) -> None:
        """Read until ``ended`` is set."""
        while not self.ended.is_set():
            for records in self._consumer.poll(timeout_ms=50).values():
                for record in records:
                    self.at.setdefault(record.key, now_ms())
        self._consumer.close()


def alerts(deployment: Deployment) -> int:
    return sum(deployment.ends(deployment.settings.topic(LIFECYCLE_ALERTS)).values())


def test_orders_do_not_wait_for_a_tick_that_reaches_twenty_thousand_members(stack: DevStack, tmp_path: Path) -> None:
    deployment = quiet_members(stack, tmp_path)
    with Worker(deployment, "worker") as worker:
        deployment.wait_until_quiet(40)
        arrivals = Arrivals(deployment)
        arrivals.start()
        producer = deployment.producer()
        appended: dict[bytes, int] = {}
        for number in range(600):
            if number == 100:
                for tick in ticks(now_ms(), PARTITIONS):
                    send(producer, deployment.events_topic, tick)
            each = order(f"buyer-{number:03d}", "o", partitions=PARTITIONS)
            assert each.key is not None
            appended[each.key] = now_ms()
            send(producer, deployment.events_topic, each)
            time.sleep(0.005)
        producer.close()
        deployment.wait_until_quiet(40)
        time.sleep(0.5)  # what is committed was acknowledged; this is for the reader to have it too
        arrivals.ended.set()
        arrivals.join()
        assert worker.end() == 0, worker.tail()

    delays = [arrivals.at[member] - at for member, at in appended.items()]
    print(f"orders were answered after {sorted(delays)[len(delays) // 2]} ms, the slowest after {max(delays)} ms")
    assert max(delays) <= _LATE_MS
    identities = [identity for identity, record in outcome_bodies(deployment) if b"near_churn" in (record.value or b"")]
    assert len(identities) == len(set(identities)) == QUIET_MEMBERS
    verdict = verdict_on(deployment)
    assert verdict.is_clean, verdict


def test_kill_in_the_middle_of_a_sweep_changes_no_alert(stack: DevStack, tmp_path: Path) -> None:
    deployment = quiet_members(stack, tmp_path)
    environment = {"MEMBERPULSE_SCORE__COMMIT_INTERVAL_SECONDS": "0.2", "MEMBERPULSE_SCORE__SWEEP_SLICE": "50"}
    with Worker(deployment, "killed", **environment) as killed:
        deployment.wait_until_quiet(40)
        before = alerts(deployment)
        at = now_ms()
        deployment.append(
            [*ticks(at, PARTITIONS), *(order(f"buyer-{n}", "o", partitions=PARTITIONS) for n in range(500))]
        )
        until = time.monotonic() + 20
        while alerts(deployment) < before + QUIET_MEMBERS // 4:
            assert time.monotonic() < until, killed.tail()
        killed.kill()
    reached = alerts(deployment) - before
    print(f"killed after {reached} alerts")
    assert reached < QUIET_MEMBERS
    with Worker(deployment, "heir") as heir:
        deployment.wait_until_quiet(40)
        assert heir.end() == 0, heir.tail()
    verdict = verdict_on(deployment)
    print(verdict)
    assert verdict.is_clean, verdict
