"""Kill -9 at every step of the cut, and the control: a scorer that forgets what it absorbed must be found out."""

import json
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from streams.devstack import DevStack
from tests.chaos.cluster import WEAK_SCORER, Worker
from tests.chaos.deployment import Deployment
from tests.chaos.verdict import Verdict, verdict_on
from tests.chaos.weak_scorer import AFTER_ROWS, STEPS
from tests.oracle.generate import generate
from tests.oracle.records import DAY_MS, GeneratedRecord, headers_of, partition_of, rfc3339

pytestmark = pytest.mark.kafka

START = 1_704_067_200_000
PARTITIONS = 2


def log_at_the_horizon() -> list[GeneratedRecord]:
    """A generated log, and in it members whose first order is just young enough, and is not any more the next day.

    The order is accepted when it is appended; after the member's second one the same bytes would be too late. Applied
    again by a scorer that forgot, it becomes a dead letter.
    """
    records: list[GeneratedRecord] = []
    waiting: list[tuple[str, int]] = []
    for number, record in enumerate(generate(11, 300, 6_000, start_ms=START, partitions=PARTITIONS)):
        now = record.timestamp
        while waiting and now // DAY_MS > waiting[0][1]:
            records.append(_order(waiting.pop(0)[0], "second", happened=now, now=now))
        records.append(record)
        if number > PARTITIONS and number % 20 == 0:
            name = f"old{number:05d}"
            records.append(_order(name, "first", happened=now - 459 * DAY_MS, now=now))
            waiting.append((name, now // DAY_MS))
    return records


def _order(name: str, order: str, *, happened: int, now: int) -> GeneratedRecord:
    event = {
        "type": "order.paid",
        "event_id": f"{name}-{order}",
        "member_id": name,
        "occurred_at": rfc3339(happened),
        "order_id": order,
        "net_amount": 500,
        "currency": "USD",
    }
    key, place = name.encode(), partition_of(name.encode(), PARTITIONS)
    value = json.dumps(event).encode()
    return GeneratedRecord(key, value, headers_of(now), is_poison=False, partition=place, timestamp=now)


def crash_and_finish(stack: DevStack, home: Path, steps: Sequence[str], cut: int, **weakness: str) -> Verdict:
    """One scorer after the other dies at its ``cut``-th cut, at the next of ``steps``; the last finishes the log."""
    deployment = Deployment(
        stack.broker.bootstrap,
        home,
        partitions=PARTITIONS,
        session_timeout=2.0,
        environment={
            "MEMBERPULSE_SCORE__COMMIT_INTERVAL_SECONDS": "0.2",
            # So few that a scorer makes many cuts in its short life.
            "MEMBERPULSE_SCORE__DIRTY_ROWS_LIMIT": "10",
            "MEMBERPULSE_SCORE__FETCH_RECORDS": "50",
            "MEMBERPULSE_SCORE__HALT_ON_BAD_INPUT": "false",
            **weakness,
        },
    )
    deployment.make_topics()
    records = log_at_the_horizon()
    deployment.append(records)
    for number, step in enumerate(steps):
        with Worker(deployment, f"dying-{number}", WEAK_SCORER, CHAOS_DIES_AT=step, CHAOS_DIES_IN=str(cut)) as dying:
            assert dying.ended(30) == -signal.SIGKILL, dying.tail()
    with Worker(deployment, "heir", WEAK_SCORER) as heir:
        deployment.wait_until_quiet(30)
        assert heir.end() == 0, heir.tail()
    return verdict_on(deployment, {(r.key, r.value) for r in records if r.is_poison})


def test_members_are_exact_after_a_kill_at_each_step_of_the_cut(stack: DevStack, tmp_path: Path) -> None:
    verdict = crash_and_finish(stack, tmp_path, STEPS, cut=8)
    assert verdict.is_clean, verdict
    assert verdict.figures["repeated outcomes"] > 0


def test_verdict_finds_out_a_scorer_that_forgets_what_its_members_absorbed(stack: DevStack, tmp_path: Path) -> None:
    verdict = crash_and_finish(stack, tmp_path, [AFTER_ROWS], cut=8, CHAOS_FORGETFUL="1")
    assert any(failure.startswith("dead letters of good records") for failure in verdict.failures), verdict
