"""A new policy and new cuts reach every member, in the order of the log and through crashes."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.policy_file import PolicyDocument, load
from streams.scorer.progress import PartitionProgress
from tests.driver import ProcessEnded, ScorerDriver, day, paid
from tests.streams.published_schemas import assert_fits
from tests.streams.scorer.five_members import (
    CHEAPER,
    EARLIER,
    MEMBERS,
    assert_verified,
    five_members,
    ids,
    policy,
    rows_of,
    told,
)

# -- a new policy ---------------------------------------------------------------------------------------------------


def test_a_policy_reaches_every_member_and_says_so() -> None:
    scorer = five_members()
    scorer.publish(CHEAPER, day(11))
    for name in MEMBERS:
        assert told(scorer, name) == [("tier.upgraded", "policy_changed")]
    body = scorer.outcomes("m0")[-1]
    assert body["cause"] == {"policy": CHEAPER.content_hash}
    assert body["policy"] == {"version": 2, "content_hash": CHEAPER.content_hash}
    assert body["position"]["offset"] == len(scorer.log) - 1
    assert (body["at"], body["recorded_at"]) == ("2026-01-11T12:00:00.000Z", "2026-01-12T12:00:00.000Z")
    assert "by a new policy" in body["sentence"]
    assert_fits({name: value for name, value in body.items() if name != "id"}, "tier.upgraded")
    assert_verified(scorer)


def test_what_comes_later_is_judged_by_the_new_policy() -> None:
    """G12: the order absorbs the sweep first, and is then judged by the policy that came."""
    scorer = five_members()
    scorer.publish(EARLIER, day(11), sweep=False)
    scorer.pipe_unswept(paid("m0", "m0-2", day(12)))
    assert told(scorer, "m0") == [("tier.upgraded", "policy_changed")]
    assert told(scorer, "m1") == []
    scorer.sweep()
    scorer.tick(day(33))
    assert told(scorer, "m0") == [("tier.upgraded", "policy_changed"), ("lifecycle.near_churn", "quiet")]
    before = scorer.outcomes()
    replayed = ScorerDriver("absolute")
    replayed.log = scorer.log
    replayed.run()
    assert sorted(body["id"] for body in replayed.outcomes()) == sorted(body["id"] for body in before)
    assert rows_of(replayed) == rows_of(scorer)
    assert_verified(scorer)


def test_a_tick_that_is_older_than_the_policy_is_judged_and_written_by_the_old_one() -> None:
    scorer = five_members()
    scorer.tick(day(61), sweep=False)
    scorer.publish(policy(near_churn=80, c_from=5_000), day(61), sweep=False)
    scorer.pipe(paid("m0", "m0-2", day(61), amount=100))
    assert told(scorer, "m0") == [
        ("lifecycle.near_churn", "quiet"),
        ("tier.upgraded", "policy_changed"),
        ("lifecycle.recovered", "policy_changed"),
    ]
    alert, upgrade, _ = scorer.outcomes("m0")[2:]
    assert (alert["policy"]["version"], upgrade["policy"]["version"]) == (1, 2)
    assert alert["crossed"] == {"stage": "near_churn", "days_since_last_purchase": 60}
    scorer.sweep()
    assert told(scorer, "m1") == told(scorer, "m0")
    assert_verified(scorer)


def test_a_tick_after_the_policy_waits_for_its_sweep() -> None:
    scorer = five_members()
    scorer.publish(EARLIER, day(11), sweep=False)
    scorer.tick(day(25), sweep=False)
    scorer.pipe(paid("m0", "m0-2", day(26)))
    scorer.sweep()
    assert told(scorer, "m1") == [("tier.upgraded", "policy_changed"), ("lifecycle.near_churn", "quiet")]
    assert told(scorer, "m0") == [*told(scorer, "m1"), ("lifecycle.recovered", "purchase")]
    assert_verified(scorer)


def test_two_policies_in_a_row_are_absorbed_one_after_the_other() -> None:
    scorer = five_members()
    scorer.publish(CHEAPER, day(11), sweep=False)
    scorer.publish(policy(3), day(11), sweep=False)
    scorer.pipe(paid("m0", "m0-2", day(12), amount=1))
    scorer.sweep()
    for name in MEMBERS[1:]:
        assert told(scorer, name) == [("tier.upgraded", "policy_changed"), ("tier.downgraded", "policy_changed")]
    assert told(scorer, "m0")[:2] == told(scorer, "m1")
    first, second = scorer.outcomes("m1")[2:]
    assert (first["cause"]["policy"], second["cause"]["policy"]) == (
        CHEAPER.content_hash, policy(3).content_hash,
    )  # fmt: skip
    assert_verified(scorer)


def test_members_who_come_after_the_policy_are_not_swept() -> None:
    scorer = five_members()
    scorer.publish(CHEAPER, day(11), sweep=False)
    scorer.pipe(paid("new", "new-1", day(12)))
    scorer.sweep()
    assert scorer.kinds("new") == ["tier.joined", "tier.upgraded", "lifecycle.first_purchase"]
    assert scorer.outcomes("new")[1]["reason"] == "purchase"


def test_members_whom_the_policy_does_not_change_are_told_what_is_missing_under_it() -> None:
    scorer = five_members()
    scorer.publish(policy(c_from=9_999), day(11))
    scorer.cut()
    scores = {score["member_id"]: score for score in scorer.scores()}
    assert len(scores) == 5
    for score in scores.values():
        assert (score["policy_version"], score["offset"]) == (2, len(scorer.log) - 1)
        assert score["to_next"]["monetary"] == 9_999 - score["monetary"]
    assert_verified(scorer)


def test_the_offset_of_a_policy_is_not_committed_until_the_last_member_is_reached() -> None:
    scorer = five_members()
    scorer.publish(CHEAPER, day(11), sweep=False)
    offset = len(scorer.log) - 1
    assert scorer.partition.sweeping
    scorer.sweep(budget=4)
    scorer.cut()
    assert (scorer.partition.committable, scorer.committed) == (offset, offset)
    assert PartitionProgress.decode(scorer.partition.payload()).policy_version == 1
    scorer.sweep()
    assert scorer.partition.committable == offset + 1
    assert PartitionProgress.decode(scorer.partition.payload()).policy_version == 2


def a_busy_stretch(scorer: ScorerDriver) -> list[Callable[[], None]]:
    """A tick that finds everybody due, two policies and an order between them, not yet reached by any sweep."""
    return [
        lambda: scorer.tick(day(61), sweep=False),
        lambda: scorer.publish(policy(c_from=5_000, near_churn=80), day(62), sweep=False),
        lambda: scorer.pipe_unswept(paid("m2", "m2-2", day(63))),
        lambda: scorer.publish(policy(3, c_from=5_000, near_churn=20), day(64), sweep=False),
    ]


def undisturbed() -> ScorerDriver:
    scorer = five_members()
    for step in a_busy_stretch(scorer):
        step()
    scorer.sweep()
    return scorer


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("swept", range(17))
def test_a_crash_at_any_step_of_the_sweeps_tells_the_same_ids(swept: int, committed: bool) -> None:
    crashed = five_members()
    for step in a_busy_stretch(crashed):
        step()
    if swept:
        crashed.sweep(budget=swept)
    crashed.cut(rows=None if committed else 2)
    crashed.crash()
    wanted = undisturbed()
    assert ids(crashed) == ids(wanted)
    assert rows_of(crashed) == rows_of(wanted)
    assert_verified(crashed)


@pytest.mark.parametrize("step", range(4))
def test_a_crash_after_any_record_tells_the_same_ids(step: int) -> None:
    crashed = five_members()
    for number, each in enumerate(a_busy_stretch(crashed)):
        each()
        if number == step:
            crashed.sweep(budget=3)
            crashed.cut()
            crashed.crash()
    crashed.sweep()
    assert ids(crashed) == ids(undisturbed())
    assert_verified(crashed)


@pytest.mark.parametrize("swept", [True, False])
def test_a_score_at_the_cut_is_written_by_the_policy_that_the_state_is_by(swept: bool) -> None:
    scorer = five_members()
    scorer.pipe(paid("m0", "m0-2", day(11)), paid("m0", "m0-3", day(12)))
    scorer.publish(policy(c_from=9_000), day(12), sweep=swept)
    scorer.cut()
    score = [score for score in scorer.scores() if score["member_id"] == "m0"][-1]
    assert (score["frequency"], score["policy_version"]) == (3, 2 if swept else 1)
    scorer.pipe(paid("m0", "m0-4", day(13)))
    scorer.cut()
    score = [score for score in scorer.scores() if score["member_id"] == "m0"][-1]
    assert (score["frequency"], score["policy_version"]) == (4, 2)


def test_a_policy_that_came_is_there_after_a_restart() -> None:
    scorer = five_members()
    scorer.publish(CHEAPER, day(11))
    scorer.cut()
    scorer.crash()
    scorer.pipe(paid("new", "new-1", day(12)))
    assert scorer.kinds("new")[1] == "tier.upgraded"


def test_the_same_policy_again_is_no_news() -> None:
    scorer = five_members()
    scorer.publish("absolute", day(11), sweep=False)
    assert not scorer.partition.sweeping
    assert scorer.dead_letters() == []


@pytest.mark.parametrize("fields", [{"currency": "EUR"}, {"time_zone": "Europe/Berlin"}])
def test_a_policy_of_another_currency_or_zone_is_refused(fields: dict[str, Any]) -> None:
    scorer = ScorerDriver(ceiling=True)
    scorer.pipe(paid("m0", "m0-1", day(0)))
    for version in range(2, 30):
        scorer.publish(policy(version, c_from=5_000, **fields), day(11))
    assert {reason for _, reason in scorer.dead_letters()} == {"policy_refused"}
    member = scorer.member("m0")
    assert member is not None
    assert member.tier == 0


@pytest.mark.parametrize(("version", "taken"), [(2, False), (3, False), (4, True)])
def test_a_policy_is_taken_only_with_a_higher_version(version: int, taken: bool) -> None:
    scorer = five_members()
    scorer.publish(policy(3, c_from=9_000), day(11))
    scorer.publish(policy(version, c_from=9_001), day(12))
    scorer.cut()
    assert {score["policy_version"] for score in scorer.scores()[-5:]} == {version if taken else 3}
    assert [reason for _, reason in scorer.dead_letters()] == ([] if taken else ["policy_refused"])


def test_an_override_that_ends_with_its_tier_says_so() -> None:
    scorer = five_members()
    granted = {
        "type": "tier.overridden", "event_id": "granted", "member_id": "m0", "occurred_at": day(10.5).isoformat(),
        "tier": "A", "until": day(100).isoformat(), "reason": "kindness", "actor": "eve",
    }  # fmt: skip
    scorer.pipe(granted)
    content = load("absolute").content()
    del content["tiers"]["levels"][3]
    scorer.publish(PolicyDocument.model_validate(content | {"version": 2}), day(11))
    ended, fallen = scorer.outcomes("m0")[-2:]
    assert (ended["kind"], ended["detail"], ended["override"]["tier"]) == ("tier.override_ended", "tier_gone", "A")
    assert (fallen["from"]["name"], fallen["to"]["name"], fallen["reason"]) == ("B", "D", "policy_changed")
    assert "as the tier is gone" in ended["sentence"]
    for body in (ended, fallen):
        assert_fits({name: value for name, value in body.items() if name != "id"}, body["kind"])
    assert_verified(scorer)


# -- cuts -----------------------------------------------------------------------------------------------------------


def by_percentile(version: int = 1, **levels: Any) -> PolicyDocument:
    content = load("absolute").content()
    content["version"] = version
    content["tiers"]["basis"] = "percentile"
    content["tiers"]["levels"][1] |= levels
    return PolicyDocument.model_validate(content)


def some_cuts(c: int | None, *, fallback: bool = False) -> dict[str, Any]:
    """Only tier C can be reached: it is entered and kept from ``c`` on."""
    nobody = {"enter": None, "leave": None}
    return {
        "ranked": 500,
        "fallback": fallback,
        "tiers": {"C": {"enter": c, "leave": c}, "B": nobody, "A": nobody},
        "medians": None,
        "quantiles": None,
    }


def test_cuts_reach_every_member_and_say_so() -> None:
    scorer = five_members(by_percentile())
    scorer.cuts("2026-01-11", some_cuts(5_000), day(10))
    for name in MEMBERS:
        assert told(scorer, name) == [("tier.upgraded", "cut_moved")]
    body = scorer.outcomes("m0")[-1]
    assert body["cause"] == {"cuts": "2026-01-11"}
    assert_fits({name: value for name, value in body.items() if name != "id"}, "tier.upgraded")
    assert_verified(scorer)


@pytest.mark.parametrize("date", ["2026-01-10", "2026-01-11"])
def test_cuts_that_are_not_of_a_later_date_are_ignored(date: str) -> None:
    scorer = five_members(by_percentile())
    scorer.cuts("2026-01-11", some_cuts(5_000), day(10))
    scorer.cuts(date, some_cuts(6_000), day(11), sweep=False)
    assert not scorer.partition.sweeping
    assert scorer.dead_letters() == []
    scorer.cuts("2026-01-12", some_cuts(6_000), day(12))
    assert told(scorer)[1:] == [("tier.downgraded", "cut_moved")]


def test_cuts_in_force_outlast_a_restart_and_a_new_policy() -> None:
    scorer = five_members(by_percentile())
    scorer.cuts("2026-01-11", some_cuts(5_000), day(10))
    scorer.cut()
    scorer.crash()
    scorer.cuts("2026-01-11", some_cuts(6_000), day(11))
    scorer.publish(by_percentile(2, frequency=3), day(11))
    assert told(scorer) == [("tier.upgraded", "cut_moved")]
    scorer.pipe(paid("new", "new-1", day(12)))
    assert scorer.kinds("new")[1] == "tier.upgraded"
    assert_verified(scorer)


@pytest.mark.parametrize("swept", range(11))
def test_a_crash_in_the_middle_of_a_sweep_by_cuts_tells_the_same_ids(swept: int) -> None:
    crashed, wanted = five_members(by_percentile()), five_members(by_percentile())
    for scorer in (crashed, wanted):
        scorer.cuts("2026-01-11", some_cuts(5_000), day(10), sweep=False)
        scorer.cuts("2026-01-12", some_cuts(None), day(11), sweep=False)
    crashed.sweep(budget=swept) if swept else None
    crashed.cut()
    crashed.crash()
    wanted.sweep()
    assert ids(crashed) == ids(wanted)
    assert told(wanted) == [("tier.upgraded", "cut_moved"), ("tier.downgraded", "cut_moved")]
    assert_verified(crashed)


@pytest.mark.parametrize(
    ("date", "document"),
    [
        ("2026-01-11", {"ranked": 1}),
        ("2026-01-11", some_cuts(5_000) | {"tiers": {"C": {"enter": "5000", "leave": 1}}}),
        ("2026-02-30", some_cuts(5_000)),
    ],
)
def test_malformed_cuts_are_dead_letters(date: str, document: dict[str, Any]) -> None:
    scorer = five_members(by_percentile())
    scorer.cuts(date, document, day(10))
    assert [reason for _, reason in scorer.dead_letters()] == ["bad_cuts"]
    assert told(scorer) == []
    assert_verified(scorer)


def test_cuts_before_the_first_policy_end_the_worker() -> None:
    scorer = ScorerDriver(by_percentile())
    scorer.log.clear()
    scorer._new_process()
    with pytest.raises(ProcessEnded) as ended:
        scorer.cuts("2026-01-11", some_cuts(5_000), day(10))
    assert ended.value.code == 78


# -- all of it ------------------------------------------------------------------------------------------------------

STEPS = st.one_of(
    st.tuples(st.just("order"), st.sampled_from(MEMBERS), st.sampled_from([100, 4_000, 20_000])),
    st.tuples(st.just("tick"), st.sampled_from([0.2, 5, 30, 100])),
    st.tuples(st.just("policy"), st.integers(0, 3)),
    st.tuples(st.just("cuts"), st.sampled_from([4_000, 9_000, None])),
    st.tuples(st.just("sweep"), st.integers(1, 7)),
    st.tuples(st.just("cut"), st.sampled_from([None, 1, 3])),
    st.tuples(st.just("crash")),
)
POLICIES = [policy(1), EARLIER, by_percentile(4), by_percentile(5, frequency=4)]


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEPS, min_size=5, max_size=40))
def test_whatever_happens_when_the_log_alone_decides(steps: list[tuple[Any, ...]]) -> None:
    scorer, now = five_members(), 10.5
    for number, (what, *how) in enumerate(steps):
        now += 0.1
        if what == "order":
            scorer.pipe_unswept(paid(how[0], f"o{number}", day(now), amount=how[1]))
        elif what == "tick":
            now += how[0]
            scorer.tick(day(now), sweep=False)
        elif what == "policy":
            scorer.publish(POLICIES[how[0]], day(now), sweep=False)
        elif what == "cuts":
            scorer.cuts(day(now).date().isoformat(), some_cuts(how[0]), day(now), sweep=False)
        elif what == "sweep":
            scorer.sweep(budget=how[0])
        elif what == "cut":
            scorer.cut(rows=how[0])
        if what == "crash" or (what == "cut" and how[0] is not None):
            scorer.crash()
    scorer.sweep()
    assert_verified(scorer)
