"""What holds, overrides, segments and silence add to the records of outcomes and scores."""

import json
from functools import cache
from typing import Any

from scoring.outcomes import TierFacts
from scoring.policy import Action
from scoring.rhythm import Rhythm
from scoring.segment_rules import SegmentRules
from scoring.tier_rules import HoldRules, TierRule
from scoring.vocabulary import NEAR_CHURN
from streams.outcome_records import TYPE_HEADERS, OutcomeRecords
from tests.builders import Story, a_policy, a_withdrawal, an_order, an_override, kinds, midnight, noon
from tests.streams.published_schemas import assert_fits, body_by, published

#: Tiers on hold for 100 days by orders of 50, with a notice, 10 days of grace and one tier that never falls;
#: segments, and an action for whoever is close to leaving.
HELD_TIERS = [
    TierRule("D", None, None, match_all=False),
    TierRule("C", 2, 10_000, match_all=False),
    TierRule("B", 5, 30_000, match_all=False),
    TierRule("A", 10, 80_000, match_all=True, never_downgrade=True),
]
HELD = a_policy(
    tiers=HELD_TIERS,
    tier_window_days=50,
    holds=HoldRules(100, 10, one_level=True, expiring_days=30),
    actions={(1, NEAR_CHURN): Action("10 percent", "miss-you", 14, 2)},
    segments=SegmentRules(
        [30, 60, 90, 180], [2, 3, 5, 8], 90, 1, 10_000, by_median=False,
        named=frozenset({"new", "potential_loyalist", "prospect", "rare_low_spend", "important_value"}),
    ),
)  # fmt: skip
HELD_RECORDS = OutcomeRecords(HELD, epoch=3)
FURTHER_KINDS = {
    "tier.override_set",
    "tier.override_ended",
    "tier.prolonged",
    "tier.expiring",
    "segment.entered",
    "segment.left",
}
#: The story of holds as people read it: the day, and the sentence without the member.
SENTENCES = [
    "2026-01-01 joins in tier D",
    "2026-01-01 has bought for the first time: 1 order, 60.00 EUR in 365 days",
    "2026-01-01 enters segment new: 1 order, 60.00 EUR in 365 days",
    "2026-01-01 enters segment rare low spend: 1 order, 60.00 EUR in 365 days",
    "2026-01-02 rises from D to C: 2 orders, 120.00 EUR in 365 days",
    "2026-01-02 leaves segment new for potential loyalist: 2 orders, 120.00 EUR in 365 days",
    "2026-01-02 enters segment potential loyalist from new: 2 orders, 120.00 EUR in 365 days",
    "2026-01-02 leaves segment rare low spend for frequent high spend: 2 orders, 120.00 EUR in 365 days",
    "2026-01-02 enters segment important value from general development: 2 orders, 120.00 EUR in 365 days",
    "2026-01-03 is given tier B until 2026-02-09 by eve: kindness",
    "2026-01-03 rises from C to B: 2 orders, 120.00 EUR in 365 days, by an override",
    "2026-02-10 is no longer given tier B, as its time is over; the tier is C",
    "2026-02-10 falls from B to C: 2 orders, 120.00 EUR in 365 days, because an override ended",
    (
        "2026-03-03 is close to leaving: last purchase on 2026-01-02, 60 days ago; "
        "10 percent is recommended until 2026-03-16"
    ),
    "2026-03-04 leaves segment potential loyalist for about to sleep: 2 orders, 120.00 EUR in 365 days",
    (
        "2026-03-13 will fall from C to D on 2026-04-22, after 10 days of grace, unless "
        "2 more orders are placed or 100.00 EUR more is spent"
    ),
    "2026-04-01 comes back from near churn to active: 3 orders, 220.00 EUR in 365 days",
    "2026-04-01 enters segment potential loyalist from about to sleep: 3 orders, 220.00 EUR in 365 days",
    "2026-04-12 keeps tier C until 2026-07-20: 3 orders, 220.00 EUR in 365 days",
    (
        "2026-05-31 is close to leaving: last purchase on 2026-04-01, 60 days ago; "
        "10 percent is recommended until 2026-06-13"
    ),
    "2026-06-01 leaves segment potential loyalist for need attention: 3 orders, 220.00 EUR in 365 days",
    (
        "2026-06-21 will fall from C to D on 2026-07-31, after 10 days of grace, unless "
        "2 more orders are placed or 100.00 EUR more is spent"
    ),
    "2026-06-30 has lapsed: last purchase on 2026-04-01, 90 days ago",
    "2026-06-30 leaves segment important value for important keep: 3 orders, 220.00 EUR in 365 days",
    "2026-07-31 falls from C to D: 3 orders, 220.00 EUR in 365 days, because the grace is over",
    "2026-09-28 lapsed long ago: last purchase on 2026-04-01, 180 days ago",
    "2026-11-07 is given tier A until 2027-02-04 by eve: kindness",
    "2026-11-07 rises from D to A: 3 orders, 220.00 EUR in 365 days, by an override",
    "2026-11-08 is no longer given tier A, as it was withdrawn; the tier is D",
    "2026-11-08 falls from A to D: 3 orders, 220.00 EUR in 365 days, because an override ended",
]


