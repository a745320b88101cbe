"""Orders older than the return window become final: they go on counting, and nothing about them can change."""

from collections.abc import Callable
from datetime import datetime

import pytest

from scoring.calendar import instant_of
from scoring.engine import DUPLICATE
from scoring.events import MemberEvent
from scoring.state import fingerprint
from scoring.vocabulary import PROSPECT
from tests.builders import NOON, Story, a_cancel, a_policy, a_return, a_visit, an_order, contents, midnight, noon
from tests.scoring.sealed_stories import at_midnight, can_change, final, is_too_late, sealing

# -- when --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("return_days", "at", "is_final"),
    [
        (90, at_midnight(90, -1), False),
        (90, at_midnight(90), True),
        (1, at_midnight(1, -1), False),
        (1, at_midnight(1), True),
        (0, NOON, True),
    ],
)
def test_an_order_is_final_from_the_start_of_a_day_on(return_days: int, at: datetime, is_final: bool) -> None:
    story = Story(sealing(return_window_days=return_days))
    story.has(an_order(net=700), a_visit(at=at))
    assert final(story) == ([(0, 1, 700, 1)] if is_final else [])
    assert can_change(story) == (0 if is_final else 1)
    assert (story.member.frequency, story.member.monetary) == (1, 700)


def test_without_the_key_no_order_is_ever_final() -> None:
    story = Story(a_policy())
    story.has(an_order(), a_visit(at=noon(300)), a_return(amount=1, at=noon(300)))
    assert story.member.sealed is None
    assert story.member.monetary == 999


def test_a_timer_makes_orders_final_too() -> None:
    story = Story(sealing(return_window_days=60))
    story.has(an_order())
    story.tick(midnight(60))
    assert final(story) == [(0, 1, 1000, 1)]


def test_what_is_final_depends_on_time_alone_and_not_on_whether_anybody_looked() -> None:
    looked, unseen = Story(sealing()), Story(sealing())
    for story in looked, unseen:
        story.has(an_order("a"), an_order("b", at=noon(10)))
    looked.has(a_visit(at=noon(95)))
    assert (len(final(looked)), len(final(unseen))) == (1, 0)
    for story in looked, unseen:
        # The return itself is from before, but as_of is not.
        story.position.last_tick = midnight(95)
        assert is_too_late(story, a_return("a", at=noon(20)), log_time=midnight(95))
        assert not is_too_late(story, a_return("b", at=noon(20)), log_time=midnight(95))


def test_a_return_counts_to_the_last_instant_and_not_after() -> None:
    in_time, late = Story(sealing()), Story(sealing())
    for story in in_time, late:
        story.has(an_order(net=700))
    in_time.has(a_return(amount=200, at=at_midnight(90, -1)), a_visit(at=at_midnight(90)))
    assert final(in_time) == [(0, 1, 500, 1)]
    assert is_too_late(late, a_return(amount=200, at=at_midnight(90)))


# -- what is kept ------------------------------------------------------------------------------------------------------


def test_a_day_keeps_what_counts_and_the_ids_of_all() -> None:
    story = Story(sealing())
    story.has(an_order("whole", net=700), an_order("part", net=500), a_return("part", amount=200))
    story.has(an_order("returned", net=500), a_return("returned", amount=500))
    story.has(an_order("cancelled", net=500), a_cancel("cancelled"), a_cancel("never-paid"), a_return("unknown"))
    story.has(an_order("next", at=noon(1), net=100), a_visit(at=noon(95)))
    assert final(story) == [(0, 2, 1000, 6), (1, 1, 100, 1)]
    assert can_change(story) == 0
    sealed = story.member.sealed
    assert sealed is not None
    names = ("whole", "part", "returned", "cancelled", "never-paid", "unknown")
    assert sealed.buckets[0].fingerprints == b"".join(sorted(map(fingerprint, names)))
    assert sealed.last_at == story.member.last_at == instant_of(noon(1))


@pytest.mark.parametrize(("minimum", "count"), [(299, 1), (300, 1), (301, 0)])
def test_an_order_counts_by_what_was_kept_of_it_when_it_became_final(minimum: int, count: int) -> None:
    story = Story(sealing(min_order_amount=minimum))
    story.has(an_order(net=500), a_return(amount=200), a_visit(at=noon(90)))
    assert final(story) == [(0, count, 300 * count, 1)]
    assert (story.member.frequency, story.member.monetary) == (count, 300 * count)
    for other in 1, 1000:
        story.policy = sealing(min_order_amount=other)
        story.evaluated(midnight(91))
        assert final(story) == [(0, count, 300 * count, 1)]
        assert story.member.frequency == count


def test_a_longer_return_window_reopens_nothing() -> None:
    story = Story(sealing())
    story.has(an_order(), a_visit(at=noon(90)))
    story.policy = sealing(return_window_days=200)
    assert is_too_late(story, a_return(at=noon(91)))
    assert final(story) == [(0, 1, 1000, 1)]


