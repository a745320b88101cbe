"""Holds, rhythm, quiet days, segments and actions: what a file says, what is published, what the rules get."""

import json
import tomllib
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.policy import CALENDAR_YEAR, MEMBERSHIP_YEAR, ROLLING
from scoring.rhythm import DAY_S
from scoring.segment_rules import DEFAULT_F_CUTS, DEFAULT_R_CUTS
from streams.policy_file import PolicyDocument, PolicyFileError, from_canonical, load

SAMPLES = Path(__file__).parents[1] / "samples" / "policies" / "good"
Content = dict[str, Any]
Edit = Callable[[Content], object]

#: Content hashes from before holds, rhythm, segments and actions were keys: policies with these are in logs.
PUBLISHED = {
    "absolute": "bdc26600dcf295833fd5f5bb8fdcc38be47417f97b11fd047647c413435af855",
    "largest-numbers": "ec9ffc014ab25ee70ff428e6d8ac85b4be19903266de729c435154a505028087",
    "measures-in-turn": "379bcd88d3db33c7e703f8482853e63b700cd6fbb4c322ec8afdf2cf137e2c20",
    "most-tiers": "06193bdb4bb47e48aaee9381df86358d45f26d3eb6592c524bfe36f96cb86196",
    "smallest-numbers": "af587ac4d03ad3ea4f02db3ce54fe3ca04cc753b314483636109b760ae0945e9",
    "smallest": "f2401fcba00e0e88034b571c9f2486b7cf24bc227b1069e96b69264ab71de98d",
    "windows-newlines-and-mark": "3008121e258082b755bfe1f985953f944318da51b88847b518797df96151c7c2",
    "yen-and-names": "99600cbbf18181a10cd178a16b35d074936d71a52b25853235be13329c646bbe",
}


def a_policy(toml: str = "", tiers: str = "") -> PolicyDocument:
    """Two tiers, D and C, with some keys of the section ``[tiers]`` and further sections."""
    text = f"""
        version = 1
        currency = "EUR"
        time_zone = "Europe/Berlin"
        [tiers]
        {tiers}
        [[tiers.levels]]
        name = "D"
        [[tiers.levels]]
        name = "C"
        frequency = 2
        {toml}
        """
    return from_canonical(json.dumps(tomllib.loads(text), default=str).encode())


def problems_of(toml: str = "", tiers: str = "") -> list[str]:
    with pytest.raises(PolicyFileError) as refused:
        a_policy(toml, tiers)
    return [str(problem) for problem in refused.value.problems]


HELD = 'downgrade = "at_hold_end"'
CHANGE = "[change]\nno_one_falls_before_expiry = {}"


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_policy_without_a_new_key_keeps_the_hash_that_lies_in_logs(name: str) -> None:
    assert load(name if name == "absolute" else SAMPLES / f"{name}.toml").content_hash == PUBLISHED[name]


def test_a_default_that_is_stated_is_the_same_policy_as_one_left_out() -> None:
    plain = tomllib.loads((SAMPLES / "every-default-stated.toml").read_text("utf-8"))
    plain["tiers"] = {"levels": plain["tiers"]["levels"]}
    del plain["lifecycle"]
    assert load(SAMPLES / "every-default-stated.toml").content_hash == PolicyDocument(**plain).content_hash


@pytest.mark.parametrize(
    ("tiers", "toml", "in_use"),
    [
        (HELD, "", {"tiers": {"downgrade", "hold_days", "grace_days", "fall", "expiring_days"}}),
        (
            f'{HELD}\nwindow = "calendar_year"',
            "",
            {"tiers": {"window", "downgrade", "grace_days", "fall", "expiring_days"}},
        ),
        ("", '[lifecycle]\nmode = "rhythm"', {"lifecycle": {"mode", "rhythm"}}),
        ("", "[lifecycle.rhythm]\ntypical_gap_days = 14", {"lifecycle": {"rhythm"}}),
        ("", "[lifecycle]\nallowed_lateness_hours = 1", {"lifecycle": {"allowed_lateness_hours"}}),
        ("", '[lifecycle]\nquiet_days = ["2026-12-24"]', {"lifecycle": {"quiet_days"}}),
        (
            "",
            "[segments]\nhigh_monetary = 1",
            {"segments": {"r_cuts", "f_cuts", "high_recency_days", "high_frequency", "high_monetary", "told"}},
        ),
        ("", "[ledger]\nseal = true", {"ledger": {"seal", "max_orders", "max_hashes"}}),
        ("", "[ledger]\nmax_orders = 16", {}),
    ],
)
def test_of_a_feature_in_use_every_default_is_published_and_of_others_nothing(
    tiers: str, toml: str, in_use: dict[str, set[str]]
) -> None:
    content, plain = a_policy(toml, tiers).content(), a_policy().content()
    for section in ("tiers", "lifecycle", "segments", "ledger"):
        new = set(content.get(section, {})) - set(plain.get(section, {}))
        assert new == in_use.get(section, set())


