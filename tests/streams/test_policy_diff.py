"""What a change of policy is called."""

import copy
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from streams import policy_diff
from streams.file_rules import Part
from streams.file_schema import key_paths
from streams.policy_diff import Change, changes
from streams.policy_file import PolicyDocument, load

ABSOLUTE = load("absolute")
Content = dict[str, Any]


def changed(*edits: Callable[[Content], object]) -> PolicyDocument:
    content = copy.deepcopy(ABSOLUTE.content())
    for edit in edits:
        edit(content)
    return PolicyDocument.model_validate(content)


def told(new: PolicyDocument, old: PolicyDocument = ABSOLUTE) -> list[str]:
    return [change.sentence for change in changes(old, new)]


def at(*keys: str | int, value: Any) -> Callable[[Any], None]:
    def edit(content: Any) -> None:
        *way, last = keys
        for key in way:
            content = content[key]
        content[last] = value

    return edit


def without(*keys: str | int) -> Callable[[Any], None]:
    def edit(content: Any) -> None:
        *way, last = keys
        for key in way:
            content = content[key]
        del content[last]

    return edit


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (at("version", value=2), "version 1 -> 2"),
        (at("min_order_amount", value=100), "min_order_amount 0.01 USD -> 1.00 USD (fewer orders count)"),
        (
            at("windows", "reported_days", value=366),
            "Windows: reported 365 -> 366 days (orders count for longer in what is reported)",
        ),
        (at("windows", "return_days", value=1), "Windows: return 90 days -> 1 day (late returns are refused earlier)"),
        (
            at("tiers", "window_days", value=180),
            "Tiers: window 365 -> 180 days (orders count for less long, tiers are harder to keep)",
        ),
        (
            at("tiers", "levels", 2, "monetary", value=25_000),
            "Tier B: monetary 300.00 USD -> 250.00 USD (easier to reach)",
        ),
        (at("tiers", "levels", 2, "frequency", value=6), "Tier B: frequency 5 -> 6 kept orders (harder to reach)"),
        (at("tiers", "levels", 2, "match", value="all"), "Tier B: match any -> all (harder to reach)"),
        (without("tiers", "levels", 2, "monetary"), "Tier B: monetary 300.00 USD -> not asked for"),
        (at("lifecycle", "near_churn_days", value=45), "Lifecycle: near_churn 60 -> 45 days (alerts come earlier)"),
        (at("lifecycle", "dormant_days", value=400), "Lifecycle: dormant 365 -> 400 days (alerts come later)"),
        (at("tiers", "levels", 3, "name", value="Gold"), "Tier A is now called Gold"),
        (
            lambda content: content["tiers"]["levels"].append({"name": "S", "frequency": 20}),
            "Tier S added above A: frequency 20 kept orders, match any",
        ),
        (
            lambda content: content["tiers"]["levels"].insert(1, {"name": "C-", "monetary": 5_000}),
            "Tier C- added above D: monetary 50.00 USD, match any",
        ),
        (
            without("tiers", "levels", 2),
            "Tier B removed; it was: frequency 5 kept orders, monetary 300.00 USD, match any",
        ),
        (
            at("time_zone", value="Europe/Berlin"),
            "time_zone UTC -> Europe/Berlin (days begin and end at other instants)",
        ),
    ],
)
def test_one_change_is_one_sentence(edit: Callable[[Content], object], sentence: str) -> None:
    assert told(changed(edit)) == [sentence]


def with_tiers(**keys: Any) -> Callable[[Content], None]:
    def edit(content: Content) -> None:
        content["tiers"] |= keys
        if content["tiers"].get("window", "rolling") != "rolling":
            content["tiers"].pop("window_days", None)

    return edit


def in_lifecycle(**keys: Any) -> Callable[[Content], None]:
    return lambda content: content["lifecycle"].update(keys)


def with_actions(*actions: Content) -> Callable[[Content], None]:
    return at("actions", value=list(actions))


