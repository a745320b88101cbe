"""On which partition does a member live?"""

from functools import lru_cache

from kafka.partitioner.default import murmur2


@lru_cache(maxsize=1 << 18)
def hash_of(key: bytes) -> int:
    """The positive murmur2 hash that Kafka's Java client takes modulo the number of partitions."""
    return int(murmur2(key)) & 0x7FFFFFFF


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key among so many."""
    return hash_of(key) % partitions
