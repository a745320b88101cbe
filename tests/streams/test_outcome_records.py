import json
import uuid
from datetime import timedelta
from functools import cache
from typing import Any

import jsonschema
import pytest

from scoring.forwards import NAMESPACE
from scoring.outcomes import Outcome
from streams.instants import instant_text
from streams.outcome_ids import outcome_id
from streams.outcome_records import OutcomeRecords
from streams.policy_file import load
from tests.builders import NOON, Story, a_cancel, a_policy, a_return, an_order, kinds, midnight, noon
from tests.streams.published_schemas import assert_fits, body_by, schema_of

POLICY = load("absolute").to_policy()
RECORDS = OutcomeRecords(POLICY, epoch=3)
KINDS = [
    "tier.joined",
    "tier.upgraded",
    "tier.downgraded",
    "lifecycle.first_purchase",
    "lifecycle.near_churn",
    "lifecycle.lapsed_recently",
    "lifecycle.lapsed_mid",
    "lifecycle.dormant",
    "lifecycle.recovered",
    "lifecycle.reactivated",
]


def order(number: int, day: int, net: int) -> Any:
    return an_order(f"o-{number}", at=noon(day), net=net, currency="USD", shop_id="BER-2", channel="shop")


@cache
def a_long_story() -> Story:
    """A member through every kind of outcome that the shipped policy has."""
    story = Story(POLICY)
    story.has(order(1, 0, 5_000), order(2, 1, 26_250), a_return("o-2", at=noon(2), amount=25_000))
    for day in (61, 62):
        story.tick(midnight(day))
    story.has(order(3, 65, 100))
    for day in (65 + 60, 65 + 90, 65 + 180, 366, 65 + 365):
        story.tick(midnight(day))
    story.has(order(4, 500, 0), order(5, 500, 90_000), a_cancel("o-5", at=noon(501)))
    return story


def body_of(outcome: Outcome, records: OutcomeRecords = RECORDS) -> dict[str, Any]:
    return body_by(records, outcome)


def first(kind: str) -> dict[str, Any]:
    return body_of(next(outcome for outcome in a_long_story().told if outcome.kind == kind))


def test_the_long_story_has_every_kind() -> None:
    assert sorted(set(kinds(a_long_story().told))) == sorted(KINDS)


def test_every_outcome_fits_its_published_schema() -> None:
    for outcome in a_long_story().told:
        assert_fits(body_of(outcome), outcome.kind)


@pytest.mark.parametrize("field", ["member_id", "from", "crossed", "cause", "policy"])
def test_a_schema_refuses_an_outcome_without_one_of_its_parts(field: str) -> None:
    body = first("tier.upgraded")
    del body[field]
    with pytest.raises(jsonschema.ValidationError, match=field):
        jsonschema.validate(body, schema_of("tier.upgraded"))


def test_a_member_who_rises_is_told_with_everything_that_decided_it() -> None:
    body = first("tier.upgraded")
    assert body | {"position": None} == {
        "kind": "tier.upgraded",
        "member_id": "00042",
        "sequence": 3,
        "sentence": "member 00042 rises from D to B: 2 orders, 312.50 USD in 365 days",
        "from": {"name": "D", "rank": 0},
        "to": {"name": "B", "rank": 2},
        "reason": "purchase",
        "at": "2026-01-02T12:00:00.000Z",
        "due_at": None,
        "recorded_at": "2026-01-02T12:00:00.000Z",
        "catch_up": False,
        "next_due_at": "2026-03-03T00:00:00.000Z",
        "last_purchase_at": "2026-01-02T12:00:00.000Z",
        "frequency": 2,
        "monetary": 31_250,
        "currency": "USD",
        "window_days": 365,
        "crossed": {"tier": "B", "frequency": 5, "monetary": 30_000, "match": "any"},
        "tier": {"name": "B", "rank": 2},
        "to_next": {"tier": "A", "frequency": 10, "monetary": 48_750, "match": "any"},
        "keeps": {"tier": "B", "frequency": 5, "monetary": 30_000, "match": "any"},
        "policy": {"version": 1, "content_hash": POLICY.content_hash},
        "epoch": 3,
        "position": None,
        "cause": {"event_id": "paid-o-2-1-26250", "order_id": "o-2", "shop_id": "BER-2", "channel": "shop"},
        "base": {"name": "B", "rank": 2},
        "floor": None,
        "held_until": None,
        "grace_until": None,
    }
    assert body["position"] == {"topic": "member-events", "partition": 2, "offset": 1}


def test_a_member_who_falls_missed_the_thresholds_of_the_tier_above() -> None:
    body = first("tier.downgraded")
    assert (body["from"]["name"], body["to"]["name"], body["reason"]) == ("B", "C", "return")
    assert body["crossed"]["tier"] == "B"
    assert body["keeps"]["tier"] == "C"
    assert body["sentence"].endswith("2 orders, 62.50 USD in 365 days, after a return")


def test_a_quiet_member_is_told_of_by_the_timer_that_was_due() -> None:
    body = first("lifecycle.near_churn")
    assert body["cause"] == {"timer": "2026-03-03T00:00:00.000Z"}
    assert body["due_at"] == "2026-03-03T00:00:00.000Z"
    assert body["crossed"] == {"stage": "near_churn", "days_since_last_purchase": 60}
    assert body["sentence"] == "member 00042 is close to leaving: last purchase on 2026-01-02, 60 days ago"


def test_a_member_who_is_back_left_the_boundary_of_the_stage_before() -> None:
    body = first("lifecycle.reactivated")
    assert body["crossed"] == {"stage": "dormant", "days_since_last_purchase": 365}
    assert body["sentence"].startswith("member 00042 comes back from dormant to ")
    assert first("lifecycle.recovered")["crossed"]["stage"] == "near_churn"


