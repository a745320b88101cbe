"""A worker ends in order, goes on where it stopped, and does not start on a log that contradicts its state."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import TopicPartition

from streams.devstack import DevStack
from streams.log_reading import admin_client
from streams.topic_admin import carry_out, look, plan, wanted_topics
from tests.chaos.cluster import WEAK_SCORER, Worker
from tests.chaos.deployment import Deployment
from tests.chaos.verdict import verdict_on
from tests.chaos.weak_scorer import AFTER_PARTITION_ROW
from tests.e2e.shop import PARTITIONS, now_ms, order
from tests.oracle.records import HOUR_MS, partition_of

pytestmark = pytest.mark.kafka


def opened(stack: DevStack, home: Path, **environment: str) -> Deployment:
    deployment = Deployment(
        stack.broker.bootstrap, home, partitions=PARTITIONS, session_timeout=2.0, environment=environment
    )
    deployment.make_topics()
    deployment.open_with()
    return deployment


def test_worker_that_is_asked_to_end_tells_nothing_twice_after_its_restart(stack: DevStack, tmp_path: Path) -> None:
    deployment = opened(stack, tmp_path, MEMBERPULSE_SCORE__COMMIT_INTERVAL_SECONDS="30")
    deployment.append([order(f"m{n}", f"o{k}") for k in range(4) for n in range(2_000)])
    with Worker(deployment, "first") as first:
        until = time.monotonic() + 20
        while first.metric("memberpulse_events_processed_total") < 500:
            assert time.monotonic() < until, first.tail()
            time.sleep(0.02)
        # With a commit interval of half a minute, whatever is committed was committed by the orderly end.
        assert first.end() == 0, first.tail()
    assert sum(deployment.committed().values()) > 500
    deployment.append([order(f"m{n}", "last") for n in range(2_000)])
    with Worker(deployment, "second", MEMBERPULSE_SCORE__COMMIT_INTERVAL_SECONDS="1") as second:
        deployment.wait_until_quiet(20)
        assert second.end() == 0, second.tail()
    verdict = verdict_on(deployment)
    assert verdict.is_clean, verdict
    assert verdict.figures["repeated outcomes"] == 0


def test_refused_record_stays_refused_after_a_crash_between_remembering_and_committing(
    stack: DevStack, tmp_path: Path
) -> None:
    deployment = opened(stack, tmp_path, CHAOS_DIES_AT=AFTER_PARTITION_ROW, CHAOS_DIES_IN="2")
    then = now_ms() - 48 * HOUR_MS
    place = partition_of(b"m", PARTITIONS)
    ahead = next(f"ahead{n}" for n in range(99) if partition_of(b"ahead%d" % n, PARTITIONS) == place)
    with Worker(deployment, "dying", WEAK_SCORER) as dying:
        deployment.append([order("m", "first", at=then, appended=then)])
        deployment.wait_until_quiet(20)
        deployment.append(
            [
                # Half an hour ahead of the log is quarantined, by the log time that the second record restores not.
                order(ahead, "early", at=then + HOUR_MS // 2, appended=then),
                order("m", "second", at=then + HOUR_MS, appended=then + HOUR_MS),
            ]
        )
        assert dying.ended(20) == -9, dying.tail()
    with Worker(deployment, "heir") as heir:
        deployment.wait_until_quiet(20)
        assert heir.end() == 0, heir.tail()
    verdict = verdict_on(deployment)
    assert verdict.is_clean, verdict
    assert verdict.figures["dead letters"] == 1


def more_partitions_of_member_events(deployment: Deployment) -> dict[str, str]:
    with admin_client(deployment.settings) as admin:
        admin.create_partitions({deployment.events_topic: PARTITIONS + 1})
    return {}


def more_partitions_everywhere(deployment: Deployment) -> dict[str, str]:
    with admin_client(deployment.settings) as admin:
        for topic in wanted_topics(deployment.settings):
            if topic.partitions == PARTITIONS:
                admin.create_partitions({topic.name: PARTITIONS + 1})
    return {"MEMBERPULSE_KAFKA__PARTITIONS": str(PARTITIONS + 1)}


def changelog_created_anew(deployment: Deployment) -> dict[str, str]:
    wanted = wanted_topics(deployment.settings)
    with admin_client(deployment.settings) as admin:
        admin.delete_topics([deployment.settings.changelog_topic])
        until = time.monotonic() + 10
        while deployment.settings.changelog_topic in admin.list_topics():
            assert time.monotonic() < until
            time.sleep(0.1)
        carry_out(admin, plan(wanted, look(admin, wanted)), replication=1)
    return {}


def log_truncated_past_the_commit(deployment: Deployment) -> dict[str, str]:
    deployment.append([order(f"late{n}", "o") for n in range(50)])
    with admin_client(deployment.settings) as admin:
        ends = deployment.ends(deployment.events_topic)
        admin.delete_records({TopicPartition(deployment.events_topic, place): end for place, end in ends.items()})
    return {}


@pytest.mark.parametrize(
    ("alter", "words"),
    [
        (more_partitions_of_member_events, "3 partitions found, 2 wanted"),
        (more_partitions_everywhere, "the state was written for 2 partitions and the topic now has 3"),
        (changelog_created_anew, "the changelog holds no partition row"),
        (log_truncated_past_the_commit, "Records between were deleted"),
    ],
)
def test_worker_does_not_start_when_log_and_state_contradict_each_other(
    stack: DevStack, tmp_path: Path, alter: Callable[[Deployment], dict[str, str]], words: str
) -> None:
    deployment = opened(stack, tmp_path)
    deployment.append([order(f"m{n}", "o") for n in range(50)])
    with Worker(deployment, "before") as before:
        deployment.wait_until_quiet(20)
        assert before.end() == 0, before.tail()
    committed = deployment.committed()
    environment = alter(deployment)
    with Worker(deployment, "after", **environment) as after:
        assert after.ended(20) == 78, after.tail()
        assert words in after.told()
    assert deployment.committed() == committed
