import pytest

from bench.common_job import tier_changes, tier_of
from bench.workload import Workload

NOON = 1_772_539_200_000


@pytest.mark.parametrize(
    ("monetary", "rank"),
    [(0, 0), (9_999, 0), (10_000, 1), (29_999, 1), (30_000, 2), (79_999, 2), (80_000, 3), (10**9, 3)],
)
def test_a_tier_begins_at_its_threshold(monetary: int, rank: int) -> None:
    assert tier_of(monetary) == rank


def test_every_move_between_tiers_is_counted_once() -> None:
    workload = Workload(2_000, 50, NOON)
    spent: dict[int, list[int]] = {}
    for order in workload.orders(2_000):
        spent.setdefault(order.member, [0]).append(order.amount)
    moves = 0
    for amounts in spent.values():
        sums = [sum(amounts[:many]) for many in range(1, len(amounts) + 1)]
        moves += len({tier_of(each) for each in sums}) - 1
    # Orders only add up: a member passes through each tier that she has once.
    assert tier_changes(workload, 2_000) == moves > 0
