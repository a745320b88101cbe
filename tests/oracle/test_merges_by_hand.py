"""Merged, taken apart and erased members, in small stories worked out by hand from docs/rules.md, section 13.

``s`` is merged into ``t``, ``t`` now and then into ``u``. Without a policy of their own the stories go by two orders or
100.00 for C, at once, and thirty days to take a merge back.
"""

from typing import Any
from uuid import uuid5

import pytest

from tests.oracle.answer import ExpectedForward
from tests.oracle.records import POLICY
from tests.oracle.story import NAMESPACE
from tests.oracle.telling import Telling, ms

HELD = {**POLICY, "tiers": {**POLICY["tiers"], "downgrade": "at_hold_end", "hold_days": 20}}


def bought(told: Telling, member: str, order: str, amount: int, at: str, **fields: Any) -> Telling:
    return told.paid(order, amount, at, member_id=member, **fields)


def merged(told: Telling, source: str, into: str, at: str, **fields: Any) -> Telling:
    return told.event("member.merged", at, member_id=source, into=into, **fields)


def unmerged(told: Telling, source: str, into: str, at: str, **fields: Any) -> Telling:
    return told.event("member.unmerged", at, member_id=source, into=into, **fields)


def one_each(policy: Any = POLICY) -> Telling:
    """An order of 40.00 of ``s`` on the 1st and one of 30.00 of ``t`` on the 2nd of January 2026."""
    return bought(bought(Telling(policy), "s", "o1", 4_000, "2026-01-01"), "t", "o2", 3_000, "2026-01-02")


def brief(told: Telling, member: str) -> list[tuple[str, str, str, str]]:
    return [(o.kind, o.before, o.after, o.reason) for o in told.outcomes if o.member_id == member]


def measures(told: Telling, member: str) -> tuple[int, int]:
    found = told.answer().members[member]
    return found.frequency, found.monetary


def id_of(what: str, member: str, cause: str) -> str:
    return str(uuid5(NAMESPACE, f"{what}|{member}|{cause}"))


def test_merge_is_told_by_the_one_and_forwarded_to_the_other() -> None:
    told = merged(one_each(), "s", "t", "2026-01-10")
    assert brief(told, "s")[-1] == ("tier.merged", "D", "", "merge")
    merge = id_of("absorbed", "s", "e3")
    assert list(told.answer().forwards.values()) == [
        ExpectedForward(
            merge, "t", "member.absorbed", ms("2026-01-10"), "", "s", ("s",), (3,), merge, ms("2026-02-09T00:00")
        )
    ]
    assert told.answer().gone == {"s": "t"}
    s = told.answer().members["s"]
    assert (s.tier, s.stage, s.frequency, s.next_due_at) == ("", "", 0, ms("2026-02-09T00:00"))


def test_both_orders_count_together_once_the_forward_has_come() -> None:
    told = merged(one_each(), "s", "t", "2026-01-10").deliver()
    assert measures(told, "t") == (2, 7_000)
    assert brief(told, "t")[-1] == ("tier.upgraded", "D", "C", "merge")


def test_unknown_member_is_merged_without_having_joined_and_one_absorbs_without_being_known() -> None:
    told = merged(Telling(), "s", "t", "2026-01-10").deliver()
    assert brief(told, "s") == [("tier.merged", "", "", "merge")]
    assert brief(told, "t") == [("tier.joined", "", "D", "joined")]


def test_order_that_both_know_counts_once() -> None:
    told = bought(one_each(), "t", "o1", 4_000, "2026-01-03", seen="2026-01-03")
    told = merged(told, "s", "t", "2026-01-10").deliver()
    assert measures(told, "t") == (2, 7_000)
    assert measures(bought(told, "t", "o1", 5_000, "2026-01-11", revision=2), "t") == (2, 8_000)


@pytest.mark.parametrize(
    ("source", "into", "refused"),
    [("t", "t", True), ("s", "t", True), ("s", "u", True), ("t", "s", True), ("t", "u", False)],
)
def test_nobody_is_merged_twice_nor_into_herself_nor_into_whom_she_absorbed(
    source: str, into: str, *, refused: bool
) -> None:
    told = merged(merged(one_each(), "s", "t", "2026-01-10").deliver(), source, into, "2026-01-11")
    assert list(told.answer().dead_letters.values()) == (["merge_refused"] if refused else [])


