"""An order that both ids of a person have leaves as one, whether it is sealed or too old (docs/rules.md, 13.3)."""

from datetime import datetime, timedelta

import pytest

from scoring.absorbed_parts import add_of_same_member
from scoring.further import NEVER_FORGOTTEN, Bucket, Sealed
from scoring.ledger import orders_of
from scoring.state import ORDER, MemberState, unknown_member
from scoring.vocabulary import PROSPECT
from streams.policy_file import PolicyDocument
from tests.driver import day, paid
from tests.scoring.two_ids import S, T, returned, visit
from tests.two_partitions import Partitions, merged, unmerged

#: The day of which orders of day 0 are sealed: 90 days after it.
SEALED = day(90)
#: The same for leaving by the horizon, which is 460 days.
GONE = day(460)
DAY = timedelta(days=1)


def shop_that(*, seals: bool) -> Partitions:
    """C from two orders; a year to take a merge back."""
    content = {"version": 1, "currency": "USD", "time_zone": "UTC", "merge": {"unmerge_days": 365}}
    tiers = {"window_days": 365, "levels": [{"name": "D"}, {"name": "C", "frequency": 2}]}
    return Partitions(PolicyDocument.model_validate({**content, "tiers": tiers, "ledger": {"seal": seals}}))


@pytest.mark.parametrize("at", [SEALED - DAY, SEALED, SEALED + DAY])
def test_what_was_returned_under_the_other_id_stays_returned_when_it_is_sealed(at: datetime) -> None:
    shop = shop_that(seals=True)
    shop.pipe(paid(S, "o1", day(0)), paid(T, "p1", day(1)), merged(S, T, day(10)), returned(T, "o1", day(20), 5_000))
    assert shop.numbers(T) == ("D", 1, 5_000)
    shop.pipe(visit(T, at))
    assert shop.numbers(T) == ("D", 1, 5_000)


def test_an_order_that_both_ids_had_is_sealed_once_and_stays_with_the_one_that_goes_on() -> None:
    shop = shop_that(seals=True)
    shop.pipe(paid(S, "o1", day(0)), paid(T, "o1", day(0)), merged(S, T, day(10)), visit(T, SEALED + DAY))
    assert shop.numbers(T) == ("D", 1, 5_000)
    sealed = [part.sealed for part in shop.member(T).parts]
    assert [None if each is None else each.buckets[0].frequency for each in sealed] == [0]
    shop.pipe(unmerged(S, T, SEALED + 2 * DAY))
    assert (shop.numbers(S), shop.numbers(T)) == (("D", 1, 5_000), ("D", 1, 5_000))


def test_an_order_that_is_sealed_for_one_id_is_not_counted_again_under_the_other() -> None:
    shop = shop_that(seals=True)
    shop.pipe(paid(S, "o1", day(0)), merged(S, T, SEALED + DAY), paid(T, "o1", day(80)))
    assert shop.numbers(T) == ("D", 1, 5_000)
    shop.pipe(visit(T, day(171)))
    assert shop.numbers(T) == ("D", 1, 5_000)


@pytest.mark.parametrize("at", [GONE - DAY, GONE, GONE + DAY])
def test_an_order_returned_under_the_other_id_is_not_remembered_when_it_leaves(at: datetime) -> None:
    shop = shop_that(seals=False)
    shop.pipe(paid(S, "o1", day(0)), merged(S, T, day(200)), returned(T, "o1", day(210), 5_000), visit(T, at))
    target = shop.member(T)
    assert (target.stage, target.gone_days, [part.gone_days for part in target.parts]) == (PROSPECT, 0, [0])


def test_an_order_of_two_days_leaves_with_the_day_of_its_first_payment() -> None:
    shop = shop_that(seals=False)
    shop.pipe(paid(T, "o1", day(20), revision=2), merged(S, T, day(200)), paid(S, "o1", day(0)))
    shop.pipe(visit(T, GONE))
    target = shop.member(T)
    assert (target.orders, target.amended, target.gone_days) == (b"", (), 0)
    assert [(part.orders, part.gone_days) for part in target.parts] == [(b"", 1)]
    assert shop.numbers(T)[1] == 0


def test_an_order_stays_in_both_as_long_as_the_day_of_its_first_payment_does() -> None:
    shop = shop_that(seals=False)
    shop.pipe(paid(T, "o1", day(0), revision=2), paid(S, "o1", day(20)), merged(S, T, day(200)), visit(T, GONE))
    assert shop.member(T).orders or shop.member(T).amended
    shop.pipe(visit(T, GONE + 20 * DAY))
    assert not shop.member(T).orders
    assert not shop.member(T).amended
    assert [part.gone_days for part in shop.member(T).parts] == [1]


O1, O2, O3 = b"order--1", b"order--2", b"order--3"


def sealed_ledger(frequency: int, fingerprints: bytes, *unsealed: bytes) -> MemberState:
    """A ledger with one bucket, and unsealed orders of a later day."""
    ledger = unknown_member(0)
    ledger.own_further().sealed = Sealed((Bucket(10, frequency, 100 * frequency, fingerprints),), 1, NEVER_FORGOTTEN)
    ledger.orders = b"".join([ORDER.pack(order, 2, 20, 100, 1) for order in unsealed])
    return ledger


@pytest.mark.parametrize("known_first", [True, False])
def test_of_one_members_bucket_told_twice_the_fuller_one_is_kept(*, known_first: bool) -> None:
    less, more = sealed_ledger(1, O1), sealed_ledger(2, O1 + O2)
    one, other = (less, more) if known_first else (more, less)
    add_of_same_member(one, other)
    assert one.sealed is not None
    assert one.sealed.buckets == (Bucket(10, 2, 200, O1 + O2),)


@pytest.mark.parametrize("sealed_first", [True, False])
def test_what_is_sealed_already_is_not_unsealed_by_an_older_telling(*, sealed_first: bool) -> None:
    sealed, older = sealed_ledger(1, O1, O3), unknown_member(0)
    older.orders = ORDER.pack(O1, 1, 10, 100, 1) + ORDER.pack(O2, 1, 10, 100, 1)
    one, other = (sealed, older) if sealed_first else (older, sealed)
    add_of_same_member(one, other)
    assert {order[0] for order in orders_of(one)} == {O2, O3}
    assert one.sealed is not None
    assert one.sealed.buckets == (Bucket(10, 1, 100, O1),)