def test_a_year_window_publishes_no_days() -> None:
    tiers = a_policy(tiers=f'{HELD}\nwindow = "membership_year"').content()["tiers"]
    assert not {"window_days", "hold_days"} & set(tiers)


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.toml")), ids=lambda sample: sample.stem)
def test_what_is_published_reads_back_as_the_same_policy(sample: Path) -> None:
    document = load(sample)
    again = from_canonical(document.canonical())
    assert again.canonical() == document.canonical()
    one, other = again.to_policy(), document.to_policy()
    assert (one.horizon_days, one.plain, one.allowed_lateness_ms) == (
        other.horizon_days,
        other.plain,
        other.allowed_lateness_ms,
    )


def test_the_rules_get_plain_tiers_and_fixed_days_where_nothing_is_said() -> None:
    policy = load("absolute").to_policy()
    assert (policy.tier_window, policy.holds, policy.rhythm, policy.segments) == (ROLLING, None, None, None)
    assert (policy.allowed_lateness_ms, policy.actions, policy.plain) == (0, {}, True)
    assert not any(tier.never_downgrade for tier in policy.tiers)


def test_the_rules_get_every_number_of_a_hold() -> None:
    keys = 'hold_days = 200\ngrace_days = 14\nfall = "to_match"\nexpiring_days = 7'
    holds = a_policy("never_downgrade = true", f"{HELD}\n{keys}").to_policy().holds
    assert holds is not None
    assert (holds.hold_days, holds.grace_days, holds.one_level, holds.expiring_days) == (200, 14, False, 7)
    assert [tier.never_downgrade for tier in a_policy("never_downgrade = true", HELD).to_policy().tiers] == [
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("keys", "days"),
    [
        ("", 30),
        ("hold_days = 31", 30),
        ("hold_days = 30", 0),
        ("hold_days = 1", 0),
        ("hold_days = 30\nexpiring_days = 29", 29),
        ("expiring_days = 0", 0),
        ('window = "calendar_year"', 30),
        ('window = "membership_year"\nexpiring_days = 365', 365),
    ],
)
def test_members_are_told_thirty_days_before_a_hold_ends_unless_it_is_as_short(keys: str, days: int) -> None:
    document = a_policy(tiers=f"{HELD}\n{keys}")
    holds = document.to_policy().holds
    assert holds is not None
    assert holds.expiring_days == document.content()["tiers"]["expiring_days"] == days


@pytest.mark.parametrize(
    ("name", "kind"), [("rolling", ROLLING), ("calendar_year", CALENDAR_YEAR), ("membership_year", MEMBERSHIP_YEAR)]
)
def test_the_rules_get_the_kind_of_window(name: str, kind: int) -> None:
    assert a_policy(tiers=f'{HELD}\nwindow = "{name}"').to_policy().tier_window == kind


def test_the_rules_get_a_rhythm_in_seconds_and_thousandths() -> None:
    rhythm = (
        a_policy("""
        [lifecycle]
        mode = "rhythm"
        allowed_lateness_hours = 48
        [lifecycle.rhythm]
        weight = 3
        typical_gap_days = 20
        floor_days = 10
        ceiling_days = 100
        near_churn_percent = 110
        recently_lapsed_percent = 220
        mid_lapsed_percent = 330
        dormant_percent = 440
        """)
        .to_policy()
        .rhythm
    )
    assert rhythm is not None
    assert (rhythm.weight, rhythm.usual_gap, rhythm.floor, rhythm.ceiling) == (3, 20 * DAY_S, 10 * DAY_S, 100 * DAY_S)
    multiples = (rhythm.near_churn, rhythm.recently_lapsed, rhythm.mid_lapsed, rhythm.dormant)
    assert multiples == (1100, 2200, 3300, 4400)