def test_merge_said_again_is_a_duplicate() -> None:
    told = merged(merged(one_each(), "s", "t", "2026-01-10"), "s", "t", "2026-01-10", event_id="e3", seen="2026-01-11")
    assert told.answer().dead_letters == {}
    assert told.answer().members["s"].offset == 4


def test_later_order_goes_on_to_the_other() -> None:
    told = bought(merged(one_each(), "s", "t", "2026-01-10").deliver(), "s", "o3", 5_000, "2026-01-12")
    assert told.answer().forwards["e5", "t", ("s",), ()] == ExpectedForward(
        "e5", "t", "order.paid", ms("2026-01-12"), via="s"
    )
    assert measures(told.deliver(), "t") == (3, 12_000)
    assert len(brief(told, "s")) == 3


@pytest.mark.parametrize("kind", ["visit", "member.joined", "tier.override_withdrawn"])
def test_anything_else_of_a_merged_member_is_ignored(kind: str) -> None:
    told = merged(one_each(), "s", "t", "2026-01-10").event(kind, "2026-01-12", member_id="s", reason="x", actor="ada")
    s = told.answer().members["s"]
    assert (s.offset, s.as_of, s.sequence) == (4, ms("2026-01-10"), 3)


@pytest.mark.parametrize(
    ("days", "at", "refused"),
    [
        (30, "2026-02-08T23:59:59.999", False),
        (30, "2026-02-09T00:00", True),
        (1, "2026-01-10T23:59:59.999", False),
        (1, "2026-01-11T00:00", True),
        (0, "2026-01-10T12:00:00.001", True),
    ],
)
def test_merge_can_be_taken_back_until_the_start_of_a_day(days: int, at: str, *, refused: bool) -> None:
    told = merged(one_each({**POLICY, "merge": {"unmerge_days": days}}), "s", "t", "2026-01-10").deliver()
    unmerged(told, "s", "t", at)
    assert list(told.answer().dead_letters.values()) == (["merge_refused"] if refused else [])


@pytest.mark.parametrize(("source", "into"), [("s", "u"), ("t", "s"), ("u", "t")])
def test_only_a_merge_that_there_is_can_be_taken_back(source: str, into: str) -> None:
    told = unmerged(merged(one_each(), "s", "t", "2026-01-10"), source, into, "2026-01-11")
    assert list(told.answer().dead_letters.values()) == ["merge_refused"]


def test_taken_apart_each_has_her_own_again_with_what_came_meanwhile() -> None:
    told = bought(merged(one_each(), "s", "t", "2026-01-10").deliver(), "s", "o3", 5_000, "2026-01-12").deliver()
    unmerged(told, "s", "t", "2026-01-15")
    assert brief(told, "s")[3:] == [("tier.unmerged", "", "D", "unmerge"), ("tier.upgraded", "D", "C", "unmerge")]
    told.deliver()
    assert (measures(told, "s"), measures(told, "t")) == ((2, 9_000), (1, 3_000))
    assert brief(told, "t")[-1] == ("tier.downgraded", "C", "D", "unmerge")
    assert (id_of("undone", "s", "e7"), "t", ("s",), (3,)) in told.answer().forwards


def test_no_alert_is_told_of_who_is_there_again() -> None:
    told = merged(one_each(), "s", "t", "2026-02-20").deliver()
    unmerged(told, "s", "t", "2026-03-15")
    assert [o.kind for o in told.outcomes if o.member_id == "s"][2:] == ["tier.merged", "tier.unmerged"]
    assert told.answer().members["s"].stage == "near_churn"


def test_ledger_of_a_merged_member_is_dropped_at_the_end_and_orders_go_on() -> None:
    told = merged(one_each(), "s", "t", "2026-01-10").deliver().tick("2026-02-09T00:00")
    assert told.answer().members["s"].next_due_at is None
    assert measures(bought(told, "s", "o3", 5_000, "2026-02-10").deliver(), "t") == (3, 12_000)


def test_part_stays_apart_a_week_longer_and_then_is_the_others_own() -> None:
    told = unmerged(merged(one_each(), "s", "t", "2026-01-10").deliver(), "s", "t", "2026-02-08T12:00:00")
    early = told.tick("2026-02-15T23:59:59.999").event("visit", "2026-02-15T23:59:59.999", member_id="t")
    assert measures(early.deliver("2026-02-15T23:59:59.999"), "t") == (1, 3_000)
    told = unmerged(merged(one_each(), "s", "t", "2026-01-10").deliver(), "s", "t", "2026-02-08T12:00:00")
    late = told.tick("2026-02-16T00:00").event("visit", "2026-02-16T00:00", member_id="t")
    assert measures(late.deliver("2026-02-16T00:00"), "t") == (2, 7_000)


