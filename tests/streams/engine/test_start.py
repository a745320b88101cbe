import pytest

from streams.engine.partition import PartitionRow
from streams.engine.start import StartRefused, start_offset


def row(position: int, partitions: int = 4) -> PartitionRow:
    return PartitionRow(position, partitions, b"")


@pytest.mark.parametrize(
    ("committed", "remembered", "expected"),
    [
        (None, None, 0),  # nothing was ever done: the log's beginning
        (None, row(7), 7),  # remembered, never committed: a crash between the two
        (9, row(7), 7),  # a commit ahead of the state cannot be trusted
        (7, row(9), 9),  # a crash between remembering and committing: the row has what lies between
        (9, row(9), 9),
    ],
)
def test_reading_starts_where_the_partition_row_ends(
    committed: int | None, remembered: PartitionRow | None, expected: int
) -> None:
    assert (
        start_offset("t[0]", remembers=True, committed=committed, row=remembered, partitions=4, begin=0, end=10)
        == expected
    )


def test_app_without_state_starts_at_its_commit() -> None:
    assert start_offset("t[0]", remembers=False, committed=5, row=None, partitions=4, begin=0, end=10) == 5


def test_untouched_partition_of_a_shortened_log_starts_at_its_first_record() -> None:
    assert start_offset("t[0]", remembers=True, committed=None, row=None, partitions=4, begin=3, end=10) == 3


@pytest.mark.parametrize(
    ("committed", "remembered", "begin", "end", "says"),
    [
        (5, None, 0, 10, "holds no partition row"),
        (5, row(5), 6, 10, "log holds 6 to 10"),
        (None, row(5), 6, 10, "log holds 6 to 10"),
        (5, row(5), 0, 4, "log holds 0 to 4"),
        (5, row(5, partitions=5), 0, 10, "written for 5 partitions"),
    ],
)
def test_contradiction_between_log_commit_and_state_is_refused(
    committed: int | None, remembered: PartitionRow | None, begin: int, end: int, says: str
) -> None:
    with pytest.raises(StartRefused, match=says):
        start_offset("t[0]", remembers=True, committed=committed, row=remembered, partitions=4, begin=begin, end=end)


@pytest.mark.parametrize("edge", [3, 10])
def test_first_and_last_offset_of_the_log_are_inside_it(edge: int) -> None:
    assert start_offset("t[0]", remembers=True, committed=edge, row=row(edge), partitions=4, begin=3, end=10) == edge
