"""Alert rules ask for metrics that exist, say what to do, and each has a case that fires and one that does not."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.streams.test_metrics import registered

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
NAMES = [rule["alert"] for rule in RULES]


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_an_alert_asks_for_metrics_that_a_process_has(rule: dict[str, Any]) -> None:
    histograms = {name for name, kind in registered().items() if kind == "histogram"}
    known = registered().keys() | {f"{name}_{part}" for name in histograms for part in ("bucket", "sum", "count")}
    assert set(re.findall(r"memberpulse_\w+", rule["expr"])) <= known


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_an_alert_says_how_urgent_it_is_and_where_it_is_told_what_to_do(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^## (\w+)$\n(Page|Ticket)\. ", (ROOT / page).read_text(), re.MULTILINE)
    assert {name.lower(): urgency.lower() for name, urgency in headings}[anchor] == rule["labels"]["severity"]
    assert anchor == rule["alert"].lower()


def test_the_page_tells_of_no_alert_that_there_is_not() -> None:
    assert re.findall(r"^## (\w+)$", (ROOT / "docs" / "alerts.md").read_text(), re.MULTILINE) == NAMES


def test_every_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    tests = yaml.safe_load((PROMETHEUS / "alerts.test.yml").read_text())["tests"]
    cases = {(each["alertname"], bool(each["exp_alerts"])) for test in tests for each in test["alert_rule_test"]}
    assert cases == {(name, fires) for name in NAMES for fires in (True, False)}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_the_cases_hold() -> None:
    for command in (["check", "config", "prometheus.yml"], ["test", "rules", "alerts.test.yml"]):
        done = subprocess.run(["promtool", *command], cwd=PROMETHEUS, check=False, capture_output=True, text=True)  # noqa: S607 - found above
        assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_asks_every_process_at_its_port() -> None:
    (job,) = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    (targets,) = [each["targets"] for each in job["static_configs"]]
    services = yaml.safe_load((ROOT / "deploy" / "compose" / "services.yml").read_text())["services"]
    assert {target.partition(":")[0] for target in targets} == services.keys() - {"prometheus"}
    assert {int(target.partition(":")[2]) for target in targets} == set(range(9464, 9470))
