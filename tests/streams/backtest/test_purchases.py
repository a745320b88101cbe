"""Which purchases count: what was kept in the end, in the policy's currency, up to where the record goes."""

from datetime import datetime

import orjson
import pytest

from scoring.calendar import instant_of
from scoring.events import OrderPaid
from scoring.vocabulary import DAY_MS
from streams import policy_file
from streams.backtest.purchases import Purchases, Shop, from_log
from streams.codecs import encode_tick
from streams.log_reading import LogRecord
from streams.topics import PARTITION_KEY
from tests.builders import NOON, a_cancel, a_return, an_order, noon

POLICY = policy_file.load("absolute").to_policy()
FIRST = instant_of(NOON) // DAY_MS


def days_of(shop: Shop) -> list[list[int]]:
    return [[day - FIRST for day, _ in bought] for bought in shop.members]


def collected(*events: object) -> Purchases:
    found = Purchases(POLICY)
    for event in events:
        found.add(event)  # type: ignore[arg-type]
    return found


def order(order_id: str, day: int, *, net: int = 1000, currency: str = "USD") -> OrderPaid:
    return an_order(order_id, at=noon(day), net=net, currency=currency)


def test_two_orders_of_a_day_are_one_purchase_day() -> None:
    shop = collected(order("a", 3), order("b", 0), order("c", 3)).shop()
    assert days_of(shop) == [[0, 3]]
    assert shop.orders == 3
    assert shop.end == (FIRST + 4) * DAY_MS


@pytest.mark.parametrize("gone", [a_cancel("b", at=noon(9)), a_return("b", at=noon(9), amount=10**9)])
def test_an_order_taken_back_was_no_purchase_whatever_came_first(gone: object) -> None:
    for events in ((order("a", 0), order("b", 3), gone), (gone, order("b", 3), order("a", 0))):
        shop = collected(*events).shop()
        assert days_of(shop) == [[0]]
        assert shop.end == (FIRST + 10) * DAY_MS


def test_an_order_of_nothing_or_of_another_currency_is_left_out() -> None:
    found = collected(order("a", 0), order("b", 3, net=0), order("c", 5, currency="EUR"))
    assert days_of(found.shop()) == [[0]]
    assert found.foreign == 1


def test_without_any_event_there_is_an_empty_shop() -> None:
    shop = Purchases(POLICY).shop()
    assert (shop.members, shop.orders, shop.end) == ([], 0, 0)


def record(key: bytes, value: bytes, partition: int = 0) -> LogRecord:
    return LogRecord(partition, 0, 0, key, value, ())


def paid(order_id: str, at: datetime) -> LogRecord:
    body = {
        "type": "order.paid",
        "event_id": order_id,
        "member_id": "ann",
        "occurred_at": at.isoformat(),
        "order_id": order_id,
        "net_amount": 100,
        "currency": "USD",
    }
    return record(b"ann", orjson.dumps(body))


def test_a_log_goes_as_far_as_the_tick_of_its_slowest_partition() -> None:
    ticks = [
        record(PARTITION_KEY, encode_tick((FIRST + day) * DAY_MS, partition), partition)
        for partition, day in ((0, 5), (0, 90), (1, 7), (1, 80), (0, 60))
    ]
    found = from_log([paid("a", noon(0)), *ticks, paid("late", noon(85))], POLICY)
    assert found.shop().end == (FIRST + 80) * DAY_MS
    assert days_of(found.shop()) == [[0]]


def test_a_record_that_is_no_event_is_counted_and_passed_over() -> None:
    found = from_log([record(b"ann", b"{"), paid("a", noon(0))], POLICY)
    assert found.unusable == 1
    assert days_of(found.shop()) == [[0]]
