"""A basket judged on top of a score comes to what the scorer comes to, who has the whole ledger."""

import random
from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from scoring.calendar import EPOCH
from scoring.engine import Position, apply
from scoring.policy import CALENDAR_YEAR, MEMBERSHIP_YEAR, Cuts, Policy, SealRules
from scoring.rhythm import Rhythm
from scoring.segment_rules import SegmentRules
from scoring.state import MemberState
from scoring.tier_rules import HoldRules
from streams.outcome_records import OutcomeRecords
from streams.serving.baskets import RefusedBasketError, judged
from streams.serving.policies import InForce
from streams.serving.scores import Score
from streams.serving.shapes import Basket
from tests.builders import (
    GOLD,
    HELD_TIERS,
    HOUR_MS,
    SILVER,
    Story,
    a_cancel,
    a_policy,
    a_return,
    a_zone,
    an_order,
    an_override,
    holding,
    midnight,
    noon,
)

SEGMENTS = SegmentRules([30, 60, 90, 180], [2, 3, 5, 8], 90, 1, 10_000, by_median=False, named=frozenset())
#: One cut to enter each tier, and a lower one to keep it.
CUTS = Cuts(
    date="2026-01-01",
    fallback=False,
    ranks=frozenset({SILVER, GOLD}),
    enter={SILVER: 4_000, GOLD: 30_000},
    leave={SILVER: 3_000, GOLD: 20_000},
)
ROLLING_POLICIES: dict[str, Callable[[], Policy]] = {
    "at once": lambda: a_policy(tiers=HELD_TIERS, window_days=100, tier_window_days=100),
    "other zone": lambda: a_policy(tiers=HELD_TIERS, window_days=100, tier_window_days=100, zone=a_zone("Asia/Tokyo")),
    "least amount": lambda: a_policy(tiers=HELD_TIERS, window_days=60, tier_window_days=60, min_order_amount=700),
    "tiers by a shorter window": lambda: a_policy(tiers=HELD_TIERS, window_days=200, tier_window_days=60),
    "tiers by a longer window": lambda: a_policy(tiers=HELD_TIERS, window_days=60, tier_window_days=200),
    "held": holding,
    "held with grace": lambda: holding(hold_days=40, grace_days=20, expiring_days=10),
    "provisional": lambda: holding(provisional=True, return_window_days=30),
    "provisional at once": lambda: a_policy(
        tiers=HELD_TIERS, window_days=80, tier_window_days=80, return_window_days=30, provisional=True
    ),
    "rhythm": lambda: a_policy(tiers=HELD_TIERS, rhythm=Rhythm(), window_days=90, tier_window_days=90),
    "late alerts": lambda: a_policy(
        tiers=HELD_TIERS, window_days=90, tier_window_days=90, allowed_lateness_ms=36 * HOUR_MS
    ),
    "segments": lambda: a_policy(tiers=HELD_TIERS, window_days=90, tier_window_days=90, segments=SEGMENTS),
    "sealed": lambda: a_policy(
        tiers=HELD_TIERS,
        window_days=100,
        tier_window_days=100,
        return_window_days=20,
        holds=HoldRules(50, 10, one_level=True, expiring_days=0),
        seal=SealRules(40, 40),
    ),
    "corrected": lambda: holding(corrects=True),
    "percentile": lambda: holding(by_percentile=True).with_cuts(CUTS, None),
}
YEARS = {"calendar": CALENDAR_YEAR, "membership": MEMBERSHIP_YEAR}


def in_force(policy: Policy) -> InForce:
    return InForce(policy, OutcomeRecords(policy, 1).scores, {})


def score_of(state: MemberState, policy: Policy) -> Score:
    return msgspec.json.decode(in_force(policy).scores.record("ann", state), type=Score)


def lived(policy: Policy, chance: random.Random) -> tuple[Story, int]:
    """A member who shopped for months, and the day of the next basket; time passed before every order."""
    story, day = Story(policy), 0
    story.has(an_order("first", at=noon(0), net=chance.choice((500, 1_500))))
    pause = chance.choice((2, 9, 30, 70))
    for number in range(chance.randrange(2, 30)):
        day += chance.randrange(0, 2 * pause)
        story.tick(midnight(day))
        order = f"o{number}"
        story.has(an_order(order, at=noon(day), net=chance.choice((100, 600, 900, 2_500))))
        if chance.random() < 0.1:
            story.has(a_return(order, at=noon(day) + timedelta(hours=1), amount=100))
        if chance.random() < 0.05:
            story.has(a_cancel(order, at=noon(day) + timedelta(hours=2)))
        if chance.random() < 0.05:
            until = midnight(day + chance.randrange(5, 60))
            story.has(an_override(chance.choice(("Silver", "Gold")), until=until, at=noon(day), event_id=f"e{number}"))
    day += chance.choice((0, 1, 20, 61, 95, 130, 400, 700))
    story.tick(midnight(day))
    return story, day


def really(story: Story, basket: Basket, at: int) -> Score:
    order = an_order("basket", at=EPOCH + timedelta(milliseconds=at), net=basket.net_amount)
    position = Position(story.position.offset, at, story.position.last_tick, imported=False)
    return score_of(apply(story.member, order, story.policy, position).state, story.policy)


def comparable(score: Score) -> dict[str, object]:
    """What previews show: neither the next timer and the number of outcomes, which need more than a score, nor the
    place in the log.
    """
    told: dict[str, object] = msgspec.to_builtins(score)
    return {name: value for name, value in told.items() if name not in {"next_due_ms", "sequence", "offset"}}