HELD = with_tiers(downgrade="at_hold_end")
TEA = {"tier": "A", "stage": "near_churn", "offer": "tea", "message_key": "m"}
NOTICE_BEGINS = "Tiers: expiring never -> 30 days (members are told 30 days before their tier ends)"
HOLDS_END = (
    "Tiers: downgrade at_hold_end -> at_once (tiers are no longer held: members who do not qualify fall at once)"
)
SEGMENTS_BEGIN = (
    "Segments: not scored; now recency cuts 30, 60, 90, 180 days, frequency cuts 2, 3, 5, 8 kept orders, "
    "high_recency 90 days, high_frequency 1 kept order, high_monetary 100.00 USD, told champion "
    "(members are now put into segments)"
)
SEGMENTS = {"high_monetary": 10_000, "told": ["champion"]}
HOLDOUT_BEGINS = (
    "Holdout: share none -> 10 percent of members "
    "(10 percent of members now get no action, so that its effect can be measured)"
)
HOLDOUT_ENDS = (
    "Holdout: share 10 percent of members -> none "
    "(nobody is held out any longer: the effect of actions can no longer be measured)"
)


@pytest.mark.parametrize(
    ("old", "new", "sentences"),
    [
        (
            [],
            [HELD],
            [
                "Tiers: downgrade at_once -> at_hold_end (tiers are now held for a time: members fall later)",
                "Tiers: hold none -> 365 days (tiers are now held 365 days)",
                NOTICE_BEGINS,
            ],
        ),
        (
            [HELD],
            [],
            [
                HOLDS_END,
                "Tiers: hold 365 days -> none (tiers are no longer held so many days)",
                "Tiers: expiring 30 days -> never (members are no longer told before their tier ends)",
            ],
        ),
        (
            [HELD],
            [HELD, with_tiers(hold_days=180, grace_days=30, fall="to_match", expiring_days=14)],
            [
                "Tiers: hold 365 -> 180 days (tiers are held for less long: members fall earlier)",
                "Tiers: grace 0 -> 30 days (members have longer to earn their tier again)",
                "Tiers: fall one_level -> to_match (members fall to the tier that they have earned)",
                "Tiers: expiring 30 -> 14 days (members are told later that their tier ends)",
            ],
        ),
        (
            [HELD],
            [HELD, with_tiers(window="calendar_year")],
            [
                "Tiers: qualifying window rolling -> calendar_year (other orders count for a tier)",
                "Tiers: window 365 days -> whole years",
                "Tiers: hold 365 days -> none (tiers are no longer held so many days)",
            ],
        ),
        (
            [HELD],
            [HELD, at("tiers", "levels", 3, "never_downgrade", value=True)],
            ["Tier A: never_downgrade false -> true (who has it or a higher one never falls below it by time)"],
        ),
        (
            [HELD],
            [HELD, at("change", value={"no_one_falls_before_expiry": False})],
            [
                (
                    "Change: no_one_falls_before_expiry true -> false "
                    "(when this policy comes, who does not qualify falls at once)"
                ),
            ],
        ),
        (
            [],
            [in_lifecycle(mode="rhythm")],
            ["Lifecycle: mode fixed -> rhythm (alerts come by each member's own typical gap)"],
        ),
        (
            [in_lifecycle(mode="rhythm")],
            [in_lifecycle(mode="rhythm", rhythm={"near_churn_percent": 130, "floor_days": 14})],
            [
                "Lifecycle: Rhythm: floor 21 -> 14 days (alerts come earlier for members who buy very often)",
                "Lifecycle: Rhythm: near_churn 120 -> 130 percent of the typical gap (alerts come later)",
            ],
        ),
        (
            [],
            [in_lifecycle(allowed_lateness_hours=48)],
            ["Lifecycle: allowed_lateness 0 -> 48 hours (alerts are told later, and fewer of them too early)"],
        ),
        (
            [],
            [in_lifecycle(quiet_days=["2026-12-24/2026-12-26"])],
            ["Lifecycle: Quiet days: none; now 2026-12-24/2026-12-26 (boundaries near these days move)"],
        ),
        (
            [in_lifecycle(quiet_days=["2026-12-24/2026-12-26", "2026-05-01"])],
            [in_lifecycle(quiet_days=["2026-12-24/2026-12-26", "2027-05-01"])],
            ["Lifecycle: Quiet days: added 2027-05-01; removed 2026-05-01 (boundaries near these days move)"],
        ),
        (
            [],
            [at("ledger", value={"seal": True, "max_hashes": 64})],
            [
                "Ledger: seal false -> true (old orders become final: later news is too late, and rows are smaller)",
                "Ledger: max_hashes 4096 -> 64 orders (fewer of a busy member's final orders are recognised)",
            ],
        ),
        (
            [],
            [at("ledger", value={"max_hashes": 64})],
            [],
        ),
        (
            [],
            [at("segments", value=SEGMENTS)],
            [
                SEGMENTS_BEGIN,
            ],
        ),
        (
            [at("segments", value=SEGMENTS)],
            [at("segments", value=SEGMENTS | {"told": ["at_risk"], "r_cuts": [1, 2, 3, 4], "high_monetary": 5_000})],
            [
                "Segments: Recency cuts: 30, 60, 90, 180 days; now 1, 2, 3, 4 days (members move between segments)",
                "Segments: high_monetary 100.00 USD -> 50.00 USD (more members are of high value)",
                "Segments: Told: added at_risk; removed champion (other changes are told)",
            ],
        ),
        (
            [],
            [with_actions(TEA)],
            ["Action for A, near_churn added: offer tea, message_key m, valid 14 days, cap 1 time", HOLDOUT_BEGINS],
        ),
        (
            [with_actions(TEA)],
            [with_actions({**TEA, "stage": "dormant"}, {**TEA, "cap": 2})],
            [
                "Action for A, near_churn: cap 1 time -> 2 times (a member may get it more often)",
                "Action for A, dormant added: offer tea, message_key m, valid 14 days, cap 1 time",
            ],
        ),
        (
            [with_actions(TEA)],
            [],
            [
                "Action for A, near_churn removed; it was: offer tea, message_key m, valid 14 days, cap 1 time",
                HOLDOUT_ENDS,
            ],
        ),
        (
            [with_actions(TEA)],
            [with_actions({**TEA, "cap_days": 30, "channel": "app"})],
            [
                (
                    "Action for A, near_churn: cap span none -> 30 days "
                    "(the offer is no longer recommended beyond its cap)"
                ),
                "Action for A, near_churn: channel not named -> app",
            ],
        ),
        (
            [with_actions({**TEA, "cap_days": 30})],
            [with_actions({**TEA, "cap_days": 60})],
            ["Action for A, near_churn: cap span 30 -> 60 days (a member may get it less often)"],
        ),
        (
            [with_actions(TEA)],
            [with_actions(TEA), at("holdout", value={"percent": 20, "salt": "spring"})],
            [
                (
                    "Holdout: share 10 -> 20 percent of members "
                    "(more members get no action; those who got none before still get none)"
                ),
                "Holdout: salt memberpulse -> spring (other members get no action: what was measured so far ends here)",
            ],
        ),
        (
            [with_actions(TEA)],
            [with_actions(TEA), at("holdout", value={"percent": 0})],
            [HOLDOUT_ENDS],
        ),
        ([], [at("holdout", value={"percent": 20, "salt": "spring"})], []),
    ],
)
def test_holds_rhythm_segments_and_actions_are_told_in_words(
    old: list[Callable[[Content], object]], new: list[Callable[[Content], object]], sentences: list[str]
) -> None:
    assert told(changed(*new), changed(*old)) == sentences


