"""The generated log is what chaos tests take it for: repeatable, in order, and poisoned only where it says so."""

import itertools
from collections import defaultdict

import pytest

from scoring.events import Tick
from streams.codecs import BadRecord, decode
from tests.oracle.generate import generate
from tests.oracle.poison import poison
from tests.oracle.records import DAY_MS, PARTITION_KEY, GeneratedRecord, as_log, partition_of
from tests.oracle.rules import expected
from tests.oracle.telling import ms

START = ms("2024-01-01T00:00")


@pytest.fixture(scope="module")
def records() -> list[GeneratedRecord]:
    return list(generate(5, 300, 12_000, start_ms=START, partitions=3, poison=0.02))


def test_same_arguments_give_the_same_bytes_and_another_seed_gives_others(records: list[GeneratedRecord]) -> None:
    assert list(generate(5, 300, 12_000, start_ms=START, partitions=3, poison=0.02)) == records
    assert list(generate(6, 300, 12_000, start_ms=START, partitions=3, poison=0.02)) != records


def test_as_many_records_about_members_as_were_asked_for(records: list[GeneratedRecord]) -> None:
    assert sum(r.is_poison or r.key != PARTITION_KEY for r in records) == 12_000
    assert 150 < sum(r.is_poison for r in records) < 350


def test_keys_lie_in_the_partition_that_kafkas_clients_choose(records: list[GeneratedRecord]) -> None:
    # From Kafka's own tests of murmur2: the hash of "21" is -973932308 and of "foobar" -790332482.
    assert partition_of(b"21", 1000) == (-973_932_308 & 0x7FFF_FFFF) % 1000
    assert partition_of(b"foobar", 1000) == (-790_332_482 & 0x7FFF_FFFF) % 1000
    keyed = [r for r in records if r.key is not None and r.key != PARTITION_KEY]
    assert all(r.partition == partition_of(r.key or b"", 3) for r in keyed)
    assert {r.partition for r in keyed} == {0, 1, 2}


def test_only_poison_is_refused_by_the_decoder(records: list[GeneratedRecord]) -> None:
    ticks: dict[int, list[Tick]] = defaultdict(list)
    for record in records:
        if not record.is_poison:
            event = decode(record.key, record.value)
            if isinstance(event, Tick):
                assert event.partition == record.partition
                ticks[record.partition].append(event)
    assert all(a.at < b.at for series in ticks.values() for a, b in itertools.pairwise(series))
    assert [len(series) for series in ticks.values()] == [len(ticks[0])] * 3
    assert len(ticks[0]) > 400


@pytest.mark.parametrize("kind", [kind for kind, _, _ in poison("m", 1, "2024-01-01T00:00:00Z", 0)])
def test_every_kind_of_poison_is_poison(kind: str) -> None:
    [(key, value)] = [(k, v) for name, k, v in poison("m", 1, "2024-01-01T00:00:00Z", 0) if name == kind]
    if kind == "tick_of_another_partition":
        event = decode(key, value)
        assert isinstance(event, Tick)
        assert event.partition == 1
    else:
        with pytest.raises(BadRecord):
            decode(key, value)


def test_no_two_poisoned_records_are_alike(records: list[GeneratedRecord]) -> None:
    poisoned = [(r.key, r.value) for r in records if r.is_poison]
    assert len(set(poisoned)) == len(poisoned)
    assert not set(poisoned) & {(r.key, r.value) for r in records if not r.is_poison}


def test_log_time_rises_with_the_records_and_headers_may_be_left_out(records: list[GeneratedRecord]) -> None:
    assert all(a.timestamp <= b.timestamp for a, b in itertools.pairwise(records))
    assert records[-1].timestamp - START > 450 * DAY_MS
    assert all(r.headers == (("log_time", b"%d" % r.timestamp),) for r in records)
    assert all(r.headers == () for r in generate(5, 30, 100, start_ms=START, partitions=3, log_times=False))


def test_the_log_has_every_outcome_and_every_refusal(records: list[GeneratedRecord]) -> None:
    log, poisoned = as_log(records)
    answer = expected(log, epoch=1, poison=poisoned)
    assert len({o.kind for o in answer.outcomes.values()}) == 13
    assert set(answer.dead_letters.values()) == {"quarantined", "too_late", "wrong_currency", "merge_refused"}
