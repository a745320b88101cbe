"""Small shops in which every figure can be worked out with pen and paper."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.rhythm import DAY_S, NO_QUIET_DAYS, QuietCalendar, Rhythm
from scoring.vocabulary import DAY_MS
from streams.backtest.comparing import Line
from streams.backtest.report import Question, Report, backtest, steps_of
from streams.backtest.silences import NEVER, Replay, Silence, silences_of
from tests.streams.backtest.shops import FIRST, a_shop

SIX = a_shop(
    # ann: a short rhythm, then nothing more
    (0.5, 10.5, 20.5),
    # bob: back 10.5 days after the first fixed alert, 70.5 days after the second; the third cannot be judged yet
    (0.5, 70.5, 200.5),
    # cat: her alert comes exactly 90 days before the end
    (150.5,),
    # dan: buys at the very instant of the boundary, so there is no alert; then stays away
    (0.5, 60.0, 60.5),
    # eve: the same a millisecond later
    (0.5, 60.0 + 1 / DAY_MS),
    # fay: comes back exactly 90 days after the alert, which was right
    (0.5, 150.0),
    end=300,
)


def ask(**changes: object) -> Question:
    asked = {"near_churn_days": 60, "lapsed_days": 90, "other_days": (), "rhythms": (Rhythm(),), "resamples": 20}
    return Question(**(asked | changes))  # type: ignore[arg-type]


def replay(shop: object, question: Question) -> Report:
    return backtest(shop, question, lambda _: None)  # type: ignore[arg-type]


def line(report: Report, comparison: int, mode: str) -> Line:
    return next(each for each in report.comparisons[comparison].lines if each.mode == mode)


def counts(found: Line) -> tuple[int, int, int, int]:
    """Alerts, right ones, back within 30 and within 60 days."""
    assert found.right is not None
    assert found.back_30 is not None
    assert found.back_60 is not None
    shares = (found.right.value, found.back_30.value, found.back_60.value)
    return (found.alerts, *(round(found.alerts * share) for share in shares))  # type: ignore[return-value]


def test_fixed_days_tell_what_the_shop_shows() -> None:
    fixed = line(replay(SIX, ask()), 0, "fixed")
    # ann 1 right; bob 1 back at once and 1 after 70 days; cat, dan 1 right; eve 1 back and 1 right; fay 2 right.
    assert counts(fixed) == (9, 6, 2, 2)
    assert fixed.too_late == 1
    assert fixed.lead_median == 30
    assert fixed.setting == "60 days"


def test_the_rhythm_tells_what_the_shop_shows() -> None:
    report = replay(SIX, ask())
    own = next(each for each in report.comparisons if each.anchor == "rhythm, weight 5, 1.200 g")
    rhythm = next(each for each in own.lines if each.mode == "rhythm")
    # ann: g = (150 + 2 * 10) / 7 days = 2,098,285 s, alert 2,517,942 s after day 20: right.
    # bob: g = 30 d, alert on day 36, back 34.5 d later; g = 220 / 6 d, alert 44 d after day 70, back 86.5 d later.
    # cat: day 186, right. dan and eve: day 36, back 24 d later; g = (150 + 60) / 6 = 35 d, day 102: right.
    # fay: day 36, back 114 d later: right; g = (150 + 150) / 6 = 50 d, day 210: right.
    assert counts(rhythm) == (10, 6, 2, 3)
    # bob's third: g = (150 + 2 * 100) / 7 = 50 d, day 260.
    assert rhythm.too_late == 1
    leads = sorted([90 * DAY_S - 2_517_942, 54 * DAY_S, 48 * DAY_S, 48 * DAY_S, 54 * DAY_S, 30 * DAY_S])
    assert rhythm.lead_median == pytest.approx((leads[2] + leads[3]) / 2 / DAY_S)
    assert rhythm.lead is not None
    assert rhythm.lead.value == pytest.approx(sum(leads) / 6 / DAY_S)


def test_quiet_days_put_alerts_off() -> None:
    closed = QuietCalendar([(FIRST + 30, FIRST + 39)])
    fixed = line(replay(a_shop((0.5,), end=300), ask(quiet=closed)), 0, "fixed")
    (silence,) = silences_of(a_shop((0.5,), end=300), closed)
    (alert,) = Replay(a_shop((0.5,), end=300), [silence], [DAY_S], closed).alerts(60_000)
    assert alert.at == (FIRST + 70) * DAY_MS
    assert fixed.lead_median == 30


def test_members_of_a_few_alerts_are_too_few_for_a_recommendation() -> None:
    found = replay(SIX, ask()).recommendation
    assert found.mode is None
    assert found.sentences[0].startswith("too little to tell: 6 members")


@pytest.mark.parametrize(
    "shop",
    [
        a_shop(end=0),
        a_shop((0.5, 5.5, 10.5, 15.5), end=16),
        a_shop((0.5,), end=149),  # on the eve of the first day on which the alert of day 60 could be judged
    ],
)
def test_a_shop_without_an_alert_that_can_be_judged_gets_no_comparison(shop: object) -> None:
    report = replay(shop, ask(rhythms=(Rhythm(usual_gap=60 * DAY_S),)))
    assert report.comparisons == ()
    assert report.recommendation.mode is None
    assert "no alert can be judged" in report.recommendation.sentences[0]


def test_one_member_gets_figures_but_no_recommendation() -> None:
    report = replay(a_shop((0.5,), end=150), ask())
    assert counts(line(report, 0, "fixed")) == (1, 1, 0, 0)
    assert report.recommendation.mode is None
    assert "1 members" in report.recommendation.sentences[0]


def test_the_steps_told_are_all_there_are() -> None:
    told: list[int] = []
    question = ask(other_days=(30, 90))
    backtest(SIX, question, told.append)
    assert sum(told) == steps_of(question)


shops = st.lists(
    st.lists(st.integers(0, 4000).map(lambda tenth: tenth / 10), min_size=1, max_size=12), min_size=1, max_size=8
).map(lambda members: a_shop(*members, end=400))


@given(shops, st.lists(st.integers(20 * DAY_S, 60 * DAY_S), min_size=8, max_size=8), st.integers(1, 4000))
def test_a_boundary_tells_an_alert_when_it_comes_before_the_purchase_that_ends_the_silence(
    shop: object, bases: list[int], multiple: int
) -> None:
    silences = silences_of(shop, NO_QUIET_DAYS)  # type: ignore[arg-type]
    own = [bases[each.member] for each in silences]
    found = Replay(shop, silences, own, NO_QUIET_DAYS)  # type: ignore[arg-type]
    expected, right, late = [], 0, 0
    for member, bought in enumerate(shop.members):  # type: ignore[attr-defined]
        for (day, _), (_, back) in pairwise([*bought, (0, 1 << 62)]):
            at = day * DAY_MS + bases[member] * multiple // 1000 * 1000
            if at < back and at <= (FIRST + 310) * DAY_MS:
                expected.append((member, at, back - at))
                right += back - at >= 90 * DAY_MS
            elif at < back and at <= (FIRST + 400) * DAY_MS:
                late += 1
    alerts = found.alerts(multiple)
    assert [(each.member, each.at, each.away_ms) for each in alerts] == expected
    assert found.volume(multiple) == len(expected)
    assert found.too_late(multiple) == late
    assert (found.mean_boundary(multiple) is None) == (right == 0)


@given(shops, st.integers(0, 100))
def test_the_multiple_for_a_volume_is_as_near_as_any(shop: object, volume: int) -> None:
    silences = silences_of(shop, NO_QUIET_DAYS)  # type: ignore[arg-type]
    found = Replay(shop, silences, [30 * DAY_S] * len(silences), NO_QUIET_DAYS)  # type: ignore[arg-type]
    chosen = found.multiple_for(volume)
    nearest = min(abs(found.volume(multiple) - volume) for multiple in range(1, 13_400, 7))
    assert abs(found.volume(chosen) - volume) <= nearest


def test_the_largest_multiple_of_an_alert_is_exact_to_the_second() -> None:
    # 3 s * 33,666 / 1000 = 100.998 s, floored 100: still within an age of 100 s. One thousandth more is 101.001 s.
    silence = Silence(
        member=0,
        last_day=FIRST,
        next_at=NEVER,
        judged_age=100,
        right_age=100,
        told_age=100,
        gap_count=0,
        twice_median=0,
    )
    found = Replay(a_shop((0.5,), end=300), [silence], [3], NO_QUIET_DAYS)
    assert [found.volume(multiple) for multiple in (33_665, 33_666, 33_667)] == [1, 1, 0]
    assert [len(found.alerts(multiple)) for multiple in (33_665, 33_666, 33_667)] == [1, 1, 0]
