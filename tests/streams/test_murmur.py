"""A member lives on the partition on which Kafka's own clients put them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2

from streams.murmur import hash_of, partition_of


@given(st.binary(max_size=70))
@example(b"")
@example(b"\xff" * 7)
def test_the_hash_is_that_of_kafkas_clients(key: bytes) -> None:
    assert hash_of(key) == murmur2(key) & 0x7FFFFFFF


@pytest.mark.parametrize(
    # From UtilsTest.testMurmur2 of Apache Kafka 4.1.
    ("key", "signed"),
    [
        (b"21", -973_932_308),
        (b"foobar", -790_332_482),
        (b"a-little-bit-long-string", -985_981_536),
        (b"a-little-bit-longer-string", -1_486_304_829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        (b"abc", 479_470_107),
    ],
)
def test_the_hash_is_that_of_kafkas_own_tests(key: bytes, signed: int) -> None:
    assert partition_of(key, 1000) == (signed & 0x7FFFFFFF) % 1000
