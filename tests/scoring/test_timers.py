"""What happens to a member when nothing but time passes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.calendar import instant_of
from scoring.outcomes import Outcome
from scoring.vocabulary import STAGES
from tests.builders import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    Story,
    a_cancel,
    a_policy,
    a_return,
    a_zone,
    an_order,
    contents,
    kinds,
    midnight,
    noon,
)


def essence(outcome: Outcome) -> tuple[object, ...]:
    return (outcome.kind, outcome.sequence, outcome.cause, outcome.at, outcome.due_at, outcome.reason)


@pytest.mark.parametrize(
    ("days", "alert", "stage"),
    [
        (60, "lifecycle.near_churn", "near_churn"),
        (90, "lifecycle.lapsed_recently", "recently_lapsed"),
        (180, "lifecycle.lapsed_mid", "mid_lapsed"),
        (365, "lifecycle.dormant", "dormant"),
    ],
)
def test_a_quiet_member_is_told_of_at_the_start_of_the_day(days: int, alert: str, stage: str) -> None:
    story = Story()
    story.has(an_order())
    assert alert not in kinds(story.tick(midnight(days) - 1).outcomes)
    decision = story.tick(midnight(days))
    assert kinds(decision.outcomes)[-1] == alert
    assert STAGES[decision.state.stage] == stage
    news = decision.outcomes[-1]
    assert (news.at, news.due_at, news.recorded_at) == (midnight(days), midnight(days), midnight(days))
    assert (news.reason, news.cause, news.catch_up) == ("quiet", f"timer:{midnight(days)}", False)
    assert decision.state.stage_since == midnight(days)


def test_a_year_of_silence_tells_every_boundary_once_and_then_nothing() -> None:
    story = Story()
    story.has(an_order(net=100_000))
    told = story.tick(midnight(1000)).outcomes
    assert [(news.kind, news.at) for news in told] == [
        ("lifecycle.near_churn", midnight(60)),
        ("lifecycle.lapsed_recently", midnight(90)),
        ("lifecycle.lapsed_mid", midnight(180)),
        ("tier.downgraded", midnight(365)),
        ("lifecycle.dormant", midnight(365)),
    ]
    assert [news.sequence for news in told] == [4, 5, 6, 7, 8]
    assert story.member.next_due == 0
    assert story.member.as_of == midnight(1000)


def test_a_member_who_is_not_due_is_not_touched() -> None:
    story = Story()
    story.has(an_order())
    before = story.member
    decision = story.tick(before.next_due - 1)
    assert decision.state is before
    assert (len(decision.outcomes), decision.moved) == (0, False)


def test_a_timer_moves_offset_and_as_of_even_when_it_has_nothing_to_tell() -> None:
    story = Story(a_policy(window_days=30, tier_window_days=30))
    story.has(an_order())
    assert story.member.next_due == midnight(30)
    decision = story.tick(midnight(30) + MINUTE_MS)
    assert (len(decision.outcomes), decision.moved) == (0, False)
    assert (decision.state.offset, decision.state.as_of) == (1, midnight(30) + MINUTE_MS)
    assert (decision.state.frequency, decision.state.monetary) == (0, 0)
    assert decision.state.next_due == midnight(60)


@pytest.mark.parametrize(("late_ms", "catch_up"), [(0, False), (HOUR_MS, False), (HOUR_MS + 1, True)])
def test_a_quiet_alert_more_than_an_hour_late_is_marked_as_caught_up(late_ms: int, *, catch_up: bool) -> None:
    story = Story()
    story.has(an_order())
    (news,) = story.tick(midnight(60) + late_ms).outcomes
    assert (news.catch_up, news.recorded_at, news.at) == (catch_up, midnight(60) + late_ms, midnight(60))


def test_a_late_window_exit_is_not_marked_as_caught_up() -> None:
    story = Story()
    story.has(an_order(net=100_000))
    told = story.tick(midnight(366)).outcomes
    assert [news.catch_up for news in told if news.kind == "tier.downgraded"] == [False]


def test_imported_history_is_marked_throughout() -> None:
    story = Story()
    story.position.imported = True
    story.has(an_order(net=100_000))
    story.tick(midnight(365))
    assert len(story.told) == 8
    assert all(news.catch_up for news in story.told)


@pytest.mark.parametrize(("window", "tier_window"), [(365, 365), (100, 30), (30, 100)])
def test_an_order_leaves_each_window_at_the_start_of_its_nth_day(window: int, tier_window: int) -> None:
    story = Story(a_policy(window_days=window, tier_window_days=tier_window))
    story.has(an_order(net=100_000))
    story.tick(midnight(window) - 1)
    assert (story.member.frequency, story.member.monetary) == (1, 100_000)
    story.tick(midnight(window))
    assert (story.member.frequency, story.member.monetary) == (0, 0)
    (left,) = [news for news in [*story.told, *story.tick(midnight(400)).outcomes] if news.kind == "tier.downgraded"]
    assert (left.at, left.reason, left.rank_before, left.rank_after) == (midnight(tier_window), "window_exit", 2, 0)
    assert story.member.tier_since == midnight(tier_window)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Shanghai", "America/Sao_Paulo"])
def test_timers_are_due_when_the_local_day_begins(zone: str) -> None:
    table = a_zone(zone)
    for start in range(0, 365, 7):
        story = Story(a_policy(zone=table))
        # 2018 to 2019, when Sao Paulo still skipped a midnight a year.
        at = noon(start - 2900)
        story.has(an_order(at=at))
        day = table.day_of(instant_of(at))
        told = story.tick(instant_of(at) + 400 * DAY_MS).outcomes
        assert [news.at for news in told] == [table.start_of_day(day + n) for n in (60, 90, 180, 365)]
        assert all(table.day_of(news.at) > table.day_of(news.at - 1) for news in told)


HISTORY = st.lists(
    st.tuples(
        st.integers(0, 120),
        st.sampled_from([an_order, a_cancel, a_return]),
        st.sampled_from(["order-1", "order-2", "3"]),
    ),
    min_size=1,
    max_size=8,
)


@settings(deadline=None)
@given(HISTORY, st.lists(st.integers(1, 600 * 24), max_size=20))
def test_time_in_small_steps_gives_the_same_as_in_one(history: list[tuple[int, object, str]], hours: list[int]) -> None:
    stories = Story(a_policy(tier_window_days=200)), Story(a_policy(tier_window_days=200))
    for story in stories:
        for day, make, order_id in sorted(history, key=lambda entry: entry[0]):
            assert callable(make)
            story.has(make(order_id, at=noon(day)))
    step_by_step, at_once = stories
    for hour in sorted(hours):
        step_by_step.tick(midnight(121) + hour * HOUR_MS)
    for story in stories:
        story.tick(midnight(1000))
    assert [essence(news) for news in step_by_step.told] == [essence(news) for news in at_once.told]
    times = [news.at for news in step_by_step.told]
    assert times == sorted(times)
    differs = ["offset", "as_of"]
    assert contents(step_by_step.member, but=differs) == contents(at_once.member, but=differs)
