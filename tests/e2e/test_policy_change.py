"""A changed policy on a running system: looked at, published, taken up, and then exactly what the preview said."""

import csv
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from streams.__main__ import main
from streams.changelog import changelog_spans, read_partition
from streams.commands.policy import as_toml
from streams.devstack import DevStack
from streams.exits import ExitCode
from streams.log_reading import log_consumer
from streams.policy_file import PolicyDocument, from_canonical
from streams.preview.publication import copy_to
from streams.preview.record import PublishedRecord, remember_publication
from streams.rows import decode
from streams.topics import CONTROL
from tests.chaos.cluster import Worker
from tests.chaos.deployment import Deployment
from tests.e2e.shop import now_ms, order, ticks
from tests.oracle.records import DAY_MS, POLICY

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

Captured = pytest.CaptureFixture[str]

PARTITIONS = 3
MEMBERS = 300
HARDER = [
    {"name": "D", "benefit_cost": 0},
    {"name": "C", "frequency": 3, "benefit_cost": 500},
    {"name": "B", "frequency": 6, "benefit_cost": 2_000},
    {"name": "A", "frequency": 12, "benefit_cost": 9_000},
]


class Typed(NamedTuple):
    """How a command ended and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def as_file(content: dict[str, Any], path: Path) -> Path:
    """A policy as TOML, written by the product itself."""
    path.write_text(as_toml(PolicyDocument.model_validate(content)), "utf-8")
    return path


class Terminal:
    """Commands as a person types them, in this process: starting Python for each would take most of the time."""

    def __init__(self, deployment: Deployment, monkeypatch: pytest.MonkeyPatch, captured: Captured) -> None:
        self._captured = captured
        monkeypatch.chdir(deployment.home)
        for name, value in deployment.environment.items():
            if name.startswith("MEMBERPULSE_"):
                monkeypatch.setenv(name, value)

    def type(self, *arguments: str) -> Typed:
        """One command."""
        self._captured.readouterr()
        code = main(arguments)
        printed = self._captured.readouterr()
        return Typed(code, printed.out, printed.err)


def tiers_of(deployment: Deployment) -> dict[str, str]:
    """Every member's tier by the changelog and the policy that the log has come to."""
    found: dict[str, str] = {}
    with log_consumer(deployment.settings) as consumer:
        for number, span in changelog_spans(deployment.settings, consumer).items():
            partition = read_partition(deployment.settings, consumer, span, number, lambda _: None)
            assert partition is not None
            names = [level.name for level in from_canonical(partition.progress.policy).tiers.levels]
            found |= {key.decode(): names[decode(row).tier] for key, row in partition.rows.items()}
    return found


def wait_for_rows(deployment: Deployment) -> None:
    deployment.wait_until_quiet(60)
    time.sleep(0.5)


