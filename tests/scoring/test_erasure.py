"""Who is erased is forgotten."""

import orjson

from tests.driver import day, paid
from tests.scoring.two_ids import END, S, T, visit
from tests.two_partitions import Partitions, erased, merged, unmerged


def test_of_an_erased_member_nothing_is_left_and_nothing_comes_back(shop: Partitions) -> None:
    """Golden case 11."""
    shop.pipe(erased(S, day(10)))
    state = shop.member(S)
    assert shop.kinds(S)[-1] == "tier.erased"
    assert (state.orders, state.remembered, state.joined_at, state.as_of, state.tier) == (b"", b"", 0, 0, 0)
    assert state.sequence == 4
    assert shop.score(S) is None
    before = len(shop.of(S).outbox.records)
    shop.pipe(paid(S, "late", day(9)), visit(S, day(11)), merged(S, T, day(12)), erased(S, day(13)))
    shop.pipe({**paid(S, "old", day(14)), "currency": "EUR"})
    shop.tick(day(500))
    assert len([each for each in shop.of(S).outbox.records[before:] if each[2] == S.encode()]) == 0
    assert shop.member(S).offset == state.offset + 5
    assert (shop.refusals(), shop.told()) == ([], [])


def test_the_outcome_of_an_erasure_says_nothing_but_that(shop: Partitions) -> None:
    shop.pipe(erased(S, day(10)))
    told = shop.outcomes(S)[-1]
    assert (told["from"], told["to"], told["frequency"], told["last_purchase_at"]) == (
        {"name": "C", "rank": 1},
        None,
        0,
        None,
    )


def test_an_unknown_member_can_be_erased_without_joining() -> None:
    shop = Partitions()
    shop.pipe(erased(S, day(10)), paid(S, "o1", day(11)))
    assert shop.kinds(S) == ["tier.erased"]
    assert shop.outcomes(S)[0]["sequence"] == 1


def test_the_deletion_of_a_score_names_its_version(shop: Partitions) -> None:
    shop.pipe(erased(S, day(10)))
    [last] = [each for each in shop.of(S).outbox.records if each[2] == S.encode() and each[3] is None]
    assert dict(last[4]) == {"epoch": b"1", "offset": str(shop.member(S).offset).encode()}


def test_who_is_erased_while_merged_takes_their_orders_away(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(10)), erased(S, day(11)))
    assert shop.numbers(T) == ("D", 1, 5_000)
    assert shop.member(T).absorbed == ()
    assert orjson.loads(shop.told()[-1][2])["erased"] is True


def test_what_was_joined_for_good_stays_when_the_merged_one_is_erased(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(10)))
    shop.tick(END)
    shop.pipe(erased(S, day(50)))
    assert shop.numbers(T) == ("C", 3, 15_000)


def test_orders_merged_into_an_erased_member_come_back_with_an_unmerge_in_time(shop: Partitions) -> None:
    shop.pipe(erased(T, day(9)), merged(S, T, day(10)))
    assert shop.kinds(T)[-1] == "tier.erased"
    shop.pipe(unmerged(S, T, day(11)))
    assert shop.numbers(S) == ("C", 2, 10_000)
