"""Members who are merged into merged ones: chains, and circles."""

from streams.policy_file import PolicyDocument, load
from tests.driver import day, key_on, paid
from tests.scoring.two_ids import END, S, T, visit
from tests.two_partitions import Partitions, chain_of, merged, unmerged


def test_orders_of_a_member_who_is_merged_twice_over_can_be_taken_back_singly(shop: Partitions) -> None:
    first = key_on(1, 2, "r")
    shop.pipe(paid(first, "r1", day(3), amount=100), merged(first, S, day(10)), merged(S, T, day(11)))
    assert shop.numbers(T) == ("C", 4, 15_100)
    shop.pipe(paid(first, "r2", day(12), amount=10))
    assert shop.numbers(T) == ("B", 5, 15_110)
    shop.pipe(unmerged(first, S, day(13)))
    assert (shop.numbers(first), shop.numbers(T)) == (("C", 2, 110), ("C", 3, 15_000))
    shop.pipe(unmerged(S, T, day(14)))
    assert (shop.numbers(S), shop.numbers(T)) == (("C", 2, 10_000), ("D", 1, 5_000))


def test_whoever_came_through_a_member_goes_with_that_member(shop: Partitions) -> None:
    first = key_on(1, 2, "r")
    shop.pipe(paid(first, "r1", day(3), amount=100), merged(first, S, day(10)), merged(S, T, day(11)))
    shop.pipe(paid(first, "r2", day(12), amount=10), unmerged(S, T, day(13)))
    assert (shop.numbers(S), shop.numbers(T)) == (("C", 4, 10_110), ("D", 1, 5_000))
    assert shop.member(T).absorbed == ()
    shop.pipe(unmerged(first, S, day(14)))
    assert (shop.numbers(first), shop.numbers(S)) == (("C", 2, 110), ("C", 2, 10_000))


def test_a_merge_into_a_merged_member_goes_on_to_the_end_of_the_chain(shop: Partitions) -> None:
    first = key_on(1, 2, "r")
    shop.pipe(paid(first, "r1", day(3), amount=100), merged(S, T, day(10)), merged(first, S, day(11)))
    assert shop.numbers(T) == ("C", 4, 15_100)
    shop.pipe(paid(first, "r2", day(12), amount=10))
    assert shop.numbers(T) == ("B", 5, 15_110)
    shop.pipe(unmerged(S, T, day(13)))
    assert (shop.numbers(S), shop.numbers(T)) == (("C", 4, 10_110), ("D", 1, 5_000))


def test_orders_of_one_long_joined_go_with_the_member_that_has_them(shop: Partitions) -> None:
    first = key_on(1, 2, "r")
    shop.pipe(paid(first, "r1", day(3), amount=100), merged(first, S, day(10)))
    shop.pipe(visit(S, day(60)), merged(S, T, day(61)), paid(first, "r2", day(62), amount=10))
    assert shop.member(S).parts == ()
    assert shop.numbers(T) == ("B", 5, 15_110)
    shop.pipe(unmerged(S, T, day(63)))
    assert (shop.numbers(S), shop.numbers(T)) == (("C", 4, 10_110), ("D", 1, 5_000))


def test_two_merges_that_cross_are_both_undone(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(10)), merged(T, S, day(10)), deliver=False)
    assert shop.kinds(S)[-1] == shop.kinds(T)[-1] == "tier.merged"
    shop.deliver()
    assert (shop.numbers(S), shop.numbers(T)) == (("C", 2, 10_000), ("D", 1, 5_000))
    for member_id in (S, T):
        assert shop.member(member_id).merge is None
        assert shop.member(member_id).parts == ()
        assert shop.member(member_id).absorbed == ()
        [undone] = [each for each in shop.outcomes(member_id) if each["kind"] == "tier.unmerged"]
        assert undone["reason"] == "cycle"
    assert shop.refusals() == []


def test_three_merges_in_a_circle_are_all_undone() -> None:
    shop = Partitions()
    a, b, c = key_on(0, 2, "a"), key_on(1, 2, "b"), key_on(0, 2, "c")
    for number, member_id in enumerate((a, b, c)):
        shop.pipe(paid(member_id, f"{member_id}-1", day(number), amount=100 * (number + 1)))
    shop.pipe(merged(a, b, day(10)), merged(b, c, day(10)), merged(c, a, day(10)), deliver=False)
    shop.deliver()
    assert [shop.numbers(each)[1:] for each in (a, b, c)] == [(1, 100), (1, 200), (1, 300)]
    assert [shop.member(each).merge for each in (a, b, c)] == [None, None, None]


