"""The broker dies in the middle of the stream and comes back: nothing is lost, nothing is doubled."""

import gc
import logging
import time
from pathlib import Path

import pytest

from streams.devstack import DevStack
from tests.chaos.cluster import Cluster
from tests.chaos.deployment import Deployment
from tests.chaos.schedule import Feed
from tests.chaos.verdict import Verdict, verdict_on
from tests.oracle.generate import generate

pytestmark = pytest.mark.kafka

START = 1_704_067_200_000
#: Ended itself, for a supervisor to start it again: "try again", or no broker at all at its start.
_TRY_AGAIN = {0, 69, 75}


# kafka-python leaves the sockets of refused connections to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_nothing_is_lost_when_the_broker_is_killed_and_started_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # What the client logs of refused connections would keep their frames, and these the sockets, beyond this test.
    caplog.set_level(logging.CRITICAL, logger="kafka")
    verdict = verdict_after_the_brokers_death(tmp_path)
    # Here, where their warning is expected, and not in a later test.
    gc.collect()
    assert verdict.is_clean, verdict


def verdict_after_the_brokers_death(home: Path) -> Verdict:
    records = list(generate(3, 600, 6_000, start_ms=START, partitions=4))
    with DevStack(redis=False) as own:
        deployment = Deployment(
            own.broker.bootstrap, home, environment={"MEMBERPULSE_SCORE__HALT_ON_BAD_INPUT": "false"}
        )
        deployment.make_topics()
        with Cluster(deployment) as cluster:
            worker = cluster.start()
            feed = Feed(deployment, records, rate=1_500)
            feed.limit = len(records)
            until = time.monotonic() + 20
            while worker.metric("memberpulse_commits_total") < 1:
                assert time.monotonic() < until, worker.tail()
                time.sleep(0.05)
            feed.start()
            while feed.sent < 2_000:
                time.sleep(0.02)
            own.broker.kill()
            own.broker.start()
            while feed.is_alive():
                cluster.tend()
                time.sleep(0.1)
            assert feed.failure is None
            deployment.wait_until_quiet(60, cluster.tend)
            cluster.end_all()
        assert {code for _, code in cluster.endings} <= _TRY_AGAIN, cluster.endings
        return verdict_on(deployment, {(r.key, r.value) for r in records if r.is_poison})
