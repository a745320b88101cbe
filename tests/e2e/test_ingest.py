"""Upstream orders of the shop's own shape become tier changes, also when ingest is killed on the way."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient

from streams.devstack import DevStack
from streams.kafka_clients import admin_settings
from tests.chaos.cluster import INGEST, Worker
from tests.chaos.deployment import REPOSITORY, Deployment
from tests.chaos.verdict import outcome_bodies, verdict_on
from tests.e2e.shop import now_ms
from tests.oracle.log import LogRecord as OracleRecord
from tests.oracle.records import POLICY
from tests.oracle.rules import expected

pytestmark = pytest.mark.kafka

PARTITIONS = 2
CUSTOMERS = 400
PART = 800
MAPPING = REPOSITORY / "docs" / "examples" / "shop-orders.toml"
EXAMPLE = json.loads((REPOSITORY / "docs" / "examples" / "shop-order.json").read_text())


def deployed(stack: DevStack, home: Path) -> tuple[Deployment, str]:
    deployment = Deployment(stack.broker.bootstrap, home, partitions=PARTITIONS, session_timeout=2.0)
    upstream = f"{deployment.prefix}shop-orders"
    (home / "memberpulse.toml").write_text(
        f'[[ingest.sources]]\ntopic = "{upstream}"\nmapping = "{MAPPING}"\npartitions = {PARTITIONS}\n'
    )
    deployment.make_topics()
    deployment.open_with({**POLICY, "currency": "EUR"})
    admin = KafkaAdminClient(**admin_settings(deployment.settings))
    admin.create_topics({upstream: {"num_partitions": PARTITIONS, "replication_factor": 1}}, wait_for_metadata=True)
    admin.close()
    return deployment, upstream


def upstream_order(customer: int, number: int, *, status: str = "completed", version: int = 1) -> dict[str, Any]:
    paid_at = time.strftime("%d.%m.%Y %H:%M:%S", time.gmtime(now_ms() / 1000 - 86_400))
    return {
        **EXAMPLE,
        "id": customer * 1000 + number,
        "version": version,
        "status": status,
        "customer": {"number": customer},
        "paid_at": paid_at,
        "changed": now_ms(),
    }


def send_upstream(deployment: Deployment, topic: str, documents: list[dict[str, Any]]) -> None:
    producer = deployment.producer()
    for document in documents:
        producer.send(topic, value=json.dumps(document).encode(), partition=document["customer"]["number"] % PARTITIONS)
    producer.flush(30)
    producer.close()


def wait_until_ingested(deployment: Deployment, topic: str, seconds: float, worker: Worker) -> None:
    until = time.monotonic() + seconds
    while True:
        committed = deployment.committed("ingest")
        if all(committed.get((topic, place), 0) == end for place, end in deployment.ends(topic).items()):
            return
        assert time.monotonic() < until, worker.tail()
        time.sleep(0.2)


def test_order_in_the_shops_own_shape_becomes_a_tier_change(stack: DevStack, tmp_path: Path) -> None:
    deployment, upstream = deployed(stack, tmp_path)
    with Worker(deployment, "ingest", INGEST) as ingest, Worker(deployment, "score") as score:
        send_upstream(deployment, upstream, [upstream_order(7, 1), upstream_order(7, 2, status="draft")])
        wait_until_ingested(deployment, upstream, 20, ingest)
        deployment.wait_until_quiet(20)
        assert (ingest.end(), score.end()) == (0, 0), ingest.tail() + score.tail()
    kinds = [json.loads(record.value or b"")["kind"] for _, record in outcome_bodies(deployment)]
    assert sorted(kinds) == ["lifecycle.first_purchase", "tier.joined", "tier.upgraded"]
    verdict = verdict_on(deployment)
    assert verdict.is_clean, verdict


def test_kill_of_ingest_loses_no_order_and_counts_none_twice(stack: DevStack, tmp_path: Path) -> None:
    deployment, upstream = deployed(stack, tmp_path)
    documents = [upstream_order(customer, number) for number in range(1, 21) for customer in range(1, CUSTOMERS + 1)]
    documents += [upstream_order(customer, 1, status="cancelled", version=2) for customer in range(1, CUSTOMERS, 2)]
    with Worker(deployment, "score") as score:
        with Worker(deployment, "killed", INGEST, MEMBERPULSE_SCORE__COMMIT_INTERVAL_SECONDS="0.3") as killed:
            sent, arrived, until = 0, 0, time.monotonic() + 20
            # Fed in parts, so that the kill comes in the middle of its work on a machine of any speed.
            while arrived < PARTITIONS + 1_000:
                assert time.monotonic() < until, killed.tail()
                if arrived > sent - PART:
                    send_upstream(deployment, upstream, documents[sent : sent + PART])
                    sent += PART
                arrived = sum(deployment.ends(deployment.events_topic).values())
            killed.kill()
        send_upstream(deployment, upstream, documents[sent:])
        assert sum(deployment.committed("ingest").values()) < len(documents)
        with Worker(deployment, "heir", INGEST) as heir:
            wait_until_ingested(deployment, upstream, 30, heir)
            deployment.wait_until_quiet(20)
            assert (heir.end(), score.end()) == (0, 0), heir.tail() + score.tail()

    log = [OracleRecord(*record) for record in deployment.read(deployment.events_topic)]
    print(f"killed after {arrived}, {len(log)} events of {len(documents)} orders")
    verdict = verdict_on(deployment)
    assert verdict.is_clean, verdict
    answer = expected(log, epoch=1)
    frequencies = {name: member.frequency for name, member in answer.members.items()}
    assert frequencies == {f"{n:08d}": 19 if n % 2 else 20 for n in range(1, CUSTOMERS + 1)}