@pytest.mark.parametrize("name", ROLLING_POLICIES)
def test_a_preview_says_what_the_scorer_then_says(name: str) -> None:
    chance, exact = random.Random(name), 0
    for _ in range(60):
        story, day = lived(ROLLING_POLICIES[name](), chance)
        at = midnight(day) + chance.randrange(13 * HOUR_MS, 23 * HOUR_MS)
        basket = Basket(net_amount=chance.choice((0, 50, 700, 2_000, 9_000)), currency="EUR")
        found = judged(score_of(story.member, story.policy), "ann", basket, in_force(story.policy), at)
        if not found.doubts:
            exact += 1
            assert comparable(found.after) == comparable(really(story, basket, at))
    assert exact > 50, "nearly every preview has to be exact, or this test shows nothing"


@pytest.mark.parametrize("window", YEARS)
@pytest.mark.parametrize("held", [False, True])
def test_where_tiers_go_by_years_tier_and_numbers_are_exact_and_the_doubt_is_told(window: str, held: bool) -> None:
    chance = random.Random(window)
    for _ in range(60):
        policy = holding(tier_window=YEARS[window]) if held else a_policy(tiers=HELD_TIERS, tier_window=YEARS[window])
        story, day = lived(policy, chance)
        at = midnight(day) + chance.randrange(13 * HOUR_MS, 23 * HOUR_MS)
        basket = Basket(net_amount=chance.choice((50, 700, 2_000, 9_000)), currency="EUR")
        found = judged(score_of(story.member, policy), "ann", basket, in_force(policy), at)
        then = really(story, basket, at)
        assert len(found.doubts) == 1
        assert "by years" in found.doubts[0]
        for name in ("tier", "base", "stage", "frequency", "monetary", "tier_frequency", "tier_monetary"):
            assert getattr(found.after, name) == getattr(then, name), name


def test_nothing_of_the_score_is_changed_by_a_preview() -> None:
    story = Story(a_policy())
    story.has(an_order("a", at=noon(0)))
    score = score_of(story.member, story.policy)
    before = msgspec.to_builtins(score)
    judged(score, "ann", Basket(net_amount=1, currency="EUR"), in_force(story.policy), midnight(3))
    assert msgspec.to_builtins(score) == before


def test_a_stranger_s_basket_is_their_first_order() -> None:
    found = judged(None, "ann", Basket(net_amount=900, currency="EUR"), in_force(a_policy()), midnight(3))
    assert (found.after.tier, found.after.stage, found.after.frequency) == ("Basic", "new", 1)


def test_past_its_next_timer_a_score_is_doubted() -> None:
    story = Story(a_policy())
    story.has(an_order("a", at=noon(0)))
    score = score_of(story.member, story.policy)
    assert score.next_due_ms is not None
    basket = Basket(net_amount=900, currency="EUR")
    assert not judged(score, "ann", basket, in_force(story.policy), score.next_due_ms - 1).doubts
    assert "time alone" in judged(score, "ann", basket, in_force(story.policy), score.next_due_ms).doubts[0]


@pytest.mark.parametrize("policy", [holding(corrects=True), a_policy(rhythm=Rhythm())])
def test_a_basket_from_before_the_last_order_is_doubted_where_scores_do_not_know_enough(policy: Policy) -> None:
    story = Story(policy)
    story.has(an_order("a", at=noon(0)), an_order("b", at=noon(9)))
    basket = Basket(net_amount=900, currency="EUR", occurred_at=noon(5))
    score = score_of(story.member, policy)
    assert "late" in judged(score, "ann", basket, in_force(policy), midnight(10)).doubts[0]


@pytest.mark.parametrize("name", [name for name in ROLLING_POLICIES if name not in {"rhythm", "corrected"}])
def test_a_late_basket_is_judged_as_the_scorer_does(name: str) -> None:
    chance = random.Random(name)
    for _ in range(30):
        story, day = lived(ROLLING_POLICIES[name](), chance)
        at = midnight(day - chance.randrange(1, 40)) + chance.randrange(13 * HOUR_MS, 23 * HOUR_MS)
        basket = Basket(
            net_amount=chance.choice((50, 900)), currency="EUR", occurred_at=EPOCH + timedelta(milliseconds=at)
        )
        now = midnight(day) + 13 * HOUR_MS
        found = judged(score_of(story.member, story.policy), "ann", basket, in_force(story.policy), now)
        then = really(story, basket, at)
        if not found.doubts:
            assert (found.after.tier, found.after.frequency, found.after.monetary, found.after.stage) == (
                then.tier,
                then.frequency,
                then.monetary,
                then.stage,
            )


@pytest.mark.parametrize(
    ("basket", "told"),
    [
        (Basket(net_amount=1, currency="USD"), "EUR"),
        (Basket(net_amount=1, currency="EUR", occurred_at=noon(4)), "occurred_at"),
        (Basket(net_amount=1, currency="EUR", occurred_at=noon(-900)), "days old"),
    ],
)
def test_what_the_scorer_refuses_is_refused(basket: Basket, told: str) -> None:
    with pytest.raises(RefusedBasketError, match=told) as refused:
        judged(None, "ann", basket, in_force(a_policy()), midnight(3))
    assert "preview" not in str(refused.value)
