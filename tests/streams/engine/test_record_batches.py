from random import Random

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from streams.engine import record_batches
from streams.engine.record_batches import Batches, encode_headers, varint
from tests.streams.engine.record_reading import decoded_headers, records_of, written

NOW = 1_760_000_000_123


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_batches, "time", lambda: NOW / 1000)


def by_aiokafka(records: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]]) -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 10_000_000)
    for offset, (key, value, headers) in enumerate(records):
        assert builder.append(offset, NOW, key, value, headers) is not None
    return bytes(builder.build())


def records_of_all_sizes() -> list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]]:
    """Around every length at which one more byte is needed to write it."""
    chance = Random(7)
    records: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]] = [
        (None, b"no key", []),
        (None, b"nor another", []),
        (b"erased", None, [("epoch", b"1"), ("offset", b"")]),
        (b"", b"", [("", b"")]),
    ]
    for length in (1, 62, 63, 64, 65, 127, 128, 8190, 8191, 8192, 8193, 16383, 16384, 1_048_570):
        records.append((chance.randbytes(min(length, 64)), chance.randbytes(length), []))
        records.append((b"Zo\xc3\xab", b"{}", [("ce_subject", chance.randbytes(min(length, 9000)))]))
    return records + [(b"%d" % number, b"x", []) for number in range(9000)]


def test_batch_is_the_one_that_aiokafka_writes() -> None:
    records = records_of_all_sizes()
    batches = Batches(10_000_000)
    for key, value, headers in records:
        batches.append(key, value, headers)
    [batch] = batches.close()
    assert written(batch) == by_aiokafka(records)
    assert batch.length == len(written(batch))


def test_headers_in_bytes_are_those_in_pairs() -> None:
    headers = [("ce_id", b"1"), ("ce_subject", "Zoë".encode()), ("long", bytes(300))]
    pairs, encoded = Batches(), Batches()
    pairs.append(b"ann", b"1", headers)
    encoded.append(b"ann", b"1", encode_headers(headers))
    assert records_of(pairs) == records_of(encoded) == [(b"ann", b"1", headers)]
    assert decoded_headers(encode_headers(headers)) == headers


def test_full_batch_is_followed_by_the_next() -> None:
    batches = Batches(1000)
    for number in range(30):
        batches.append(b"%d" % number, bytes(100))
    closed = batches.close()
    assert [batch.count for batch in closed] == [8, 8, 8, 6]
    assert max(len(written(batch)) for batch in closed) <= 1000
    assert [key for key, _, _ in records_of(batches)] == [b"%d" % number for number in range(30)]


def test_record_larger_than_a_batch_has_one_of_its_own() -> None:
    batches = Batches(1000)
    for length in (10, 5000, 10):
        batches.append(b"ann", bytes(length))
    assert [batch.count for batch in batches.close()] == [1, 1, 1]


def test_closed_batches_take_no_more_records() -> None:
    batches = Batches()
    batches.append(b"ann", b"1")
    [first] = batches.close()
    batches.append(b"ann", b"2")
    assert [batch.count for batch in batches.close()] == [1, 1]
    assert first.count == 1


@pytest.mark.parametrize("number", [0, 1, 63, 64, 8191, 8192, 1_048_575, 1_048_576, 2**31 - 1])
def test_numbers_are_written_as_zigzag_in_sevens(number: int) -> None:
    read, shift = 0, 0
    for byte in varint(number):
        read |= (byte & 127) << shift
        shift += 7
    assert read == 2 * number
    assert varint(number)[-1] < 128
