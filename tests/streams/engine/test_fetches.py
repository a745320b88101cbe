"""Fetch requests and answers, held against aiokafka's own schemas."""

from collections.abc import Sequence
from itertools import pairwise
from struct import Struct

import pytest
from aiokafka.errors import (
    CorruptRecordException,
    OffsetOutOfRangeError,
    UnknownTopicOrPartitionError,
)
from aiokafka.protocol.fetch import FetchRequest_v11, FetchResponse_v11
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from faust.types import TP

from streams.engine import parsing
from streams.engine.batches import Record
from streams.engine.fetches import (
    VERSION,
    Chunk,
    decode_answer,
    encode_fetch,
)

FIRST, SECOND, OTHER = TP("events", 0), TP("events", 1), TP("orders", 0)
_CONTROL = 0x20
_STAMPED_BY_THE_BROKER = 0x08
_GZIP = 1
_LAST_STAMP = Struct(">q")
_LAST_STAMP_AT = 35


@pytest.fixture(autouse=True, params=["ours", "aiokafka's"])
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which parser reads what both can read: ours where it is compiled, else aiokafka's."""
    monkeypatch.setattr(parsing, "_OURS", request.param == "ours")


def signed(built: bytearray) -> bytes:
    built[17:21] = calc_crc32c(bytes(built[21:])).to_bytes(4, "big")
    return bytes(built)


