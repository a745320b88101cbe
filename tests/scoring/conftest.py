"""The shop of tests about two ids of one person."""

import pytest

from tests.driver import day, paid
from tests.scoring.two_ids import S, T
from tests.two_partitions import Partitions


@pytest.fixture
def shop() -> Partitions:
    """S has two orders (tier C), T has one (tier D), nobody is merged yet."""
    shop = Partitions()
    shop.pipe(paid(S, "o1", day(0)), paid(S, "o2", day(1)), paid(T, "p1", day(2)))
    return shop
