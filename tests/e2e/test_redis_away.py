"""Redis gone under a running system: the scorer does not notice, and afterwards the projection equals the topic."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from redis import Redis

from streams.devstack import DevStack
from streams.devstack.redis import RedisServer
from streams.topics import MEMBER_SCORES
from tests.chaos.cluster import Worker
from tests.chaos.deployment import Deployment
from tests.e2e.shop import PARTITIONS, order

pytestmark = pytest.mark.kafka

#: How long Redis is away. `REDIS_AWAY_SECONDS=60` is the minute of the reliability table; CI has less time.
AWAY_SECONDS = float(os.environ.get("REDIS_AWAY_SECONDS", "5"))
MEMBERS = 300
PROJECTOR = [sys.executable, "-m", "streams", "project"]


def until(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait for something; how many seconds it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)
    return time.monotonic() - started


def in_topic(deployment: Deployment) -> dict[str, dict[str, object]]:
    scores = (orjson.loads(record.value) for record in deployment.read_logical(MEMBER_SCORES) if record.value)
    return {score["member_id"]: score for score in scores}


def in_redis(url: str) -> dict[str, dict[str, object]]:
    with Redis.from_url(url) as redis:
        keys = list(redis.scan_iter("memberpulse:member:*", count=1000))
        values = redis.mget(keys) if keys else []
    assert isinstance(values, list)
    scores = (orjson.loads(value[value.index(b" ") + 1 :]) for value in values if value)
    return {score["member_id"]: score for score in scores}


@pytest.mark.timeout(120 + AWAY_SECONDS)
def test_scorer_does_not_notice_that_redis_is_gone_and_the_projection_catches_up(
    stack: DevStack, tmp_path: Path
) -> None:
    redis = RedisServer(tmp_path / "redis")
    redis.start()
    deployment = Deployment(
        stack.broker.bootstrap,
        tmp_path / "work",
        partitions=PARTITIONS,
        environment={"MEMBERPULSE_REDIS__URL": redis.url, "MEMBERPULSE_METRICS__PROJECT_PORT": "0"},
    )
    deployment.make_topics()
    deployment.open_with()

    def scored() -> bool:
        committed = {number: offset for (_, number), offset in deployment.committed().items()}
        return committed == deployment.ends(deployment.events_topic)

    try:
        with Worker(deployment, "scorer") as scorer, Worker(deployment, "projector", PROJECTOR) as projector:
            deployment.append(order(f"m{number}", "o1") for number in range(MEMBERS))
            until(scored, 30, "the first orders scored")
            until(lambda: len(in_redis(redis.url)) == MEMBERS, 30, "the first scores in Redis")

            redis.kill()
            gone_until = time.monotonic() + AWAY_SECONDS
            slowest, rounds = 0.0, 0
            while time.monotonic() < gone_until:
                rounds += 1
                deployment.append(order(f"m{number}", f"away-{rounds}") for number in range(MEMBERS))
                slowest = max(slowest, until(scored, 20, "orders scored without Redis"))
            assert scorer.running
            assert projector.running, projector.tail()
            assert rounds >= 1
            assert slowest < 10

            redis.start()
            wanted = in_topic(deployment)
            assert len(wanted) == MEMBERS
            until(lambda: in_redis(redis.url) == wanted, 60, "the projection equal to the topic")
            assert projector.end() == 0
            assert scorer.end() == 0
    finally:
        redis.stop()
