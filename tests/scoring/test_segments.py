"""Which segments a member is in at every cut, that each grid is a partition, and when time alone moves somebody."""

import re
from itertools import product
from statistics import quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.further import NO_SEGMENT
from scoring.segment_rules import (
    DEFAULT_F_CUTS,
    DEFAULT_HIGH_FREQUENCY,
    DEFAULT_HIGH_RECENCY_DAYS,
    DEFAULT_R_CUTS,
    EIGHT_TYPES,
    PROSPECT_SEGMENT,
    QUADRANTS,
    RF_SEGMENTS,
    Medians,
    SegmentRules,
)
from scoring.segment_timers import next_segment_timer, segments_at
from scoring.segments import (
    NO_MEMBERSHIPS,
    eight_type,
    f_score,
    memberships,
    next_segment_change,
    next_type_change,
    quadrant,
    r_score,
    rf_segment,
)
from scoring.state import NO_DAY
from tests.builders import Story, a_cancel, a_policy, a_zone, an_order, midnight, noon

#: The published grid, as regular expressions over R and F: a transcription independent of the module's table.
PUBLISHED_GRID = {
    r"[1-2][1-2]": "hibernating",
    r"[1-2][3-4]": "at_risk",
    r"[1-2]5": "cant_lose",
    r"3[1-2]": "about_to_sleep",
    r"33": "need_attention",
    r"[3-4][4-5]": "loyal",
    r"41": "promising",
    r"51": "new",
    r"[4-5][2-3]": "potential_loyalist",
    r"5[4-5]": "champion",
}
CELLS = list(product(range(1, 6), range(1, 6)))
TODAY = 20_000


def some_rules(
    *,
    r_cuts: tuple[int, ...] = DEFAULT_R_CUTS,
    f_cuts: tuple[int, ...] = DEFAULT_F_CUTS,
    recency_days: int = DEFAULT_HIGH_RECENCY_DAYS,
    frequency: int = DEFAULT_HIGH_FREQUENCY,
    monetary: int = 10_000,
    by_median: bool = False,
    named: frozenset[str] = frozenset(),
) -> SegmentRules:
    return SegmentRules(list(r_cuts), list(f_cuts), recency_days, frequency, monetary, by_median, named)


DEFAULT = some_rules()

ages = st.integers(0, 500)
frequencies = st.integers(0, 20)
amounts = st.integers(0, 30_000)
four_cuts = st.lists(st.integers(0, 400), min_size=4, max_size=4).map(lambda cuts: tuple(sorted(cuts)))
medians_or_none = st.none() | st.builds(Medians, ages, frequencies, amounts)
any_rules = st.builds(
    some_rules,
    r_cuts=four_cuts,
    f_cuts=four_cuts,
    recency_days=ages,
    frequency=frequencies,
    monetary=amounts,
    by_median=st.booleans(),
)


@pytest.mark.parametrize(
    ("days", "score"),
    [
        (0, 5), (29, 5), (30, 5),
        (31, 4), (59, 4), (60, 4),
        (61, 3), (89, 3), (90, 3),
        (91, 2), (179, 2), (180, 2),
        (181, 1), (365, 1), (100_000, 1),
    ],
)  # fmt: skip
def test_recency_falls_on_the_day_after_each_cut(days: int, score: int) -> None:
    assert r_score(days, DEFAULT) == score


