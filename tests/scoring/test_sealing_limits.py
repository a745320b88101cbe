"""Final orders leave: beyond the caps the oldest are forgotten, and at the horizon whole days go."""

from datetime import datetime, timedelta

import pytest

from scoring.calendar import instant_of
from scoring.state import fingerprint
from scoring.vocabulary import ACTIVE, DORMANT, PROSPECT
from tests.builders import NOON, Story, a_cancel, a_policy, a_return, a_visit, an_order, midnight, noon
from tests.scoring.sealed_stories import (
    FIRST_DAY,
    at_midnight,
    can_change,
    final,
    forgotten_day,
    is_too_late,
    orders,
    sealed_last_at,
    sealing,
)

# -- caps --------------------------------------------------------------------------------------------------------------


def test_beyond_the_cap_the_oldest_orders_are_final() -> None:
    story = Story(sealing(orders=3))
    story.has(*orders([1, 2, 3]))
    assert (final(story), can_change(story)) == ([], 3)
    story.has(*orders([4]))
    assert (final(story), can_change(story)) == ([(1, 1, 100, 1)], 3)
    assert is_too_late(story, a_return("order-1", at=noon(4)))
    assert (story.member.frequency, story.member.monetary) == (4, 400)


def test_stubs_take_their_place_under_the_cap() -> None:
    story = Story(sealing(orders=3))
    story.has(a_cancel("stub", at=noon(2)), *orders([1, 3]))
    story.has(a_return("another", at=noon(4)))
    assert (final(story), can_change(story)) == ([(1, 1, 100, 1)], 3)
    story.has(*orders([5]))
    assert (final(story), can_change(story)) == ([(1, 1, 100, 1), (2, 0, 0, 1)], 3)


def test_an_order_that_is_itself_the_oldest_beyond_the_cap_is_final_at_once() -> None:
    story = Story(sealing(orders=2))
    story.has(*orders([5, 6]))
    story.has(an_order("late", at=noon(1), net=300), log_time=instant_of(noon(6)))
    assert (final(story), can_change(story)) == ([(1, 1, 300, 1)], 2)
    assert story.member.monetary == 500


def test_of_one_instant_the_smaller_fingerprint_is_final_first() -> None:
    story = Story(sealing(orders=2))
    names = ["a", "b", "c"]
    story.has(*[an_order(name) for name in names])
    [first, *_] = sorted(names, key=lambda name: int.from_bytes(fingerprint(name), "big"))
    assert [name for name in names if is_too_late(story, a_return(name))] == [first]


def test_a_lower_cap_on_orders_holds_from_the_next_event_on() -> None:
    story = Story(sealing(orders=5))
    story.has(*orders([1, 2, 3, 4, 5]))
    story.policy = sealing(orders=2)
    story.evaluated(midnight(6))
    assert can_change(story) == 5
    story.has(a_visit(at=noon(6)))
    assert (final(story), can_change(story)) == ([(1, 1, 100, 1), (2, 1, 100, 1), (3, 1, 100, 1)], 2)


def test_beyond_the_cap_on_ids_the_oldest_are_forgotten_and_still_count() -> None:
    story = Story(sealing(hashes=2, return_window_days=0))
    story.has(*orders([1, 2]))
    assert (final(story), forgotten_day(story)) == ([(1, 1, 100, 1), (2, 1, 100, 1)], None)
    story.has(*orders([3, 4]))
    assert final(story) == [(1, 1, 100, 0), (2, 1, 100, 0), (3, 1, 100, 1), (4, 1, 100, 1)]
    assert forgotten_day(story) == 2
    assert (story.member.frequency, story.member.monetary) == (4, 400)


@pytest.mark.parametrize(("day", "refused"), [(1, True), (2, True), (3, False)])
def test_an_unknown_order_of_a_day_that_was_forgotten_is_too_late(day: int, refused: bool) -> None:
    story = Story(sealing(hashes=2, return_window_days=0))
    story.has(*orders([1, 2, 3, 4]))
    assert is_too_late(story, an_order("new", at=noon(day)), log_time=instant_of(noon(4))) is refused
    assert is_too_late(story, an_order("order-2", at=noon(2)), log_time=instant_of(noon(4)))