def test_hold_of_a_higher_tier_comes_along_and_the_own_one_waits_below() -> None:
    told = bought(bought(Telling(HELD), "s", "o1", 30_000, "2026-01-01"), "t", "o2", 10_000, "2026-01-02")
    told = merged(told, "s", "t", "2026-01-10").deliver()
    t = told.answer().further["t"]
    assert (t.base, t.held_until, t.stack) == ("B", ms("2026-01-21T00:00"), (("C", ms("2026-01-22T00:00")),))
    assert brief(told, "t")[-1] == ("tier.upgraded", "C", "B", "merge")
    unmerged(told, "s", "t", "2026-01-12").deliver()
    t = told.answer().further["t"]
    assert (t.base, t.held_until, t.stack) == ("C", ms("2026-01-22T00:00"), ())


def test_merged_again_further_on_everybody_counts_there_and_can_be_taken_out_alone() -> None:
    told = merged(merged(one_each(), "s", "t", "2026-01-10").deliver(), "t", "u", "2026-01-11").deliver()
    along = told.answer().forwards[id_of("absorbed", "s", "e5"), "u", ("s", "t"), (3, 4)]
    assert (along.path, along.merge, along.until) == (
        ("s", "t"),
        id_of("absorbed", "s", "e3"),
        ms("2026-02-10T00:00"),
    )
    assert measures(told, "u") == (2, 7_000)
    told = bought(told, "s", "o3", 500, "2026-01-12").deliver()
    assert measures(told, "u") == (3, 7_500)
    assert told.answer().forwards["e8", "u", ("s",), ()].via == "s"
    unmerged(told, "s", "t", "2026-01-13").deliver()
    assert (measures(told, "s"), measures(told, "u")) == ((2, 4_500), (1, 3_000))


def test_who_is_taken_back_takes_along_whom_she_had_absorbed() -> None:
    told = merged(merged(one_each(), "s", "t", "2026-01-10").deliver(), "t", "u", "2026-01-11").deliver()
    unmerged(told, "t", "u", "2026-01-13").deliver()
    assert (measures(told, "t"), measures(told, "u")) == ((2, 7_000), (0, 0))


def test_old_telling_that_comes_last_by_way_of_another_does_not_take_the_place_of_the_new_one() -> None:
    told = unmerged(merged(Telling(), "s", "t", "2026-01-10"), "s", "t", "2026-01-10")
    told = merged(bought(told, "s", "o1", 4_000, "2026-01-10"), "s", "u", "2026-01-10")
    told = merged(told, "t", "u", "2026-01-10").deliver()
    assert (measures(told, "s"), measures(told, "t"), measures(told, "u")) == ((0, 0), (0, 0), (1, 4_000))
    assert told.answer().ways["merge: told too late"] == 1
    assert measures(unmerged(told, "s", "u", "2026-01-11").deliver(), "u") == (0, 0)
    assert measures(told, "s") == (1, 4_000)


def test_end_of_an_old_merge_leaves_what_came_by_the_new_one() -> None:
    told = merged(merged(one_each(), "t", "u", "2026-01-10").deliver(), "s", "t", "2026-01-11").deliver()
    told = merged(unmerged(told, "s", "t", "2026-01-12"), "s", "u", "2026-01-12").deliver()
    assert (measures(told, "t"), measures(told, "u")) == ((0, 0), (2, 7_000))
    assert measures(unmerged(told, "t", "u", "2026-01-13").deliver(), "u") == (1, 4_000)


def test_old_telling_that_comes_back_in_a_circle_does_not_undo_the_new_merge() -> None:
    told = unmerged(merged(one_each(), "s", "t", "2026-01-10"), "s", "t", "2026-01-10")
    told = merged(merged(told, "t", "s", "2026-01-10"), "s", "u", "2026-01-10").deliver()
    assert (told.answer().gone, measures(told, "u")) == ({"s": "u", "t": "s"}, (2, 7_000))


def test_members_merged_into_each_other_are_both_there_again() -> None:
    told = merged(merged(one_each(), "s", "t", "2026-01-10"), "t", "s", "2026-01-10").deliver()
    assert told.answer().gone == {}
    assert (measures(told, "s"), measures(told, "t")) == ((1, 4_000), (1, 3_000))
    for member in ("s", "t"):
        assert ("tier.unmerged", "", "D", "cycle") in brief(told, member)
        assert told.answer().members[member].tier == "D"