@pytest.mark.parametrize(
    ("frequency", "score"),
    [(0, 1), (1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (6, 4), (7, 4), (8, 5), (9, 5), (10_000, 5)],
)
def test_frequency_rises_at_each_cut(frequency: int, score: int) -> None:
    assert f_score(frequency, DEFAULT) == score


@pytest.mark.parametrize(("r", "f"), CELLS)
def test_every_cell_has_the_one_name_of_the_published_grid(r: int, f: int) -> None:
    names = [name for cells, name in PUBLISHED_GRID.items() if re.fullmatch(cells, f"{r}{f}")]
    assert names == [RF_SEGMENTS[rf_segment(r, f)]]


def test_every_name_of_the_grid_is_reached_and_prospect_only_without_an_order() -> None:
    reached = {rf_segment(r, f) for r, f in CELLS}
    assert reached == set(range(len(RF_SEGMENTS))) - {PROSPECT_SEGMENT}
    assert RF_SEGMENTS[PROSPECT_SEGMENT] == "prospect"


def test_no_two_segments_of_any_group_share_a_name() -> None:
    names = RF_SEGMENTS + QUADRANTS + EIGHT_TYPES
    assert len(set(names)) == len(names) == 11 + 4 + 8


@pytest.mark.parametrize(
    ("frequency", "monetary", "name"),
    [
        (0, 0, "rare_low_spend"),
        (1, 10_000, "rare_low_spend"),
        (2, 10_000, "frequent_low_spend"),
        (2, 9_999, "frequent_low_spend"),
        (1, 10_001, "rare_high_spend"),
        (0, 10_001, "rare_high_spend"),
        (2, 10_001, "frequent_high_spend"),
        (3, 10_002, "frequent_high_spend"),
    ],
)
def test_a_quadrant_is_high_strictly_above_its_numbers(frequency: int, monetary: int, name: str) -> None:
    assert QUADRANTS[quadrant(frequency, monetary, DEFAULT, None)] == name


@pytest.mark.parametrize(
    ("recency_days", "frequency", "monetary", "name"),
    [
        (89, 2, 10_001, "important_value"),
        (89, 1, 10_001, "important_development"),
        (90, 2, 10_001, "important_keep"),
        (91, 2, 10_001, "important_keep"),
        (90, 1, 10_001, "important_win_back"),
        (89, 2, 10_000, "general_value"),
        (0, 3, 9_999, "general_value"),
        (89, 1, 10_000, "general_development"),
        (90, 2, 10_000, "general_keep"),
        (90, 1, 10_000, "general_win_back"),
        (400, 0, 0, "general_win_back"),
    ],
)
def test_a_type_is_high_strictly_beyond_its_numbers(
    recency_days: int, frequency: int, monetary: int, name: str
) -> None:
    assert EIGHT_TYPES[eight_type(recency_days, frequency, monetary, DEFAULT, None)] == name


@pytest.mark.parametrize(
    ("by_median", "medians", "name"),
    [
        (False, None, "important_value"),
        (False, Medians(10, 5, 90_000), "important_value"),
        (True, None, "important_value"),
        (True, Medians(10, 5, 90_000), "general_win_back"),
        (True, Medians(51, 4, 49_999), "important_value"),
        (True, Medians(50, 4, 49_999), "important_keep"),
        (True, Medians(51, 5, 49_999), "important_development"),
        (True, Medians(51, 4, 50_000), "general_value"),
    ],
)
def test_medians_decide_only_when_asked_for_and_there(by_median: bool, medians: Medians | None, name: str) -> None:
    rules = some_rules(by_median=by_median)
    assert EIGHT_TYPES[eight_type(50, 5, 50_000, rules, medians)] == name
    important, recent_or_frequent = name.split("_", 1)
    frequent = recent_or_frequent in {"value", "keep"}
    expected = f"{'frequent' if frequent else 'rare'}_{'high' if important == 'important' else 'low'}_spend"
    assert QUADRANTS[quadrant(5, 50_000, rules, medians)] == expected


@given(ages, frequencies, amounts, any_rules, medians_or_none)
def test_every_member_with_an_order_has_exactly_one_name_in_each_group(
    age: int, frequency: int, monetary: int, rules: SegmentRules, medians: Medians | None
) -> None:
    marks = medians if rules.by_median and medians is not None else rules.set_numbers
    segment, corner, kind = memberships(1, TODAY - age, TODAY, frequency, monetary, rules, medians)
    r = 5 - sum(age > cut for cut in rules.r_cuts)
    f = 1 + sum(frequency >= cut for cut in rules.f_cuts)
    assert [name for cells, name in PUBLISHED_GRID.items() if re.fullmatch(cells, f"{r}{f}")] == [RF_SEGMENTS[segment]]
    is_corner = {
        "frequent_high_spend": frequency > marks.frequency and monetary > marks.monetary,
        "rare_high_spend": frequency <= marks.frequency and monetary > marks.monetary,
        "frequent_low_spend": frequency > marks.frequency and monetary <= marks.monetary,
        "rare_low_spend": frequency <= marks.frequency and monetary <= marks.monetary,
    }
    assert [name for name, met in is_corner.items() if met] == [QUADRANTS[corner]]
    recent = age < marks.recency_days
    is_kind = {
        f"{weight}_{name}": met and corner in corners
        for weight, (often, seldom) in {"important": (0, 1), "general": (2, 3)}.items()
        for name, met, corners in [
            ("value", recent, {often}),
            ("development", recent, {seldom}),
            ("keep", not recent, {often}),
            ("win_back", not recent, {seldom}),
        ]
    }
    assert [name for name, met in is_kind.items() if met] == [EIGHT_TYPES[kind]]


@given(st.integers(1, 400), frequencies, amounts)
def test_every_quadrant_and_type_is_reached_whatever_the_numbers(recency: int, frequency: int, monetary: int) -> None:
    rules = some_rules(recency_days=recency, frequency=frequency, monetary=monetary)
    members = product((recency - 1, recency), (frequency, frequency + 1), (monetary, monetary + 1))
    reached = [memberships(1, TODAY - age, TODAY, f, m, rules, None) for age, f, m in members]
    assert sorted(kind for _, _, kind in reached) == list(range(8))
    assert sorted(corner for _, corner, _ in reached) == [0, 0, 1, 1, 2, 2, 3, 3]


@given(ages, frequencies, any_rules)
def test_scores_stay_on_the_grid_and_are_monotone(age: int, frequency: int, rules: SegmentRules) -> None:
    assert 1 <= r_score(age + 1, rules) <= r_score(age, rules) <= 5
    assert 1 <= f_score(frequency, rules) <= f_score(frequency + 1, rules) <= 5


@given(ages, frequencies, amounts, any_rules, medians_or_none)
def test_one_more_day_order_or_cent_never_moves_a_member_the_wrong_way(
    age: int, frequency: int, monetary: int, rules: SegmentRules, medians: Medians | None
) -> None:
    kind = eight_type(age, frequency, monetary, rules, medians)
    # Low is a bit of the index; each measure may only clear or set its own.
    assert eight_type(age + 1, frequency, monetary, rules, medians) in {kind, kind | 2}
    assert eight_type(age, frequency + 1, monetary, rules, medians) in {kind, kind & ~1}
    assert eight_type(age, frequency, monetary + 1, rules, medians) in {kind, kind & ~4}
    corner = quadrant(frequency, monetary, rules, medians)
    assert quadrant(frequency + 1, monetary, rules, medians) in {corner, corner & ~1}
    assert quadrant(frequency, monetary + 1, rules, medians) in {corner, corner & ~2}


def test_a_member_without_a_kept_order_is_a_prospect_and_nothing_else() -> None:
    assert memberships(0, 0, TODAY, 0, 0, DEFAULT, None) == (PROSPECT_SEGMENT, NO_SEGMENT, NO_SEGMENT)


def test_a_member_whose_orders_all_left_the_window_is_no_prospect() -> None:
    segment, corner, kind = memberships(2, TODAY - 365, TODAY, 0, 0, DEFAULT, None)
    assert (RF_SEGMENTS[segment], QUADRANTS[corner], EIGHT_TYPES[kind]) == (
        "hibernating",
        "rare_low_spend",
        "general_win_back",
    )


def test_recency_is_counted_from_the_last_purchase_day_to_the_day_asked_about() -> None:
    segments = [RF_SEGMENTS[memberships(1, TODAY, TODAY + age, 1, 0, DEFAULT, None)[0]] for age in (0, 30, 31, 60, 61)]
    assert segments == ["new", "new", "promising", "promising", "about_to_sleep"]


@pytest.mark.parametrize(
    ("age", "falls_at"),
    [(0, 31), (29, 31), (30, 31), (31, 61), (60, 61), (61, 91), (90, 91), (91, 181), (180, 181)],
)
def test_the_next_fall_of_recency_is_the_day_after_the_next_cut(age: int, falls_at: int) -> None:
    assert next_segment_change(TODAY, TODAY + age, DEFAULT) == TODAY + falls_at


@pytest.mark.parametrize("age", [181, 182, 10_000])
def test_recency_at_its_lowest_falls_no_more(age: int) -> None:
    assert next_segment_change(TODAY, TODAY + age, DEFAULT) == NO_DAY


@pytest.mark.parametrize(("age", "changes_at"), [(0, 90), (89, 90), (90, None), (91, None)])
def test_the_type_changes_when_recency_is_no_longer_high(age: int, changes_at: int | None) -> None:
    expected = NO_DAY if changes_at is None else TODAY + changes_at
    assert next_type_change(TODAY, TODAY + age, DEFAULT, None) == expected


def test_the_type_changes_at_the_median_in_force() -> None:
    rules = some_rules(by_median=True)
    assert next_type_change(TODAY, TODAY, rules, None) == TODAY + 90
    assert next_type_change(TODAY, TODAY, rules, Medians(40, 1, 1)) == TODAY + 40


@given(ages, frequencies, any_rules)
def test_nothing_falls_before_the_next_segment_change_and_recency_falls_on_it(
    age: int, frequency: int, rules: SegmentRules
) -> None:
    last_day = TODAY - age
    now = r_score(age, rules)
    segment = memberships(1, last_day, TODAY, frequency, 0, rules, None)[0]
    change = next_segment_change(last_day, TODAY, rules)
    assert change > TODAY
    for day in range(TODAY + 1, min(change, TODAY + 600)):
        assert r_score(day - last_day, rules) == now
        assert memberships(1, last_day, day, frequency, 0, rules, None)[0] == segment
    if change == NO_DAY:
        assert now == 1
    else:
        assert r_score(change - last_day, rules) < now


@given(ages, frequencies, amounts, any_rules, medians_or_none)
def test_no_membership_changes_by_itself_between_the_two_changes(
    age: int, frequency: int, monetary: int, rules: SegmentRules, medians: Medians | None
) -> None:
    last_day = TODAY - age
    now = memberships(1, last_day, TODAY, frequency, monetary, rules, medians)
    type_change = next_type_change(last_day, TODAY, rules, medians)
    change = min(next_segment_change(last_day, TODAY, rules), type_change)
    for day in range(TODAY + 1, min(change, TODAY + 600)):
        assert memberships(1, last_day, day, frequency, monetary, rules, medians) == now
    if type_change == NO_DAY:
        assert now[2] & 2
    else:
        assert memberships(1, last_day, type_change - 1, frequency, monetary, rules, medians)[2] == now[2]
        assert memberships(1, last_day, type_change, frequency, monetary, rules, medians)[2] == now[2] | 2


@given(st.lists(ages, min_size=1), st.lists(frequencies, min_size=1))
def test_quantile_cuts_score_like_intervals_closed_at_the_quantile(recencies: list[int], orders: list[int]) -> None:
    r_quantiles, f_quantiles = _quantiles(recencies), _quantiles(orders)
    rules = DEFAULT.with_quantiles(r_quantiles, f_quantiles)
    for days in recencies:
        assert r_score(days, rules) == 5 - sum(days > quantile for quantile in r_quantiles)
    for frequency in orders:
        assert f_score(frequency, rules) == 1 + sum(frequency > quantile for quantile in f_quantiles)


def test_distinct_values_split_into_five_equal_groups() -> None:
    rules = DEFAULT.with_quantiles(_quantiles(range(100)), _quantiles(range(1, 101)))
    assert [sum(r_score(days, rules) == score for days in range(100)) for score in range(1, 6)] == [20] * 5
    assert [sum(f_score(orders, rules) == score for orders in range(1, 101)) for score in range(1, 6)] == [20] * 5


def test_where_most_bought_once_they_all_have_the_lowest_frequency() -> None:
    rules = DEFAULT.with_quantiles([30, 60, 90, 180], [1, 1, 1, 2])
    assert [f_score(orders, rules) for orders in (1, 2, 3)] == [1, 4, 5]


def test_a_tie_across_a_quantile_of_recency_goes_to_the_more_recent() -> None:
    rules = DEFAULT.with_quantiles([7, 7, 20, 30.5], [1, 2, 3, 4])
    assert [r_score(days, rules) for days in (6, 7, 8, 20, 21, 30, 31)] == [5, 5, 3, 3, 2, 2, 1]


def test_quantile_cuts_leave_every_other_rule_alone() -> None:
    rules = some_rules(recency_days=7, frequency=8, monetary=9, by_median=True, named=frozenset({"loyal"}))
    cut = rules.with_quantiles([1, 2, 3, 4], [1, 2, 3, 4])
    marks = cut.set_numbers
    assert (marks.recency_days, marks.frequency, marks.monetary) == (7, 8, 9)
    assert (cut.by_median, cut.named) == (True, rules.named)
    assert (tuple(rules.r_cuts), tuple(rules.f_cuts)) == (DEFAULT_R_CUTS, DEFAULT_F_CUTS)


@pytest.mark.parametrize(
    "bad",
    [
        [1, 2, 3],
        [1, 2, 3, 4, 5],
        [2, 1, 3, 4],
        [1, 3, 2, 4],
        [1, 2, 4, 3],
        [1, 2, 3, float("nan")],
        [1, 2, 3, float("inf")],
    ],
)
def test_quantiles_that_are_none_are_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="quantiles"):
        DEFAULT.with_quantiles(bad, [1, 2, 3, 4])
    with pytest.raises(ValueError, match="quantiles"):
        DEFAULT.with_quantiles([1, 2, 3, 4], bad)