def test_hours_of_lateness_are_milliseconds_for_the_rules() -> None:
    policy = a_policy("[lifecycle]\nallowed_lateness_hours = 48").to_policy()
    assert policy.allowed_lateness_ms == 48 * 3_600_000


def day(text: str) -> int:
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def test_both_ends_of_a_range_are_quiet() -> None:
    quiet = a_policy('[lifecycle]\nquiet_days = ["2026-12-24/2027-01-02"]').to_policy().quiet
    asked = ("2026-12-23", "2026-12-24", "2027-01-02", "2027-01-03")
    assert [quiet.is_quiet(day(each)) for each in asked] == [False, True, True, False]


def test_dates_may_be_written_with_and_without_quotes(tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    text = (SAMPLES / "smallest.toml").read_text("utf-8")
    hashes = set()
    for entry in ("2026-12-24", '"2026-12-24"', '"2026-12-24/2026-12-24"'):
        file.write_text(f"{text}\n[lifecycle]\nquiet_days = [{entry}]\n", "utf-8")
        hashes.add(load(file).content_hash)
    assert len(hashes) == 1


START = date(2026, 1, 1)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5)), min_size=1, max_size=8), st.randoms())
def test_the_same_quiet_days_are_the_same_policy_however_they_are_listed(
    spans: list[tuple[int, int]], chance: Any
) -> None:
    def listed(entries: list[str]) -> PolicyDocument:
        return a_policy(f"[lifecycle]\nquiet_days = {json.dumps(entries)}")

    ranges = [f"{START + timedelta(a)}/{START + timedelta(a + n)}" for a, n in spans]
    days = sorted({a + i for a, n in spans for i in range(n + 1)})
    singly = [str(START + timedelta(each)) for each in days]
    chance.shuffle(ranges)
    assert listed(ranges).content_hash == listed(singly).content_hash
    quiet = listed(ranges).to_policy().quiet
    found = [each for each in range(60) if quiet.is_quiet(day(str(START + timedelta(each))))]
    assert found == days


def test_a_section_of_segments_needs_only_what_is_high() -> None:
    rules = a_policy("[segments]\nhigh_monetary = 25000").to_policy().segments
    assert rules is not None
    assert (tuple(rules.r_cuts), tuple(rules.f_cuts)) == (DEFAULT_R_CUTS, DEFAULT_F_CUTS)
    high = rules.set_numbers
    assert (high.recency_days, high.frequency, high.monetary) == (90, 1, 25_000)
    assert (rules.by_median, rules.named) == (False, frozenset())


def test_the_rules_get_every_number_of_the_segments() -> None:
    rules = (
        a_policy("""
        [segments]
        r_cuts = [1, 2, 3, 4]
        f_cuts = [5, 6, 7, 8]
        high_recency_days = 9
        high_frequency = 10
        high_monetary = 11
        told = ["prospect", "champion", "frequent_high_spend", "general_keep"]
        """)
        .to_policy()
        .segments
    )
    assert rules is not None
    assert (rules.r_cuts, rules.f_cuts) == ([1, 2, 3, 4], [5, 6, 7, 8])
    high = rules.set_numbers
    assert (high.recency_days, high.frequency, high.monetary) == (9, 10, 11)
    assert rules.named == {"prospect", "champion", "frequent_high_spend", "general_keep"}


def test_the_order_of_names_told_means_nothing_and_a_name_twice_neither() -> None:
    told = ('["champion", "at_risk"]', '["at_risk", "champion", "at_risk"]')
    assert len({a_policy(f"[segments]\nhigh_monetary = 1\ntold = {names}").content_hash for names in told}) == 1


ACTION = '[[actions]]\ntier = "{}"\nstage = "{}"\noffer = "{}"\nmessage_key = "m"\n'


