"""Stages by quiet days and by a member's own pace, alerts held back, what they say, and which a change of stage is."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.lifecycle import alert_for, lifecycle_at, stage_and_boundary, stage_begins
from scoring.outcomes import NO_SPEND, Silence
from scoring.policy import Policy
from scoring.rhythm import DAY_S, QuietCalendar, Rhythm
from scoring.state import NO_DAY, MemberState
from scoring.vocabulary import STAGES
from tests.builders import HOUR_MS, Story, a_cancel, a_policy, a_zone, an_order, kinds, midnight, noon

PROSPECT, NEW, ACTIVE, NEAR_CHURN, RECENTLY, MID, DORMANT = range(len(STAGES))


@pytest.mark.parametrize(
    ("age", "days", "stage", "boundary"),
    [
        (0, 1, NEW, 60),
        (0, 2, ACTIVE, 60),
        (59, 1, NEW, 60),
        (59, 2, ACTIVE, 60),
        (60, 1, NEAR_CHURN, 90),
        (61, 2, NEAR_CHURN, 90),
        (89, 2, NEAR_CHURN, 90),
        (90, 2, RECENTLY, 180),
        (91, 1, RECENTLY, 180),
        (179, 1, RECENTLY, 180),
        (180, 1, MID, 365),
        (181, 2, MID, 365),
        (364, 2, MID, 365),
        (365, 2, DORMANT, NO_DAY),
        (366, 1, DORMANT, NO_DAY),
        (9_999, 1, DORMANT, NO_DAY),
    ],
)
def test_quiet_days_decide_the_stage_and_the_next_boundary(age: int, days: int, stage: int, boundary: int) -> None:
    then, begins = stage_and_boundary(a_policy(), age, days)
    assert (STAGES[then], begins) == (STAGES[stage], boundary)


@pytest.mark.parametrize(
    ("before", "alerts"),
    [
        # One column for every stage afterwards, prospect to dormant; "-" is no alert.
        ("prospect", "- first first first first first first"),
        ("new", "- - - near lapsed mid dormant"),
        ("active", "- - - near lapsed mid dormant"),
        ("near_churn", "- recovered recovered - lapsed mid dormant"),
        ("recently_lapsed", "- again again again - mid dormant"),
        ("mid_lapsed", "- again again again again - dormant"),
        ("dormant", "- again again again again again -"),
    ],
)
def test_every_change_of_stage_has_its_alert_or_none(before: str, alerts: str) -> None:
    names = {
        "-": "",
        "first": "lifecycle.first_purchase",
        "near": "lifecycle.near_churn",
        "lapsed": "lifecycle.lapsed_recently",
        "mid": "lifecycle.lapsed_mid",
        "dormant": "lifecycle.dormant",
        "recovered": "lifecycle.recovered",
        "again": "lifecycle.reactivated",
    }
    told = [alert_for(STAGES.index(before), after) for after in range(len(STAGES))]
    assert told == [names[word] for word in alerts.split()]


# --- every boundary, in both modes ---

#: The local day of the first day of most stories.
FIRST = 20_454


def quiet(*spans: tuple[int, int]) -> QuietCalendar:
    """Quiet days from and to days of the story."""
    return QuietCalendar([(FIRST + first, FIRST + last) for first, last in spans])


def who_bought(policy: Policy, *days: int) -> MemberState:
    story = Story(policy)
    story.has(*[an_order(f"o-{day}", at=noon(day)) for day in days])
    return story.member


def utc(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp() * 1000)


def after(day: int, days: int, seconds: int) -> int:
    return midnight(day + days) + 1000 * seconds


BOUNDARIES = {
    "fixed days": (a_policy(), [0], [midnight(day) for day in (60, 90, 180, 365)]),
    "fixed days, of which quiet ones do not count, and none begins on one": (
        a_policy(quiet=quiet((10, 19), (100, 104))),
        [0],
        # 89 open days by day 99, the 90th is day 105.
        [midnight(day) for day in (70, 105, 195, 380)],
    ),
    "quiet days before and on the last purchase day change nothing": (
        a_policy(quiet=quiet((-10, 0))),
        [0],
        [midnight(day) for day in (60, 90, 180, 365)],
    ),
    "the rhythm of one purchase is the shop's": (
        a_policy(rhythm=Rhythm()),
        [0],
        [midnight(day) for day in (36, 45, 90, 180)],
    ),
    "the example of the rules: gaps of 10, 20 and 30 days": (
        a_policy(rhythm=Rhythm()),
        [0, 10, 30, 60],
        [after(60, 31, 43_200), after(60, 39, 32_400), after(60, 78, 64_800), after(60, 157, 43_200)],
    ),
    "rhythm, with quiet days after the purchase": (
        a_policy(rhythm=Rhythm(), quiet=quiet((30, 39))),
        [0],
        [midnight(day) for day in (46, 55, 100, 190)],
    ),
    "rhythm, with a gap of 20 days that was open on 10": (
        # (5 * 30 + 10) / 6 days = 26 2/3: 32, 40, 80 and 160 days
        a_policy(rhythm=Rhythm(), quiet=quiet((5, 14))),
        [0, 20],
        [midnight(20 + days) for days in (32, 40, 80, 160)],
    ),
}


@pytest.mark.parametrize("case", BOUNDARIES)
@pytest.mark.parametrize("lateness_h", [0, 1, 48])
def test_each_stage_begins_at_its_boundary_and_is_told_that_much_later(case: str, lateness_h: int) -> None:
    policy, days, begins = BOUNDARIES[case]
    member = who_bought(policy, *days)
    policy = _with_lateness(policy, lateness_h)
    late = lateness_h * HOUR_MS
    before = NEW if len(days) == 1 else ACTIVE
    for stage, begin in zip((NEAR_CHURN, RECENTLY, MID, DORMANT), begins, strict=True):
        assert stage_begins(member, policy, stage) == begin
        for moment, expected in ((begin - 1, before), (begin, stage), (begin + 1, stage)):
            assert STAGES[lifecycle_at(member, policy, moment + late)[1]] == STAGES[expected]
            assert STAGES[lifecycle_at(member, policy, moment)[0]] == STAGES[expected]
        before = stage


@pytest.mark.parametrize("case", BOUNDARIES)
@pytest.mark.parametrize("lateness_h", [0, 1, 48, 336, 24 * 40])
def test_the_timers_are_every_boundary_and_every_boundary_held_back(case: str, lateness_h: int) -> None:
    policy, days, begins = BOUNDARIES[case]
    member = who_bought(policy, *days)
    policy = _with_lateness(policy, lateness_h)
    expected = sorted({*begins, *(begin + lateness_h * HOUR_MS for begin in begins)})
    found = []
    timer = _next_timer(member, policy, begins[0] - HOUR_MS)
    while timer:
        found.append(timer)
        assert _next_timer(member, policy, timer - 1) == timer
        timer = _next_timer(member, policy, timer)
    assert found == expected


def _next_timer(member: MemberState, policy: Policy, instant: int) -> int:
    return lifecycle_at(member, policy, instant)[2]


def _with_lateness(policy: Policy, hours: int) -> Policy:
    return Policy(
        1, "0" * 64, "EUR", policy.zone, 365, 365, 90, 1, policy.tiers, 60, 90, 180, 365,
        rhythm=policy.rhythm, quiet=policy.quiet, allowed_lateness_ms=hours * HOUR_MS,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rhythm", "bought", "near_churn"),
    [
        # Days of 23 and of 25 hours lie in between, or are the boundary's own.
        (None, "2026-03-28T22:59:59.999", "2026-05-26T22:00"),
        (None, "2026-03-28T23:00", "2026-05-27T22:00"),
        (None, "2026-01-28T12:00", "2026-03-28T23:00"),
        (None, "2026-08-26T12:00", "2026-10-24T22:00"),
        (Rhythm(), "2026-02-21T12:00", "2026-03-28T23:00"),
        # 35 days and 82,944 s: more than the 23 hours of 29 March, well within the 25 hours of 25 October.
        (Rhythm(usual_gap=29 * DAY_S, near_churn=1240), "2026-02-22T12:00", "2026-03-29T22:00"),
        (Rhythm(usual_gap=29 * DAY_S, near_churn=1240), "2026-09-20T12:00", "2026-10-25T21:02:24"),
    ],
)
def test_boundaries_keep_to_the_days_of_berlin_when_clocks_change(
    rhythm: Rhythm | None, bought: str, near_churn: str
) -> None:
    story = Story(a_policy(zone=a_zone("Europe/Berlin"), rhythm=rhythm))
    story.has(an_order(at=datetime.fromisoformat(bought).replace(tzinfo=UTC)))
    begin = utc(near_churn)
    assert story.member.next_due == begin
    for moment, stage in ((begin - 1, NEW), (begin, NEAR_CHURN), (begin + 1, NEAR_CHURN)):
        assert lifecycle_at(story.member, story.policy, moment)[0] == stage


@given(
    st.lists(st.integers(0, 200), min_size=1, max_size=15),
    st.lists(st.tuples(st.integers(-5, 300), st.integers(0, 30)), max_size=4),
    st.none() | st.just(Rhythm()),
    st.integers(0, 336),
    st.integers(0, 900 * 24),
)
def test_between_two_timers_neither_stage_changes(
    days: list[int], spans: list[tuple[int, int]], rhythm: Rhythm | None, lateness_h: int, hour: int
) -> None:
    closed = quiet(*[(first, first + length) for first, length in spans])
    policy = a_policy(rhythm=rhythm, quiet=closed, allowed_lateness_ms=lateness_h * HOUR_MS)
    member = who_bought(policy, *sorted(set(days)))
    moment = midnight(max(days)) + 12 * HOUR_MS + hour * HOUR_MS
    stage, told, timer = lifecycle_at(member, policy, moment)
    if timer:
        assert timer > moment
        assert lifecycle_at(member, policy, timer - 1) == (stage, told, timer)
        assert lifecycle_at(member, policy, timer)[:2] != (stage, told)
    else:
        assert (stage, told) == (DORMANT, DORMANT)


# --- alerts that wait ---


def test_an_alert_is_held_back_by_the_allowed_lateness_and_says_when_it_was_due() -> None:
    story = Story(a_policy(allowed_lateness_ms=48 * HOUR_MS))
    story.has(an_order())
    story.tick(midnight(60))
    assert (STAGES[story.member.stage], STAGES[story.member.told_stage]) == ("near_churn", "new")
    story.tick(midnight(62) - 1)
    assert kinds(story.told) == ["tier.joined", "lifecycle.first_purchase"]
    story.tick(midnight(62))
    alert = story.told[-1]
    assert (alert.kind, alert.at, alert.due_at, alert.reason) == (
        "lifecycle.near_churn",
        midnight(62),
        midnight(60),
        "quiet",
    )
    assert alert.cause == f"timer:{midnight(62)}"


@pytest.mark.parametrize(("waited_ms", "caught_up"), [(0, False), (HOUR_MS, False), (HOUR_MS + 1, True)])
def test_waiting_as_allowed_is_no_catching_up(waited_ms: int, caught_up: bool) -> None:
    story = Story(a_policy(allowed_lateness_ms=48 * HOUR_MS))
    story.has(an_order())
    story.tick(midnight(62) + waited_ms)
    assert (story.told[-1].kind, story.told[-1].catch_up) == ("lifecycle.near_churn", caught_up)


def test_a_purchase_that_arrives_in_time_leaves_nothing_to_tell_and_nothing_to_recover_from() -> None:
    story = Story(a_policy(allowed_lateness_ms=48 * HOUR_MS))
    story.has(an_order())
    story.tick(midnight(60))
    story.has(an_order("late", at=noon(59)))
    story.tick(midnight(62))
    assert kinds(story.told) == ["tier.joined", "lifecycle.first_purchase"]
    assert STAGES[story.member.stage] == "active"


def test_held_back_alerts_keep_their_order_when_boundaries_lie_closer_than_the_lateness() -> None:
    story = Story(a_policy(stages=(2, 3, 5, 9), allowed_lateness_ms=72 * HOUR_MS))
    story.has(an_order())
    story.tick(midnight(30))
    alerts = [(each.kind, (each.at - midnight(0)) // (24 * HOUR_MS)) for each in story.told[2:]]
    assert alerts == [
        ("lifecycle.near_churn", 5),
        ("lifecycle.lapsed_recently", 6),
        ("lifecycle.lapsed_mid", 8),
        ("lifecycle.dormant", 12),
    ]


# --- what an alert says ---


def silence(story: Story) -> Silence:
    facts = story.told[-1].facts
    assert isinstance(facts, Silence)
    return facts


def test_an_alert_tells_the_gaps_the_expected_one_and_the_spend_at_risk() -> None:
    story = Story(a_policy())
    for day, net in ((0, 1000), (10, 2000), (30, 4000), (60, 3001)):
        story.has(an_order(f"o-{day}", at=noon(day), net=net))
    story.tick(midnight(120))
    # g = 2,268,000 s; 10,001 * 365 * 86,400 / (4 * 2,268,000) = 34,765.38...
    assert silence(story) == Silence([10, 20, 30], 2_268_000, FIRST + 60, 0, 34_765)


def test_one_order_rests_on_the_shops_gap_alone() -> None:
    story = Story(a_policy())
    story.has(an_order(net=3000))
    story.tick(midnight(60))
    # 3,000 * 365 / 30
    assert silence(story)[:5] == ([], 30 * DAY_S, FIRST, 0, 36_500)


def test_the_spend_is_that_of_one_window_before_the_last_purchase() -> None:
    story = Story(a_policy(window_days=30, tier_window_days=30))
    story.has(an_order("old", at=noon(0), net=7000), an_order("edge", at=noon(1), net=1000), an_order(at=noon(30)))
    story.tick(midnight(90))
    gap = (5 * 30 * DAY_S + 2 * 15 * DAY_S) // 7
    assert silence(story).gaps == [1, 29]
    # The order of day 0 is as old as the window is long on day 30; 2 orders, 2,000.
    assert silence(story).spend_at_risk == 2000 * 30 * DAY_S // (2 * gap)


def test_without_an_order_in_the_ledger_there_is_no_spend_to_reckon() -> None:
    # The horizon is 10 + 0 + 5 days; dormancy does not count in rhythm mode.
    policy = a_policy(window_days=10, tier_window_days=10, return_window_days=0, rhythm=Rhythm())
    story = Story(policy)
    story.has(an_order(), an_order("o-2", at=noon(20)))
    story.tick(midnight(60))
    alert = story.told[-1]
    assert (alert.kind, silence(story).spend_at_risk) == ("lifecycle.near_churn", NO_SPEND)
    assert silence(story).gaps == [20]


def test_quiet_days_since_the_last_purchase_are_counted_and_leave_the_gaps() -> None:
    story = Story(a_policy(quiet=quiet((5, 9), (30, 39), (500, 510))))
    story.has(an_order(), an_order("o-2", at=noon(20)))
    story.tick(midnight(20 + 60 + 10))
    told = silence(story)
    assert (story.told[-1].kind, told.gaps, told.quiet_days) == ("lifecycle.near_churn", [15], 10)


def test_an_alert_by_an_event_says_all_this_too() -> None:
    story = Story(a_policy())
    story.has(an_order(), an_order("o-2", at=noon(70)))
    story.has(a_cancel("o-2", at=noon(71)))
    alert = story.told[-1]
    assert (alert.kind, alert.reason, alert.due_at) == ("lifecycle.near_churn", "cancel", midnight(60))
    assert silence(story).last_day == FIRST


def test_the_purchases_that_left_are_remembered_for_the_pace() -> None:
    policy = a_policy(window_days=10, tier_window_days=10, return_window_days=0, rhythm=Rhythm())
    story = Story(policy)
    for number in range(14):
        story.has(an_order(f"o-{number}", at=noon(20 * number)))
    story.tick(midnight(13 * 20 + 40))
    # Eleven gaps of 20 days: (150 + 220) / 16 = 23.125 days; 27.75 days to near-churn, 34 d 59,400 s to lapsed.
    told = silence(story)
    assert (story.told[-1].kind, told.gaps, told.expected_gap) == ("lifecycle.lapsed_recently", [20] * 11, 1_998_000)
    assert story.told[-1].due_at == after(260, 34, 59_400)
