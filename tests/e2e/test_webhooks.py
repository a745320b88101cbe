"""From an order to the campaign tool: a real scorer's outcomes, of all topics, by their sequence."""

import asyncio
from collections import defaultdict
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from streams.devstack import DevStack
from streams.metrics.webhooks import DeliverMetrics
from streams.webhooks.process import run
from tests.chaos.cluster import Worker
from tests.chaos.deployment import Deployment
from tests.e2e.shop import PARTITIONS, order
from tests.streams.webhooks.receivers import Receiver, an_endpoint, serving

pytestmark = pytest.mark.kafka

MEMBERS = 40
ORDERS = 6
PATIENCE_S = 40.0


async def test_every_outcome_of_a_busy_shop_arrives_by_its_sequence(stack: DevStack, tmp_path: Path) -> None:
    deployment = Deployment(stack.broker.bootstrap, tmp_path, partitions=PARTITIONS, session_timeout=3.0)
    deployment.make_topics()
    deployment.open_with()
    stop, registry = asyncio.Event(), CollectorRegistry()
    async with serving(Receiver()) as receiver:
        endpoints = {"crm": an_endpoint(receiver.url, tmp_path, concurrency=8)}
        delivering = asyncio.create_task(
            run(deployment.settings, endpoints, stop=stop, metrics=DeliverMetrics(registry))
        )

        def figure(name: str) -> float | None:
            return registry.get_sample_value(f"memberpulse_webhook_{name}", {"endpoint": "crm"})

        try:
            async with asyncio.timeout(PATIENCE_S):
                while figure("assigned_partitions") != 3 * PARTITIONS:
                    await asyncio.sleep(0.05)
                with Worker(deployment, "scorer") as scorer:
                    for number in range(ORDERS):
                        orders = [order(f"m{member}", f"o{number}") for member in range(MEMBERS)]
                        await asyncio.to_thread(deployment.append, orders)
                    # Every member joined, bought for the first time and rose.
                    while figure("lag_records") or len(receiver.accepted) < 3 * MEMBERS:
                        await asyncio.sleep(0.1)
                    assert await asyncio.to_thread(scorer.end) == 0, scorer.tail()
                while figure("lag_records"):
                    await asyncio.sleep(0.1)
        finally:
            stop.set()
            await delivering
    sequences: dict[str, list[int]] = defaultdict(list)
    for event in receiver.accepted:
        sequences[event["subject"]].append(event["data"]["sequence"])
    assert len(sequences) == MEMBERS
    kinds = {event["data"]["kind"].partition(".")[0] for event in receiver.accepted}
    assert {"tier", "lifecycle"} <= kinds
    for member, told in sequences.items():
        assert told == list(range(1, len(told) + 1)), member
