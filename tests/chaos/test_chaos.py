"""Members are exact after anything that can happen to workers."""

import os
import random
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.devstack import DevStack
from streams.log_reading import LogRecord
from tests.chaos.cluster import Cluster
from tests.chaos.deployment import Deployment
from tests.chaos.schedule import Chaos, schedule
from tests.chaos.verdict import outcome_bodies, verdict_on
from tests.oracle.generate import generate
from tests.oracle.records import GeneratedRecord

START = 1_704_067_200_000
PARTITIONS = 4
_HALT_OFF = {"MEMBERPULSE_SCORE__HALT_ON_BAD_INPUT": "false"}


def run(deployment: Deployment, records: list[GeneratedRecord], seed: int, rate: float, **fates: int) -> Chaos:
    deployment.make_topics()
    with Cluster(deployment) as cluster:
        session = deployment.settings.kafka.session_timeout_seconds
        chaos = Chaos(cluster, random.Random(seed), session)
        try:
            chaos.run(records, schedule(seed, len(records), **fates), rate)
        finally:
            print(f"seed {seed}, prefix {deployment.prefix}, logs in {deployment.home}", *chaos.told, sep="\n")
            print(chaos.figures)
    return chaos


def poison_of(records: list[GeneratedRecord]) -> set[tuple[bytes | None, bytes | None]]:
    return {(record.key, record.value) for record in records if record.is_poison}


def forwards(deployment: Deployment) -> Iterator[LogRecord]:
    """What the scorer wrote to member-events: what members who were merged tell each other."""
    for record in deployment.read(deployment.events_topic):
        if b'"member.absorbed"' in (record.value or b"") or b'"via"' in (record.value or b""):
            yield record


def told_apart_from_place(deployment: Deployment, but: Collection[bytes | None]) -> dict[str, Any]:
    """Outcomes of all others than ``but``, without the position of their cause and the log time there."""
    return {
        identity: {**orjson.loads(record.value or b"{}"), "position": None, "recorded_at": None}
        for identity, record in outcome_bodies(deployment)
        if record.key not in but
    }


@pytest.mark.kafka
@pytest.mark.timeout(240)
def test_members_are_exact_after_kills_and_as_after_an_undisturbed_run(stack: DevStack, tmp_path: Path) -> None:
    seed = int(os.environ.get("CHAOS_SEED", "7"))
    records = list(generate(seed, 750, 10_000, start_ms=START, partitions=PARTITIONS))
    disturbed = Deployment(stack.broker.bootstrap, tmp_path / "disturbed", environment=_HALT_OFF)
    chaos = run(disturbed, records, seed, rate=1_500, kills=3, joins=0, ends=1, freezes=1)
    assert chaos.wrong_ends == []

    undisturbed = Deployment(stack.broker.bootstrap, tmp_path / "undisturbed", environment=_HALT_OFF)
    undisturbed.make_topics()
    undisturbed.append(records)
    with Cluster(undisturbed) as cluster:
        cluster.start()
        undisturbed.wait_until_quiet(40)
        cluster.end_all()
        assert [code for _, code in cluster.endings] == [0]

    for deployment in (disturbed, undisturbed):
        verdict = verdict_on(deployment, poison_of(records))
        print(verdict)
        assert verdict.is_clean, verdict
    both = (disturbed, undisturbed)
    # What one member tells another comes at another place in the log in each run, and moves what follows.
    hearers = {record.key for deployment in both for record in forwards(deployment)}
    assert len(hearers) > 5
    told, quietly_told = (told_apart_from_place(deployment, hearers) for deployment in both)
    assert told == quietly_told
    assert len(told) > 2_500


@pytest.mark.chaos
@pytest.mark.timeout(1500)
def test_members_are_exact_after_a_long_run_of_misfortunes(stack: DevStack, tmp_path: Path) -> None:
    events = int(os.environ.get("CHAOS_EVENTS", "300000"))
    kills = int(os.environ.get("CHAOS_KILLS", "20"))
    seed = int(os.environ.get("CHAOS_SEED", str(time.time_ns() % 1_000_000)))
    print(f"CHAOS_SEED={seed} CHAOS_EVENTS={events} CHAOS_KILLS={kills}")
    records = list(generate(seed, max(100, events // 15), events, start_ms=START, partitions=PARTITIONS))
    deployment = Deployment(stack.broker.bootstrap, tmp_path / "chaos", session_timeout=6.0, environment=_HALT_OFF)
    chaos = run(deployment, records, seed, rate=9_000, kills=kills, joins=2, ends=2, freezes=2)
    verdict = verdict_on(deployment, poison_of(records))
    print(verdict)
    assert chaos.wrong_ends == []
    assert verdict.is_clean, verdict