@cache
def a_story_of_holds() -> Story:
    """A member through the kinds that holds, overrides and segments add."""
    story = Story(HELD)
    story.has(an_order("o-1", net=6_000), an_order("o-2", at=noon(1), net=6_000))
    story.has(an_override("B", until=midnight(40), at=noon(2)))
    story.tick(midnight(75))
    story.has(an_order("o-3", at=noon(90), net=10_000))
    story.tick(midnight(300))
    story.has(an_override("A", until=midnight(400), at=noon(310), event_id="override-2"))
    story.has(a_withdrawal(at=noon(311)))
    return story


def held(kind: str, number: int = 0) -> dict[str, Any]:
    found = [outcome for outcome in a_story_of_holds().told if outcome.kind == kind]
    return body_by(HELD_RECORDS, found[number])


def test_the_story_has_the_kinds_that_holds_overrides_and_segments_add() -> None:
    assert set(kinds(a_story_of_holds().told)) >= FURTHER_KINDS


def test_every_outcome_fits_its_published_schema() -> None:
    for outcome in a_story_of_holds().told:
        assert_fits(body_by(HELD_RECORDS, outcome), outcome.kind)


def test_every_kind_has_a_schema_and_every_schema_a_kind() -> None:
    written = {name.decode().removeprefix("memberpulse.").removesuffix(".v1") for _, name in TYPE_HEADERS.values()}
    assert published() == {*written, "member-score", "member", "audit-record"}
    assert written >= FURTHER_KINDS


def test_segments_have_a_topic_of_their_own() -> None:
    topics = {(each.kind[:5], HELD_RECORDS.record(each, "00042", 0)[0]) for each in a_story_of_holds().told}
    assert topics == {("tier.", "tier-changes"), ("lifec", "lifecycle-alerts"), ("segme", "segment-changes")}


def test_a_quiet_alert_tells_how_the_member_used_to_buy() -> None:
    body = held("lifecycle.near_churn")
    assert {name: body[name] for name in list(body)[-9:-4]} == {
        "gaps": [1],
        # (5 * 30 + 1) / 6 days
        "expected_gap_seconds": 2_174_400,
        "last_purchase_day": "2026-01-02",
        "quiet_days_counted": 0,
        # 12,000 * 365 * 86,400 / (2 * 2,174,400) = 87,019.86...
        "spend_at_risk": 87_019,
    }


def test_by_rhythm_the_boundary_is_a_part_of_the_expected_gap() -> None:
    story = Story(a_policy(rhythm=Rhythm()))
    story.has(an_order())
    story.tick(midnight(200))
    crossed = [body_by(OutcomeRecords(story.policy, 1), outcome) for outcome in story.told[2:]]
    for body in crossed:
        assert_fits(body, body["kind"])
    assert [(each["crossed"]["stage"], each["crossed"]["percent_of_expected_gap"]) for each in crossed] == [
        ("near_churn", 120),
        ("recently_lapsed", 150),
        ("mid_lapsed", 300),
        ("dormant", 600),
    ]