def test_a_cancel_of_a_forgotten_order_waits_in_vain_and_a_known_stub_may_be_paid() -> None:
    story = Story(sealing(orders=16, hashes=2, return_window_days=10))
    story.has(*orders([1, 2, 3]), a_visit(at=noon(20)))
    assert (final(story)[0], forgotten_day(story)) == ((1, 1, 100, 0), 1)
    story.has(a_cancel("order-1", at=noon(20)), a_return("new", at=noon(20), amount=10))
    assert (can_change(story), story.member.frequency) == (2, 3)
    # It has been a stub before: it is in the ledger, and so it is known that it was never counted.
    assert not is_too_late(story, an_order("new", at=noon(1), net=100), log_time=instant_of(noon(20)))
    assert (story.member.frequency, story.member.monetary) == (4, 390)
    assert (final(story)[0], forgotten_day(story)) == ((1, 2, 190, 0), 1)


def test_of_one_day_the_smaller_fingerprint_is_forgotten_first() -> None:
    story = Story(sealing(hashes=2, return_window_days=0))
    names = ["a", "b", "c"]
    story.has(*[an_order(name) for name in names])
    sealed = story.member.sealed
    assert sealed is not None
    assert sealed.buckets[0].fingerprints == b"".join(sorted(map(fingerprint, names))[1:])
    assert (final(story), forgotten_day(story)) == ([(0, 3, 3000, 2)], 0)


def test_a_day_of_which_nothing_counted_and_nothing_is_remembered_is_gone() -> None:
    story = Story(sealing(hashes=2, return_window_days=0))
    story.has(a_cancel("stub"), *orders([1, 2]))
    assert (final(story), forgotten_day(story)) == ([(1, 1, 100, 1), (2, 1, 100, 1)], 0)


def test_a_day_that_was_forgotten_stays_so_whatever_is_forgotten_later() -> None:
    story = Story(sealing(hashes=2, return_window_days=0))
    story.has(*orders([5, 6, 7]))
    assert forgotten_day(story) == 5
    story.has(a_cancel("older", at=noon(1)), log_time=instant_of(noon(7)))
    assert (forgotten_day(story), [ids for _, _, _, ids in final(story)]) == (5, [0, 1, 1])
    story.policy = sealing(hashes=9, return_window_days=0)
    story.has(*orders([8]))
    assert (forgotten_day(story), [ids for _, _, _, ids in final(story)]) == (5, [0, 1, 1, 1])
    assert is_too_late(story, an_order("new", at=noon(5)))


def test_a_lower_cap_on_ids_holds_from_the_next_evaluation_on() -> None:
    story = Story(sealing(hashes=9, return_window_days=0))
    story.has(*orders([1, 2, 3, 4]))
    story.policy = sealing(hashes=1, return_window_days=0)
    story.evaluated(midnight(5))
    assert [ids for _, _, _, ids in final(story)] == [0, 0, 0, 1]
    assert forgotten_day(story) == 3


def test_both_caps_rest_once_sealing_is_off() -> None:
    story = Story(sealing(orders=2, hashes=1))
    story.has(*orders([1, 2, 3]))
    story.policy = a_policy()
    story.has(*orders([4, 5]))
    assert (final(story), can_change(story)) == ([(1, 1, 100, 1)], 4)


# -- the horizon -------------------------------------------------------------------------------------------------------


def test_a_day_leaves_by_the_horizon_as_one_purchase_day() -> None:
    story = Story(sealing())
    story.has(an_order("a"), an_order("b", at=NOON + timedelta(hours=1)), an_order("c", at=noon(100)))
    story.has(a_visit("v1", at=noon(300)))
    assert final(story) == [(0, 2, 2000, 2), (100, 1, 1000, 1)]
    story.tick(midnight(465))
    story.has(a_visit("v2", at=at_midnight(459)), log_time=midnight(465))
    assert final(story) == [(100, 1, 1000, 1)]
    assert (story.member.gone_days, story.member.gone_purchase_days) == (1, (FIRST_DAY,))
    assert (story.member.last_at, story.member.stage) == (instant_of(noon(100)), DORMANT)
    story.has(an_order("d", at=noon(600)))
    assert (story.member.gone_days, story.member.gone_purchase_days) == (2, (FIRST_DAY, FIRST_DAY + 100))
    assert (final(story), story.member.sealed) == ([], None)
    assert story.member.stage == ACTIVE
    story.has(a_cancel("d", at=noon(601)))
    assert (story.member.last_at, story.member.stage) == (instant_of(noon(100)), DORMANT)


