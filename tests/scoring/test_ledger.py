"""Registers: the same ledger from the same news, whatever its order and however often it comes."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.calendar import instant_of
from scoring.engine import DUPLICATE
from scoring.events import Line, OrderEvent, OrderReturned
from scoring.state import fingerprint
from tests.builders import NOON, Story, a_cancel, a_policy, a_return, an_order, contents, noon

REVISIONS = st.integers(0, 3)
MOMENTS = st.integers(0, 2).map(lambda day: NOON + timedelta(days=day))
AMOUNTS = st.integers(0, 5).map(lambda euros: euros * 100)
ORDERS = st.sampled_from(["order-1", "order-2"])
PAID = st.builds(an_order, ORDERS, at=MOMENTS, net=AMOUNTS, revision=REVISIONS)
CANCELLED = st.builds(a_cancel, ORDERS, at=MOMENTS, revision=REVISIONS)
RETURNED = st.builds(
    a_return, ORDERS, at=MOMENTS, amount=AMOUNTS, return_id=st.sampled_from(["a", "b"]), revision=REVISIONS
)
NEWS = st.lists(st.one_of(PAID, CANCELLED, RETURNED), min_size=1, max_size=8)

#: What depends on the order in which the news came, and nothing else may. (A duplicate does not move as_of.)
TELLS_THE_ORDER = ("offset", "sequence", "as_of", "tier_since", "stage_since", "joined_at")


def after(news: Sequence[OrderEvent]) -> dict[str, object]:
    story = Story()
    story.has(*news, log_time=instant_of(noon(3)))
    return contents(story.member, but=TELLS_THE_ORDER)


@settings(deadline=None)
@given(NEWS, st.randoms(use_true_random=False))
def test_order_and_repetition_of_news_do_not_matter(news: list[OrderEvent], chance: random.Random) -> None:
    shuffled = news + chance.choices(news, k=3)
    chance.shuffle(shuffled)
    assert after(shuffled) == after(news)


@settings(deadline=None)
@given(NEWS)
def test_all_news_heard_a_second_time_is_a_duplicate(news: list[OrderEvent]) -> None:
    story = Story()
    story.has(*news, log_time=instant_of(noon(3)))
    before = contents(story.member, but=["offset"])
    for event in news:
        decision = story.has(event)
        assert decision.verdict == DUPLICATE
        assert not decision.outcomes
        assert contents(decision.state, but=["offset"]) == before


@settings(deadline=None)
@given(NEWS)
def test_the_registers_hold_what_the_rules_say(news: list[OrderEvent]) -> None:
    story = Story()
    story.has(*news, log_time=instant_of(noon(3)))
    kept = {event.order_id: worth_by_the_rules(news, event.order_id) for event in news}
    values = [value for value in kept.values() if value >= 1]
    assert (story.member.frequency, story.member.monetary) == (len(values), sum(values))


def worth_by_the_rules(news: Sequence[OrderEvent], order_id: str) -> int:
    sales: list[tuple[int, int, int, int]] = []
    returns: dict[str, tuple[int, int, int]] = {}
    for event in news:
        at = instant_of(event.occurred_at)
        if event.order_id != order_id:
            continue
        if event.__struct_config__.tag == "order.returned":
            offered = (event.revision, at, getattr(event, "returned_amount", 0))
            key = getattr(event, "return_id", "")
            returns[key] = max(returns.get(key, offered), offered)
        elif event.__struct_config__.tag == "order.cancelled":
            sales.append((event.revision, 1, at, 0))
        else:
            sales.append((event.revision, 0, at, getattr(event, "net_amount", 0)))
    if not sales or max(sales)[1] == 1:
        return 0
    net = max(sales)[3]
    return net - min(sum(amount for _, _, amount in returns.values()), net)


@pytest.mark.parametrize(
    ("news", "monetary", "last_purchase"),
    [
        ([an_order(net=500)], 500, noon(0)),
        # A revision corrects the order and does not move the purchase, even when it comes first.
        ([an_order(net=500), an_order(net=700, revision=2, at=noon(2))], 700, noon(0)),
        ([an_order(net=700, revision=2, at=noon(2)), an_order(net=500)], 700, noon(0)),
        ([an_order(net=500), an_order(net=700, revision=0, at=noon(2))], 500, noon(2)),
        # Equal revisions: the cancel wins, then the later, then the dearer.
        ([a_cancel(at=noon(0)), an_order(net=500, at=noon(2))], 0, None),
        ([a_cancel(), an_order(net=500, revision=2, at=noon(2))], 500, noon(2)),
        ([an_order(net=500, at=noon(1)), an_order(net=400, at=noon(2))], 400, noon(1)),
        ([an_order(net=500), an_order(net=400)], 500, noon(0)),
        ([an_order(net=400, at=noon(2)), an_order(net=500, at=noon(1))], 400, noon(1)),
        # The losing sale of the first line moves the purchase; said again, it is still a losing sale.
        ([an_order(net=400, at=noon(2)), an_order(net=500, at=noon(1)), an_order(net=500, at=noon(1))], 400, noon(1)),
        # Returns add up over their ids, capped at what was paid; an order of no value is not kept.
        ([an_order(net=500), a_return(amount=200)], 300, noon(0)),
        ([an_order(net=500), a_return(amount=499)], 1, noon(0)),
        ([an_order(net=500), a_return(amount=500)], 0, None),
        ([an_order(net=500), a_return(amount=501)], 0, None),
        ([a_return(amount=200, return_id="a"), a_return(amount=100, return_id="b"), an_order(net=500)], 200, noon(0)),
        ([an_order(net=500), a_return(amount=200), a_return(amount=100, revision=2)], 400, noon(0)),
        ([an_order(net=500), a_return(amount=100, revision=2), a_return(amount=200)], 400, noon(0)),
        ([an_order(net=0)], 0, None),
    ],
)
def test_the_winning_registers_decide(news: list[OrderEvent], monetary: int, last_purchase: datetime | None) -> None:
    story = Story()
    story.has(*news, log_time=instant_of(noon(3)))
    assert story.member.monetary == monetary
    assert story.member.last_at == (instant_of(last_purchase) if last_purchase else 0)


@pytest.mark.parametrize(("minimum", "frequency"), [(299, 1), (300, 1), (301, 0)])
def test_an_order_is_kept_from_the_minimum_on(minimum: int, frequency: int) -> None:
    story = Story(a_policy(min_order_amount=minimum))
    story.has(an_order(net=500), a_return(amount=200))
    assert story.member.frequency == frequency


def test_an_earlier_date_of_an_unpaid_order_is_news_and_a_later_one_is_not() -> None:
    story = Story()
    story.has(a_return(revision=2, at=noon(1)))
    assert story.has(a_return(revision=1, at=noon(0)), log_time=instant_of(noon(2))).verdict != DUPLICATE
    assert story.has(a_return(revision=1, at=noon(1)), log_time=instant_of(noon(2))).verdict == DUPLICATE
    assert story.member.amended[0][1] == instant_of(noon(0))


def test_a_return_says_in_lines_what_came_back_and_in_its_amount_what_that_is_worth() -> None:
    goods = [Line(sku="tea", quantity=2, net_amount=450), Line(sku="cup", net_amount=50)]
    whole, part, told_first = Story(), Story(), Story()
    whole.has(an_order(net=500), with_lines(a_return(amount=500), goods))
    part.has(an_order(net=500), with_lines(a_return(amount=100), goods[1:]))
    told_first.has(with_lines(a_return(amount=100), goods[1:]), an_order(net=500))
    numbers = [(story.member.frequency, story.member.monetary) for story in (whole, part, told_first)]
    assert numbers == [(0, 0), (1, 400), (1, 400)]
    assert contents(part.member, but=TELLS_THE_ORDER) == contents(told_first.member, but=TELLS_THE_ORDER)


def with_lines(event: OrderReturned, lines: list[Line]) -> OrderReturned:
    return msgspec.structs.replace(event, lines=lines)


def test_a_cancel_moves_recency_back_and_so_does_a_return_of_the_whole() -> None:
    for taken_back in a_cancel("later", at=noon(3)), a_return("later", at=noon(3)):
        story = Story()
        story.has(an_order(), an_order("later", at=noon(2)), an_order("between", at=noon(1), net=0))
        assert story.member.last_at == instant_of(noon(2))
        story.has(taken_back)
        assert (story.member.last_at, story.member.purchase_days) == (instant_of(noon(0)), 1)


def test_fingerprints_are_the_blake2b_of_eight_bytes() -> None:
    assert fingerprint("order-1").hex() == "2599000e8c1b023d"
