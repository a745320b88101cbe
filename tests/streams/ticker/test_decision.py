"""May time move on? Every boundary of the rules, without a broker."""

from dataclasses import replace

import pytest

from streams.config import TickerSettings
from streams.ticker.control import OperatorWord
from streams.ticker.decision import Held, Silent, Situation, Tick, decide, is_jump, proposed
from streams.ticker.due_counts import DueCount, moved_by
from streams.ticker.wording import explain_hold

HOUR = 3_600_000
MINUTE = 60_000
NOON = 1_700_000_000_000 // HOUR * HOUR
LIMITS = TickerSettings(jump_limit_seconds=3600, mass_limit_members=1000, mass_limit_share=0.02)
USUAL = Situation(now=NOON + MINUTE, last_tick=NOON, limits=LIMITS)
HELD = OperatorWord("held", None, "ann", "stock-taking")


def due(*buckets: tuple[int, int], members: int = 10_000, as_of: int = NOON) -> DueCount:
    return DueCount(0, members, as_of, buckets)


def released(until: int | None) -> OperatorWord:
    return OperatorWord("released", until, "ann", "checked")


def test_a_minute_later_time_moves_on_by_a_minute() -> None:
    assert decide(USUAL, None) == Tick(NOON + MINUTE)


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        (NOON + 1, Tick(NOON + 1)),
        (NOON, Silent("clock")),
        (NOON - 1, Silent("clock")),
        (NOON - 9 * HOUR, Silent("clock")),
    ],
)
def test_a_clock_that_is_not_past_the_last_tick_is_silent(now: int, verdict: Tick | Silent) -> None:
    assert decide(replace(USUAL, now=now), None) == verdict


@pytest.mark.parametrize(
    ("oldest", "verdict"),
    [
        (None, Tick(NOON + MINUTE)),
        (NOON + 2 * MINUTE, Tick(NOON + MINUTE)),
        (NOON + MINUTE + 1, Tick(NOON + MINUTE)),
        (NOON + MINUTE, Tick(NOON + MINUTE - 1)),
        (NOON + 2, Tick(NOON + 1)),
        (NOON + 1, Silent("upstream")),
        (NOON - HOUR, Silent("upstream")),
        (0, Silent("upstream")),
    ],
)
def test_time_stays_before_the_oldest_purchase_that_ingest_has_not_handled(
    oldest: int | None, verdict: Tick | Silent
) -> None:
    assert decide(replace(USUAL, oldest_unhandled=oldest), None) == verdict


@pytest.mark.parametrize(
    ("step", "broker_behind", "passes"),
    [
        (HOUR, None, True),
        (HOUR + 1, 0, True),
        (26 * HOUR, 0, True),
        (26 * HOUR, HOUR, True),
        (26 * HOUR, HOUR + 1, False),
        (HOUR + 1, HOUR + 1, False),
        (48 * HOUR, -HOUR, True),
    ],
)
def test_real_downtime_passes_and_a_wrong_clock_is_held(step: int, broker_behind: int | None, passes: bool) -> None:
    situation = replace(USUAL, now=NOON + step)
    broker = None if broker_behind is None else situation.now - broker_behind
    verdict = decide(situation, broker)
    assert isinstance(verdict, Tick) == passes
    assert passes or (isinstance(verdict, Held) and verdict.reason == "jump")


def test_a_jump_that_the_broker_says_nothing_about_is_held() -> None:
    verdict = decide(replace(USUAL, now=NOON + 2 * HOUR), None)
    assert isinstance(verdict, Held)
    assert "the broker did not tell its time" in explain_hold(verdict)


def test_the_first_tick_of_all_is_confirmed_by_the_broker_too() -> None:
    first = replace(USUAL, last_tick=None)
    assert is_jump(first)
    assert decide(first, first.now) == Tick(first.now)
    assert isinstance(decide(first, first.now - 48 * HOUR), Held)


def test_a_step_is_measured_after_upstream_has_bounded_it() -> None:
    assert not is_jump(replace(USUAL, now=NOON + 9 * HOUR, oldest_unhandled=NOON + HOUR))