@pytest.mark.parametrize(
    ("day", "due"),
    [(0, 31), (30, 31), (31, 61), (60, 61), (61, 90), (89, 90), (90, 91), (91, 181), (180, 181)],
)
def test_the_timer_of_segments_is_the_next_day_on_which_recency_falls(day: int, due: int) -> None:
    story = Story(a_policy(segments=DEFAULT))
    story.has(an_order())
    assert next_segment_timer(story.member, story.policy, story.member.last_day + day) == midnight(due)


def test_nobody_waits_who_is_in_the_lowest_recency_or_has_no_order_or_is_not_scored() -> None:
    story = Story(a_policy(segments=DEFAULT))
    story.has(an_order())
    assert next_segment_timer(story.member, story.policy, story.member.last_day + 181) == 0
    assert next_segment_timer(story.member, a_policy(), story.member.last_day) == 0
    assert segments_at(story.member, a_policy(), story.member.last_day) == NO_MEMBERSHIPS
    nobody = Story(a_policy(segments=DEFAULT))
    nobody.has(a_cancel())
    assert next_segment_timer(nobody.member, nobody.policy, TODAY) == 0
    assert segments_at(nobody.member, nobody.policy, TODAY) == (PROSPECT_SEGMENT, NO_SEGMENT, NO_SEGMENT)


