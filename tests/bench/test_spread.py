import pytest

from bench.running import Sample
from bench.spread import Spread, percentile, speed


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1.0), (0.01, 1.0), (0.5, 50.0), (0.501, 51.0), (0.99, 99.0), (1.0, 100.0)]
)
def test_a_percentile_is_the_smallest_value_that_covers_its_share(share: float, value: float) -> None:
    assert percentile([float(number) for number in range(1, 101)], share) == value


def test_a_single_value_is_every_percentile_of_itself() -> None:
    assert {percentile([7.0], share) for share in (0.0, 0.5, 1.0)} == {7.0}


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="at least one"):
        percentile([], 0.5)


def test_rounds_are_told_by_their_median_and_range() -> None:
    assert Spread.of([3.0, 1.0, 8.0]) == Spread(median=3.0, least=1.0, most=8.0)


def test_speed_leaves_out_the_slow_beginning_and_interpolates_where_it_ends() -> None:
    # The first tenth ends half-way between the samples at 5 s and 7 s: 900 orders in the 9 s from 6 s to 15 s.
    samples = [Sample(0.0, 0.0, 0), Sample(5.0, 1.0, 50), Sample(7.0, 2.0, 150), Sample(15.0, 6.0, 1000)]
    found = speed(samples, 1000)
    assert found.per_second == pytest.approx(100.0)
    assert found.per_cpu_second == pytest.approx(900 / 4.5)


def test_speed_counts_from_the_first_sample_when_that_is_past_the_beginning() -> None:
    found = speed([Sample(1.0, 1.0, 400), Sample(4.0, 2.0, 1000)], 1000)
    assert (found.per_second, found.per_cpu_second) == (200.0, 600.0)