def test_news_of_a_crossing_merge_is_never_too_late_to_undo_the_circle(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(10)), merged(T, S, day(10)), deliver=False)
    shop.tick(day(1_000))
    shop.pipe(paid(S, "o9", day(1_000)))
    assert shop.refusals() == []
    for member_id in (S, T):
        assert shop.member(member_id).merge is None
    assert shop.member(S).frequency == 1


def test_a_chain_of_eight_merges_is_followed_to_its_end() -> None:
    shop, names = chain_of(9)
    shop.pipe(merged(names[0], names[1], day(11)))
    assert shop.numbers(names[-1])[1:] == (9, 900)
    assert shop.refusals() == []


def test_a_longer_chain_is_taken_for_a_circle_and_breaks_at_its_eighth_member() -> None:
    shop, names = chain_of(10)
    shop.pipe(merged(names[0], names[1], day(11)))
    assert shop.member(names[8]).merge is None
    assert [each["reason"] for each in shop.outcomes(names[8]) if each["kind"] == "tier.unmerged"] == ["cycle"]
    assert sum(shop.numbers(each)[1] for each in names) == 10


def test_a_chain_of_eight_merges_does_not_grow_at_its_end() -> None:
    shop, names = chain_of(9)
    shop.pipe(merged(names[0], names[1], day(11)))
    last = key_on(1, 2, "last")
    shop.pipe(merged(names[8], last, day(12)))
    assert (shop.refusals(), shop.numbers(names[8])[1:]) == (["merge_refused"], (9, 900))
    shop.pipe(unmerged(names[0], names[1], day(13)), merged(names[8], last, day(14)))
    assert (shop.refusals(), shop.numbers(last)[1:]) == (["merge_refused"], (8, 800))


def test_whoever_comes_after_the_end_of_a_merge_goes_on_to_the_other(shop: Partitions) -> None:
    first = key_on(1, 2, "r")
    shop.pipe(paid(first, "r1", day(3), amount=100), merged(S, T, day(10)))
    shop.tick(END)
    shop.pipe(merged(first, S, day(50)), paid(first, "r2", day(51), amount=10))
    assert shop.numbers(T) == ("B", 5, 15_110)
    shop.pipe(unmerged(first, S, day(52)), paid(first, "r3", day(53), amount=1))
    assert (shop.numbers(first), shop.numbers(T)) == (("C", 3, 111), ("C", 3, 15_000))
    assert shop.refusals() == []


def test_merges_that_cross_are_undone_although_they_cannot_be_taken_back() -> None:
    content = load("absolute").content()
    shop = Partitions(PolicyDocument.model_validate({**content, "merge": {"unmerge_days": 0}}))
    shop.pipe(paid(S, "o1", day(0)), paid(T, "p1", day(2)))
    shop.pipe(merged(S, T, day(10)), merged(T, S, day(10)), deliver=False)
    shop.tick(day(11), deliver=False)
    shop.deliver()
    assert (shop.numbers(S), shop.numbers(T)) == (("D", 1, 5_000), ("D", 1, 5_000))


def test_with_no_days_a_merge_is_for_good_at_once() -> None:
    content = load("absolute").content()
    shop = Partitions(PolicyDocument.model_validate({**content, "merge": {"unmerge_days": 0}}))
    shop.pipe(paid(S, "o1", day(0)), paid(T, "p1", day(2)), merged(S, T, day(10)), unmerged(S, T, day(10)))
    assert shop.refusals() == ["merge_refused"]
    assert shop.numbers(T) == ("C", 2, 10_000)


def test_what_is_beyond_the_horizon_leaves_both_ledgers_of_a_member(shop: Partitions) -> None:
    """The horizon is 460 days; the merged orders are as old."""
    shop.tick(day(455))
    shop.pipe(merged(S, T, day(455)))
    assert [len(part.orders) for part in shop.member(T).parts] == [64]
    shop.pipe(visit(T, day(462)))
    target = shop.member(T)
    assert (target.orders, [part.orders for part in target.parts]) == (b"", [b""])
    assert (target.gone_days, target.parts[0].gone_days) == (1, 2)
    assert target.last_at == int(day(2).timestamp() * 1000)
    shop.pipe(unmerged(S, T, day(463)))
    assert shop.member(S).last_at == int(day(1).timestamp() * 1000)