def test_the_rules_get_actions_by_rank_and_stage() -> None:
    actions = (
        a_policy(
            ACTION.format("C", "dormant", "ten off")
            + "valid_days = 3\ncap = 2\n"
            + ACTION.format("D", "near_churn", "hi")
        )
        .to_policy()
        .actions
    )
    assert set(actions) == {(0, 3), (1, 6)}
    action = actions[1, 6]
    assert (action.offer, action.message_key, action.valid_days, action.cap) == ("ten off", "m", 3, 2)
    assert (actions[0, 3].valid_days, actions[0, 3].cap) == (14, 1)


def test_the_rules_get_channels_caps_and_who_is_held_out() -> None:
    text = ACTION.format("C", "active", "tea") + 'cap = 2\ncap_days = 30\nchannel = "app"\n'
    policy = a_policy(text + '[holdout]\npercent = 20\nsalt = "spring"').to_policy()
    action = policy.actions[1, 2]
    assert (action.channel, action.cap, action.cap_days) == ("app", 2, 30)
    assert (policy.caps["tea"].times, policy.caps["tea"].days) == (2, 30)
    assert (policy.holdout.percent, policy.holdout.salt) == (20, "spring")
    bare = a_policy(ACTION.format("C", "active", "tea")).to_policy()
    assert (bare.actions[1, 2].channel, bare.caps) == ("", {})


def test_a_file_with_actions_holds_out_a_tenth_unless_it_says_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "our.toml"
    head = 'version = 1\ncurrency = "USD"\ntime_zone = "UTC"\n[[tiers.levels]]\nname = "D"\n'
    shares = {}
    for said in ("", "[holdout]\npercent = 0", '[holdout]\nsalt = "s"'):
        file.write_text(head + ACTION.format("D", "new", "tea") + said)
        document = load(file)
        shares[said] = document.to_policy().holdout.percent
        again = from_canonical(document.canonical())
        assert (again.content_hash, again.holdout.percent) == (document.content_hash, shares[said])
    assert list(shares.values()) == [10, 0, 10]


#: The sample segments-and-actions as it was published before there was a holdout.
PUBLISHED_WITH_ACTIONS = "607876e1fe04b3804b9e3344e98d6886c7f43ae774fe37f7ff402a3ff5d0d39b"


def test_a_policy_with_actions_from_before_there_was_a_holdout_goes_on_as_it_was() -> None:
    content = load(SAMPLES / "segments-and-actions.toml").content()
    del content["holdout"]
    published = from_canonical(json.dumps(content).encode())
    assert published.content_hash == PUBLISHED_WITH_ACTIONS
    assert published.to_policy().holdout.percent == 0


def test_what_is_said_of_a_holdout_without_actions_means_nothing() -> None:
    assert a_policy('[holdout]\npercent = 20\nsalt = "s"').content_hash == a_policy().content_hash


def test_the_rules_get_the_caps_of_a_ledger_that_is_sealed_and_nothing_else() -> None:
    seal = a_policy("[ledger]\nseal = true\nmax_orders = 16").to_policy().seal
    assert seal is not None
    assert (seal.max_orders, seal.max_fingerprints) == (16, 4096)
    assert a_policy("[ledger]\nmax_orders = 16").to_policy().seal is None


@pytest.mark.parametrize(
    ("toml", "kept"), [("", True), ("[change]", True), (CHANGE.format("true"), True), (CHANGE.format("false"), False)]
)
def test_holds_outlast_a_new_policy_unless_it_says_otherwise(toml: str, kept: bool) -> None:
    document = a_policy(toml, HELD)
    holds = document.to_policy().holds
    assert holds is not None
    assert holds.kept_on_change is kept
    assert (document.content_hash == a_policy("", HELD).content_hash) is kept
    assert from_canonical(document.canonical()).content_hash == document.content_hash


@pytest.mark.parametrize("value", ["true", "false"])
def test_no_hold_can_outlast_a_policy_where_tiers_fall_at_once(value: str) -> None:
    [told] = problems_of(CHANGE.format(value))
    assert told.startswith('change.no_one_falls_before_expiry: may only be stated with tiers.downgrade = "at_hold_end"')


def test_the_order_of_actions_means_nothing() -> None:
    one, other = ACTION.format("C", "dormant", "a"), ACTION.format("D", "near_churn", "b")
    assert a_policy(one + other).content_hash == a_policy(other + one).content_hash


