"""R, F and M at the edges of the windows, and what is left of orders that the horizon took."""

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.calendar import instant_of
from scoring.evaluation import evaluate
from scoring.policy import CALENDAR_YEAR, Policy
from scoring.rfm import measure
from scoring.state import NO_DAY, ORDER_BYTES
from scoring.vocabulary import ACTIVE, DORMANT, NEW
from tests.builders import (
    NOON,
    Story,
    a_cancel,
    a_policy,
    a_return,
    a_visit,
    an_order,
    contents,
    holding,
    midnight,
    noon,
)

FIRST_DAY = midnight(0) // 86_400_000


@pytest.mark.parametrize(
    ("age", "frequency", "tier_frequency", "exit_day"),
    [(0, 1, 1, 30), (29, 1, 1, 30), (30, 1, 0, 100), (99, 1, 0, 100), (100, 0, 0, None), (101, 0, 0, None)],
)
def test_each_window_counts_an_order_until_its_last_day(
    age: int, frequency: int, tier_frequency: int, exit_day: int | None
) -> None:
    policy = a_policy(window_days=100, tier_window_days=30)
    story = Story(policy)
    story.has(an_order(net=700))
    member = story.member
    measure(member, FIRST_DAY + age, policy)
    assert (member.frequency, member.monetary) == (frequency, 700 * frequency)
    assert (member.tier_frequency, member.tier_monetary) == (tier_frequency, 700 * tier_frequency)
    assert member.exit_day == (NO_DAY if exit_day is None else FIRST_DAY + exit_day)


def test_only_kept_orders_count() -> None:
    story = Story()
    story.has(an_order("kept", net=10), an_order("free", net=0), an_order("gone", net=5), a_cancel("gone"))
    story.has(
        an_order("part", net=50, at=noon(1)), a_return("part", amount=20, at=noon(1)), a_return("stub", at=noon(2))
    )
    assert (story.member.frequency, story.member.monetary) == (2, 40)
    assert story.member.last_at == instant_of(noon(1))


def test_the_latest_purchase_of_a_day_counts_whatever_came_first() -> None:
    story = Story()
    story.has(an_order("late", at=NOON + timedelta(hours=3)), an_order("early", at=NOON))
    assert story.member.last_at == instant_of(NOON + timedelta(hours=3))
    story.has(an_order("later", at=NOON + timedelta(hours=4)))
    assert story.member.last_at == instant_of(NOON + timedelta(hours=4))


@pytest.mark.parametrize(("at", "left"), [(midnight(460) - 1, 0), (midnight(460), 1)])
def test_an_order_leaves_the_ledger_at_the_horizon(at: int, left: int) -> None:
    story = Story()
    story.has(an_order())
    story.tick(midnight(365))
    story.position.last_tick = at
    story.has(a_visit(at=noon(400)), log_time=at)
    assert len(story.member.orders) // ORDER_BYTES == 1 - left
    assert story.member.gone_days == left
    assert (story.member.last_at, story.member.stage) == (instant_of(NOON), DORMANT)


def test_days_of_kept_orders_that_left_still_count_as_days() -> None:
    story = Story()
    story.has(an_order(), an_order("same-day", at=NOON + timedelta(hours=1)), an_order("next", at=noon(1)))
    story.has(an_order("free", net=0, at=noon(2)), a_return("stub", at=noon(2)))
    story.has(an_order("after", at=noon(480)))
    assert (story.member.gone_days, story.member.gone_at) == (2, instant_of(noon(1)))
    assert (len(story.member.orders) // ORDER_BYTES, len(story.member.amended)) == (1, 0)
    assert story.member.stage == ACTIVE
    story.has(a_cancel("after", at=noon(481)))
    assert (story.member.last_at, story.member.stage) == (instant_of(noon(1)), DORMANT)


def test_one_day_that_left_and_a_purchase_now_make_two_days() -> None:
    story = Story()
    story.has(an_order())
    assert story.member.stage == NEW
    story.has(an_order("after", at=noon(480)))
    assert (story.member.gone_days, story.member.stage) == (1, ACTIVE)


def test_orders_that_left_at_different_times_add_up() -> None:
    story = Story()
    story.has(an_order(), an_order("later", at=noon(100)))
    story.has(a_visit("v1", at=noon(470)))
    assert (story.member.gone_days, story.member.gone_at) == (1, instant_of(NOON))
    story.has(a_visit("v2", at=noon(570)))
    assert (story.member.gone_days, story.member.gone_at) == (2, instant_of(noon(100)))


@pytest.mark.parametrize("count", [1, 11, 12, 13])
def test_the_latest_twelve_days_that_left_are_remembered(count: int) -> None:
    story = Story()
    story.has(*[an_order(f"order-{n}", at=noon(3 * n)) for n in range(count)])
    story.has(an_order("same-day", at=noon(0) + timedelta(hours=1)), log_time=instant_of(noon(50)))
    story.has(an_order("free", net=0, at=noon(49)), a_return("stub", at=noon(48)), log_time=instant_of(noon(50)))
    story.has(a_visit(at=noon(600)))
    assert story.member.gone_days == count
    assert story.member.gone_purchase_days == tuple(FIRST_DAY + 3 * n for n in range(max(0, count - 12), count))


def test_days_that_left_at_different_times_are_remembered_together() -> None:
    story = Story()
    story.has(an_order(), an_order("later", at=noon(100)), a_visit("v1", at=noon(470)))
    assert list(story.member.gone_purchase_days) == [FIRST_DAY]
    story.has(a_visit("v2", at=noon(570)))
    assert list(story.member.gone_purchase_days) == [FIRST_DAY, FIRST_DAY + 100]


def test_of_a_row_from_before_days_were_remembered_the_latest_is_known() -> None:
    story = Story()
    story.has(an_order(), an_order("later", at=noon(100)), a_visit(at=noon(570)))
    story.member.gone_purchase_days = ()
    story.has(a_visit("again", at=noon(571)))
    assert story.member.gone_days == 2
    assert list(story.member.gone_purchase_days) == [FIRST_DAY + 100]


def test_a_late_cancel_of_an_order_that_left_waits_as_a_stub() -> None:
    story = Story()
    story.has(an_order(), a_visit(at=noon(470)), a_cancel(at=noon(471)))
    assert (len(story.member.orders), len(story.member.amended)) == (0, 1)
    assert (story.member.gone_days, story.member.last_at) == (1, instant_of(NOON))
    story.has(a_visit("v2", at=noon(471 + 460)))
    assert (len(story.member.amended), story.member.gone_days) == (0, 1)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 40), st.integers(0, 3)), min_size=1, max_size=12),
    st.sampled_from(
        [
            a_policy(),
            a_policy(min_order_amount=200),
            a_policy(tier_window_days=30),
            a_policy(tier_window=CALENDAR_YEAR),
            holding(tier_window_days=365, hold_days=60, grace_days=10, expiring_days=20),
        ]
    ),
    st.randoms(use_true_random=False),
)
def test_counting_one_more_order_comes_to_the_same_as_counting_all(
    orders: list[tuple[int, int, int]], policy: Policy, chance: random.Random
) -> None:
    story = Story(policy)
    for number, (heard, late, hundreds) in enumerate(sorted(orders)):
        bought = NOON + timedelta(days=heard - late, minutes=-chance.randrange(600))
        story.has(an_order(f"order-{number}", at=bought, net=100 * hundreds), log_time=instant_of(noon(heard)))
        counted = story.member.clone()
        evaluate(counted, policy)
        assert contents(counted) == contents(story.member)
