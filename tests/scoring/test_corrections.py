"""Orders that arrive late and show an alert or a fall to have been wrong."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.calendar import EPOCH, instant_of
from scoring.corrections import MOST_REMEMBERED
from scoring.further import Told
from scoring.outcomes import Superseded, TierFacts
from scoring.rhythm import DAY_S, Rhythm
from scoring.vocabulary import ACTIVE, NEAR_CHURN, NEW, RECENTLY_LAPSED
from tests.builders import (
    DAY_MS,
    HELD_TIERS,
    Story,
    a_cancel,
    a_policy,
    a_return,
    a_visit,
    an_order,
    holding,
    kinds,
    midnight,
    noon,
)
from tests.scoring.late_news import alerts, comes_late, correcting

# -- alerts ------------------------------------------------------------------------------------------------------------


def a_quiet_member(days: int, **rules: Any) -> Story:
    """One order on the first day, then nothing until a tick at the start of another."""
    story = Story(correcting(**rules))
    story.has(an_order("first"))
    story.tick(midnight(days))
    return story


@pytest.mark.parametrize(
    ("bought", "corrected"),
    # Near churn was told at the start of day 60, lapse at that of day 90. An order of day n is quiet from n + 60 on.
    [
        (0, []),
        (1, ["near_churn", "recently_lapsed"]),
        (30, ["near_churn", "recently_lapsed"]),
        (31, ["near_churn", "recently_lapsed"]),
        (59, ["near_churn", "recently_lapsed"]),
        (60, ["recently_lapsed"]),
        (89, ["recently_lapsed"]),
        (90, []),
    ],
)
def test_an_alert_is_corrected_by_an_order_from_before_it(bought: int, corrected: list[str]) -> None:
    story = a_quiet_member(90)
    told = comes_late(story, bought, seen=91)
    assert [before for kind, before, _, _ in alerts(told) if kind == "corrected"] == corrected


def test_a_correction_says_what_was_told_and_what_was_true_and_where_the_member_stands() -> None:
    story = a_quiet_member(90)
    near_churn, lapsed = (news for news in story.told if news.timer_at)
    told = comes_late(story, 25, seen=91)
    assert alerts(told) == [
        ("corrected", "near_churn", "active", "late_event"),
        ("corrected", "recently_lapsed", "near_churn", "late_event"),
    ]
    assert [news.facts for news in told if news.kind == "lifecycle.corrected"] == [
        Superseded(Told(near_churn.sequence, near_churn.kind, midnight(60), NEW, NEAR_CHURN), NEAR_CHURN),
        Superseded(Told(lapsed.sequence, lapsed.kind, midnight(90), NEAR_CHURN, RECENTLY_LAPSED), NEAR_CHURN),
    ]
    assert {(news.at, news.due_at, news.catch_up) for news in told} == {(midnight(90), 0, False)}
    assert (story.member.told_stage, story.member.told) == (NEAR_CHURN, ())


@pytest.mark.parametrize(("ms", "corrected"), [(-1, True), (0, True), (1, False)])
def test_an_order_of_the_very_instant_of_the_alert_still_corrects_it(ms: int, *, corrected: bool) -> None:
    story = a_quiet_member(60)
    at = EPOCH + timedelta(milliseconds=midnight(60) + ms)
    told = list(story.has(an_order("late", at=at), log_time=midnight(60) + DAY_MS).outcomes)
    assert ("lifecycle.corrected" in kinds(told)) is corrected
    assert ("lifecycle.recovered" in kinds(told)) is not corrected


def test_who_was_never_gone_does_not_come_back() -> None:
    story = a_quiet_member(90)
    assert alerts(comes_late(story, 80, seen=91)) == [("corrected", "recently_lapsed", "active", "late_event")]
    assert story.member.told_stage == ACTIVE


def test_who_was_gone_and_came_back_is_told_to_have_come_back() -> None:
    story = a_quiet_member(90)
    assert alerts(comes_late(story, 90, seen=91)) == [("reactivated", "recently_lapsed", "active", "purchase")]


def test_who_came_back_is_corrected_all_the_same() -> None:
    story = a_quiet_member(90)
    story.has(an_order("back", at=noon(95)))
    story.tick(midnight(155))
    told = comes_late(story, 50, seen=156)
    assert [(kind, before) for kind, before, _, _ in alerts(told)] == [
        ("corrected", "near_churn"),
        ("corrected", "recently_lapsed"),
    ]
    assert (story.member.told_stage, [each.at for each in story.member.told]) == (NEAR_CHURN, [midnight(155)])


def test_the_same_alert_is_corrected_once() -> None:
    story = a_quiet_member(60)
    comes_late(story, 50, seen=61)
    assert alerts(comes_late(story, 51, seen=61, order_id="later")) == []


@pytest.mark.parametrize("change", ["cancel", "return", "revision", "nothing kept", "late return of the late order"])
def test_only_a_kept_purchase_corrects(change: str) -> None:
    story = a_quiet_member(60)
    seen = instant_of(noon(61))
    if change == "cancel":
        story.has(a_cancel("first", at=noon(55), revision=2), log_time=seen)
    elif change == "return":
        story.has(a_return("first", at=noon(55)), log_time=seen)
    elif change == "revision":
        story.has(an_order("first", at=noon(55), net=500, revision=2), log_time=seen)
    elif change == "nothing kept":
        story.has(an_order("late", at=noon(55), net=0), log_time=seen)
    else:
        story.has(a_return("late", at=noon(56)), an_order("late", at=noon(55)), log_time=seen)
    assert "lifecycle.corrected" not in kinds(story.told)
    assert len(story.member.told) == 1


def test_an_order_that_is_not_kept_corrects_nothing_that_others_could_not() -> None:
    story = a_quiet_member(60)
    seen = instant_of(noon(61))
    # The revision makes a kept order of it, but is no purchase.
    nothing = an_order("late", at=noon(55), net=0)
    story.has(nothing, an_order("late", at=noon(55), revision=2), log_time=seen)
    story.has(an_order("other", at=noon(56), net=0), log_time=seen)
    assert "lifecycle.corrected" not in kinds(story.told)


def test_an_order_whose_return_came_first_corrects_when_enough_is_kept() -> None:
    story = a_quiet_member(60)
    story.has(a_return("late", at=noon(56), amount=400), an_order("late", at=noon(55)), log_time=instant_of(noon(61)))
    assert "lifecycle.corrected" in kinds(story.told)


def test_an_alert_that_no_timer_told_is_not_corrected() -> None:
    story = Story(correcting())
    story.has(an_order("first"), a_visit(at=noon(61)))
    assert "lifecycle.near_churn" in kinds(story.told)
    assert alerts(comes_late(story, 50, seen=62)) == [("recovered", "near_churn", "active", "purchase")]


def test_alerts_held_back_are_judged_by_the_stage_that_they_follow() -> None:
    story = a_quiet_member(62, allowed_lateness_ms=2 * DAY_MS)
    assert [each.at for each in story.member.told] == [midnight(62)]
    assert [kind for kind, *_ in alerts(comes_late(story, 1, seen=63))] == ["corrected"]


def test_by_rhythm_a_late_order_may_move_the_boundary() -> None:
    # At most 40 days are usual, and 1.2 times that is near churn: 48 days after one order; 36 by a gap of 20.
    rhythm = Rhythm(weight=1, usual_gap=40 * DAY_S, floor=DAY_S)
    story = Story(correcting(rhythm=rhythm))
    story.has(an_order("a"), an_order("b", at=noon(20)))
    story.tick(midnight(20 + 36))
    [alert] = story.member.told
    assert alert.kind == "lifecycle.near_churn"
    # A gap of 120 days before the first order: the median of 20 and 120 days is 70.
    early = an_order("early", at=noon(-120))
    told = list(story.has(early, log_time=instant_of(noon(57))).outcomes)
    assert alerts(told) == [("corrected", "near_churn", "active", "late_event")]


def test_eight_outcomes_are_remembered_and_the_oldest_go() -> None:
    story = Story(correcting(stages=(1, 2, 3, 4), window_days=20, tier_window_days=20))
    for number in range(3):
        story.has(an_order(f"o{number}", at=noon(10 * number)))
        story.tick(midnight(10 * number + 9))
    alerts_told = [news.sequence for news in story.told if news.timer_at and news.kind.startswith("lifecycle.")]
    assert len(alerts_told) == 12
    assert [each.sequence for each in story.member.told] == alerts_told[-MOST_REMEMBERED:]


@pytest.mark.parametrize(("last", "remembered"), [(519, [60]), (520, [])])
def test_what_is_older_than_the_horizon_is_forgotten(last: int, remembered: list[int]) -> None:
    story = a_quiet_member(60)
    for day in (*range(61, 482, 50), last):
        story.has(an_order(f"o{day}", at=noon(day)))
    assert [each.at for each in story.member.told] == [midnight(day) for day in remembered]


def test_a_policy_that_does_not_correct_remembers_nothing() -> None:
    story = Story(a_policy())
    story.has(an_order("first"))
    story.tick(midnight(90))
    assert (story.member.further, story.member.told) == (None, ())
    assert alerts(comes_late(story, 80, seen=91)) == [("reactivated", "recently_lapsed", "active", "purchase")]


# -- properties --------------------------------------------------------------------------------------------------------

MOMENTS = st.integers(0, 500 * DAY_MS)
POLICIES = st.sampled_from([(held, provisional) for held in (False, True) for provisional in (False, True)])


def a_story(held: bool, provisional: bool) -> Story:
    rules: dict[str, Any] = {
        "tiers": HELD_TIERS, "tier_window_days": 60, "return_window_days": 20, "provisional": provisional,
        "corrects": True,
    }  # fmt: skip
    return Story(holding(hold_days=50, grace_days=10, **rules) if held else a_policy(**rules))


@settings(max_examples=100, deadline=None)
@given(policy=POLICIES, orders=st.lists(st.tuples(MOMENTS, st.booleans()), max_size=20))
def test_a_member_without_late_news_has_nothing_to_correct(
    policy: tuple[bool, bool], orders: list[tuple[int, bool]]
) -> None:
    story = a_story(*policy)
    story.has(an_order("first", net=1_500))
    for number, (after, ticks) in enumerate(sorted(orders)):
        at = max(midnight(1) + after, story.position.last_tick + 1)
        if ticks:
            story.tick(at)
        else:
            story.has(an_order(f"o{number}", at=EPOCH + timedelta(milliseconds=at), net=1_500))
    story.tick(midnight(900))
    assert not [news for news in story.told if news.kind.endswith("corrected")]


@settings(max_examples=150, deadline=None)
@given(
    policy=POLICIES,
    steps=st.lists(st.tuples(MOMENTS, st.sampled_from("oooctr"), st.integers(0, 60 * DAY_MS)), max_size=25),
)
def test_history_is_never_rewritten_and_nothing_is_corrected_twice(
    policy: tuple[bool, bool], steps: list[tuple[int, str, int]]
) -> None:
    story = a_story(*policy)
    story.has(an_order("first", net=1_500))
    for number, (after, what, lag) in enumerate(sorted(steps)):
        now = max(midnight(1) + after, story.position.last_tick + 1)
        at = EPOCH + timedelta(milliseconds=max(now - lag, midnight(0)))
        if what == "t":
            story.tick(now)
        elif what == "o":
            story.has(an_order(f"o{number}", at=at, net=1_500), log_time=now)
        elif what == "c":
            story.has(a_cancel(f"o{number - 1}", at=at), log_time=now)
        else:
            story.has(a_return(f"o{number - 1}", at=at, amount=1_500), log_time=now)
    assert [news.sequence for news in story.told] == list(range(1, len(story.told) + 1))
    by_sequence = {news.sequence: news for news in story.told}
    wrong: list[int] = []
    for news in story.told:
        facts = news.facts
        told = (
            facts.told if isinstance(facts, Superseded) else facts.superseded if isinstance(facts, TierFacts) else None
        )
        if told is None:
            continue
        was = by_sequence[told.sequence]
        assert told.sequence < news.sequence
        assert (was.kind, was.cause, was.at) == (told.kind, f"timer:{told.at}", told.at)
        assert (news.before, news.rank_before) == (was.after, was.rank_after)
        if news.kind == "tier.corrected":
            assert news.rank_after > was.rank_after
        else:
            assert max(news.rank_after, ACTIVE) < max(was.rank_after, ACTIVE)
        wrong.append(told.sequence)
    assert len(wrong) == len(set(wrong))
    assert len(story.member.told) <= MOST_REMEMBERED