def test_backwards_the_sentence_is_turned_round() -> None:
    cheaper = changed(at("tiers", "levels", 2, "monetary", value=25_000))
    assert told(ABSOLUTE, cheaper) == ["Tier B: monetary 250.00 USD -> 300.00 USD (harder to reach)"]


def test_a_new_lowest_tier_is_added_as_the_first() -> None:
    def edit(content: Content) -> None:
        content["tiers"]["levels"][0] |= {"monetary": 1}
        content["tiers"]["levels"].insert(0, {"name": "E"})

    assert told(changed(edit)) == [
        "Tier E added as the first: asks for nothing",
        "Tier D: monetary not asked for -> 0.01 USD",
        "Tier D: match none -> any",
    ]


def test_how_thresholds_are_joined_has_no_effect_on_a_tier_with_one_of_them() -> None:
    alone = without("tiers", "levels", 2, "monetary")
    joined = changed(alone, at("tiers", "levels", 2, "match", value="all"))
    assert told(joined, changed(alone)) == ["Tier B: match any -> all"]


def test_amounts_of_two_currencies_are_not_compared() -> None:
    yen = changed(at("currency", value="JPY"), at("tiers", "levels", 1, "monetary", value=20_000))
    assert told(yen) == [
        "currency USD -> JPY (amounts are not converted: the same numbers are now of this currency)",
        "Tier C: monetary 100.00 USD -> 20000 JPY",
    ]


