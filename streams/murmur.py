"""On which partition does a member live?

Kafka's Java client decides by MurmurHash2 (Austin Appleby, 2008) with a seed of its own
(``org.apache.kafka.common.utils.Utils.murmur2``). kafka-python has it too, byte by byte at ten microseconds a key: for
a worker that meets new members that would be the dearest step of all.
"""

from functools import lru_cache
from typing import Final

_SEED: Final = 0x9747B28C
_FACTOR: Final = 0x5BD1E995
_32_BITS: Final = 0xFFFFFFFF


@lru_cache(maxsize=1 << 16)
def hash_of(key: bytes) -> int:
    """The positive murmur2 hash that Kafka's Java client takes modulo the number of partitions."""
    length = len(key)
    whole = length & ~3
    state = _SEED ^ length
    for at in range(0, whole, 4):
        word = int.from_bytes(key[at : at + 4], "little") * _FACTOR & _32_BITS
        state = state * _FACTOR & _32_BITS ^ (word ^ word >> 24) * _FACTOR & _32_BITS
    if whole < length:
        state = (state ^ int.from_bytes(key[whole:], "little")) * _FACTOR & _32_BITS
    state = (state ^ state >> 13) * _FACTOR & _32_BITS
    return (state ^ state >> 15) & 0x7FFFFFFF


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key among so many."""
    return hash_of(key) % partitions
