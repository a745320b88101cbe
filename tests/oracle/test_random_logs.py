"""The random logs make every rule happen: what never occurs in them is not compared with anything."""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import date

import pytest

from tests.oracle.random_logs import random_log
from tests.oracle.random_policies import random_policy

SEEDS = range(240)
GENERAL = ("purchase", "revision", "cancel", "return", "other")

KINDS = {
    "tier.joined": ("joined",),
    "tier.upgraded": ("purchase", "revision", "override"),
    "tier.downgraded": (
        *("window_exit", "hold_end", "grace_end", "cancel", "return", "revision", "override", "override_ended"),
    ),
    "tier.override_set": ("override",),
    "tier.override_ended": ("override_ended",),
    "tier.prolonged": ("hold_end", "purchase"),
    "tier.expiring": ("hold_end",),
    "tier.erased": ("erased",),
    "lifecycle.first_purchase": ("purchase",),
    "lifecycle.near_churn": ("quiet", "other", "cancel", "return"),
    "lifecycle.lapsed_recently": ("quiet", "other", "cancel", "return"),
    "lifecycle.lapsed_mid": ("quiet", "other", "cancel", "return"),
    "lifecycle.dormant": ("quiet", "other", "cancel", "return"),
    "lifecycle.recovered": ("purchase",),
    "lifecycle.reactivated": ("purchase",),
    "segment.left": (*GENERAL, "quiet", "window_exit"),
    "segment.entered": (*GENERAL, "quiet", "window_exit"),
}
WAYS = (
    *(f"timer {number}" for number in range(1, 10)),
    *("re-test: passes", "re-test: qualifies now", "re-test: restored", "re-test: above the hold that stands"),
    *("re-test: nothing stands, some rank", "re-test: nothing stands, lowest"),
    *("re-test: qualification unknown", "re-test: window not whole"),
    *("stack: ended", "stack: cannot be tested", "stack: passes", "stack: fails", "stack: fails, qualifies now"),
    *("rise: hold to the stack", "rise: no hold to keep"),
    *("hold end: prolonged", "hold end: prolonged in grace", "hold end: in grace", "hold end: falls"),
    *("hold end: stopped by never_downgrade", "notice: told", "notice: qualifies then", "notice: overridden"),
)


@dataclass
class Seen:
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    details: Counter[str] = field(default_factory=Counter)
    caught_up: Counter[str] = field(default_factory=Counter)


@pytest.fixture(scope="module")
def seen() -> Seen:
    found = Seen()
    for seed in SEEDS:
        answer = random_log(seed).answer()
        found.ways += answer.ways
        found.refused.update(answer.dead_letters.values())
        for o in answer.outcomes.values():
            found.outcomes[o.kind, o.reason] += 1
            found.details[o.said.detail] += 1
            found.caught_up[o.kind] += o.catch_up and o.cause.startswith("timer:")
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_occurs_for_each_of_its_reasons(seen: Seen, kind: str) -> None:
    assert {reason for k, reason in seen.outcomes if k == kind} >= set(KINDS[kind])


def test_no_other_kind_and_no_other_reason_occurs(seen: Seen) -> None:
    assert {kind for kind, _ in seen.outcomes} == set(KINDS)
    assert {reason for _, reason in seen.outcomes} == {reason for reasons in KINDS.values() for reason in reasons}


@pytest.mark.parametrize("way", WAYS)
def test_every_timer_and_every_branch_of_the_tier_step_occurs(seen: Seen, way: str) -> None:
    assert seen.ways[way] >= 2


def test_no_branch_is_left_out_of_the_list(seen: Seen) -> None:
    assert set(seen.ways) == set(WAYS)


def test_every_refusal_occurs_and_overrides_end_in_both_ways(seen: Seen) -> None:
    assert set(seen.refused) == {"quarantined", "too_late", "wrong_currency", "unknown_tier"}
    assert set(seen.details) == {"", "until", "withdrawn"}


@pytest.mark.parametrize("kind", ["tier.prolonged", "tier.expiring", "tier.override_ended", "segment.left"])
def test_late_timers_mark_the_new_kinds(seen: Seen, kind: str) -> None:
    assert seen.caught_up[kind] > 0


def test_same_seed_gives_the_same_log_and_another_seed_another() -> None:
    assert random_log(3).log == random_log(3).log
    assert random_log(3).log != random_log(4).log


def test_policies_are_of_every_sort() -> None:
    policies = [random_policy(random.Random(seed), date(2026, 3, 1), 90) for seed in range(200)]
    tiers = [policy["tiers"] for policy in policies]
    assert {t["window"] for t in tiers} == {"rolling", "calendar_year", "membership_year"}
    assert {t["downgrade"] for t in tiers} == {"at_once", "at_hold_end"}
    assert {t.get("grace_days") for t in tiers} == {None, 0, 1, 2, 5}
    assert {t.get("fall") for t in tiers} == {None, "one_level", "to_match"}
    assert {p["lifecycle"]["mode"] for p in policies} == {"fixed", "rhythm"}
    assert {p["lifecycle"]["allowed_lateness_hours"] for p in policies} == {0, 1, 6, 24, 48}
    assert 50 < sum("quiet_days" in p["lifecycle"] for p in policies) < 150
    assert 50 < sum("segments" in p for p in policies) < 150