def batch(first: int, count: int, *, control: bool = False) -> bytes:
    """A record batch as a broker keeps it: records named by their offsets."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 20)
    for number in range(count):
        builder.append(number, 1_000 + number, b"k", b"%d" % (first + number), [("h", b"1")])
    built = bytearray(builder.build())
    built[:8] = first.to_bytes(8, "big")
    if control:
        built[22] |= _CONTROL
    return signed(built)


def stored(
    *records: tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes | None]]], kind: int = 0
) -> bytes:
    """A record batch of these records."""
    builder = DefaultRecordBatchBuilder(2, kind, 0, -1, -1, -1, 1 << 22)
    for record in records:
        builder.append(*record)
    return bytes(builder.build())


def told(chunk: Chunk) -> list[tuple[object, ...]]:
    """Everything that the records of a chunk say."""
    return [
        (each.offset, each.timestamp, each.key, each.value, list(each.headers))
        for part in chunk.batches(1000)
        for each in part.records
    ]


def answer(topics: Sequence[tuple[str, Sequence[tuple[object, ...]]]], error: int = 0) -> bytes:
    body: bytes = FetchResponse_v11(0, error, 0, list(topics)).encode()
    return (7).to_bytes(4, "big") + body


def of_partition(partition: int, records: bytes, error: int = 0, aborted: object = ()) -> tuple[object, ...]:
    return (partition, error, 99, 99, 0, aborted, -1, records)


def values(chunk: Chunk) -> list[list[int]]:
    return [records for _, _, records in parts_of(chunk)]


def parts_of(chunk: Chunk) -> list[tuple[int, int, list[int]]]:
    return [
        (part.start, part.end, [int(record.value or b"") for record in part.records]) for part in chunk.batches(1000)
    ]


def test_request_is_what_aiokafka_would_have_sent() -> None:
    offsets = {FIRST: 5, OTHER: 1 << 40, SECOND: 0}
    ours = encode_fetch(3, "shop-reader", 100, offsets)
    topics = [
        ("events", [(0, -1, 5, -1, 1 << 20), (1, -1, 0, -1, 1 << 20)]),
        ("orders", [(0, -1, 1 << 40, -1, 1 << 20)]),
    ]
    theirs = FetchRequest_v11(-1, 100, 1, 8 << 20, 0, 0, -1, topics, [], "")
    header = theirs.build_request_header(correlation_id=3, client_id="shop-reader").encode()
    assert ours[:4] == (len(ours) - 4).to_bytes(4, "big")
    assert ours[4:] == header + theirs.encode()


def test_version_is_one_that_aiokafka_reads_without_tagged_fields() -> None:
    assert FetchRequest_v11.API_VERSION == VERSION


def test_answer_is_read_as_aiokafka_writes_it() -> None:
    came = answer(
        [
            ("events", [of_partition(1, batch(3, 2), aborted=[(1, 2), (3, 4)]), of_partition(0, b"")]),
            ("orders", [of_partition(0, batch(0, 1) + batch(1, 1), aborted=None)]),
        ]
    )
    chunks = decode_answer(came, {FIRST: 9, SECOND: 3, OTHER: 0})
    assert [(chunk.tp, chunk.start, chunk.end, chunk.highwater) for chunk in chunks] == [
        (SECOND, 3, 5, 99),
        (OTHER, 0, 2, 99),
    ]
    assert values(chunks[1]) == [[0, 1]]
    first, second = next(chunks[0].batches(10)).records
    assert (first.value, second.value) == (b"3", b"4")
    assert (first.key, first.timestamp, first.headers) == (b"k", 1_000, [("h", b"1")])


def test_error_of_a_partition_is_told_and_one_of_the_request_raised() -> None:
    came = answer([("events", [of_partition(0, b"", error=OffsetOutOfRangeError.errno), of_partition(1, batch(0, 1))])])
    refused, read = decode_answer(came, {FIRST: 5, SECOND: 0})
    assert (refused.tp, refused.start, refused.error) == (FIRST, 5, OffsetOutOfRangeError)
    assert (read.error, values(read)) == (None, [[0]])
    with pytest.raises(UnknownTopicOrPartitionError):
        decode_answer(answer([], error=UnknownTopicOrPartitionError.errno), {})


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 100])
def test_parts_of_a_chunk_form_a_chain_whatever_the_batches_in_it(size: int) -> None:
    chunk = Chunk(FIRST, 3, 99, None, batch(2, 4) + batch(6, 1) + batch(9, 3))
    parts = list(chunk.batches(size))
    assert [int(record.value or b"") for part in parts for record in part.records] == [3, 4, 5, 6, 9, 10, 11]
    assert parts[0].start == 3
    assert all(before.end == after.start for before, after in pairwise(parts))
    assert parts[-1].end == chunk.end == 12
    assert all(1 <= len(part.records) <= size for part in parts)


def test_batch_that_lies_wholly_before_what_was_asked_for_is_left_out() -> None:
    chunk = Chunk(FIRST, 4, 99, None, batch(2, 2) + batch(4, 1))
    assert parts_of(chunk) == [(4, 5, [4])]


def test_transaction_markers_are_passed_over_and_move_the_end() -> None:
    chunk = Chunk(FIRST, 0, 99, None, batch(0, 2) + batch(2, 1, control=True))
    assert (parts_of(chunk), chunk.end) == ([(0, 3, [0, 1])], 3)
    markers = Chunk(FIRST, 3, 99, None, batch(3, 1, control=True))
    assert parts_of(markers) == [(3, 4, [])]


def test_batch_cut_off_by_the_most_bytes_is_left_for_the_next_fetch() -> None:
    chunk = Chunk(FIRST, 0, 99, None, batch(0, 2) + batch(2, 5)[:-3])
    assert (values(chunk), chunk.end) == ([[0, 1]], 2)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_damaged_batch_is_not_handed_on_wherever_it_stands(which: int) -> None:
    batches = [bytearray(batch(first, 2)) for first in (0, 2, 4)]
    batches[which][-1] ^= 1
    with pytest.raises(CorruptRecordException, match=f"ends at {2 * which + 2}"):
        list(Chunk(FIRST, 0, 99, None, b"".join(batches)).batches(10))


#: Every length of a number in a record, times before the first one, and everything that may be absent.
EVERYTHING: list[tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]] = [
    (0, 1_700_000_000_000, b"00042", b"{}", []),
    (1, 1_699_999_999_000, None, b"v" * 63, [("log_time", b"12")]),
    (2, 1_700_000_000_064, b"", None, [("a", b""), ("\u00e4\u20ac", b"x" * 200)]),
    (3, 1_800_000_000_000, b"k" * 64, b"v" * 9_000, []),
    (70, 1_700_000_000_000, b"k" * 130, b"v" * 2_100_000, []),
]


def test_everything_that_a_record_can_say_is_read() -> None:
    assert told(Chunk(FIRST, 0, 99, None, stored(*EVERYTHING))) == EVERYTHING


def test_compressed_batch_is_read() -> None:
    assert told(Chunk(FIRST, 2, 99, None, stored(*EVERYTHING, kind=_GZIP))) == EVERYTHING[2:]


def test_header_without_a_value_is_read_and_so_are_the_records_around_it() -> None:
    records = [(number, 5, b"k", b"v", [("h", None if number == 3 else b"1")]) for number in range(6)]
    for size in (1, 2, 100):
        parts = list(Chunk(FIRST, 1, 99, None, stored(*records)).batches(size))
        assert [(each.offset, *each.headers) for part in parts for each in part.records] == [
            (number, *headers) for number, _, _, _, headers in records[1:]
        ]


def test_time_is_the_brokers_where_the_topic_says_so() -> None:
    built = bytearray(stored(*EVERYTHING[:3]))
    built[22] |= _STAMPED_BY_THE_BROKER
    _LAST_STAMP.pack_into(built, _LAST_STAMP_AT, 1_900_000_000_000)
    assert {each[1] for each in told(Chunk(FIRST, 0, 99, None, signed(built)))} == {1_900_000_000_000}


@pytest.mark.parametrize("form", [0, 1])
def test_batch_of_an_older_format_is_read(form: int) -> None:
    builder = LegacyRecordBatchBuilder(form, 0, 1 << 20)
    for number in range(3):
        builder.append(number, 1_000 if form else None, b"k", b"%d" % number)
    stamp = 1_000 if form else -1
    assert told(Chunk(FIRST, 1, 99, None, bytes(builder.build()))) == [
        (1, stamp, b"k", b"1", []),
        (2, stamp, b"k", b"2", []),
    ]


@pytest.mark.parametrize(
    ("place", "byte"),
    [
        pytest.param(61, 0x0E, id="the first record is shorter than its parts"),
        pytest.param(61, 0x7E, id="it reaches beyond the batch"),
        pytest.param(60, 3, id="the head counts more records than there are"),
        pytest.param(60, 1, id="it counts fewer"),
    ],
)
def test_batch_whose_lengths_contradict_each_other_is_refused_by_aiokafka(place: int, byte: int) -> None:
    built = bytearray(stored((0, 5, b"k", b"v", []), (1, 5, b"k", b"v", [])))
    built[place] = byte
    with pytest.raises(CorruptRecordException):
        told(Chunk(FIRST, 0, 99, None, signed(built)))


@pytest.mark.parametrize("kind", [0, _GZIP])
def test_what_compiled_code_takes_in_is_of_our_own_class(kind: int) -> None:
    [part] = Chunk(FIRST, 0, 99, None, stored(*EVERYTHING, kind=kind)).batches(1000)
    assert ({type(record) for record in part.records} == {Record}) == parsing._OURS
