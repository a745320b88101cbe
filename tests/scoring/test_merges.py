"""Two ids of one person: what a merge does to both, in two partitions, told as stories (docs/rules.md, section 13)."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from scoring.vocabulary import DAY_MS
from streams.topics import MEMBER_EVENTS
from tests.driver import day, key_on, paid
from tests.scoring.two_ids import END, S, T, held, returned, visit
from tests.two_partitions import Partitions, merged, unmerged

# -- merging ----------------------------------------------------------------------------------------------------------


def test_the_other_has_the_orders_of_both_and_the_merged_one_has_no_standing(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(10)))
    assert shop.numbers(T) == ("C", 3, 15_000)
    source = shop.member(S)
    assert (source.frequency, source.monetary, source.last_at, source.purchase_days) == (0, 0, 0, 0)
    score = shop.score(S)
    assert score is not None
    assert (score["merged_into"], score["tier"], score["stage"], score["frequency"]) == (T, None, None, 0)


def test_both_are_told(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(10)))
    told = shop.outcomes(S)[-1]
    assert (told["kind"], told["reason"], told["from"], told["to"]) == (
        "tier.merged",
        "merge",
        {"name": "C", "rank": 1},
        None,
    )
    assert (told["into"], told["next_due_at"], told["frequency"]) == (T, "2026-02-10T00:00:00.000Z", 0)
    risen = shop.outcomes(T)[-1]
    assert (risen["kind"], risen["reason"]) == ("tier.upgraded", "merge")
    assert "after a merge" in risen["sentence"]


def test_an_unknown_id_can_be_given_up_without_joining() -> None:
    shop = Partitions()
    shop.pipe(merged(S, T, day(10)))
    assert shop.kinds(S) == ["tier.merged"]
    assert shop.outcomes(S)[0]["from"] is None
    assert shop.outcomes(S)[0]["sequence"] == 1


def test_an_unknown_target_joins_by_the_merge(shop: Partitions) -> None:
    unknown = key_on(1, 2, "u")
    shop.pipe(merged(S, unknown, day(10)))
    assert shop.kinds(unknown) == ["tier.joined", "tier.upgraded", "lifecycle.first_purchase"]
    assert shop.numbers(unknown) == ("C", 2, 10_000)
    assert shop.member(unknown).joined_at == shop.member(S).joined_at


def test_who_joined_earlier_counts(shop: Partitions) -> None:
    earlier = shop.member(S).joined_at
    assert shop.member(T).joined_at > earlier
    shop.pipe(merged(S, T, day(10)))
    assert shop.member(T).joined_at == earlier


def test_an_order_that_both_know_counts_once_with_the_larger_registers(shop: Partitions) -> None:
    shop.pipe(paid(T, "o1", day(0), revision=2, amount=7_000), returned(S, "o1", day(5), 1_000))
    shop.pipe(merged(S, T, day(10)))
    assert shop.numbers(T) == ("C", 3, 7_000 - 1_000 + 5_000 + 5_000)


def test_the_same_merge_again_is_a_duplicate(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(10)))
    told, sequence = len(shop.told()), shop.member(S).sequence
    shop.pipe(merged(S, T, day(10)))
    assert (len(shop.told()), shop.member(S).sequence, shop.refusals()) == (told, sequence, [])


@pytest.mark.parametrize(
    ("first", "refused"),
    [
        ([], merged(S, S, day(11))),
        ([merged(S, T, day(10))], merged(S, T, day(11))),
        ([merged(S, T, day(10))], merged(S, key_on(1, 2, "u"), day(11))),
        ([merged(S, T, day(10))], merged(T, S, day(11))),
        ([], unmerged(S, T, day(11))),
        ([merged(S, T, day(10))], unmerged(S, key_on(1, 2, "u"), day(11))),
        ([merged(S, T, day(10)), unmerged(S, T, day(11))], unmerged(S, T, day(12))),
    ],
    ids=["oneself", "again", "elsewhere", "direct circle", "not merged", "from another", "unmerged already"],
)
def test_a_merge_that_cannot_be_is_refused(
    shop: Partitions, first: list[dict[str, Any]], refused: dict[str, Any]
) -> None:
    shop.pipe(*first)
    before = len(shop.told())
    shop.pipe(refused)
    assert shop.refusals() == ["merge_refused"]
    assert len(shop.told()) == before


def test_nobody_is_merged_into_one_who_came_through_others(shop: Partitions) -> None:
    middle = key_on(0, 2, "m")
    shop.pipe(merged(S, middle, day(10)), merged(middle, T, day(11)), merged(T, S, day(12)))
    assert shop.refusals() == ["merge_refused"]
    assert shop.numbers(T) == ("C", 3, 15_000)


# -- what comes later -------------------------------------------------------------------------------------------------


def test_later_orders_and_returns_of_the_merged_one_are_the_others(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(10)), paid(S, "o3", day(11)), returned(S, "o1", day(12), 5_000))
    assert shop.numbers(T) == ("C", 3, 15_000)
    assert shop.outcomes(T)[-1]["kind"] != "tier.merged"
    forward = orjson.loads(shop.told()[-1][2])
    assert (forward["member_id"], forward["via"], forward["type"]) == (T, S, "order.returned")


def test_a_repeated_order_of_the_merged_one_is_not_passed_on(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(10)), paid(S, "o3", day(11)))
    before = len(shop.told())
    shop.pipe(paid(S, "o3", day(11)), paid(S, "o1", day(0)))
    assert len(shop.told()) == before


def test_other_events_of_the_merged_one_do_nothing(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(10)))
    before = shop.member(S)
    shop.pipe(visit(S, day(11)), {**visit(S, day(12)), "type": "member.referred", "referrer_id": "x"})
    after = shop.member(S)
    assert (after.offset, after.as_of, after.sequence, after.remembered) == (
        before.offset + 2,
        before.as_of,
        before.sequence,
        before.remembered,
    )


@pytest.mark.parametrize(
    "refused", [{"currency": "EUR"}, {"occurred_at": "1999-01-01T00:00:00Z"}], ids=["currency", "age"]
)
def test_what_would_be_refused_is_not_passed_on(shop: Partitions, refused: dict[str, Any]) -> None:
    shop.pipe(merged(S, T, day(10)))
    before = len(shop.told())
    shop.of(S).pipe({**paid(S, "o9", day(11)), **refused}, log_time=day(11))
    shop.deliver()
    assert len(shop.told()) == before
    assert len(shop.refusals()) == 1


def test_an_order_by_a_merge_that_nobody_knows_is_refused(shop: Partitions) -> None:
    shop.pipe(paid(T, "x", day(11), via=S), paid(key_on(1, 2, "u"), "x", day(11), via=S))
    assert shop.refusals() == ["merge_refused", "merge_refused"]
    assert shop.numbers(T) == ("D", 1, 5_000)


def test_timers_of_both_go_on_for_the_other_alone(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(10)))
    shop.tick(day(62))
    assert shop.kinds(T)[-1] == "lifecycle.near_churn"
    assert shop.outcomes(T)[-1]["last_purchase_at"] == "2026-01-03T12:00:00.000Z"
    assert shop.kinds(S)[-1] == "tier.merged"


# -- the end of the unmerge time --------------------------------------------------------------------------------------


def test_a_merge_can_be_taken_back_until_the_end_of_its_time(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(10)), unmerged(S, T, END - timedelta(milliseconds=1)))
    assert shop.refusals() == []
    assert (shop.numbers(S), shop.numbers(T)) == (("C", 2, 10_000), ("D", 1, 5_000))


@pytest.mark.parametrize("with_tick", [True, False])
def test_from_its_end_on_a_merge_is_for_good(shop: Partitions, *, with_tick: bool) -> None:
    shop.pipe(merged(S, T, day(10)))
    if with_tick:
        shop.tick(END)
        assert (shop.member(S).orders, shop.member(S).next_due) == (b"", 0)
    shop.pipe(unmerged(S, T, END))
    assert shop.refusals() == ["merge_refused"]
    assert shop.numbers(T) == ("C", 3, 15_000)


def test_the_end_is_not_told_and_orders_are_passed_on_after_it(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(10)))
    shop.tick(END)
    shop.pipe(paid(S, "late", day(50)), paid(S, "late", day(50)))
    assert shop.kinds(S)[-1] == "tier.merged"
    assert shop.member(S).orders == b""
    assert shop.numbers(T) == ("C", 4, 20_000)
    assert len([each for each in shop.told() if b'"late"' in each[2]]) == 2


def test_a_week_after_the_end_the_orders_are_joined_for_good_and_nothing_changes(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(10)))
    until = shop.member(T).parts[0].until
    shop.pipe(visit(T, END + timedelta(days=7) - timedelta(milliseconds=1)))
    assert len(shop.member(T).parts) == 1
    before = shop.numbers(T)
    shop.pipe(visit(T, END + timedelta(days=7)))
    assert (shop.member(T).parts, shop.numbers(T)) == ((), before)
    assert shop.member(T).as_of == until + 7 * DAY_MS
    assert len(shop.member(T).orders) == 3 * 32
    shop.pipe(paid(S, "late", END + timedelta(days=8)))
    assert shop.numbers(T) == ("C", 4, 20_000)


def test_an_unmerge_in_time_that_arrives_late_is_in_time(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(10)), unmerged(S, T, END - timedelta(hours=1)), deliver=False)
    shop.deliver_from(0, most=1)
    shop.of(T).tick(END + timedelta(days=6))
    assert shop.numbers(T) == ("C", 3, 15_000)
    shop.deliver()
    assert shop.numbers(T) == ("D", 1, 5_000)


def test_an_unmerge_in_time_that_arrives_after_an_order_of_the_other_is_in_time(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(10)), unmerged(S, T, END - timedelta(hours=1)), deliver=False)
    shop.deliver_from(0, most=1)
    shop.pipe(paid(T, "late", END + timedelta(days=6), amount=1), deliver=False)
    shop.deliver()
    assert shop.numbers(T)[1:] == (2, 5_001)


# -- unmerging --------------------------------------------------------------------------------------------------------


def test_each_has_their_own_orders_again_with_those_that_came_meanwhile(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(10)), paid(S, "o3", day(11)), paid(T, "p2", day(12)), unmerged(S, T, day(13)))
    assert (shop.numbers(S), shop.numbers(T)) == (("C", 3, 15_000), ("C", 2, 10_000))


def test_an_unmerge_is_told_from_none_to_the_lowest_and_without_an_alert(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(10)), unmerged(S, T, day(13)))
    out, risen = shop.outcomes(S)[-2:]
    assert (out["kind"], out["reason"], out["from"], out["to"], out["into"]) == (
        "tier.unmerged",
        "unmerge",
        None,
        {"name": "D", "rank": 0},
        T,
    )
    assert (risen["kind"], risen["reason"], risen["sequence"]) == ("tier.upgraded", "unmerge", out["sequence"] + 1)
    assert [each["sequence"] for each in shop.outcomes(S)] == list(range(1, risen["sequence"] + 1))
    assert shop.outcomes(T)[-1]["kind"] == "tier.downgraded"
    assert shop.outcomes(T)[-1]["reason"] == "unmerge"
    score = shop.score(S)
    assert score is not None
    assert "merged_into" not in score
    assert score["tier"] == "C"


def test_who_fell_silent_while_merged_is_not_told_of_it_twice(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(50)))
    shop.tick(day(70))
    shop.pipe(unmerged(S, T, day(71)))
    assert shop.member(S).stage == shop.member(S).told_stage != 0
    assert [kind for kind in shop.kinds(S) if kind.startswith("lifecycle")] == ["lifecycle.first_purchase"]


def test_a_merge_can_be_made_again(shop: Partitions) -> None:
    for number in range(3):
        shop.pipe(merged(S, T, day(10 + 2 * number)))
        assert shop.numbers(T) == ("C", 3, 15_000)
        shop.pipe(unmerged(S, T, day(11 + 2 * number)))
        assert (shop.numbers(S), shop.numbers(T)) == (("C", 2, 10_000), ("D", 1, 5_000))
    assert shop.refusals() == []


def test_an_order_repeated_from_before_the_unmerge_is_not_counted_twice(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(10)), paid(S, "o3", day(11)), unmerged(S, T, day(12)))
    again = [each for each in shop.told() if b'"o3"' in each[2]]
    shop.of(T).pipe_bytes(again[0][1], again[0][2], at=day(13))
    assert shop.numbers(T) == ("D", 1, 5_000)
    assert shop.refusals() == ["merge_refused"]


# -- holds ------------------------------------------------------------------------------------------------------------


def test_a_higher_hold_comes_along_and_the_own_one_waits_below_it() -> None:
    shop = Partitions(held())
    shop.pipe(*(paid(S, f"o{n}", day(n)) for n in range(4)), *(paid(T, f"p{n}", day(n)) for n in range(2)))
    old = shop.member(S)
    shop.pipe(merged(S, T, day(10)))
    target = shop.member(T)
    assert (shop.numbers(T)[0], target.base) == ("A", 3)
    assert [hold.rank for hold in target.stack] == [1, 2]
    assert target.stack[1].held_until == old.held_until


def test_what_was_earned_by_the_others_orders_is_lost_with_them() -> None:
    shop = Partitions(held())
    shop.pipe(*(paid(S, f"o{n}", day(n)) for n in range(4)), *(paid(T, f"p{n}", day(n)) for n in range(2)))
    own = shop.member(T).held_until
    shop.pipe(merged(S, T, day(10)), unmerged(S, T, day(12)))
    assert (shop.numbers(T)[0], shop.member(T).held_until) == ("C", own)
    assert shop.outcomes(T)[-1]["reason"] == "unmerge"
    assert shop.numbers(S)[0] == "B"
    assert shop.member(S).held_until > 0


def test_a_hold_that_is_over_stays_behind() -> None:
    shop = Partitions(held())
    shop.pipe(*(paid(S, f"o{n}", day(n)) for n in range(4)), paid(T, "p1", day(104)))
    shop.pipe(merged(S, T, day(104)))
    assert shop.numbers(T)[0] == "D"


def test_an_override_does_not_come_along_and_ends_with_the_merge(shop: Partitions) -> None:
    granted = {
        **visit(S, day(5)),
        "type": "tier.overridden",
        "tier": "A",
        "until": day(90).isoformat(),
        "reason": "kind",
        "actor": "eve",
    }
    shop.pipe(granted, merged(S, T, day(10)))
    assert shop.numbers(T)[0] == "C"
    shop.pipe(unmerged(S, T, day(11)))
    assert shop.numbers(S)[0] == "C"


# -- what is told elsewhere -------------------------------------------------------------------------------------------


def test_a_long_ledger_is_told_in_pieces_of_which_each_fits_into_a_record() -> None:
    shop = Partitions()
    for number in range(20):
        shop.pipe(paid(S, f"o{number}", day(0) + timedelta(seconds=number), amount=number + 1))
    state = shop.member(S)
    state.orders = b"".join(number.to_bytes(8, "little") + state.orders[8:32] for number in range(20_000))
    shop.of(S).partition.live[S.encode()] = state
    shop.pipe(merged(S, T, day(1)))
    values = [value for _, _, value in shop.told()]
    assert len(values) == 3
    assert max(len(value) for value in values) < 1_000_000
    assert len({orjson.loads(value)["event_id"] for value in values}) == 3
    assert shop.member(T).frequency == 20_000
    shop.pipe(unmerged(S, T, day(2)))
    assert shop.member(T).frequency == 0


def test_what_follows_from_history_is_history_where_it_arrives(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(10)), imported=True)
    [(_, _, _, _, headers)] = [each for each in shop.of(S).outbox.records if each[0] == MEMBER_EVENTS]
    assert headers == [("log_time", str(int(day(10).timestamp() * 1000)).encode())]
    assert shop.outcomes(T)[-1]["catch_up"] is True


def test_what_follows_from_the_present_has_no_log_time_of_its_own(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(10)))
    [(_, _, _, _, headers)] = [each for each in shop.of(S).outbox.records if each[0] == MEMBER_EVENTS]
    assert headers == []