def test_once_sealing_is_off_nothing_more_becomes_final_and_what_is_stays_so() -> None:
    story = Story(sealing())
    story.has(an_order("a"), an_order("b", at=noon(50)), a_visit(at=noon(90)))
    story.policy = a_policy()
    story.has(a_visit("later", at=noon(300)))
    assert (final(story), can_change(story)) == ([(0, 1, 1000, 1)], 1)
    assert is_too_late(story, a_return("a", at=noon(300)))
    story.has(a_return("b", at=noon(300), amount=400))
    assert (story.member.frequency, story.member.monetary) == (2, 1600)
    story.tick(midnight(366))
    assert (story.member.frequency, story.member.monetary) == (1, 600)
    story.has(a_visit("last", at=noon(460)))
    assert (final(story), story.member.gone_days) == ([], 1)


# -- late news ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "news",
    [
        an_order(),
        an_order(at=noon(89)),
        an_order(net=2000, revision=2, at=noon(91)),
        a_return(at=noon(91)),
        a_cancel(at=noon(91)),
        a_cancel(at=noon(0), revision=0),
    ],
)
def test_no_news_about_a_final_order_is_accepted_a_repeat_included(news: MemberEvent) -> None:
    story = Story(sealing())
    story.has(an_order(), a_visit(at=noon(90)))
    assert is_too_late(story, news, log_time=instant_of(noon(91)))


@pytest.mark.parametrize(
    "first",
    [
        [a_cancel()],
        [an_order(), a_cancel()],
        [a_cancel(revision=3), an_order(at=noon(1))],
        [a_return(amount=10)],
        [an_order(), a_return()],
    ],
)
def test_what_never_counted_never_comes_back_to_life(first: list[MemberEvent]) -> None:
    story = Story(sealing())
    story.has(*first, a_visit(at=noon(95)))
    for revision in 1, 9:
        assert is_too_late(story, an_order(revision=revision), log_time=instant_of(noon(95)))
        assert is_too_late(story, an_order(revision=revision, at=noon(95)))
    assert story.member.frequency == 0
    assert story.member.stage == PROSPECT


def test_an_order_first_heard_of_after_its_return_window_counts_and_is_final_at_once() -> None:
    story = Story(sealing())
    story.has(an_order("now", at=noon(100)))
    story.has(an_order("late", at=noon(10), net=300))
    assert (final(story), can_change(story)) == ([(10, 1, 300, 1)], 1)
    assert (story.member.frequency, story.member.monetary) == (2, 1300)
    assert is_too_late(story, a_return("late", at=noon(100)))
    assert is_too_late(story, an_order("late", at=noon(10), net=300))


def test_even_a_first_event_can_be_final_at_once() -> None:
    story = Story(sealing())
    story.position.last_tick = midnight(100)
    story.has(an_order(), log_time=midnight(100))
    assert (final(story), can_change(story)) == ([(0, 1, 1000, 1)], 0)
    assert [outcome.kind for outcome in story.told] == ["tier.joined", "lifecycle.first_purchase"]


def test_an_old_order_that_meets_its_late_cancel_is_final_and_cancelled() -> None:
    story = Story(sealing())
    story.has(a_cancel(at=noon(100)))
    assert (final(story), can_change(story)) == ([], 1), "a stub of its own day"
    story.has(an_order(at=noon(5)))
    assert (final(story), can_change(story)) == ([(5, 0, 0, 1)], 0)
    assert story.member.frequency == 0


@pytest.mark.parametrize("news", [a_return, a_cancel])
def test_a_late_return_or_cancel_of_an_unknown_order_waits_from_its_own_day(news: Callable[..., MemberEvent]) -> None:
    story = Story(sealing())
    story.has(a_visit(at=noon(100)), news(at=noon(5)), log_time=instant_of(noon(100)))
    assert final(story) == [(5, 0, 0, 1)]
    story.has(news("other", at=noon(100)), a_visit("later", at=at_midnight(190, -1)))
    assert can_change(story) == 1
    story.has(a_visit("last", at=at_midnight(190)))
    assert final(story) == [(5, 0, 0, 1), (100, 0, 0, 1)]


def test_a_duplicate_makes_nothing_final() -> None:
    story = Story(sealing())
    story.has(an_order(), a_visit(at=noon(10)))
    before = contents(story.member, but=["offset"])
    story.position.last_tick = midnight(120)
    decision = story.has(a_visit(at=noon(10)), log_time=midnight(120))
    assert decision.verdict == DUPLICATE
    assert decision.state.offset == story.position.offset
    assert contents(decision.state, but=["offset"]) == before


def test_a_refused_event_makes_nothing_final() -> None:
    story = Story(sealing())
    story.has(an_order("a"), an_order("b"))
    assert is_too_late(story, a_return("a", at=noon(120)))
    assert can_change(story) == 2
