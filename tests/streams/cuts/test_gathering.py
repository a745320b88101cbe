"""When the sketches of a date are complete, and when there are no cuts of it."""

import logging

import pytest

from streams.cuts.census import Asked, SketchRecord
from streams.cuts.gathering import Gathering
from streams.cuts.sketches import MemberSketches, PackedSketches

POLICY = "a" * 64


def sketches(*values: int) -> PackedSketches:
    found = MemberSketches()
    for value in values:
        found.rank.add(value)
    return found.pack()


def a_record(
    partition: int, *values: int, date: str = "2026-03-01", epoch: int = 1, policy: str = POLICY
) -> SketchRecord:
    return SketchRecord(date, partition, epoch, policy, 0, (Asked("A", 50, 60),), sketches(*values))


def gathered(*records: SketchRecord, partitions: tuple[int, ...] = (0, 1)) -> tuple[str, str] | None:
    gathering = Gathering(1)
    for record in records:
        gathering.absorb(record.encode())
    found = gathering.cuts(partitions)
    return None if found is None else (found.date, bytes(found.cuts).decode())


EVERYBODY = '{"ranked":4,"fallback":true,"tiers":{"A":{"enter":3,"leave":3}},"medians":null,"quantiles":null}'


def test_all_partitions_together_are_one_ranking() -> None:
    assert gathered(a_record(0, 1, 4), a_record(1, 3, 2)) == ("2026-03-01", EVERYBODY)


def test_the_key_names_date_and_partition() -> None:
    assert a_record(1).key() == b"2026-03-01|1"


def test_a_missing_partition_keeps_a_date_waiting_and_ends_no_other() -> None:
    assert gathered(a_record(0, 1), partitions=(0, 1)) is None
    later = a_record(0, 5, date="2026-03-02")
    found = gathered(a_record(0, 1, 4), a_record(1, 3, 2), later)
    assert found is not None
    assert found[0] == "2026-03-01"


def test_the_latest_complete_date_is_published_and_an_older_one_never_again() -> None:
    gathering = Gathering(1)
    for date in ("2026-03-02", "2026-03-01", "2026-03-03"):
        for partition in (0, 1) if date != "2026-03-03" else (0,):
            gathering.absorb(a_record(partition, 1, date=date).encode())
    found = gathering.cuts((0, 1))
    assert found is not None
    assert found.date == "2026-03-02"
    gathering.forget("2026-03-02")
    assert gathering.cuts((0, 1)) is None
    gathering.absorb(a_record(1, 1, date="2026-03-03").encode())
    found = gathering.cuts((0, 1))
    assert found is not None
    assert found.date == "2026-03-03"


def test_a_partition_that_counted_twice_counts_as_it_did_last() -> None:
    found = gathered(a_record(0, 9, 9, 9), a_record(1, 3, 2), a_record(0, 1, 4))
    assert found == ("2026-03-01", EVERYBODY)


def test_another_epoch_is_not_counted() -> None:
    assert gathered(a_record(0, 1), a_record(1, 1, epoch=2)) is None


def test_partitions_under_different_policies_give_no_cuts(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert gathered(a_record(0, 1), a_record(1, 1, policy="b" * 64)) is None
    assert "the policy changed while members were counted" in caplog.text


def test_what_cannot_be_read_is_said_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    gathering = Gathering(1)
    torn = SketchRecord("2026-03-01", 1, 1, POLICY, 0, (), PackedSketches(b"", b"", b"", b""))
    with caplog.at_level(logging.WARNING):
        gathering.absorb(b"nonsense")
        gathering.absorb(a_record(0, 1).encode())
        gathering.absorb(torn.encode())
        assert gathering.cuts((0, 1)) is None
    assert "cannot be read" in caplog.text
    assert "not a quantile sketch" in caplog.text