def a_shop(stack: DevStack, home: Path) -> Deployment:
    """A deployment whose members have bought up to nine times in the last months."""
    deployment = Deployment(stack.broker.bootstrap, home, partitions=PARTITIONS, session_timeout=4.0)
    deployment.make_topics()
    deployment.open_with()
    then = now_ms()
    deployment.append(
        order(f"m{n}", f"o{k}", at=then - (n + 7 * k) * DAY_MS // 4, partitions=PARTITIONS, appended=then)
        for n in range(MEMBERS)
        for k in range(n % 10)
    )
    deployment.append(ticks(then + 1_000, PARTITIONS))
    return deployment


def test_published_policy_does_to_every_member_what_its_preview_said(
    stack: DevStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    deployment = a_shop(stack, tmp_path)
    person = Terminal(deployment, monkeypatch, capsys)
    changed = {**POLICY, "version": 2, "tiers": {"window_days": 365, "levels": HARDER}}
    new = as_file(changed, tmp_path / "new.toml")
    with Worker(deployment, "worker") as worker:
        wait_for_rows(deployment)
        before = tiers_of(deployment)

        refused = person.type("policy", "publish", str(new))
        assert refused.returncode == ExitCode.TEMPORARY, refused.stderr
        assert "no preview" in refused.stderr

        moves = tmp_path / "moves.csv"
        previewed = person.type("policy", "preview", str(new), "--json", "--csv", str(moves))
        assert previewed.returncode == 0, previewed.stderr
        report = json.loads(previewed.stdout)
        with moves.open(encoding="utf-8", newline="") as file:
            expected = {**before, **{row["member_id"]: row["to"] for row in csv.DictReader(file)}}
        assert report["members"]["judged"] == len(before) == MEMBERS - MEMBERS // 10
        assert report["moved"]["members"] == sum(expected[m] != before[m] for m in before) > 0

        too_many = person.type("policy", "publish", str(new))
        assert too_many.returncode == ExitCode.DATA, too_many.stderr
        assert tiers_of(deployment) == before

        published = person.type("policy", "publish", str(new), "--accept", "--actor", "eve")
        assert published.returncode == 0, published.stderr
        wait_for_rows(deployment)
        after = tiers_of(deployment)
        assert after == expected
        assert {name: list(after.values()).count(name) for name in "DCBA"} == report["tiers"]["after"]

        ends = deployment.ends(deployment.events_topic)
        again = person.type("policy", "publish", str(new))
        assert again.returncode == 0, again.stderr
        assert "every member has been judged by it" in again.stdout
        assert deployment.ends(deployment.events_topic) == ends

        why = person.type("member", "m9", "--why", "--from-topic")
        assert why.returncode == 0, why.stderr
        assert "policy version 2" in why.stdout
        data = json.loads(person.type("member", "m9", "--json", "--from-topic").stdout)
        assert data["policy"]["version"] == 2
        assert data["state"]["tier"]["name"] == after["m9"]
        assert worker.end() == 0, worker.tail()
    control = deployment.read_logical(CONTROL)
    assert sum((record.key or b"").startswith(b"policy-after/") for record in control) == 1

    # The settings still name the first policy: the log is obeyed, and the worker says so.
    with Worker(deployment, "second") as second:
        deployment.append([order("m9", "late", partitions=PARTITIONS)])
        wait_for_rows(deployment)
        assert "version 2" in second.told()
        assert second.end() == 0, second.tail()
    score = json.loads(person.type("member", "m9", "--json", "--from-topic").stdout)["score"]
    assert score["policy_version"] == 2


def policies_in(deployment: Deployment) -> dict[int, int]:
    """How many policies lie in each partition."""
    found = dict.fromkeys(range(PARTITIONS), 0)
    for record in deployment.read(deployment.events_topic):
        found[record.partition] += b"policy.published" in (record.value or b"")
    return found


def test_publication_that_died_half_way_is_finished_by_a_second_call(
    stack: DevStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    deployment = Deployment(stack.broker.bootstrap, tmp_path, partitions=PARTITIONS)
    deployment.make_topics()
    deployment.open_with()
    person = Terminal(deployment, monkeypatch, capsys)
    old = PolicyDocument.model_validate(POLICY)
    new, other = (PolicyDocument.model_validate({**POLICY, "version": version}) for version in (2, 3))

    def record(document: PolicyDocument) -> PublishedRecord:
        content = msgspec.Raw(document.canonical())
        return PublishedRecord(old.content_hash, document.version, document.content_hash, "eve", content)

    early = person.type("policy", "preview", str(as_file({**POLICY, "version": 2}, tmp_path / "new.toml")))
    assert early.returncode == ExitCode.TEMPORARY, early.stderr
    assert remember_publication(deployment.settings, record(new)) == record(new)
    assert remember_publication(deployment.settings, record(other)).content_hash == new.content_hash
    copy_to(deployment.settings, new, [1])
    assert policies_in(deployment) == {0: 1, 1: 2, 2: 1}

    third = as_file({**POLICY, "version": 3}, tmp_path / "third.toml")
    waiting = person.type("policy", "publish", str(third))
    assert waiting.returncode == ExitCode.TEMPORARY
    assert "--continue" in waiting.stderr

    finished = person.type("policy", "publish", "--continue")
    assert finished.returncode == 0, finished.stderr
    assert "the 2 of 3 partitions that had not got it" in finished.stdout
    assert policies_in(deployment) == {0: 2, 1: 2, 2: 2}
    again = person.type("policy", "publish", "--continue")
    assert (again.returncode, again.stdout.strip()) == (0, "no publication is unfinished")
    unscored = person.type("policy", "publish", str(tmp_path / "new.toml"))
    assert "members of partitions 0, 1, 2 have still to be judged by it" in unscored.stdout
    assert policies_in(deployment) == {0: 2, 1: 2, 2: 2}
