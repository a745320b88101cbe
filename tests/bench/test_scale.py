import pytest

from bench.memory import formula, object_size
from bench.running import Sample
from bench.scale import together


def progress(*handled: int, begin: float = 0.0, cpu: float = 0.5) -> list[Sample]:
    """A sample a second, ``cpu`` seconds of processor time each."""
    return [Sample(begin + number, number * cpu, each) for number, each in enumerate(handled)]


def test_one_workers_speed_is_from_the_skipped_share_to_the_last_order() -> None:
    speed = together(1, 100, [progress(0, 30, 65, 100)])
    assert (speed.per_second, speed.per_cpu_second) == (35.0, 70.0)


def test_workers_are_added_up_though_one_begins_later_and_is_done_sooner() -> None:
    first = progress(0, 20, 40, 50, 60)
    second = progress(0, 20, 40, begin=1.5)
    speed = together(2, 100, [first, second])
    # The skipped share is reached at 2 s, with 40 and 0; but the second begins at 2.5 s, with 20. From there on 20
    # orders each until 4 s, for 1 s and 0.5 s of processor time.
    assert speed.per_second == 40 / 1.5
    assert speed.per_cpu_second == 40 / 1.5


def test_a_worker_without_partitions_keeps_nobody_waiting() -> None:
    speed = together(2, 100, [progress(0, 30, 65, 100), progress(0, 0, 0, 0)])
    assert speed.per_second == 35.0


@pytest.mark.parametrize(("length", "size"), [(9, 48), (281, 320), (479, 512), (480, 528), (1721, 1776)])
def test_an_object_is_as_large_as_its_allocator_makes_it(length: int, size: int) -> None:
    assert object_size(length) == size


def test_five_open_orders_are_below_the_target() -> None:
    least, most = formula(row=281, key=9)
    assert (least, most) == (398, 432)