def test_an_event_whose_id_looks_like_a_timer_is_still_an_event() -> None:
    story = Story(POLICY)
    story.has(an_order("o-1", currency="USD", event_id="timer:0"))
    assert {body_of(outcome)["cause"].get("event_id") for outcome in story.told} == {"timer:0"}


def test_the_headers_are_a_cloud_event_in_binary_mode() -> None:
    outcome = next(each for each in a_long_story().told if each.kind == "tier.upgraded")
    topic, key, _, headers = RECORDS.record(outcome, "Zoë", 2)
    assert (topic, key) == ("tier-changes", "Zoë".encode())
    assert headers == [
        ("ce_specversion", b"1.0"),
        ("ce_id", outcome_id(3, "Zoë", "tier.upgraded", "paid-o-2-1-26250", 3).encode()),
        ("ce_type", b"memberpulse.tier.upgraded.v1"),
        ("ce_source", b"/memberpulse/score"),
        ("ce_time", b"2026-01-02T12:00:00.000Z"),
        ("ce_subject", "Zoë".encode()),
        ("ce_sequence", b"00000000000000000003"),
        ("content-type", b"application/json"),
    ]


def test_tiers_and_lifecycle_have_a_topic_each() -> None:
    topics = {outcome.kind: RECORDS.record(outcome, "00042", 0)[0] for outcome in a_long_story().told}
    assert {(kind.partition(".")[0], topic) for kind, topic in topics.items()} == {
        ("tier", "tier-changes"),
        ("lifecycle", "lifecycle-alerts"),
    }


def test_an_outcome_id_is_the_version_5_uuid_of_the_decision() -> None:
    for sequence in range(64):
        name = f"3|Zoë|tier.joined|ev-1|{sequence}"
        assert outcome_id(3, "Zoë", "tier.joined", "ev-1", sequence) == str(uuid.uuid5(NAMESPACE, name))


@pytest.mark.parametrize(("currency", "money"), [("JPY", "31250 JPY"), ("KWD", "31.250 KWD"), ("EUR", "312.50 EUR")])
def test_money_is_told_with_the_decimals_of_its_currency(currency: str, money: str) -> None:
    policy = a_policy()
    policy.currency = currency
    story = Story(policy)
    story.has(an_order(net=31_250, currency=currency))
    told = body_of(story.told[-1], records=OutcomeRecords(policy, 1))
    assert told["sentence"] == f"member 00042 has bought for the first time: 1 order, {money} in 365 days"


def score_of(story: Story, records: OutcomeRecords = RECORDS) -> dict[str, Any]:
    score: dict[str, Any] = json.loads(records.scores.record("00042", story.member))
    return score


def test_a_score_has_instants_and_never_ages() -> None:
    story = Story(POLICY)
    story.has(order(1, 0, 5_000), order(2, 1, 26_250))
    score = score_of(story)
    assert_fits(score, "member-score")
    moments = {name: instant_text(score[name]) for name in score if name.endswith("_ms")}
    assert moments == {
        "tier_since_ms": "2026-01-02T12:00:00.000Z",
        "stage_since_ms": "2026-01-02T12:00:00.000Z",
        "last_purchase_ms": "2026-01-02T12:00:00.000Z",
        "as_of_ms": "2026-01-02T12:00:00.000Z",
        "joined_ms": "2026-01-01T12:00:00.000Z",
        "next_due_ms": "2026-03-03T00:00:00.000Z",
    }
    assert {name: score[name] for name in score if not name.endswith("_ms")} == {
        "member_id": "00042",
        "epoch": 3,
        "offset": 1,
        "sequence": 3,
        "tier": "B",
        "tier_rank": 2,
        "stage": "active",
        "frequency": 2,
        "monetary": 31_250,
        "currency": "USD",
        "to_next": {"tier": "A", "frequency": 10, "monetary": 48_750, "match": "any"},
        "policy_version": 1,
    }


def test_a_member_without_a_purchase_has_nulls_and_no_timer() -> None:
    story = Story(POLICY)
    story.has(a_cancel("o-1"))
    score = score_of(story)
    assert_fits(score, "member-score")
    assert (score["stage"], score["last_purchase_ms"], score["next_due_ms"]) == ("prospect", None, None)
    assert score["to_next"] == {"tier": "C", "frequency": 2, "monetary": 10_000, "match": "any"}


def test_nothing_is_above_the_top_and_a_measure_that_is_met_misses_nothing() -> None:
    story = Story(POLICY)
    story.has(order(1, 0, 80_000))
    assert score_of(story)["to_next"] is None
    story = Story()
    story.has(an_order(net=600_000), an_order("o-2", net=1, at=NOON + timedelta(hours=1)))
    score = json.loads(OutcomeRecords(story.policy, 1).scores.record("ann", story.member))
    assert (score["tier"], score["to_next"]) == (
        "Gold",
        {"tier": "Black", "frequency": 8, "monetary": 0, "match": "all"},
    )


def test_the_way_to_the_next_tier_counts_over_the_window_of_the_tiers() -> None:
    policy = a_policy(window_days=365, tier_window_days=10)
    story = Story(policy)
    story.has(an_order("o-1", at=noon(0)), an_order("o-2", at=noon(20)))
    records = OutcomeRecords(policy, 1)
    score = score_of(story, records)
    assert (score["frequency"], score["to_next"]["frequency"]) == (2, 2)
    joined, first = (body_of(outcome, records=records) for outcome in story.told[:2])
    assert joined["to_next"] == {"tier": "Silver", "frequency": 2, "monetary": None, "match": "any"}
    assert first["to_next"] is None, "an alert tells the reported numbers only"
