"""Two partitions count their members at the first tick of the day; the merged cuts come back and make a pyramid."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from streams.config import TickerSettings
from streams.cuts.census import read_sketches
from streams.cuts.sketches import MemberSketches, rank_error
from streams.cuts_document import CutsDocument
from streams.devstack import DevStack
from streams.metrics.ticker import TickerMetrics
from streams.policy_file import load
from streams.ticker.ticker import Ticker
from streams.topics import CUT_SKETCHES, DEAD_LETTERS, MEMBER_EVENTS, MEMBER_SCORES, PARTITION_KEY, TIER_CHANGES
from tests.chaos.cluster import Worker
from tests.chaos.deployment import Deployment
from tests.e2e.shop import PARTITIONS, order

pytestmark = pytest.mark.kafka

#: More than twice what a sketch keeps whole, so that each of two partitions has to choose.
MEMBERS = 9_000
PATIENCE_SECONDS = 40.0


def a_large_shop(stack: DevStack, home: Path) -> Deployment:
    """Member n (m0, m1, …) has bought today, for n + 1 cents: all of them are far below every threshold."""
    deployment = Deployment(stack.broker.bootstrap, home, partitions=PARTITIONS, session_timeout=12.0)
    deployment.settings = deployment.settings.model_copy(update={"ticker": TickerSettings(interval_seconds=0.5)})
    deployment.make_topics()
    deployment.open_with(load("pyramid").content())
    deployment.append(order(f"m{n}", "o", net_amount=n + 1) for n in range(MEMBERS))
    return deployment


async def ticking_until(deployment: Deployment, condition: Callable[[], bool]) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(Ticker(deployment.settings, TickerMetrics(CollectorRegistry())).run(stop))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await asyncio.to_thread(condition):
                await asyncio.sleep(0.5)
    finally:
        stop.set()
        await task


def published(deployment: Deployment) -> dict[int, list[dict[str, Any]]]:
    """Every ``cuts.published`` of the log, by partition."""
    found: dict[int, list[dict[str, Any]]] = {}
    for record in deployment.read_logical(MEMBER_EVENTS):
        if record.key == PARTITION_KEY and b'"cuts.published"' in (record.value or b""):
            found.setdefault(record.partition, []).append(json.loads(record.value or b""))
    return found


def test_cuts_of_two_partitions_are_merged_and_make_a_pyramid(stack: DevStack, tmp_path: Path) -> None:
    deployment = a_large_shop(stack, tmp_path)
    with Worker(deployment, "worker", MEMBERPULSE_SCORE__COMMIT_INTERVAL_SECONDS="0.5") as worker:
        deployment.wait_until_quiet(40)
        asyncio.run(ticking_until(deployment, lambda: len(published(deployment)) == PARTITIONS))
        deployment.wait_until_quiet(40)
        assert worker.end() == 0, worker.tail()

    sketches = [read_sketches(record.value or b"") for record in deployment.read_logical(CUT_SKETCHES)]
    assert sorted(record.partition for record in sketches) == list(range(PARTITIONS)), "one census a day"
    counted = [MemberSketches.unpack(record.sketches).rank for record in sketches]
    assert sum(each.members for each in counted) == MEMBERS
    assert not any(each.exact for each in counted)

    cuts = published(deployment)
    [event] = cuts[0]
    for number, [other] in cuts.items():
        assert (other["event_id"], other["cuts"]) == (f"cuts-{event['date']}-{number}", event["cuts"])
    document = msgspec.convert(event["cuts"], CutsDocument)
    assert (document.ranked, document.fallback) == (MEMBERS, False)

    best = {"A": 5, "B": 20, "C": 60}
    tiers: dict[bytes, str] = {}
    for record in deployment.read_logical(MEMBER_SCORES):
        tiers[record.key or b""] = json.loads(record.value or b"")["tier"]
    assert len(tiers) == MEMBERS
    error = MEMBERS * 3 * rank_error()
    for name, percent in best.items():
        enter = document.tiers[name].enter
        assert enter is not None
        assert abs(sum(tier <= name for tier in tiers.values()) - MEMBERS * percent / 100) <= error
        assert {key for key, tier in tiers.items() if tier <= name} == {b"m%d" % n for n in range(enter - 1, MEMBERS)}

    raised = [json.loads(record.value or b"") for record in deployment.read_logical(TIER_CHANGES)]
    raised = [body for body in raised if body["kind"] == "tier.upgraded"]
    assert len(raised) == sum(tier < "D" for tier in tiers.values())
    assert {(body["reason"], body["moved_by"]) for body in raised} == {("cut_moved", "peers")}
    assert all(body["value"] >= body["cut"] for body in raised)
    assert deployment.read_logical(DEAD_LETTERS) == []
