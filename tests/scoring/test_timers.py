"""What happens to a member when nothing but time passes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.calendar import instant_of
from scoring.errors import Refused
from scoring.events import MemberEvent
from scoring.outcomes import Outcome
from scoring.policy import CALENDAR_YEAR, MEMBERSHIP_YEAR, Policy, SealRules
from scoring.rhythm import DAY_S, NO_QUIET_DAYS, QuietCalendar, Rhythm
from scoring.segment_rules import EIGHT_TYPES, QUADRANTS, RF_SEGMENTS, SegmentRules
from scoring.tier_rules import HoldRules, TierRule
from scoring.vocabulary import STAGES
from streams import rows
from tests.builders import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    Story,
    a_cancel,
    a_policy,
    a_return,
    a_visit,
    a_withdrawal,
    a_zone,
    an_order,
    an_override,
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


# -- whatever the policy ---------------------------------------------------------------------------------------------

#: Thresholds, windows and holds so short that weeks are enough for everything to happen; years take years.
SMALL_TIERS = (
    TierRule("Basic", None, None, match_all=False),
    TierRule("Silver", 2, 600, match_all=False),
    TierRule("Gold", 3, 1_500, match_all=False, never_downgrade=False),
    TierRule("Black", 4, 2_500, match_all=True),
)
KEPT_SILVER = (SMALL_TIERS[0], TierRule("Silver", 2, 600, match_all=False, never_downgrade=True), *SMALL_TIERS[2:])
EVERY_SEGMENT = frozenset((*RF_SEGMENTS, *QUADRANTS, *EIGHT_TYPES))
#: The Sunday on which New York goes to daylight saving.
SPRING = datetime(2026, 3, 8, 12, tzinfo=UTC)
SPRING_DAY = date(2026, 3, 8).toordinal() - date(1970, 1, 1).toordinal()


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    window = draw(st.sampled_from([0, 0, CALENDAR_YEAR, MEMBERSHIP_YEAR]))
    holds = HoldRules(
        draw(st.integers(1, 30)),
        draw(st.sampled_from([0, 0, 1, 5])),
        draw(st.booleans()),
        draw(st.sampled_from([0, 1, 3])),
    )
    rhythm = Rhythm(2, 5 * DAY_S, draw(st.integers(1, 4)) * DAY_S + 5, 9 * DAY_S, *sorted([1200, 1500, 3000, 6000]))
    quiet = QuietCalendar([(SPRING_DAY + 3, SPRING_DAY + 5), (SPRING_DAY + 30, SPRING_DAY + 30)])
    segments = SegmentRules([1, 3, 5, 8], [2, 3, 4, 6], 6, 1, 700, by_median=False, named=EVERY_SEGMENT)
    return a_policy(
        zone=a_zone(draw(st.sampled_from(["UTC", "America/New_York", "Pacific/Auckland"]))),
        window_days=draw(st.sampled_from([10, 12])),
        tier_window=window,
        tier_window_days=draw(st.sampled_from([10, 7, 15])),
        return_window_days=draw(st.sampled_from([30, 3])),
        tiers=draw(st.sampled_from([SMALL_TIERS, KEPT_SILVER])),
        holds=holds if window or draw(st.integers(0, 3)) else None,
        stages=(2, 3, 5, 9),
        rhythm=draw(st.sampled_from([None, rhythm])),
        quiet=draw(st.sampled_from([NO_QUIET_DAYS, quiet])),
        allowed_lateness_ms=draw(st.sampled_from([0, 30 * HOUR_MS])),
        segments=draw(st.sampled_from([None, segments])),
        seal=draw(st.sampled_from([None, SealRules(512, 4096), SealRules(3, 5)])),
    )


@dataclass(frozen=True)
class Step:
    """``pause`` ms later, after a tick or not, something happens; then somebody looks, so many thousandths further."""

    pause: int
    ticks: bool
    deed: str
    choice: int
    looks: tuple[int, ...]


STEPS = st.lists(
    st.builds(
        Step,
        pause=st.one_of(
            st.just(0),
            st.integers(0, 3 * DAY_MS),
            st.integers(0, 12 * DAY_MS),
            st.integers(0, 400 * DAY_MS),
            st.integers(1, 30).map(lambda days: days * DAY_MS),
        ),
        ticks=st.booleans(),
        deed=st.sampled_from(
            ["order", "order", "order", "late", "return", "cancel", "revise", "override", "withdraw", "visit"]
        ),
        choice=st.integers(0, 5),
        looks=st.lists(st.integers(0, 999), max_size=2).map(tuple),
    ),
    min_size=1,
    max_size=25,
)
AT_LAST = Step(5 * DAY_MS, ticks=False, deed="", choice=0, looks=())
#: An evaluation in between may put orders into buckets or beyond the horizon earlier, which nobody can tell.
OF_THE_LEDGER = (
    *("as_of", "orders", "amended", "oldest_day", "gone_at", "gone_days", "gone_purchase_days"),
    *("sealed", "further"),
)


class Life:
    """One history lived under a policy; ``between`` is called with the story whenever nothing is due."""

    def __init__(self, policy: Policy) -> None:
        self.story = Story(policy)
        self.now = instant_of(SPRING)
        #: Orders that are young enough to be corrected: id, when, revision.
        self.orders: list[tuple[str, int]] = []
        self.steps = 0

    def moment(self, at: int) -> datetime:
        return datetime.fromtimestamp(at // 1000, UTC)

    def lives(self, step: Step) -> None:
        self.now += step.pause // 1000 * 1000
        self.steps += 1
        if step.ticks and self.story.state is not None and self.now > self.story.position.last_tick:
            self.story.tick(self.now)
        self._does(step)

    def _does(self, step: Step) -> None:
        name, at, known = f"{self.steps}", self.moment(self.now), self._correctable(step.choice)
        amount = (100, 300, 600, 900, 1_500, 3_000)[step.choice]
        if step.deed == "late" and step.ticks and self.story.state is not None:
            self._buys(name, self.moment(self.now - step.choice * 26 * HOUR_MS), amount)
        elif step.deed in {"return", "cancel", "revise"} and known:
            make: dict[str, Callable[[], MemberEvent]] = {
                "return": lambda: a_return(known, at=at, amount=amount, event_id=name),
                "cancel": lambda: a_cancel(known, at=at, event_id=name),
                "revise": lambda: an_order(known, at=at, net=amount, revision=self.steps + 1, event_id=name),
            }
            self._hears(make[step.deed]())
        elif step.deed == "override":
            until = self.now + (0, 1, 5 * HOUR_MS, 3 * DAY_MS, 20 * DAY_MS, 200 * DAY_MS)[step.choice]
            tier = SMALL_TIERS[step.choice % 4].name
            self._hears(an_override(tier, until=until, at=at, event_id=name))
        elif step.deed == "withdraw":
            self._hears(a_withdrawal(at=at, event_id=name))
        elif step.deed == "visit":
            self._hears(a_visit(name, at=at))
        else:
            self._buys(name, at, amount)

    def _buys(self, name: str, at: datetime, amount: int) -> None:
        self._hears(an_order(name, at=at, net=amount))
        self.orders.append((name, instant_of(at)))

    def _hears(self, event: MemberEvent) -> None:
        reason = ""
        try:
            self.story.has(event, log_time=self.now)
        except Refused as refused:
            reason = refused.reason
        assert not reason or (reason == "too_late" and self.story.policy.seal is not None)

    def _correctable(self, choice: int) -> str:
        young = [name for name, at in self.orders if self.now - at < (self.story.policy.horizon_days - 2) * DAY_MS]
        return young[-1 - choice % len(young)] if young else ""


@settings(deadline=None, max_examples=300)
@given(policies(), STEPS)
def test_looking_at_a_member_between_timers_changes_nothing(policy: Policy, steps: list[Step]) -> None:
    seen, unseen = Life(policy), Life(policy)
    for step, after in zip(steps, [*steps[1:], AT_LAST], strict=True):
        for life in seen, unseen:
            life.lives(step)
        for thousandth in sorted(step.looks):
            ann = seen.story.member
            at = seen.now + after.pause // 1000 * 1000 * thousandth // 1000
            if at >= ann.as_of and (ann.next_due == 0 or at < ann.next_due):
                assert seen.story.evaluated(at) == []
                assert contents(seen.story.member, but=OF_THE_LEDGER) == contents(ann, but=OF_THE_LEDGER)
    for life in seen, unseen:
        life.story.tick(life.now + 900 * DAY_MS)
        life.story.evaluated(life.now + 901 * DAY_MS)
    assert [essence(news) for news in seen.story.told] == [essence(news) for news in unseen.story.told]
    assert contents(seen.story.member) == contents(unseen.story.member)


def is_sound(story: Story) -> bool:
    """What holds after every record, whatever came before it."""
    ann, policy = story.member, story.policy
    told = [news.after for news in story.told if news.kind in {"tier.joined", "tier.upgraded", "tier.downgraded"}]
    ranks = [hold.rank for hold in ann.stack]
    ends = policy.holds is not None and ann.base > 0 and not policy.tiers[ann.base].never_downgrade
    return (
        policy.tiers[ann.tier].name == told[-1]
        and ann.tier == max(ann.base, ann.floor)
        and (ann.held_until > 0) == ends
        and (ann.held_until > ann.as_of or ann.grace_until > ann.as_of or not ends)
        and (ann.grace_until == 0 or ann.held_until <= ann.as_of < ann.grace_until)
        and ranks == sorted(set(ranks))
        and (not ranks or (ranks[0] > 0 and ranks[-1] < ann.base))
        and (ann.next_due == 0 or ann.next_due > ann.as_of)
        and (ann.asked is None) == (ann.qualified_at == 0)
    )


@settings(deadline=None, max_examples=300)
@given(policies(), STEPS)
def test_what_is_told_of_a_tier_adds_up_to_it(policy: Policy, steps: list[Step]) -> None:
    life = Life(policy)
    for step in steps:
        life.lives(step)
        assert is_sound(life.story)
    life.story.tick(life.now + 400 * DAY_MS)
    assert is_sound(life.story)
    assert [news.sequence for news in life.story.told] == list(range(1, len(life.story.told) + 1))


@settings(deadline=None, max_examples=200)
@given(policies(), STEPS, st.data())
def test_a_member_killed_and_replayed_tells_the_same(policy: Policy, steps: list[Step], data: st.DataObject) -> None:
    whole = Life(policy)
    saved: list[bytes] = []
    for step in steps:
        whole.lives(step)
        saved.append(rows.encode(whole.story.member))
    again, killed_after = Life(policy), data.draw(st.integers(0, len(steps) - 1))
    for number, step in enumerate(steps):
        again.lives(step)
        if number == killed_after:
            again.story.state = rows.decode(saved[number])
    assert [essence(news) for news in again.story.told] == [essence(news) for news in whole.story.told]
    assert rows.encode(again.story.member) == rows.encode(whole.story.member)


@settings(deadline=None, max_examples=100)
@given(policies(), STEPS, st.lists(st.integers(1, 200 * 24), max_size=20))
def test_under_any_policy_time_in_small_steps_gives_the_same_as_in_one(
    policy: Policy, steps: list[Step], hours: list[int]
) -> None:
    lives = Life(policy), Life(policy)
    for life in lives:
        for step in steps:
            life.lives(step)
    slow, fast = lives
    for hour in sorted(hours):
        slow.story.tick(slow.now + hour * HOUR_MS)
    for life in lives:
        life.story.tick(life.now + 500 * DAY_MS)
    assert [essence(news) for news in slow.story.told] == [essence(news) for news in fast.story.told]
    differs = ["offset", "as_of"]
    assert contents(slow.story.member, but=differs) == contents(fast.story.member, but=differs)
