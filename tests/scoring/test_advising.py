"""Which outcome recommends what, how often a member may have an offer, and who gets none."""

import pytest

from scoring.advising import ADVISING, CAPPED, IN_ALERT
from scoring.holdout import Holdout
from scoring.outcomes import Outcome
from scoring.policy import Action, Policy
from scoring.vocabulary import ACTIVE, MID_LAPSED, NEAR_CHURN, NEW, PROSPECT, RECENTLY_LAPSED
from streams.rows import decode, encode
from tests.builders import Story, a_cancel, a_policy, a_return, an_order, an_override, kinds, midnight, noon

TEA = Action("tea", "miss-you", 14, 1, cap_days=90)
FREE = Action("delivery", "hello", 1, 2)
BASIC, SILVER = 0, 1


def advice_of(told: list[Outcome], kind: str) -> list[tuple[str, str] | None]:
    """Offer, and why it is left out, of every outcome of a kind."""
    found = [outcome.advice for outcome in told if outcome.kind == kind]
    return [None if advice is None else (advice.action.offer, advice.left_out) for advice in found]


def quiet_again_and_again(policy: Policy, days: tuple[int, ...]) -> Story:
    """A member who buys on each of these days and becomes quiet between them, and after the last."""
    story = Story(policy)
    for number, day in enumerate(days):
        if number:
            story.tick(midnight(day))
        story.has(an_order(f"o-{number}", at=noon(day)))
    story.tick(midnight(days[-1] + 60))
    return story


@pytest.mark.parametrize(("tier", "recommended"), [(BASIC, True), (SILVER, False)])
def test_an_alert_recommends_what_the_policy_has_for_tier_and_stage(tier: int, *, recommended: bool) -> None:
    story = Story(a_policy(actions={(tier, NEAR_CHURN): FREE}))
    story.has(an_order())
    story.tick(midnight(60))
    alert = story.told[-1]
    assert alert.kind == "lifecycle.near_churn"
    if recommended:
        assert alert.advice is not None
        assert (alert.advice.action, alert.advice.valid_until, alert.advice.left_out) == (FREE, midnight(61), "")
    else:
        assert alert.advice is None


def test_every_alert_and_change_of_tier_can_recommend_and_nothing_else() -> None:
    actions = {(tier, stage): FREE for tier in range(4) for stage in range(7)}
    story = Story(a_policy(actions=actions))
    story.has(an_order("a"), an_order("b", at=noon(1)), an_override("Black", until=midnight(30), at=noon(2)))
    story.tick(midnight(400))
    story.has(an_order("c", at=noon(400)))
    story.tick(midnight(465))
    story.has(an_order("d", at=noon(465)))
    told = {outcome.kind for outcome in story.told}
    assert told >= ADVISING - {"lifecycle.lapsed_recently"}
    assert {outcome.kind for outcome in story.told if outcome.advice is not None} == told & ADVISING


def test_one_evaluation_recommends_once_and_the_alert_does_so() -> None:
    actions = {(tier, stage): FREE for tier in range(4) for stage in range(7)}
    story = Story(a_policy(actions=actions))
    story.has(an_order(net=100_000))
    assert kinds(story.told) == ["tier.joined", "tier.upgraded", "lifecycle.first_purchase"]
    assert advice_of(story.told, "tier.upgraded") == [("delivery", IN_ALERT)]
    assert advice_of(story.told, "lifecycle.first_purchase") == [("delivery", "")]


def test_a_change_of_tier_recommends_by_the_stage_that_the_member_is_in() -> None:
    story = Story(a_policy(actions={(SILVER, ACTIVE): FREE, (BASIC, ACTIVE): TEA, (BASIC, PROSPECT): FREE}))
    story.has(*(an_order(f"o-{day}", at=noon(day)) for day in range(3)))
    assert advice_of(story.told, "tier.upgraded") == [("delivery", "")]
    story.has(a_return("o-0", at=noon(3)))
    assert advice_of(story.told, "tier.downgraded") == [("tea", "")]
    assert [advice for advice in advice_of(story.told, "lifecycle.first_purchase") if advice] == []


def test_an_alert_that_was_held_back_recommends_by_the_stage_and_not_by_the_told_one() -> None:
    actions = {(BASIC, NEAR_CHURN): FREE, (BASIC, RECENTLY_LAPSED): TEA}
    story = Story(a_policy(stages=(60, 61, 180, 365), allowed_lateness_ms=2 * 86_400_000, actions=actions))
    story.has(an_order())
    story.tick(midnight(62))
    assert advice_of(story.told, "lifecycle.near_churn") == [("tea", "")]