def test_recency_falls_at_the_local_midnight_of_a_short_day() -> None:
    story = Story(a_policy(zone=a_zone("Europe/Berlin"), segments=DEFAULT))
    # 2026-02-26 and 31 days are 2026-03-29, which begins an hour earlier in UTC than the day after.
    story.has(an_order(at=noon(56)))
    assert story.member.next_due == midnight(87) - 3_600_000
    story.tick(midnight(87) - 3_600_001)
    assert RF_SEGMENTS[story.member.rf_segment] == "new"
    story.tick(midnight(87) - 3_600_000)
    assert RF_SEGMENTS[story.member.rf_segment] == "promising"


def test_a_members_segments_are_those_of_today_after_every_tick() -> None:
    story = Story(a_policy(segments=DEFAULT, window_days=100))
    for day in (0, 1, 40):
        story.has(an_order(f"o-{day}", at=noon(day), net=6_000))
    for day in range(41, 300):
        story.tick(midnight(day))
        member = story.member
        today = member.last_day + day - 40
        orders = sum(day - bought < 100 for bought in (0, 1, 40))
        assert (member.rf_segment, member.quadrant, member.kind_of_eight) == memberships(
            2, member.last_day, today, orders, orders * 6_000, DEFAULT, None
        )


def _quantiles(values: list[int] | range) -> list[float]:
    return quantiles(values, n=5, method="inclusive") if len(values) > 1 else [float(values[0])] * 4
