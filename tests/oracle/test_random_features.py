"""The random logs make also the rules happen that only some policies switch on, or that need a second policy."""

from collections import Counter
from collections.abc import Iterable

import pytest

from tests.oracle.random_logs import random_log

ALL = frozenset({"policies", "provisional", "corrections", "sealing"})
ACTIONS = frozenset({"policies", "actions"})
#: Features, seeds and how many events a log has.
RUNS: tuple[tuple[frozenset[str], Iterable[int], int], ...] = (
    (ALL, range(60), 80),
    (frozenset({"provisional"}), range(60), 80),
    (frozenset({"corrections"}), range(100), 80),
    (frozenset({"sealing"}), (102, 108, 116), 400),
    (ACTIONS, range(40), 80),
)
WAYS = (
    *("policy: hold started", "policy: rises", "policy: falls", "policy: held below its standing"),
    *("policy: never lost from now on", "policy: can be lost from now on"),
    *("provisional: confirmed", "provisional: withdrawn", "provisional: qualifies now", "timer 10"),
    *("correction: alert", "correction: alert stands", "correction: fall at once", "correction: fall undone"),
    *("correction: fall stands", "correction: fall stands, window not whole", "correction: fall, hold over"),
    *("correction: fall, base no lower", "sealed: by day", "sealed: over the cap on orders", "sealed: hash forgotten"),
)
TOLD = (
    *(("tier.upgraded", "policy_changed"), ("tier.downgraded", "policy_changed"), ("tier.upgraded", "late_event")),
    *(("tier.confirmed", "settled"), ("tier.withdrawn", "return"), ("tier.withdrawn", "window_exit")),
    *(("tier.corrected", "late_event"), ("lifecycle.corrected", "late_event"), ("segment.entered", "policy_changed")),
    *(("lifecycle.near_churn", "policy_changed"), ("lifecycle.reactivated", "policy_changed")),
)


@pytest.fixture(scope="module")
def seen() -> tuple[Counter[str], Counter[tuple[str, str]], Counter[str]]:
    ways: Counter[str] = Counter()
    told: Counter[tuple[str, str]] = Counter()
    others: Counter[str] = Counter()
    for features, seeds, events in RUNS:
        for seed in seeds:
            answer = random_log(seed, events, features).answer()
            ways += answer.ways
            told.update((outcome.kind, outcome.reason) for outcome in answer.outcomes.values())
            others.update(answer.dead_letters.values())
            others.update(outcome.said.detail for outcome in answer.outcomes.values())
            advised = [outcome.said.advised for outcome in answer.outcomes.values()]
            others.update(f"action: {each.reason or 'given'}" for each in advised if each is not None)
            others.update(["offers remembered"] if any(each.offers for each in answer.further.values()) else [])
    return ways, told, others


@pytest.mark.parametrize("way", WAYS)
def test_every_branch_of_these_rules_occurs(seen: tuple[Counter[str], object, object], way: str) -> None:
    assert seen[0][way] > 0


@pytest.mark.parametrize("what", TOLD, ids=" by ".join)
def test_every_kind_occurs_for_its_reason(
    seen: tuple[object, Counter[tuple[str, str]], object], what: tuple[str, str]
) -> None:
    assert seen[1][what] > 0


@pytest.mark.parametrize("reason", ["given", "none", "in_alert", "capped", "holdout"])
def test_actions_are_given_and_left_out_for_every_reason(
    seen: tuple[object, object, Counter[str]], reason: str
) -> None:
    assert seen[2][f"action: {reason}"] > 0
    assert seen[2]["offers remembered"] > 0


@pytest.mark.parametrize("what", ["policy_refused", "tier_gone"])
def test_policies_are_refused_and_end_overrides(seen: tuple[object, object, Counter[str]], what: str) -> None:
    assert seen[2][what] > 0
