"""A rebalance in the middle of a recovery: what was read so far is not taken for the whole."""

import time
from pathlib import Path

import pytest

from streams.devstack import DevStack
from tests.chaos.cluster import WEAK_SCORER, Worker
from tests.chaos.deployment import Deployment
from tests.chaos.verdict import verdict_on
from tests.oracle.generate import generate

pytestmark = pytest.mark.kafka

START = 1_704_067_200_000


def test_recovery_that_a_rebalance_interrupts_begins_anew(stack: DevStack, tmp_path: Path) -> None:
    deployment = Deployment(
        stack.broker.bootstrap,
        tmp_path,
        partitions=2,
        environment={"MEMBERPULSE_SCORE__HALT_ON_BAD_INPUT": "false"},
    )
    deployment.make_topics()
    records = list(generate(5, 300, 6_000, start_ms=START, partitions=2))
    deployment.append(records[: len(records) // 2])
    with Worker(deployment, "before") as before:
        deployment.wait_until_quiet(20)
        assert before.end() == 0, before.tail()
    with Worker(deployment, "interrupted", WEAK_SCORER, CHAOS_RECOVERS_SLOWLY="12") as interrupted:
        until = time.monotonic() + 20
        while interrupted.metric("memberpulse_recovery_records_total") == 0:
            assert time.monotonic() < until, interrupted.tail()
            time.sleep(0.05)
        with Worker(deployment, "joining") as joining:
            while joining.metric("memberpulse_assigned_partitions") == 0:
                assert time.monotonic() < until, joining.tail()
                time.sleep(0.05)
            deployment.append(records[len(records) // 2 :])
            deployment.wait_until_quiet(40)
            assert (interrupted.end(), joining.end()) == (0, 0), interrupted.tail() + joining.tail()
    verdict = verdict_on(deployment, {(r.key, r.value) for r in records if r.is_poison})
    assert verdict.is_clean, verdict