def test_a_capped_offer_is_recommended_once_in_its_days_and_the_first_day_is_one_of_them() -> None:
    # Alerts on the days 60, 121, 182 and 243; with a cap of 122 days those of 182 and 60 are just apart enough.
    for cap_days, capped in ((122, [False, True, False, True]), (123, [False, True, True, False])):
        action = Action("tea", "m", 14, 1, cap_days=cap_days)
        actions = {(tier, NEAR_CHURN): action for tier in (BASIC, SILVER)}
        story = quiet_again_and_again(a_policy(actions=actions), (0, 61, 122, 183))
        assert advice_of(story.told, "lifecycle.near_churn") == [("tea", CAPPED if each else "") for each in capped]


def test_an_offer_counts_wherever_it_is_recommended_and_others_do_not() -> None:
    other = Action("cake", "m", 14, 1, cap_days=365)
    actions = {(BASIC, NEAR_CHURN): TEA, (BASIC, RECENTLY_LAPSED): other, (BASIC, MID_LAPSED): TEA}
    story = Story(a_policy(stages=(60, 90, 140, 365), actions=actions))
    story.has(an_order())
    story.tick(midnight(140))
    assert [advice.left_out for advice in (each.advice for each in story.told) if advice] == ["", "", CAPPED]


def test_as_often_as_the_cap_says_within_its_days() -> None:
    action = Action("tea", "m", 14, 2, cap_days=365)
    story = quiet_again_and_again(
        a_policy(actions={(tier, NEAR_CHURN): action for tier in (BASIC, SILVER)}), (0, 61, 122)
    )
    assert advice_of(story.told, "lifecycle.near_churn") == [("tea", ""), ("tea", ""), ("tea", CAPPED)]


def test_without_days_nobody_counts_and_nothing_is_remembered() -> None:
    actions = {(tier, NEAR_CHURN): FREE for tier in (BASIC, SILVER)}
    story = quiet_again_and_again(a_policy(actions=actions), (0, 61, 122, 183))
    assert advice_of(story.told, "lifecycle.near_churn") == [("delivery", "")] * 4
    assert story.member.further is None


def test_what_counts_for_a_cap_survives_the_row() -> None:
    story = Story(a_policy(actions={(BASIC, NEAR_CHURN): TEA}))
    story.has(an_order())
    story.tick(midnight(60))
    assert [(each.offer, each.day) for each in decode(encode(story.member)).given] == [("tea", midnight(60) // DAY)]


DAY = 86_400_000


def test_an_offer_that_the_alert_says_counts_once() -> None:
    action = Action("tea", "m", 14, 2, cap_days=365)
    story = Story(a_policy(actions={(tier, NEW): action for tier in range(4)}))
    story.has(an_order(net=100_000))
    assert advice_of(story.told, "tier.upgraded") == [("tea", IN_ALERT)]
    assert len(story.member.given) == 1


def test_a_new_policy_forgets_what_it_does_not_count() -> None:
    actions = {(BASIC, NEAR_CHURN): TEA}
    story = Story(a_policy(actions=actions))
    story.has(an_order())
    story.tick(midnight(60))
    story.adopts(a_policy(actions=actions), midnight(61))
    assert [each.offer for each in story.member.given] == ["tea"]
    story.adopts(a_policy(actions={(BASIC, NEAR_CHURN): Action("tea", "m", 14, 1)}), midnight(62))
    assert not story.member.given
    assert story.member.further is None


def test_all_orders_gone_nothing_is_told_and_nothing_counts() -> None:
    story = Story(a_policy(actions={(BASIC, PROSPECT): TEA, (BASIC, NEW): FREE}))
    story.has(an_order(), a_cancel(at=noon(1)))
    assert kinds(story.told) == ["tier.joined", "lifecycle.first_purchase"]
    assert not story.member.given


# --- the holdout ---

IDS = [f"{number:05}" for number in range(20_000)]


def test_about_the_asked_share_is_held_out() -> None:
    # Within four standard deviations of a draw of 20,000: 0.85 points at 10 %.
    assert sum(Holdout(10, "memberpulse").has(each) for each in IDS) / len(IDS) == pytest.approx(0.10, abs=0.0085)


def test_a_larger_share_keeps_those_who_were_in() -> None:
    small, large = Holdout(10, "memberpulse"), Holdout(20, "memberpulse")
    assert all(large.has(each) for each in IDS if small.has(each))


def test_another_salt_is_another_draw() -> None:
    one, other = Holdout(50, "spring"), Holdout(50, "summer")
    both = sum(one.has(each) and other.has(each) for each in IDS)
    assert both / len(IDS) == pytest.approx(0.25, abs=0.0125)


def test_the_draw_is_the_one_of_the_rules() -> None:
    # BLAKE2b of "memberpulse|m" in 8 bytes is 18.4 hundredths of 2 to the 64th.
    assert not Holdout(18, "memberpulse").has("m")
    assert Holdout(19, "memberpulse").has("m")
    assert not any(Holdout(0, "memberpulse").has(each) for each in IDS)