def test_members_merged_into_each_other_are_both_there_again_however_late_they_hear_of_it() -> None:
    told = merged(merged(one_each(), "s", "t", "2026-01-10"), "t", "s", "2026-01-10").deliver("2028-01-10")
    assert (told.answer().gone, told.answer().dead_letters) == ({}, {})


def test_erased_member_leaves_nothing_and_ignores_everything() -> None:
    told = one_each().event("member.erased", "2026-01-10", member_id="s")
    assert brief(told, "s")[-1] == ("tier.erased", "D", "", "erased")
    bought(told, "s", "o3", 5_000, "2020-01-01", currency="EUR")
    s = told.answer().members["s"]
    assert (s.offset, s.sequence, s.tier, told.answer().dead_letters) == (4, 3, "", {})


def test_unknown_member_is_erased_without_having_joined() -> None:
    assert brief(Telling().event("member.erased", "2026-01-10", member_id="s"), "s") == [
        ("tier.erased", "", "", "erased")
    ]


@pytest.mark.parametrize(("at", "left"), [("2026-02-08T23:59:59.999", (1, 3_000)), ("2026-02-09T00:00", (2, 7_000))])
def test_who_is_erased_in_time_is_taken_out_of_whom_she_was_merged_into(at: str, left: tuple[int, int]) -> None:
    told = merged(one_each(), "s", "t", "2026-01-10").deliver().event("member.erased", at, member_id="s").deliver()
    assert measures(told, "t") == left
    assert told.answer().gone == {"s": ""}


def test_order_that_comes_by_a_merge_given_back_is_refused() -> None:
    told = bought(merged(one_each(), "s", "t", "2026-01-10").deliver(), "s", "o3", 5_000, "2026-01-12").deliver()
    passed_on = told.log[-1]
    unmerged(told, "s", "t", "2026-01-15").deliver()
    told.put(passed_on.key or b"", passed_on.value or b"", ms("2026-01-15"))
    assert list(told.answer().dead_letters.values()) == ["merge_refused"]
    assert measures(told, "t") == (1, 3_000)


def test_record_that_nobody_wrote_is_no_part_of_any_story() -> None:
    told = one_each().event("member.absorbed", "2026-01-10", member_id="t", absorbed="s")
    with pytest.raises(ValueError, match="nobody wrote e3 for t"):
        told.answer()


YEAR_TO_UNDO = {**POLICY, "merge": {"unmerge_days": 365}}


def returned_under_the_other_id(policy: Any, merged_at: str, returned_at: str) -> Telling:
    """The order of ``s`` from the 1st of January 2026, all of which is given back under ``t``."""
    told = merged(bought(Telling(policy), "s", "o1", 4_000, "2026-01-01"), "s", "t", merged_at).deliver()
    return told.returned("o1", 4_000, returned_at, member_id="t")


@pytest.mark.parametrize("at", ["2026-03-31", "2026-04-01", "2026-04-02"])
def test_order_returned_under_the_other_id_does_not_come_back_when_it_is_sealed(at: str) -> None:
    told = returned_under_the_other_id({**YEAR_TO_UNDO, "ledger": {"seal": True}}, "2026-01-10", "2026-01-20")
    assert measures(told.event("visit", at, member_id="t"), "t") == (0, 0)


@pytest.mark.parametrize("at", ["2027-04-05", "2027-04-06", "2027-04-07"])
def test_order_returned_under_the_other_id_is_not_remembered_when_it_leaves(at: str) -> None:
    told = returned_under_the_other_id(YEAR_TO_UNDO, "2026-07-10", "2026-07-20")
    assert told.event("visit", at, member_id="t").answer().members["t"].stage == "prospect"


@pytest.mark.parametrize(("at", "counts"), [("2026-03-31", 1), ("2026-04-02", 1)])
def test_order_that_both_know_is_sealed_in_one_ledger_alone(at: str, counts: int) -> None:
    policy = {**YEAR_TO_UNDO, "ledger": {"seal": True}}
    told = bought(bought(Telling(policy), "s", "o1", 4_000, "2026-01-01"), "t", "o1", 4_000, "2026-01-01")
    told = merged(told, "s", "t", "2026-01-10").deliver().event("visit", at, member_id="t")
    assert measures(told, "t") == (counts, 4_000 * counts)
    assert measures(unmerged(told, "s", "t", "2026-04-10").deliver(), "t") == (1, 4_000)
