"""A tier granted by hand: a floor under the base, told when it comes and when it goes."""

from datetime import datetime

import pytest

from scoring.calendar import instant_of
from scoring.engine import DUPLICATE
from scoring.events import MemberEvent
from tests.builders import (
    BASIC,
    BLACK,
    GOLD,
    SILVER,
    Story,
    a_policy,
    a_visit,
    a_withdrawal,
    an_order,
    an_override,
    contents,
    holding,
    kinds,
    midnight,
    noon,
)
from tests.scoring.told_tiers import told_tiers


@pytest.mark.parametrize(
    ("tier", "own", "after"),
    [("Gold", 100, GOLD), ("Gold", 8_000, BLACK), ("Gold", 4_000, GOLD), ("Basic", 2_000, SILVER)],
)
def test_the_tier_is_the_larger_of_floor_and_base(tier: str, own: int, after: int) -> None:
    story = Story(holding())
    story.has(an_order(net=own), an_override(tier, until=midnight(50)))
    assert story.member.tier == after
    assert (story.member.override_in_force, story.member.tier) == (True, max(story.member.base, story.member.floor))


@pytest.mark.parametrize(("policy"), [holding(), a_policy()])
def test_an_override_is_told_and_then_what_it_moves(policy: object) -> None:
    story = Story(policy)  # type: ignore[arg-type]
    story.has(an_order(net=100), an_override("Gold", until=midnight(50), at=noon(1)))
    at = instant_of(noon(1))
    assert told_tiers(story.told) == [
        ("override_set", "Basic", "Gold", "override", at),
        ("upgraded", "Basic", "Gold", "override", at),
    ]
    assert story.member.next_due == midnight(50)


@pytest.mark.parametrize(("at", "over"), [(midnight(50) - 1, False), (midnight(50), True), (midnight(50) + 1, True)])
def test_an_override_ends_at_its_until(at: int, *, over: bool) -> None:
    story = Story(holding())
    story.has(an_override("Gold", until=midnight(50)), an_order(net=2_000, at=noon(1)))
    assert (story.member.base, story.member.tier, story.member.held_until) == (SILVER, GOLD, midnight(101))
    story.told.clear()
    story.tick(at)
    ended = [
        ("override_ended", "Gold", "Silver", "override_ended", midnight(50)),
        ("downgraded", "Gold", "Silver", "override_ended", midnight(50)),
    ]
    assert told_tiers(story.told) == (ended if over else [])
    assert (story.member.tier, story.member.floor) == ((SILVER, 0) if over else (GOLD, GOLD))


def test_an_end_that_an_event_overtakes_is_told_by_the_event() -> None:
    story = Story(holding())
    story.has(an_override("Gold", until=midnight(50)), a_visit(at=noon(50)))
    assert told_tiers(story.told)[-2:] == [
        ("override_ended", "Gold", "Basic", "override_ended", instant_of(noon(50))),
        ("downgraded", "Gold", "Basic", "override_ended", instant_of(noon(50))),
    ]


def test_orders_below_the_floor_move_the_base_in_silence() -> None:
    story = Story(holding())
    story.has(an_override("Black", until=midnight(500)))
    story.told.clear()
    story.has(an_order("first", net=2_000), an_order("second", net=2_000, at=noon(1)))
    story.tick(midnight(400))
    assert told_tiers(story.told) == []
    assert (story.member.base, story.member.tier) == (BASIC, BLACK)


def test_the_base_prolongs_in_silence_below_the_floor_and_aloud_at_it() -> None:
    for tier, prolonged in (("Silver", 1), ("Gold", 0)):
        story = Story(holding(hold_days=50))
        story.has(an_order(net=2_000), an_override(tier, until=midnight(300)))
        story.tick(midnight(50))
        assert kinds(story.told).count("tier.prolonged") == prolonged