def test_a_tier_that_is_renamed_and_changed_is_another_tier() -> None:
    gold = changed(at("tiers", "levels", 3, value={"name": "Gold", "frequency": 13}))
    assert [change.kind for change in changes(ABSOLUTE, gold)] == ["added", "removed"]


def test_names_that_change_places_are_told_as_changed_thresholds_and_order() -> None:
    def swap(content: Content) -> None:
        low, high = content["tiers"]["levels"][1:3]
        low["name"], high["name"] = high["name"], low["name"]

    sentences = told(changed(swap))
    assert "Tier order D, C, B, A -> D, B, C, A" in sentences
    assert "Tier B: monetary 300.00 USD -> 100.00 USD (easier to reach)" in sentences


def test_a_change_names_its_place_and_both_values() -> None:
    [change] = changes(ABSOLUTE, changed(at("tiers", "levels", 2, "monetary", value=25_000)))
    assert change == Change("changed", "tiers.levels[2].monetary", 30_000, 25_000, change.sentence)
    [removed] = changes(ABSOLUTE, changed(without("tiers", "levels", 2, "monetary")))
    assert (removed.kind, removed.old, removed.new) == ("removed", 30_000, None)


def test_equal_policies_have_no_difference() -> None:
    assert changes(ABSOLUTE, changed()) == []


@st.composite
def policies(draw: st.DrawFn) -> PolicyDocument:
    """Small policies, so that equal and nearly equal ones are often met."""
    names = draw(st.lists(st.sampled_from("DCBAS"), min_size=1, max_size=4, unique=True))
    levels: list[Content] = [{"name": names[0]}]
    for rank, name in enumerate(names[1:], start=1):
        asked = draw(st.sampled_from([("frequency",), ("monetary",), ("frequency", "monetary")]))
        levels.append({"name": name} | {measure: 10 * rank + draw(st.integers(0, 1)) for measure in asked})
    boundary = draw(st.integers(59, 61))
    held: list[Content] = [
        {},
        {"downgrade": "at_hold_end"},
        {"downgrade": "at_hold_end", "hold_days": 30},
        {"downgrade": "at_hold_end", "expiring_days": 0},
        {"downgrade": "at_hold_end", "window": "calendar_year"},
        {"downgrade": "at_hold_end", "window": "membership_year", "fall": "to_match"},
    ]
    lifecycle: list[Content] = [
        {},
        {"mode": "rhythm"},
        {"rhythm": {"weight": 5}},
        {"rhythm": {"weight": 6}},
        {"mode": "rhythm", "rhythm": {"weight": 6}, "quiet_days": []},
        {"quiet_days": ["2026-12-24"], "allowed_lateness_hours": 1},
        {"quiet_days": ["2026-12-24/2026-12-24"]},
        {"quiet_days": ["2026-12-24", "2026-12-25"]},
    ]
    segments: list[Content] = [
        {},
        {"segments": {"high_monetary": 1}},
        {"segments": {"high_monetary": 1, "high_frequency": 1, "told": ["loyal"]}},
    ]
    actions = draw(st.permutations([{**TEA, "tier": names[0]}, {**TEA, "tier": names[-1], "stage": "dormant"}]))
    holdouts: list[Content] = [{}, {"holdout": {"percent": 0}}, {"holdout": {"salt": "s"}}, {"holdout": {"percent": 9}}]
    return PolicyDocument.model_validate(
        {
            "version": draw(st.integers(1, 2)),
            "currency": draw(st.sampled_from(["USD", "JPY"])),
            "time_zone": "UTC",
            "tiers": {"levels": levels} | draw(st.sampled_from(held)),
            "lifecycle": {"near_churn_days": boundary} | draw(st.sampled_from(lifecycle)),
            "actions": actions[: draw(st.integers(0, 2))],
        }
        | draw(st.sampled_from(holdouts))
        | draw(st.sampled_from(segments))
    )