@pytest.mark.parametrize(("at", "left"), [(at_midnight(460, -1), 0), (at_midnight(460), 1)])
def test_a_final_day_leaves_at_the_horizon_and_not_before(at: datetime, left: int) -> None:
    story = Story(sealing())
    story.has(an_order(), a_visit("v", at=noon(200)), a_visit(at=at))
    assert len(final(story)) == 1 - left
    assert (story.member.gone_days, story.member.last_at) == (left, instant_of(NOON))


def test_days_final_and_not_final_that_leave_together_are_counted_once() -> None:
    story = Story(sealing(orders=1))
    story.has(an_order("a"), an_order("b", at=NOON + timedelta(hours=1)), an_order("c", at=NOON + timedelta(hours=2)))
    story.policy = a_policy()
    assert (final(story), can_change(story)) == ([(0, 2, 2000, 2)], 1)
    story.has(a_visit(at=noon(460)))
    assert (story.member.gone_days, story.member.gone_at) == (1, instant_of(NOON + timedelta(hours=2)))
    assert story.member.purchase_days == 1


def test_an_order_of_which_nothing_is_heard_until_the_horizon_leaves_without_a_bucket() -> None:
    story = Story(sealing())
    story.has(an_order("a"), a_return("b", at=noon(1)), an_order("c", at=noon(700)))
    assert (story.member.sealed, can_change(story), story.member.gone_days) == (None, 1, 1)
    assert story.member.gone_at == instant_of(NOON)
    story.has(a_visit(at=noon(701)))
    assert story.member.stage == ACTIVE


def test_the_latest_final_purchase_leaves_with_the_last_day_that_has_one() -> None:
    story = Story(sealing())
    story.has(an_order("a"), an_order("b", at=noon(10)), a_cancel("stub", at=noon(20)), a_visit("v1", at=noon(200)))
    assert [sealed_last_at(story), len(final(story))] == [instant_of(noon(10)), 3]
    story.has(a_visit("v2", at=noon(460)))
    assert [sealed_last_at(story), len(final(story))] == [instant_of(noon(10)), 2]
    story.has(a_visit("v3", at=noon(470)))
    assert [sealed_last_at(story), len(final(story))] == [0, 1]
    assert (story.member.gone_at, story.member.last_at) == (instant_of(noon(10)), instant_of(noon(10)))


def test_a_day_of_stubs_leaves_without_a_trace() -> None:
    story = Story(sealing())
    story.has(a_cancel(), a_visit("v", at=noon(200)))
    assert final(story) == [(0, 0, 0, 1)]
    story.has(a_visit(at=noon(460)))
    assert (story.member.sealed, story.member.gone_days, story.member.stage) == (None, 0, PROSPECT)


def test_news_about_an_order_that_left_waits_as_a_stub_again() -> None:
    story = Story(sealing())
    story.has(an_order(), a_visit(at=noon(200)))
    assert is_too_late(story, a_cancel(at=at_midnight(460, -1)))
    # The horizon comes first, then the refusal.
    assert not is_too_late(story, a_cancel(at=at_midnight(460)))
    assert (can_change(story), story.member.gone_days) == (1, 1)


def test_a_forgotten_day_beyond_the_horizon_is_dropped() -> None:
    story = Story(sealing(hashes=1, return_window_days=90))
    story.has(a_cancel("stub"), *orders([1, 100]), a_visit(at=noon(200)))
    assert (final(story), forgotten_day(story)) == ([(1, 1, 100, 0), (100, 1, 100, 1)], 1)
    story.has(a_visit("v1", at=noon(460)))
    assert (len(final(story)), forgotten_day(story)) == (2, 1)
    story.has(a_visit("v2", at=noon(461)))
    assert (len(final(story)), forgotten_day(story)) == (1, None)


def test_a_forgotten_day_whose_bucket_is_gone_is_dropped_all_the_same() -> None:
    story = Story(sealing(hashes=1))
    story.has(a_cancel("stub"), *orders([50]), a_visit(at=noon(200)))
    assert (final(story), forgotten_day(story)) == ([(50, 1, 100, 1)], 0)
    story.has(a_visit("v", at=noon(460)))
    assert (final(story), forgotten_day(story)) == ([(50, 1, 100, 1)], None)
