"""What is told of a member: why they stand there, what comes next, and what they could do."""

import json
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.calendar import instant_of
from scoring.decision import Position
from scoring.engine import fire
from scoring.further import Further, Merge
from scoring.holdout import Holdout
from scoring.policy import MEMBERSHIP_YEAR, Action, Policy
from scoring.state import MemberState, fingerprint
from scoring.vocabulary import NEAR_CHURN, RECENTLY_LAPSED
from streams.explaining.advice import to_keep, to_rise
from streams.explaining.ahead import MOST_STEPS, steps_ahead
from streams.explaining.data import Known, as_known
from streams.explaining.dates import plain, zoned
from streams.explaining.telling import lines, needs_text
from tests.builders import (
    DAY_MS,
    HELD_TIERS,
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


@cache
def schema() -> Any:
    found = json.loads(files("streams").joinpath("schemas", "member.v1.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(found)
    return found


def told(story: Story, **changed: Any) -> dict[str, Any]:
    """The data about the story's member, which fits the published schema."""
    known = Known("ann", 3, story.state, story.policy, None, [])._replace(**changed)
    data = json.loads(json.dumps(as_known(known)))
    jsonschema.Draft202012Validator(schema(), format_checker=jsonschema.FormatChecker()).validate(data)
    return data  # type: ignore[no-any-return]


def of_kind(text: str, data: dict[str, Any]) -> list[str]:
    return [line for line in lines(data) if text in line]


def bought(story: Story, *days: int, net: int = 1_000) -> Story:
    for number in days:
        story.has(an_order(f"o{number}", at=noon(number), net=net))
    return story


PLAIN = a_policy(tiers=HELD_TIERS, window_days=100, tier_window_days=100)


def test_every_timer_comes_in_order_with_its_date_and_what_it_does() -> None:
    data = told(bought(Story(PLAIN), 0, 10))
    steps = {plain(step["at"]): step["what"] for step in data["state"]["next"]}
    assert steps == {
        "2026-03-12": ["near churn begins"],
        "2026-04-11": [
            "falls from Silver to Basic",
            "recently lapsed begins",
            "an order leaves the 100 days; 1 order and 10.00 EUR remain",
        ],
        "2026-04-21": ["an order leaves the 100 days; 0 orders and 0.00 EUR remain"],
        "2026-07-10": ["mid lapsed begins"],
        "2027-01-11": ["dormant begins"],
    }
    assert data["state"]["next"][0]["outcomes"] == ["lifecycle.near_churn"]


@given(
    st.lists(st.tuples(st.integers(0, 300), st.sampled_from([300, 1_500, 5_000])), min_size=1, max_size=12),
    st.sampled_from([PLAIN, holding(grace_days=10, expiring_days=20), holding(tier_window=MEMBERSHIP_YEAR)]),
)
def test_steps_are_exactly_what_ticks_then_do(orders: list[tuple[int, int]], policy: Policy) -> None:
    story = Story(policy)
    for number, (day, net) in enumerate(sorted(orders)):
        story.has(an_order(f"o{number}", at=noon(day), net=net))
    state = story.member
    for step in steps_ahead(state, policy):
        assert step.at == state.next_due
        decision = fire(state, step.at, policy, Position(state.offset, 0, 0, imported=False))
        assert [each.kind for each in decision.outcomes] == step.outcomes
        state = decision.state
        assert (state.tier, state.stage, state.frequency) == (
            step.state.tier,
            step.state.stage,
            step.state.frequency,
        )


def test_what_is_recommended_is_told_before_it_comes_and_whether_it_is_withheld() -> None:
    tea = Action("tea", "m", 14, 1, cap_days=90)
    actions = {(0, NEAR_CHURN): tea, (0, RECENTLY_LAPSED): tea}
    story = bought(Story(a_policy(actions=actions, holdout=Holdout(50, "memberpulse"))), 0)
    [near, lapsed, *_] = told(story)["state"]["next"]
    assert (near["what"], lapsed["what"]) == (
        ["near churn begins", "tea is recommended"],
        ["recently lapsed begins", "tea is capped"],
    )
    story.tick(midnight(60))
    # The draw of n is 45.2 in a hundred.
    assert told(story, member_id="n")["state"]["actions"] == {
        "holdout": True,
        "counted": [{"offer": "tea", "day": "2026-03-02"}],
    }
    assert of_kind("held out", told(story, member_id="n"))
    assert of_kind("2026-03-02  tea", told(story))
    assert told(bought(Story(PLAIN), 0))["state"]["actions"] is None


def test_hold_grace_and_notice_are_told_before_they_come() -> None:
    policy = holding(hold_days=150, grace_days=10, expiring_days=20)
    data = told(bought(Story(policy), 0, 1))
    texts = [text for step in data["state"]["next"] for text in step["what"]]
    assert "is told that Silver ends on 2026-05-31" in texts
    assert "the time for which Silver is held ends; grace until 2026-06-10" in texts
    assert "falls from Silver to Basic" in texts


def test_member_with_hundreds_of_orders_is_told_the_first_steps() -> None:
    story = bought(Story(PLAIN), *range(60))
    assert len(told(story)["state"]["next"]) == MOST_STEPS
    assert of_kind("more (with --json)", told(story))


def test_orders_count_until_the_day_before_they_leave() -> None:
    story = bought(Story(a_policy(window_days=100, tier_window_days=30)), 0, 20)
    [late, early] = told(story)["state"]["orders"]
    assert (late["day"], late["in_window_until"], late["for_tier_until"]) == ("2026-01-21", "2026-04-30", "2026-02-19")
    assert early["for_tier_until"] == "2026-01-30"
    assert early["fingerprint"] == fingerprint("o0").hex()
    story.tick(midnight(30))
    assert told(story)["state"]["orders"][1]["for_tier_until"] is None
    story.tick(midnight(99))
    assert told(story)["state"]["orders"][1]["in_window_until"] == "2026-04-10"
    story.tick(midnight(100))
    assert told(story)["state"]["orders"][1]["in_window_until"] is None


def test_orders_of_a_year_count_to_the_end_of_the_next() -> None:
    data = told(bought(Story(holding(tier_window=MEMBERSHIP_YEAR)), 5))
    assert data["state"]["orders"][0]["for_tier_until"] == "2028-01-05"
    assert data["state"]["numbers"]["for_tier"]["window_days"] is None


def test_returned_cancelled_and_unseen_orders_say_what_they_are() -> None:
    story = bought(Story(PLAIN), 0, 1)
    story.has(a_return("o0", at=noon(2), amount=400), a_cancel("o1", at=noon(3)), a_return("later", at=noon(4)))
    unseen, cancelled, returned = told(story)["state"]["orders"]
    assert (returned["paid"], returned["returned"], returned["net"], returned["kept"]) == (1_000, 400, 600, True)
    assert (cancelled["status"], cancelled["kept"], cancelled["in_window_until"]) == ("cancelled", False, None)
    assert unseen["status"] == "not_seen_yet"
    assert of_kind("6.00 EUR after 4.00 EUR came back", told(story))


def test_granted_tier_stands_above_the_earned_one() -> None:
    story = bought(Story(PLAIN), 0)
    story.has(an_override("Gold", until=midnight(200), at=noon(1)))
    data = told(story)
    tier = data["state"]["tier"]
    assert (tier["name"], tier["base"], tier["floor"]) == ("Gold", "Basic", "Gold")
    assert tier["override"] == {
        "tier": "Gold",
        "until": "2026-07-20T00:00:00.000+00:00",
        "in_force": True,
        "event_id": "override-1",
    }
    assert of_kind("the granted tier Gold ends", data)
    assert of_kind("by their orders it would be Basic", data)


def test_what_is_missing_is_told_in_words() -> None:
    needs = {"frequency": 2, "monetary": 12_000, "match": "any", "cut": None, "value": None}
    assert needs_text(needs, "EUR") == "2 more orders or 120.00 EUR more"
    assert needs_text({**needs, "match": "all"}, "EUR") == "2 more orders and 120.00 EUR more"
    assert needs_text({**needs, "match": "all", "frequency": 0}, "EUR") == "120.00 EUR more"
    assert needs_text({**needs, "frequency": 0}, "EUR") == "nothing is missing"
    assert needs_text({**needs, "monetary": None, "frequency": 1}, "EUR") == "1 more order"
    assert needs_text({**needs, "cut": 5_000, "value": 10}, "EUR").startswith("orders times amount of 5,000")
    assert needs_text({**needs, "cut": -1}, "EUR") == "nobody passes the cut of the day"


POLICIES = [
    PLAIN,
    a_policy(tiers=HELD_TIERS, window_days=200, tier_window_days=60),
    holding(hold_days=150),
    holding(hold_days=60, tier_window_days=40),
    holding(tier_window=MEMBERSHIP_YEAR),
]
STORIES = st.lists(st.tuples(st.integers(0, 400), st.sampled_from([300, 900])), min_size=1, max_size=9)


def played(policy: Policy, orders: list[tuple[int, int]]) -> Story:
    story = Story(policy)
    for number, (day, net) in enumerate(sorted(orders)):
        if story.state is not None:
            story.tick(midnight(day))
        story.has(an_order(f"o{number}", at=noon(day), net=net))
    return story


def day_number(day: str) -> int:
    return (date.fromisoformat(day) - date(2026, 1, 1)).days


@pytest.mark.parametrize("policy", POLICIES)
@given(orders=STORIES)
def test_so_many_orders_on_the_last_day_are_enough_to_rise_and_one_less_is_not(
    policy: Policy, orders: list[tuple[int, int]]
) -> None:
    for short in (0, 1):
        story = played(policy, orders)
        tier = story.member.tier
        needs = to_rise(story.member, policy, steps_ahead(story.member, policy))
        if needs is None:
            return
        day = day_number(needs["by"]) if needs["by"] is not None else 400
        story.tick(midnight(day))
        if story.member.tier != tier:
            return  # meanwhile time took the tier away
        for number in range(needs["frequency"] - short):
            story.has(an_order(f"more{number}", at=noon(day), net=1))
        assert (story.member.tier > tier) == (short == 0)


@pytest.mark.parametrize("policy", POLICIES)
@given(orders=STORIES)
def test_so_many_orders_on_the_last_day_are_enough_to_keep_the_tier_and_one_less_is_not(
    policy: Policy, orders: list[tuple[int, int]]
) -> None:
    for short in (0, 1):
        story = played(policy, orders)
        base = story.member.base
        needs = to_keep(story.member, policy, steps_ahead(story.member, policy))
        if needs is None or needs["frequency"] == 0 or needs["monetary"] == 0:
            return
        day = day_number(needs["by"])
        story.tick(midnight(day))
        for number in range(needs["frequency"] - short):
            story.has(an_order(f"more{number}", at=noon(day), net=1))
        if story.member.base > base:
            return  # as many as that earn even more today
        story.tick(midnight(day + 1))
        assert (story.member.base >= base) == (short == 0)


def test_tier_that_falls_at_once_is_kept_by_what_the_first_order_to_leave_was_worth() -> None:
    keep = told(bought(Story(PLAIN), 0, 10))["state"]["could"]["keep"]
    wanted = {"tier": "Silver", "by": "2026-04-10", "from": None, "frequency": 1, "monetary": 1_000, "match": "any"}
    assert {name: keep[name] for name in wanted} == wanted


def test_orders_keep_a_held_tier_when_they_are_still_counted_at_its_end() -> None:
    keep = told(bought(Story(holding(hold_days=150, grace_days=5)), 0, 1))["state"]["could"]["keep"]
    # Held from 2 January for 150 days; the last hundred of them count at its end.
    wanted = {"from": "2026-02-22", "by": "2026-05-31", "grace_until": "2026-06-05", "frequency": 2, "monetary": 2_000}
    assert {name: keep[name] for name in wanted} == wanted


def test_instants_are_told_in_the_zone_of_the_policy() -> None:
    berlin = a_zone("Europe/Berlin")
    at = instant_of(noon(0)) + 90 * DAY_MS
    assert zoned(at, berlin) == "2026-04-01T14:00:00.000+02:00"
    assert zoned(instant_of(noon(0)), berlin) == "2026-01-01T13:00:00.000+01:00"
    assert zoned(instant_of(noon(0)), a_zone("America/St_Johns")) == "2026-01-01T08:30:00.000-03:30"
    data = told(bought(Story(a_policy(zone=berlin)), 0))
    assert data["state"]["next"][0]["at"] == "2026-03-02T00:00:00.000+01:00"


def a_row(**further: Any) -> MemberState:
    story = bought(Story(PLAIN), 0)
    state = story.member
    own = Further(0, 0)
    for name, value in further.items():
        setattr(own, name, value)
    state.further = own
    return state


def test_erased_member_is_nothing_but_a_number_of_outcomes() -> None:
    data = told(Story(PLAIN), row=a_row(erased=True))
    assert (data["status"], data["state"]) == ("erased", None)
    assert lines(data)[0].startswith("member ann was erased")


def test_merged_member_points_to_the_other() -> None:
    data = told(Story(PLAIN), row=a_row(merge=Merge("eve", instant_of(noon(1)), midnight(31))))
    assert data["status"] == "merged"
    assert data["merged"]["into"] == "eve"
    first, second = lines(data)
    assert first == ("member ann was merged into eve on 2026-01-02 12:00; it can be taken back before 2026-02-01")
    assert "memberpulse member eve" in second


def test_member_whose_state_is_not_remembered_yet_is_told_so() -> None:
    data = told(Story(PLAIN), row=None, policy=None)
    assert data["status"] == "not_remembered_yet"
    assert "not remembered by the scorer yet" in lines(data)[0]


def test_outcome_says_what_was_crossed_what_caused_it_and_where_it_lies() -> None:
    body = {
        "sequence": 7,
        "at": "2026-03-11T00:00:00.000Z",
        "sentence": "member ann falls from Silver to Basic",
        "currency": "EUR",
        "crossed": {"tier": "Silver", "frequency": 2, "monetary": 2_000, "match": "any"},
        "cause": {"timer": "2026-03-11T00:00:00.000Z"},
        "position": {"topic": "member-events", "partition": 3, "offset": 88},
    }
    alert = {
        **body,
        "crossed": {"stage": "near_churn", "days_since_last_purchase": 60},
        "cause": {"event_id": "e1", "order_id": "o1", "shop_id": None, "channel": "web"},
    }
    shown = lines(told(bought(Story(PLAIN), 0), outcomes=[body, alert]))
    assert (
        "        Silver asks for 2 orders or 20.00 EUR; by the timer of 2026-03-11 00:00 UTC; partition 3, offset 88"
        in shown
    )
    assert "        boundary near churn: 60 days; by event e1, order o1, channel web; partition 3, offset 88" in shown
