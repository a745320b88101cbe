"""The CDNOW orders through the whole system, against pandas straight from the file, on the last tick and three dates
before it.
"""

import csv
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pytest

from streams.demo.recompute import read_cdnow
from streams.devstack import DevStack
from streams.policy_file import load
from streams.topics import LIFECYCLE_ALERTS, MEMBER_SCORES
from tests.chaos.cluster import Worker
from tests.chaos.deployment import Deployment
from tests.oracle.cdnow_pandas import DAY_MS, cdnow_by_pandas

pytestmark = pytest.mark.kafka

#: Ticks at the start of these dates (UTC) are compared; the history has one at every midnight.
LOOKED_AT = [date(1997, 7, 1), date(1997, 12, 31), date(1998, 4, 1), date(1998, 7, 1)]


def write_orders_between(folder: Path, after: date, until: date) -> Path:
    path = folder / f"until-{until}.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["customer", "date", "units", "dollars", "row"])
        for row in read_cdnow():
            if after <= row.ordered_on < until:
                dollars = f"{row.amount // 100}.{row.amount % 100:02}"
                writer.writerow([row.member_id, f"{row.ordered_on:%Y%m%d}", row.units, dollars, row.number])
    return path


def import_history(deployment: Deployment, path: Path, until: date) -> None:
    command = [sys.executable, "-m", "streams", "import", str(path), "--mapping", "cdnow", "--until", str(until)]
    subprocess.run(
        command, env=deployment.environment, cwd=deployment.home, check=True, capture_output=True, timeout=90
    )


def wait_until_scored(deployment: Deployment, worker: Worker) -> None:
    deadline = time.monotonic() + 90
    ends = deployment.ends(deployment.events_topic)
    while {number: offset for (_, number), offset in deployment.committed().items()} != ends:
        assert worker.running, worker.tail()
        assert time.monotonic() < deadline, worker.tail()
        time.sleep(0.2)


def latest_scores(deployment: Deployment) -> dict[str, dict[str, Any]]:
    scores: dict[str, dict[str, Any]] = {}
    for record in deployment.read_logical(MEMBER_SCORES):
        if record.value is not None:
            score = orjson.loads(record.value)
            scores[score["member_id"]] = score
    return scores


def alerts_so_far(deployment: Deployment) -> dict[str, dict[str, tuple[str, int]]]:
    """Per member and outcome id: kind, and the instant that it was due at or else happened at."""
    alerts: dict[str, dict[str, tuple[str, int]]] = defaultdict(dict)
    for record in deployment.read_logical(LIFECYCLE_ALERTS):
        assert record.value is not None
        body = orjson.loads(record.value)
        identity = record.header("ce_id")
        assert identity is not None
        at = int(pd.Timestamp(body["due_at"] or body["at"]).timestamp() * 1000)
        alerts[body["member_id"]][identity.decode()] = (body["kind"], at)
    return alerts


def differences(
    expected: pd.DataFrame, scores: Mapping[str, Any], alerts: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    wrong = []
    if set(expected.index) != set(scores):
        wrong.append(f"members: {len(expected)} expected, {len(scores)} found")
    for member_id, row in expected.to_dict("index").items():
        member = str(member_id)
        score = scores[member]
        last = None if pd.isna(row["last_purchase_at"]) else int(row["last_purchase_at"])
        wanted = (row["frequency"], row["monetary"], last, row["tier"], row["stage"])
        found = (score["frequency"], score["monetary"], score["last_purchase_ms"], score["tier"], score["stage"])
        if wanted != found:
            wrong.append(f"{member}: expected {wanted}, found {found}")
        told = sorted(alerts.get(member, {}).values(), key=lambda alert: alert[1])
        if told != list(row["alerts"]):
            wrong.append(f"{member}: expected alerts {row['alerts']}, found {told}")
    return wrong


@pytest.mark.timeout(300)
def test_every_cdnow_member_is_as_pandas_says_on_four_dates(stack: DevStack, tmp_path: Path) -> None:
    policy = orjson.loads(load("absolute").canonical())
    deployment = Deployment(stack.broker.bootstrap, tmp_path)
    deployment.make_topics()
    deployment.open_with(policy)
    before = first = min(row.ordered_on for row in read_cdnow())
    with Worker(deployment, "scorer") as worker:
        for looked_at in LOOKED_AT:
            import_history(deployment, write_orders_between(tmp_path, before, looked_at), looked_at)
            wait_until_scored(deployment, worker)
            ticks = [
                (first - date(1970, 1, 1)).days * DAY_MS + day * DAY_MS
                for day in range(1, (looked_at - first).days + 1)
            ]
            wrong = differences(cdnow_by_pandas(policy, ticks), latest_scores(deployment), alerts_so_far(deployment))
            assert not wrong, f"{looked_at}: {len(wrong)} differences\n" + "\n".join(wrong[:10])
            before = looked_at
        assert worker.end() == 0