@pytest.mark.parametrize(("toml", "days"), [("", 30), ("[merge]", 30), ("[merge]\nunmerge_days = 0", 0)])
def test_a_merge_can_be_taken_back_for_thirty_days_unless_the_policy_says_otherwise(toml: str, days: int) -> None:
    document = a_policy(toml)
    assert document.to_policy().unmerge_days == days
    assert (document.content_hash == a_policy("").content_hash) is (days == 30)
    assert from_canonical(document.canonical()).content_hash == document.content_hash


@pytest.mark.parametrize(("days", "fits"), [(-1, False), (0, True), (365, True), (366, False)])
def test_a_merge_can_be_taken_back_for_a_year_at_most(days: int, *, fits: bool) -> None:
    toml = f"[merge]\nunmerge_days = {days}"
    if fits:
        assert a_policy(toml).to_policy().unmerge_days == days
    else:
        [told] = problems_of(toml)
        assert told.startswith(f"merge.unmerge_days: found {days}; expected ")


@pytest.mark.parametrize(
    ("hold", "notice", "fits"), [(60, 59, True), (60, 60, False), (60, 61, False), (1, 0, True), (400, 365, True)]
)
def test_the_notice_comes_after_the_hold_begins(hold: int, notice: int, fits: bool) -> None:
    tiers = f"{HELD}\nhold_days = {hold}\nexpiring_days = {notice}"
    if fits:
        assert a_policy(tiers=tiers).to_policy().holds is not None
    else:
        [told] = problems_of(tiers=tiers)
        assert told == f"tiers.expiring_days: found {notice} days; must be fewer than the {hold} of hold_days"


@pytest.mark.parametrize(
    ("floor", "percent", "fits"),
    # At a gap of a day 4 % are 3,456 seconds and 5 % are 4,320; at two days 2 % are 3,456 and 3 % are 5,184.
    [(1, 124, False), (1, 125, True), (2, 122, False), (2, 123, True), (21, 121, True), (21, 120, False)],
)
def test_boundaries_are_at_least_an_hour_apart_at_the_floor(floor: int, percent: int, fits: bool) -> None:
    toml = f"[lifecycle.rhythm]\nfloor_days = {floor}\nrecently_lapsed_percent = {percent}"
    if fits:
        a_policy(toml)
    else:
        [told] = problems_of(toml)
        assert told.startswith("lifecycle.rhythm.recently_lapsed_percent: found")


def test_floor_and_ceiling_may_be_the_same() -> None:
    a_policy("[lifecycle.rhythm]\nfloor_days = 40\nceiling_days = 40")
    assert problems_of("[lifecycle.rhythm]\nfloor_days = 40\nceiling_days = 39") == [
        "lifecycle.rhythm.floor_days: is above the ceiling: floor_days 40, ceiling_days 39"
    ]
    assert problems_of("[lifecycle.rhythm]\nceiling_days = 20") == [
        "lifecycle.rhythm.ceiling_days: is below the floor: floor_days 21, ceiling_days 20"
    ]


def test_a_wrong_choice_is_not_told_again_for_every_key_that_depends_on_it() -> None:
    [told] = problems_of(tiers='downgrade = "at_the_end"\nhold_days = 365\nwindow = "rolling"')
    assert told.startswith("tiers.downgrade: found")


@pytest.mark.parametrize("name", ["small-shop", "regulars"])
def test_shipped_policies_are_held_for_a_year_with_a_month_of_grace(name: str) -> None:
    holds = load(name).to_policy().holds
    assert holds is not None
    assert (holds.hold_days, holds.grace_days, holds.expiring_days) == (365, 30, 30)


def test_the_small_shop_alerts_earlier_than_the_default_and_has_two_tiers() -> None:
    small, plain = load("small-shop").to_policy(), load("absolute").to_policy()
    assert small.tier_names == ["Friend", "Regular"]
    assert small.rhythm is None
    assert small.near_churn_days < plain.near_churn_days
    assert small.dormant_days < plain.dormant_days


def test_regulars_have_rhythm_quiet_days_segments_and_actions() -> None:
    policy = load("regulars").to_policy()
    assert policy.rhythm is not None
    assert policy.quiet.is_quiet(day("2026-12-25"))
    assert policy.segments is not None
    assert policy.segments.named
    assert policy.actions
