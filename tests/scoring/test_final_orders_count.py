"""Final orders count like any other."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.calendar import instant_of
from scoring.evaluation import evaluate
from scoring.events import MemberEvent, OrderEvent
from scoring.outcomes import Outcome
from scoring.pace import purchase_days_of
from scoring.policy import CALENDAR_YEAR
from scoring.qualifying_window import counts_at
from scoring.rhythm import Rhythm
from scoring.segment_rules import GROUPS, SegmentRules
from scoring.tier_rules import HoldRules, TierRule
from scoring.vocabulary import ACTIVE, NEW
from tests.builders import NOON, Story, a_cancel, a_policy, a_return, a_visit, an_order, contents, midnight, noon
from tests.scoring.sealed_stories import FIRST_DAY, accepts, at_midnight, can_change, final, orders, sealing

# -- it counts like any other ------------------------------------------------------------------------------------------


def test_a_final_order_leaves_the_window_on_its_day() -> None:
    sealed, open_ = Story(sealing()), Story(a_policy())
    for story in sealed, open_:
        story.has(*orders([0, 0, 10, 20], "x")[1:], an_order("big", at=noon(5), net=200_000), a_visit(at=noon(300)))
        assert story.member.next_due == midnight(365)
        story.tick(midnight(369))
        assert story.member.tier == 2
        story.tick(midnight(370))
        assert (story.member.tier, story.told[-1].kind) == (0, "tier.downgraded")
        assert story.told[-1].at == midnight(370)
    assert can_change(sealed) == 0


def test_a_day_makes_a_member_new_and_two_make_her_active() -> None:
    story = Story(sealing(return_window_days=0))
    story.has(an_order("a"), an_order("b", at=NOON + timedelta(hours=1)))
    assert story.member.stage == NEW
    story.has(an_order("c", at=noon(1)))
    assert story.member.stage == ACTIVE


def test_the_last_purchase_may_be_final_and_an_earlier_one_not() -> None:
    story = Story(sealing(return_window_days=0))
    story.has(an_order("a", at=noon(5)))
    story.policy = a_policy()
    story.has(an_order("late", at=noon(3)), a_visit(at=noon(6)), log_time=instant_of(noon(6)))
    assert (len(final(story)), can_change(story)) == (1, 1)
    assert (story.member.last_at, story.member.last_day) == (instant_of(noon(5)), FIRST_DAY + 5)
    assert story.member.stage == ACTIVE


def test_a_cancel_of_the_last_order_moves_recency_back_to_a_final_one() -> None:
    story = Story(sealing())
    story.has(an_order("old"), an_order("new", at=noon(100)))
    assert len(final(story)) == 1
    story.has(a_cancel("new", at=noon(101)))
    assert (story.member.last_at, story.member.last_day) == (instant_of(NOON), FIRST_DAY)
    assert (story.told[-1].kind, story.told[-1].due_at) == ("lifecycle.lapsed_recently", midnight(90))


@pytest.mark.parametrize(("at", "counted"), [(midnight(0), 0), (midnight(0) + 1, 2), (midnight(1), 2)])
def test_looking_back_a_final_order_counts_from_the_beginning_of_its_day(at: int, counted: int) -> None:
    policy = sealing()
    story = Story(policy)
    story.has(an_order("a"), an_order("b", at=NOON + timedelta(hours=1)), an_order("c", at=noon(95)))
    assert counts_at(story.member, policy, at) == [(counted, 1000 * counted)]


def test_as_of_now_and_later_every_final_order_counts() -> None:
    policy = sealing(return_window_days=0)
    story = Story(policy)
    story.has(an_order(at=at_midnight(0)))
    assert story.member.as_of == midnight(0)
    assert counts_at(story.member, policy, midnight(0)) == [(1, 1000)]
    assert counts_at(story.member, policy, midnight(364)) == [(1, 1000)]
    assert counts_at(story.member, policy, midnight(365)) == [(0, 0)]
    assert purchase_days_of(story.member, policy) == [FIRST_DAY]


def test_orders_settled_by_a_day_leave_out_final_days_after_it() -> None:
    policy = sealing(orders=1)
    story = Story(policy)
    story.has(*orders([1, 2, 3]))
    assert counts_at(story.member, policy, midnight(4), FIRST_DAY + 1) == [(1, 100)]


def test_an_alert_tells_of_final_orders_as_of_others() -> None:
    pace = Rhythm()
    sealed, open_ = Story(sealing(rhythm=pace)), Story(a_policy(rhythm=pace))
    for story in sealed, open_:
        story.has(*orders([0, 30]), an_order("second", at=noon(30)), *orders([40, 70]), a_cancel("stub", at=noon(71)))
        story.tick(midnight(400))
    assert len(final(sealed)) == 5
    told = [[(news.kind, news.at, news.facts) for news in story.told] for story in (sealed, open_)]
    assert told[0] == told[1]
    assert "lifecycle.dormant" in [news.kind for news in sealed.told]


def test_the_days_of_final_orders_are_purchase_days() -> None:
    policy = sealing(rhythm=Rhythm())
    story = Story(policy)
    story.has(*orders([1, 2, 95]), a_cancel("stub", at=noon(3)), log_time=instant_of(noon(95)))
    assert sorted(purchase_days_of(story.member, policy)) == [FIRST_DAY + 1, FIRST_DAY + 2, FIRST_DAY + 95]


# -- and in general ----------------------------------------------------------------------------------------------------

SMALL_TIERS = (
    TierRule("Basic", None, None, match_all=False),
    TierRule("Silver", 2, 1_500, match_all=False),
    TierRule("Gold", 4, 4_000, match_all=False),
)
EVERY_NAME = frozenset(name for names in GROUPS for name in names)
RULES: dict[str, dict[str, object]] = {
    "at once": {},
    "another window for tiers": {"tier_window_days": 60, "window_days": 100},
    "by years": {"tier_window": CALENDAR_YEAR, "holds": HoldRules(0, 20, one_level=True, expiring_days=30)},
    "on hold": {"tier_window_days": 100, "holds": HoldRules(50, 10, one_level=True, expiring_days=20)},
    "own rhythm": {"rhythm": Rhythm(), "allowed_lateness_ms": 7_200_000},
    "segments": {
        "segments": SegmentRules([30, 60, 90, 180], [2, 3, 5, 8], 90, 1, 2_000, by_median=False, named=EVERY_NAME)
    },
}


#: An order on its day, what then happens to it, and how many days later.
LIVES = st.lists(
    st.tuples(
        st.integers(1, 60),
        st.integers(0, 30).map(lambda euros: euros * 100),
        st.sampled_from(["", "", "", "return", "part", "cancel", "revise", "cancel first", "return first"]),
        st.integers(0, 9),
    ),
    min_size=1,
    max_size=12,
)


def news_of(lives: list[tuple[int, int, str, int]]) -> list[OrderEvent]:
    """Every event in the order of its date; what happens to an order happens within 9 days."""
    found: list[tuple[datetime, int, OrderEvent]] = []
    day = 0
    for number, (pause, net, fate, later) in enumerate(lives):
        day += pause
        name, bought, then = f"order-{number}", noon(day), noon(day + later) + timedelta(minutes=1)
        found.append((bought, number, an_order(name, at=bought, net=net)))
        fates: dict[str, OrderEvent] = {
            "return": a_return(name, at=then, amount=net),
            "part": a_return(name, at=then, amount=net // 2),
            "cancel": a_cancel(name, at=then),
            "revise": an_order(name, at=then, net=net + 100, revision=2),
            "cancel first": a_cancel(name, at=bought - timedelta(hours=1)),
            "return first": a_return(name, at=bought - timedelta(hours=1), amount=net // 2),
        }
        if fate:
            found.append((fates[fate].occurred_at, number, fates[fate]))
    return [event for _, _, event in sorted(found, key=lambda entry: entry[:2])]


def essence(news: Outcome) -> tuple[object, ...]:
    return (news.kind, news.at, news.due_at, news.before, news.after, news.reason, news.frequency, news.monetary)


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
@settings(deadline=None, max_examples=30)
@given(lives=LIVES)
def test_a_member_whose_news_is_in_time_sees_no_difference(
    rules: dict[str, object], lives: list[tuple[int, int, str, int]]
) -> None:
    sealed, open_ = Story(sealing(tiers=SMALL_TIERS, **rules)), Story(a_policy(tiers=SMALL_TIERS, **rules))  # type: ignore[arg-type]
    numbers = ("tier", "stage", "last_at", "last_day", "frequency", "monetary", "purchase_days", "exit_day", "next_due")
    for event in news_of(lives):
        for story in sealed, open_:
            if story.state is not None:
                story.tick(instant_of(event.occurred_at))
            story.has(event)
        assert [getattr(sealed.member, name) for name in numbers] == [getattr(open_.member, name) for name in numbers]
    for story in sealed, open_:
        story.tick(story.position.log_time + 1500 * 86_400_000)
    assert [essence(news) for news in sealed.told] == [essence(news) for news in open_.told]


#: What depends on the order in which the news came.
TELLS_THE_ORDER = ("offset", "sequence", "as_of", "tier_since", "stage_since", "joined_at", "remembered", "told")


@settings(deadline=None)
@given(st.lists(st.sampled_from(range(8)), min_size=1, max_size=8), LIVES, st.randoms(use_true_random=False))
def test_below_the_caps_the_ledger_does_not_depend_on_the_order_of_arrival(
    visits: list[int], lives: list[tuple[int, int, str, int]], chance: random.Random
) -> None:
    # Everything within the return window of the first order, so that all of it is known in time, in whatever order.
    news = [event for event in news_of(lives) if event.occurred_at < noon(90)] or [an_order()]
    shuffled = news + chance.choices(news, k=3)
    chance.shuffle(shuffled)
    policy = sealing()
    one, other = Story(policy), Story(policy)
    one.has(*news, log_time=instant_of(noon(90)))
    other.has(*shuffled, log_time=instant_of(noon(90)))
    assert contents(one.member, but=TELLS_THE_ORDER) == contents(other.member, but=TELLS_THE_ORDER)
    for number, visit in enumerate(sorted(visits)):
        for story in one, other:
            story.has(a_visit(f"v{number}", at=noon(91 + 13 * visit)))
    other.has(a_visit("last", at=noon(300)))
    one.has(a_visit("last", at=noon(300)))
    assert contents(one.member, but=TELLS_THE_ORDER) == contents(other.member, but=TELLS_THE_ORDER)
    assert can_change(one) == 0


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 500), st.integers(0, 120), st.integers(0, 3), st.sampled_from(["paid", "stub"])),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from([0, 1, 30, 90]),
    st.integers(1, 6),
    st.integers(1, 6),
)
def test_the_caps_hold_and_counting_one_more_comes_to_the_same_as_counting_all(
    heard: list[tuple[int, int, int, str]], return_days: int, most_orders: int, most_ids: int
) -> None:
    story = Story(sealing(orders=most_orders, hashes=most_ids, return_window_days=return_days, min_order_amount=200))
    for number, (day, late, hundreds, what) in enumerate(sorted(heard)):
        make: Callable[..., MemberEvent] = an_order if what == "paid" else a_cancel
        more = {"net": 100 * hundreds} if what == "paid" else {}
        event = make(f"order-{number}", at=noon(day - late) - timedelta(minutes=number), **more)
        if not accepts(story, event, log_time=instant_of(noon(day))):
            continue
        assert can_change(story) <= most_orders
        assert sum(ids for _, _, _, ids in final(story)) <= most_ids
        counted = story.member.clone()
        evaluate(counted, story.policy)
        assert contents(counted) == contents(story.member)