@settings(deadline=None)
@given(policies(), policies())
def test_there_is_a_difference_exactly_when_the_hashes_differ(old: PolicyDocument, new: PolicyDocument) -> None:
    found = changes(old, new)
    assert (found == []) == (old.content_hash == new.content_hash)
    assert all(change.sentence and change.path for change in found)


@settings(deadline=None)
@given(policies(), policies())
def test_there_and_back_are_as_many_differences(old: PolicyDocument, new: PolicyDocument) -> None:
    assert len(changes(old, new)) == len(changes(new, old))


class Benefit(Part):
    name: str
    cost: Annotated[int, Field(json_schema_extra={"unit": "minor units"})]


class Hold(Part):
    months: Annotated[int, Field(json_schema_extra={"unit": "months", "more": "tiers last longer"})] = 12
    never: bool = False


class Grown(PolicyDocument):
    """The document with sections that nobody has written a word for here."""

    hold: Hold | None = None
    benefits: Annotated[list[Benefit], Field(default_factory=list)]
    quiet_days: Annotated[list[str], Field(default_factory=list)]
    messages: Annotated[dict[str, str], Field(default_factory=dict)]


def test_an_entry_can_only_be_renamed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_diff, "PolicyDocument", Grown)
    base = ABSOLUTE.content()
    old = Grown.model_validate(base | {"benefits": [{"name": "tea", "cost": 1}]})
    new = Grown.model_validate(base | {"benefits": [{"name": "chai", "cost": 1}, {"name": "cake", "cost": 1}]})
    assert told(new, old) == ["Benefit tea is now called chai", "Benefit cake added after chai: cost 0.01 USD"]


def test_sections_that_come_later_are_told_without_a_line_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_diff, "PolicyDocument", Grown)
    base = ABSOLUTE.content()
    old = Grown.model_validate(
        base | {"hold": {}, "benefits": [{"name": "tea", "cost": 100}], "messages": {"a b": "x"}}
    )
    new = Grown.model_validate(
        base
        | {
            "hold": {"months": 1, "never": True},
            "benefits": [{"name": "tea", "cost": 250}, {"name": "cake", "cost": 500}],
            "quiet_days": ["2026-12-25"],
            "messages": {"a b": "y"},
        }
    )
    assert told(new, old) == [
        "Hold: months 12 months -> 1 month",
        "Hold: never false -> true",
        "Benefit tea: cost 1.00 USD -> 2.50 USD",
        "Benefit cake added after tea: cost 5.00 USD",
        "Quiet: none; now 2026-12-25",
        "Messages: a b x -> y",
    ]
    assert "benefits[].cost" in key_paths(Grown.model_json_schema())
    assert told(Grown.model_validate(base | {"hold": {}}), Grown.model_validate(base)) == [
        "Hold: none; now months 12 months, never false"
    ]
