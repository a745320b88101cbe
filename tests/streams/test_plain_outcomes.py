from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.events import OrderPaid
from scoring.outcomes import Outcome
from scoring.policy import Policy, TierRule
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


def assert_both_ways(policy: Policy, outcome: Outcome, member_id: str) -> None:
    """The quick way writes what the one writes that every kind can take."""
    records = OutcomeRecords(policy, epoch=3)
    topic, key, value, headers = records.record(outcome, member_id, 7)
    assert records.written(outcome, member_id, key, 7) == (topic, value, encode_headers(headers))


@pytest.mark.parametrize("name", POLICIES)
def test_both_ways_write_the_same(name: str) -> None:
    told = told_under(name)
    assert {outcome.kind for outcome in told} >= {"tier.joined", "tier.upgraded", "lifecycle.first_purchase"}
    for outcome in told:
        assert_both_ways(POLICIES[name], outcome, "00042")


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
