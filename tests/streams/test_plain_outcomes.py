from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.events import OrderPaid
from scoring.outcomes import Outcome
from scoring.policy import Policy
from scoring.tier_rules import TierRule
from streams.engine.record_batches import encode_headers
from streams.outcome_records import OutcomeRecords
from streams.policy_file import load
from tests.builders import Story, a_cancel, a_policy, a_return, an_order, midnight, noon

POLICIES = {
    "as shipped": load("absolute").to_policy(),
    "tiers over another window": a_policy(tier_window_days=90),
    "quotes and other letters": a_policy(
        tiers=[
            TierRule('the "rest"', None, None, match_all=False),
            TierRule("größer", 2, None, match_all=True),
            TierRule("top", None, 90_000, match_all=False),
            TierRule("wholesale", 2000, 90_000_000, match_all=True),
        ]
    ),
}


@cache
def told_under(name: str) -> tuple[Outcome, ...]:
    """What a member is told who rises, falls, goes quiet and comes back."""
    story, currency = Story(POLICIES[name]), POLICIES[name].currency

    def order(number: int, day: int, net: int) -> OrderPaid:
        return an_order(f"o-{number}", at=noon(day), net=net, currency=currency, shop_id="BER-2", channel="shop")

    first, second = order(0, 0, 26_250), order(1, 1, 26_250)
    story.has(first, second, a_return("o-1", at=noon(2), amount=25_000))
    for day in (61, 62):
        story.tick(midnight(day))
    story.has(order(3, 65, 100))
    for day in (65 + 60, 65 + 90, 65 + 180, 366, 65 + 365):
        story.tick(midnight(day))
    story.has(order(4, 500, 0), order(5, 500, 90_000))
    story.has(a_cancel("o-5", at=noon(501)))
    return tuple(story.told)


def assert_both_ways(policy: Policy, outcome: Outcome, member_id: str, records: OutcomeRecords | None = None) -> None:
    """The quick way writes what the one writes that every kind can take."""
    records = records or OutcomeRecords(policy, epoch=3)
    topic, key, value, headers = records.record(outcome, member_id, 7)
    assert records.written(outcome, member_id, key, 7) == (topic, value, encode_headers(headers))


@pytest.mark.parametrize("name", POLICIES)
def test_both_ways_write_the_same(name: str) -> None:
    told = told_under(name)
    assert {outcome.kind for outcome in told} >= {
        *("tier.joined", "tier.upgraded", "tier.downgraded", "lifecycle.first_purchase", "lifecycle.recovered"),
        *("lifecycle.near_churn", "lifecycle.lapsed_recently", "lifecycle.lapsed_mid", "lifecycle.dormant"),
    }
    for outcome in told:
        assert_both_ways(POLICIES[name], outcome, "00042")


@pytest.mark.parametrize("name", POLICIES)
def test_what_one_outcome_said_is_said_of_no_other_decision(name: str) -> None:
    records = OutcomeRecords(POLICIES[name], epoch=3)
    for outcome in told_under(name):
        for member_id in ("00042", "00043"):
            assert_both_ways(POLICIES[name], outcome, member_id, records)


@pytest.mark.parametrize(
    "difference",
    [
        *({name: "other"} for name in ("cause", "order_id", "shop_id", "channel")),
        *(
            {name: 86_400_000}
            for name in ("at", "recorded_at", "due_at", "next_due_at", "last_purchase_at", "timer_at")
        ),
        *({name: 7} for name in ("sequence", "frequency", "monetary", "offset")),
        *({name: 0} for name in ("next_due_at", "last_purchase_at")),
        {"catch_up": True},
    ],
)
def test_an_outcome_that_differs_in_one_thing_says_so(difference: dict[str, Any]) -> None:
    policy = POLICIES["as shipped"]
    for outcome in told_under("as shipped"):
        records = OutcomeRecords(policy, epoch=3)
        assert_both_ways(policy, outcome, "00042", records)
        differing = copy_of(outcome)
        for name, value in difference.items():
            setattr(differing, name, value)
        assert_both_ways(policy, differing, "00042", records)


def test_however_many_instants_timers_are_set_to() -> None:
    policy = POLICIES["as shipped"]
    records = OutcomeRecords(policy, epoch=3)
    outcome = copy_of(told_under("as shipped")[0])
    for day in [*range(1, 1100), 0]:
        outcome.next_due_at = day * 86_400_000
        assert_both_ways(policy, copy_of(outcome), "00042", records)


@pytest.mark.parametrize("name", ["timer_at", "recorded_at", "due_at", "next_due_at", "last_purchase_at"])
def test_an_instant_that_cannot_be_written_is_written_in_no_other_outcome_either(name: str) -> None:
    policy = POLICIES["as shipped"]
    for outcome in told_under("as shipped"):
        records = OutcomeRecords(policy, epoch=3)
        impossible = copy_of(outcome)
        setattr(impossible, name, 10**15)
        for member_id in ("00042", "00043"):
            for _ in range(2):
                with pytest.raises(ValueError, match="out of range"):
                    records.written(impossible, member_id, member_id.encode(), 7)
            assert_both_ways(policy, outcome, "00042", records)


@pytest.mark.parametrize("member_id", [63 * "m", 64 * "m", 31 * "ö", 32 * "ö", 5000 * "m"])
def test_however_long_the_id_of_a_member_is(member_id: str) -> None:
    for outcome in told_under("as shipped"):
        assert_both_ways(POLICIES["as shipped"], outcome, member_id)


def test_however_long_the_name_of_the_source_is() -> None:
    policy = POLICIES["as shipped"]
    for source in ("/memberpulse/" + 60 * "x", "/größe"):
        for outcome in told_under("as shipped"):
            assert_both_ways(policy, outcome, "00042", OutcomeRecords(policy, 3, source))


#: Of an outcome, in the order of its constructor.
FIELDS = (
    *("kind", "sequence", "cause", "reason", "before", "after", "rank_before", "rank_after", "at", "due_at"),
    *("recorded_at", "catch_up", "frequency", "monetary", "last_purchase_at", "next_due_at", "tier", "offset"),
    *("order_id", "shop_id", "channel", "timer_at", "facts", "sweep"),
)

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=70)


@given(names.filter(bool), names, names, names, names, st.sampled_from(told_under("as shipped")))
def test_whatever_members_orders_and_shops_are_called(
    member_id: str, event: str, order: str, shop: str, channel: str, outcome: Outcome
) -> None:
    renamed = copy_of(outcome)
    if not outcome.timer_at:
        renamed.cause, renamed.order_id, renamed.shop_id, renamed.channel = event, order, shop, channel
    assert_both_ways(POLICIES["as shipped"], renamed, member_id)


@given(st.sampled_from(told_under("as shipped")), st.integers(0, 2**53), st.integers(-(2**53), 2**53), st.booleans())
def test_whatever_the_numbers_are(outcome: Outcome, number: int, money: int, catch_up: bool) -> None:
    renumbered = copy_of(outcome)
    renumbered.sequence = renumbered.frequency = renumbered.offset = number
    renumbered.monetary = money
    renumbered.catch_up = catch_up
    renumbered.recorded_at = number % 10_000_000_000
    renumbered.next_due_at = renumbered.last_purchase_at = number % 2 * 1_700_000_000_000
    assert_both_ways(POLICIES["as shipped"], renumbered, "00042")


def copy_of(outcome: Outcome) -> Outcome:
    return Outcome(*(getattr(outcome, name) for name in FIELDS))
