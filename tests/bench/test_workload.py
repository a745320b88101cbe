import json

from bench.workload import Workload
from scoring.events import OrderPaid
from scoring.vocabulary import DAY_MS
from streams.codecs import decode

NOON = 1_763_812_800_000


def test_the_same_day_always_has_the_same_orders() -> None:
    first, second = (list(Workload(100, 10, NOON).orders(100)) for _ in range(2))
    assert first == second
    assert first[:40] == list(Workload(100, 10, NOON).orders(40)), "a part is the beginning of the whole"


def test_every_order_is_a_canonical_one_of_its_member() -> None:
    for order in Workload(50, 5, NOON).orders(50):
        key, value = order.record()
        assert isinstance(decode(key, value), OrderPaid)
        assert 220 <= len(value) <= 270


def test_time_rises_within_the_days_before_its_end() -> None:
    instants = [order.at for order in Workload(1000, 10, NOON, days=2).orders(1000)]
    assert instants == sorted(instants)
    assert instants[0] == NOON - 2 * DAY_MS
    assert NOON - DAY_MS < instants[-1] < NOON


def test_standings_are_what_the_orders_come_to() -> None:
    workload = Workload(200, 7, NOON)
    orders = [json.loads(order.record()[1]) for order in workload.orders(150)]
    standings = workload.standings(150)
    assert sum(count for count, _, _ in standings.values()) == 150
    assert {key.decode(): spent for key, (_, spent, _) in standings.items()} == {
        member: sum(order["net_amount"] for order in orders if order["member_id"] == member)
        for member in {order["member_id"] for order in orders}
    }
    assert max(last for _, _, last in standings.values()) == list(workload.orders(150))[-1].at
