import pytest

from bench import parts
from bench.sizes import FULL, QUICK, Part, Size


@pytest.mark.parametrize("size", [FULL, QUICK])
def test_every_part_says_how_long_it_takes(size: Size) -> None:
    assert set(size.seconds) == set(Part)
    assert size.expected_s([Part.MEMORY]) == size.seconds[Part.MEMORY]


def test_only_the_race_takes_longer_with_more_rounds() -> None:
    others = [part for part in Part if part is not Part.RACE]
    assert FULL.rounds == 3
    assert FULL.expected_s(list(Part)) == FULL.expected_s(others) + FULL.expected_s([Part.RACE])
    assert FULL.expected_s([Part.RACE]) == 3 * FULL.round_s + FULL.seconds[Part.RACE]


def test_everything_once_takes_twenty_five_minutes() -> None:
    assert FULL.expected_s(list(Part)) - 2 * FULL.round_s <= 25 * 60


def test_every_part_can_be_measured() -> None:
    assert list(parts._MEASURED) == list(Part)