def test_a_tier_on_hold_says_until_when_and_what_keeps_it() -> None:
    body = held("tier.upgraded")
    assert (body["to"]["name"], body["base"]["name"], body["floor"]) == ("C", "C", None)
    assert (body["held_until"], body["grace_until"]) == ("2026-04-12T00:00:00.000Z", None)
    # By then both orders have left the 50 days.
    assert body["keeps"] == {
        "tier": "C",
        "by": "2026-04-12T00:00:00.000Z",
        "frequency": 2,
        "monetary": 10_000,
        "match": "any",
    }


def test_the_end_of_a_hold_is_announced_with_what_is_lost_and_what_would_keep_it() -> None:
    body = held("tier.expiring")
    assert (body["from"], body["to"]) == ({"name": "C", "rank": 1},) * 2
    assert (body["would_be"], body["reason"]) == ({"name": "D", "rank": 0}, "hold_end")
    assert body["held_until"] == body["keeps"]["by"] == "2026-04-12T00:00:00.000Z"


def test_an_override_is_told_in_full_when_it_is_set_and_by_its_id_when_it_ends() -> None:
    assert held("tier.override_set")["override"] == {
        "tier": "B",
        "until": "2026-02-10T00:00:00.000Z",
        "reason": "kindness",
        "actor": "eve",
        "event_id": "override-1",
    }
    assert held("tier.override_set")["floor"] == {"name": "B", "rank": 2}
    ended, withdrawn = held("tier.override_ended"), held("tier.override_ended", 1)
    assert ended["override"] == {"tier": "B", "until": "2026-02-10T00:00:00.000Z", "event_id": "override-1"}
    assert (ended["detail"], ended["cause"]) == ("until", {"timer": "2026-02-10T00:00:00.000Z"})
    assert (withdrawn["detail"], withdrawn["override"]["event_id"]) == ("withdrawn", "override-2")


def test_a_segment_is_told_with_its_scores_and_the_cuts_behind_them() -> None:
    grid = held("segment.entered")
    assert (grid["grid"], grid["from"], grid["to"]) == ("grid", None, {"name": "new"})
    assert (grid["scores"], grid["cuts"]) == (
        {"recency": 5, "frequency": 1},
        {"recency_days": [30, 60, 90, 180], "frequency": [2, 3, 5, 8]},
    )
    quadrant = held("segment.entered", 1)
    assert (quadrant["grid"], quadrant["to"], quadrant["scores"], quadrant["cuts"]) == (
        "quadrants",
        {"name": "rare_low_spend"},
        {"frequency": "low", "monetary": "low"},
        {"frequency": 1, "monetary": 10_000},
    )
    [kind] = [
        body
        for body in (body_by(HELD_RECORDS, each) for each in a_story_of_holds().told)
        if body.get("grid") == "types" and body["kind"] == "segment.entered"
    ][:1]
    assert (kind["scores"], kind["cuts"]) == (
        {"frequency": "high", "monetary": "high", "recency": "high"},
        {"recency_days": 90, "frequency": 1, "monetary": 10_000},
    )


def test_the_stories_are_told_in_sentences() -> None:
    told = [body_by(HELD_RECORDS, each) for each in a_story_of_holds().told]
    lines = [f"{body['at'][:10]} {body['sentence'].removeprefix('member 00042 ')}" for body in told]
    assert lines == SENTENCES


def test_a_reason_for_a_fall_and_a_way_to_keep_a_tier_is_told_in_words() -> None:
    story = Story(
        a_policy(
            tiers=[HELD_TIERS[0], TierRule("B", 3, 10_000, match_all=True)],
            tier_window_days=50,
            holds=HoldRules(100, 0, one_level=False, expiring_days=30),
        )
    )
    story.has(*[an_order(f"o-{number}", net=3_334) for number in range(3)])
    story.tick(midnight(75))
    story.has(an_order("o-4", at=noon(80)))
    story.tick(midnight(101))
    story.has(an_order("o-5", at=noon(101), net=0))
    sentences = [body_by(OutcomeRecords(story.policy, 1), each)["sentence"] for each in story.told]
    assert [each for each in sentences if "fall" in each] == [
        "member 00042 will fall from B to D on 2026-04-11 unless 3 more orders are placed and 100.00 EUR more is spent",
        "member 00042 falls from B to D: 4 orders, 110.02 EUR in 365 days, because the tier was held long enough",
    ]


