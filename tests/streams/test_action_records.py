"""What records of outcomes say of actions: given, withheld, capped, told by the alert, and in words."""

import json
from typing import Any

from scoring.holdout import NO_HOLDOUT, Holdout
from scoring.policy import Action, Policy
from scoring.vocabulary import ACTIVE, NEAR_CHURN, NEW
from streams.outcome_records import OutcomeRecords
from tests.builders import Story, a_policy, a_zone, an_order, midnight, noon
from tests.streams.published_schemas import assert_fits, body_by

TEA = Action("tea", "miss-you", 14, 1, cap_days=90, channel="e-mail")
ACTIONS = {(tier, stage): TEA for tier in range(4) for stage in (NEW, NEAR_CHURN)}
EVERYBODY = Holdout(100, "")
ABOUT_ACTIONS = ["action", "action_withheld", "holdout", "no_action_reason"]
GIVEN = {
    "offer": "tea",
    "message_key": "miss-you",
    "valid_until": "2026-01-15T00:00:00.000Z",
    "cap": 1,
    "cap_days": 90,
    "channel": "e-mail",
}


def told(policy: Policy) -> list[dict[str, Any]]:
    """A large first order, silence, another order, silence."""
    story = Story(policy)
    story.has(an_order("a", net=100_000))
    story.tick(midnight(60))
    story.has(an_order("b", at=noon(61)))
    story.tick(midnight(125))
    return [body_by(OutcomeRecords(policy, 1), outcome) for outcome in story.told]


def about_actions(body: dict[str, Any]) -> tuple[Any, ...]:
    assert list(body)[-4:] == ABOUT_ACTIONS
    return tuple(body[name] for name in ABOUT_ACTIONS)


def by_kind(bodies: list[dict[str, Any]], kind: str) -> list[tuple[Any, ...]]:
    return [about_actions(body) for body in bodies if body["kind"] == kind]


def test_who_gets_an_action_is_told_so_once_and_then_why_not() -> None:
    bodies = told(a_policy(actions=ACTIONS))
    for body in bodies:
        assert_fits(body, body["kind"])
    assert by_kind(bodies, "lifecycle.first_purchase") == [(GIVEN, None, False, None)]
    assert by_kind(bodies, "tier.upgraded") == [(None, None, False, "in_alert")]
    assert by_kind(bodies, "lifecycle.near_churn") == [
        (None, None, False, "capped"),
        ({**GIVEN, "valid_until": "2026-05-16T00:00:00.000Z"}, None, False, None),
    ]
    assert by_kind(bodies, "lifecycle.recovered") == [(None, None, False, "none")]


def test_who_is_held_out_is_told_what_is_withheld_and_the_same_otherwise() -> None:
    given, withheld = told(a_policy(actions=ACTIONS)), told(a_policy(actions=ACTIONS, holdout=EVERYBODY))
    assert by_kind(withheld, "lifecycle.first_purchase") == [(None, GIVEN, True, "holdout")]
    assert by_kind(withheld, "lifecycle.near_churn")[0] == (None, None, True, "capped")
    for one, other in zip(given, withheld, strict=True):
        assert_fits(other, other["kind"])
        for body in one, other:
            body.pop("sentence")
            for name in ABOUT_ACTIONS:
                body.pop(name, None)
        assert one == other, "tier, stage and numbers of members who are held out are those of everybody"


def test_who_is_held_out_hangs_on_the_member_alone() -> None:
    policy = a_policy(actions=ACTIONS, holdout=Holdout(19, "memberpulse"))
    story = Story(policy)
    [_, alert] = story.has(an_order()).outcomes
    records = OutcomeRecords(policy, 1)
    found = {name: json.loads(records.record(alert, name, 0)[2])["holdout"] for name in ("m", "n")}
    assert found == {"m": True, "n": False}


def test_without_actions_only_quiet_alerts_have_a_word_about_them() -> None:
    for body in told(a_policy(holdout=EVERYBODY)):
        assert_fits(body, body["kind"])
        assert not {*ABOUT_ACTIONS[1:]} & set(body)
        assert ("action" in body) is (body["kind"] == "lifecycle.near_churn")
        assert body.get("action") is None


def test_numbers_and_channels_that_a_policy_does_not_name_are_null() -> None:
    bare = Action("tea", "m", 1, 3)
    [action] = [each[0] for each in by_kind(told(a_policy(actions={(2, NEW): bare})), "lifecycle.first_purchase")]
    assert (action["cap"], action["cap_days"], action["channel"]) == (3, None, None)


def test_an_action_is_good_to_the_end_of_a_day_where_the_shop_is() -> None:
    # On 2026-03-29 the clocks of Berlin go forward: 30 days from 11 March end at 22:00 UTC.
    policy = a_policy(zone=a_zone("Europe/Berlin"), actions={(1, ACTIVE): Action("tea", "m", 30, 1)})
    story = Story(policy)
    story.has(*(an_order(f"o-{day}", at=noon(day)) for day in (0, 8)))
    story.tick(midnight(68))
    [alert] = [
        body_by(OutcomeRecords(policy, 1), outcome)
        for outcome in story.has(an_order("back", at=noon(69), net=10)).outcomes
        if outcome.kind == "lifecycle.recovered"
    ]
    assert alert["at"] == "2026-03-11T12:00:00.000Z"
    assert alert["action"]["valid_until"] == "2026-04-09T22:00:00.000Z"
    assert alert["sentence"].endswith("; tea is recommended until 2026-04-09")


def sentences(policy: Policy) -> list[str]:
    return [body["sentence"].partition("; ")[2] for body in told(policy) if body["kind"] == "lifecycle.near_churn"]


def test_the_sentence_says_the_action_or_why_there_is_none() -> None:
    capped = "tea is not recommended again, being capped at once in 90 days"
    assert sentences(a_policy(actions=ACTIONS)) == [capped, "tea by e-mail is recommended until 2026-05-15"]
    assert sentences(a_policy(actions=ACTIONS, holdout=EVERYBODY)) == [
        capped,
        "tea is withheld, as the member is held out",
    ]
    assert sentences(a_policy()) == ["", ""]
    assert sentences(a_policy(actions={(1, NEAR_CHURN): TEA})) == ["", ""]


def test_a_correction_says_that_what_was_recommended_is_void() -> None:
    for actions, words in ((ACTIONS, "; what was recommended with it is void"), (None, "")):
        policy = a_policy(actions=actions, holdout=NO_HOLDOUT, corrects=True)
        story = Story(policy)
        story.has(an_order("a"))
        story.tick(midnight(61))
        outcomes = story.has(an_order("late", at=noon(40)), log_time=midnight(61)).outcomes
        [body] = [body_by(OutcomeRecords(policy, 1), each) for each in outcomes if each.kind == "lifecycle.corrected"]
        assert_fits(body, "lifecycle.corrected")
        assert body["sentence"].endswith(f"as an order that came late shows{words}")