@pytest.mark.parametrize(
    ("members", "moved", "passes"),
    [(10_000, 1000, True), (10_000, 1001, False), (100_000, 2000, True), (100_000, 2001, False), (0, 1001, False)],
)
def test_a_tick_that_would_move_too_many_members_is_held(members: int, moved: int, passes: bool) -> None:
    verdict = decide(replace(USUAL, due_counts=(due((NOON, moved), members=members),)), None)
    assert isinstance(verdict, Tick) == passes
    if isinstance(verdict, Held):
        assert (verdict.reason, verdict.moved, verdict.members) == ("mass", moved, members)
        assert "memberpulse ticks release" in explain_hold(verdict)
        assert f"{moved:,} of {members:,} members" in explain_hold(verdict)


def test_partitions_are_added_up() -> None:
    counts = tuple(DueCount(number, 10_000, NOON, ((NOON, 501),)) for number in range(2))
    assert isinstance(decide(replace(USUAL, due_counts=counts), None), Held)


def test_downtime_that_the_broker_confirms_still_waits_when_too_many_would_move() -> None:
    situation = replace(USUAL, now=NOON + 26 * HOUR, due_counts=(due((NOON, 10), (NOON + 12 * HOUR, 1001)),))
    verdict = decide(situation, situation.now)
    assert isinstance(verdict, Held)
    assert verdict.reason == "mass"


@pytest.mark.parametrize(
    ("at", "last_tick", "as_of", "moved"),
    [
        (NOON - 1, None, 0, 5),
        (NOON, None, 0, 5 + 7),
        (NOON + HOUR - 1, None, 0, 5 + 7),
        (NOON + HOUR, None, 0, 5 + 7 + 11),
        # Counted at or after the last tick: what it says is still to come.
        (NOON + 2 * MINUTE, NOON + MINUTE, NOON + MINUTE, 5 + 7),
        (NOON + 2 * MINUTE, NOON + MINUTE, NOON + HOUR, 5 + 7),
        # Counted before the last tick: that tick has moved what was due by then.
        (NOON + 2 * MINUTE, NOON + MINUTE, NOON, 0),
        (NOON + HOUR, NOON + MINUTE, NOON, 11),
        (NOON, NOON - 1, NOON - HOUR, 7),
    ],
)
def test_due_members_are_counted_once(at: int, last_tick: int | None, as_of: int, moved: int) -> None:
    count = due((NOON - HOUR, 5), (NOON, 7), (NOON + HOUR, 11), as_of=as_of)
    assert moved_by(at, last_tick, [count]) == moved


def test_an_operator_holds_every_tick() -> None:
    verdict = decide(replace(USUAL, word=HELD), None)
    assert isinstance(verdict, Held)
    assert verdict.reason == "operator"
    assert "by ann: stock-taking" in explain_hold(verdict)


@pytest.mark.parametrize(
    ("until", "at"),
    [(None, NOON + 26 * HOUR), (NOON + 30 * HOUR, NOON + 26 * HOUR), (NOON + HOUR, NOON + HOUR), (NOON + 1, NOON + 1)],
)
def test_a_release_lets_one_tick_past_every_hold_up_to_its_instant(until: int | None, at: int) -> None:
    crowd = due((NOON, 5000))
    situation = replace(USUAL, now=NOON + 26 * HOUR, word=released(until), due_counts=(crowd,))
    assert decide(situation, None) == Tick(at, released=True)


@pytest.mark.parametrize("until", [NOON, NOON - HOUR])
def test_a_release_that_the_last_tick_has_reached_is_used_up(until: int) -> None:
    assert decide(replace(USUAL, word=released(until)), None) == Tick(NOON + MINUTE)
    assert isinstance(decide(replace(USUAL, word=released(until), due_counts=(due((NOON, 5000)),)), None), Held)


def test_a_release_never_passes_a_purchase_that_waits() -> None:
    situation = replace(USUAL, word=released(None), oldest_unhandled=NOON + 10)
    assert proposed(situation) == NOON + 9
    assert decide(replace(situation, oldest_unhandled=NOON), None) == Silent("upstream")