def test_a_withdrawal_ends_it() -> None:
    story = Story(holding())
    story.has(an_override("Gold", until=midnight(50)), a_withdrawal(at=noon(1)))
    news = told_tiers(story.told)
    assert [entry[0] for entry in news] == ["override_set", "upgraded", "override_ended", "downgraded"]
    assert (story.member.tier, story.member.override_in_force, story.member.next_due) == (BASIC, False, 0)
    ended = next(news for news in story.told if news.kind == "tier.override_ended")
    assert getattr(ended.facts, "detail", None) == "withdrawn"


def test_a_withdrawal_of_nothing_is_no_news() -> None:
    story = Story(holding())
    story.has(a_withdrawal())
    assert told_tiers(story.told) == []
    assert story.member.override is not None


def test_a_new_override_says_only_that_it_is_set() -> None:
    story = Story(holding())
    story.has(an_override("Black", until=midnight(50)))
    story.told.clear()
    story.has(an_override("Gold", until=midnight(60), at=noon(1), event_id="second"))
    assert [entry[0] for entry in told_tiers(story.told)] == ["override_set", "downgraded"]
    assert (story.member.tier, story.member.next_due) == (GOLD, midnight(60))


@pytest.mark.parametrize(("until", "in_force"), [(instant_of(noon(1)) + 1, True), (instant_of(noon(1)), False)])
def test_an_override_that_is_over_when_it_comes_is_registered_only(until: int, *, in_force: bool) -> None:
    story = Story(holding())
    story.has(an_override("Gold", until=until, at=noon(1)))
    assert story.member.override_in_force is in_force
    assert len(told_tiers(story.told)) == (2 if in_force else 0)
    assert story.member.override is not None
    # An earlier one no longer counts, though it would last.
    story.has(an_override("Gold", until=midnight(90), at=noon(0), event_id="earlier"), log_time=instant_of(noon(1)))
    assert story.member.override_in_force is in_force


@pytest.mark.parametrize(
    ("at", "event_id", "wins"),
    [
        (noon(2), "a", True),
        (noon(0), "z", False),
        (noon(1), "n", True),
        (noon(1), "l", False),
        # Bytes and not letters decide: a lower-case z lies before an e with an accent.
        (noon(1), "é", True),
    ],
)
def test_the_latest_word_wins_and_then_the_larger_id(at: datetime, event_id: str, *, wins: bool) -> None:
    story = Story(holding())
    story.has(an_override("Gold", until=midnight(50), at=noon(1), event_id="m"))
    story.has(an_override("Silver", until=midnight(60), at=at, event_id=event_id), log_time=instant_of(noon(2)))
    assert story.member.tier == (SILVER if wins else GOLD)


def test_the_order_of_arrival_does_not_matter() -> None:
    events: list[MemberEvent] = [
        an_override("Gold", until=midnight(50), at=noon(1), event_id="a"),
        a_withdrawal(at=noon(2), event_id="b"),
        an_override("Silver", until=midnight(60), at=noon(3), event_id="c"),
    ]
    ends = []
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)):
        story = Story(holding())
        story.has(a_visit(at=noon(3)))
        story.has(*[events[index] for index in order], log_time=instant_of(noon(3)))
        ends.append(contents(story.member, but=["sequence", "remembered", "tier_since"]))
    assert all(end == ends[0] for end in ends)


def test_the_same_override_twice_is_a_duplicate() -> None:
    story = Story(holding())
    event = an_override("Gold", until=midnight(50))
    story.has(event)
    assert story.has(event).verdict == DUPLICATE


def test_a_member_without_anything_left_to_remember_is_as_before() -> None:
    story = Story(a_policy())
    story.has(an_order(net=100_000))
    assert story.member.further is None
    assert (story.member.base, story.member.told_stage) == (story.member.tier, story.member.stage)


def test_an_order_while_an_override_lasts_counts_as_any() -> None:
    story = Story(a_policy())
    story.has(an_override("Gold", until=midnight(50)), an_order(net=100), an_order("second", net=50, at=noon(1)))
    assert (story.member.frequency, story.member.monetary, story.member.next_due) == (2, 150, midnight(50))
    story.tick(midnight(50))
    assert (story.member.tier, story.member.next_due) == (BASIC, midnight(61))