def test_a_tier_saved_in_its_grace_and_one_kept_for_good_are_told_as_such() -> None:
    # A story of its own, as its outcome is changed here.
    outcome = next(each for each in a_story_of_holds.__wrapped__().told if each.kind == "tier.prolonged")
    facts = outcome.facts
    assert isinstance(facts, TierFacts)
    for reason, held_until, sentence in (
        ("hold_end", midnight(31), "keeps tier C until 2026-01-31: 3 orders, 220.00 EUR in 365 days"),
        ("purchase", midnight(31), "keeps tier C until 2026-01-31: 3 orders, 220.00 EUR in 365 days, within the grace"),
        ("hold_end", 0, "keeps tier C for good: 3 orders, 220.00 EUR in 365 days"),
    ):
        outcome.reason, outcome.facts = reason, facts._replace(held_until=held_until)
        assert body_by(HELD_RECORDS, outcome)["sentence"] == f"member 00042 {sentence}"


def score_of(records: OutcomeRecords, story: Story) -> dict[str, Any]:
    score: dict[str, Any] = json.loads(records.scores.record("00042", story.member))
    return score


def test_a_score_tells_holds_overrides_segments_and_a_stage_not_told_where_there_are_any() -> None:
    story = Story(HELD)
    story.has(an_order("o-1", net=6_000), an_order("o-2", at=noon(1), net=6_000))
    story.has(an_override("B", until=midnight(40), at=noon(2)))
    score = score_of(HELD_RECORDS, story)
    assert_fits(score, "member-score")
    assert {name: score[name] for name in list(score)[18:]} == {
        "base": "C",
        "floor": "B",
        "held_until_ms": midnight(101),
        "segments": {"grid": "potential_loyalist", "quadrants": "frequent_high_spend", "types": "important_value"},
        "tier_frequency": 2,
        "tier_monetary": 12_000,
    }
    story.tick(midnight(101))
    score = score_of(HELD_RECORDS, story)
    assert_fits(score, "member-score")
    assert (score["tier"], score["grace_until_ms"]) == ("C", midnight(111))


def test_a_score_says_what_counts_for_tiers_only_where_that_is_another_window() -> None:
    same, other = a_policy(), a_policy(window_days=365, tier_window_days=30)
    for policy, said in ((same, None), (other, (1, 2_000))):
        story = Story(policy)
        story.has(an_order("o-1", net=1_000), an_order("o-2", at=noon(90), net=2_000))
        score = score_of(OutcomeRecords(policy, 1), story)
        assert_fits(score, "member-score")
        assert (score["frequency"], score["monetary"]) == (2, 3_000)
        assert (("tier_frequency" in score and (score["tier_frequency"], score["tier_monetary"])) or None) == said


def test_a_score_says_that_a_tier_is_provisional_until_it_is_confirmed() -> None:
    policy = a_policy(tiers=HELD_TIERS, provisional=True, return_window_days=30)
    story, records = Story(policy), OutcomeRecords(policy, 1)
    story.has(an_order("o-1", net=10_000))
    score = score_of(records, story)
    assert_fits(score, "member-score")
    assert (score["tier"], score["provisional"]) == ("C", True)
    story.tick(midnight(30))
    assert "provisional" not in score_of(records, story)


def test_a_score_tells_the_stage_that_alerts_have_told_only_while_it_is_another() -> None:
    story = Story(a_policy(allowed_lateness_ms=172_800_000))
    records = OutcomeRecords(story.policy, 1)
    story.has(an_order())
    assert "told_stage" not in score_of(records, story)
    story.tick(midnight(60))
    score = score_of(records, story)
    assert_fits(score, "member-score")
    assert (score["stage"], score["told_stage"]) == ("near_churn", "new")
    story.tick(midnight(62))
    assert "told_stage" not in score_of(records, story)
