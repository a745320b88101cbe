"""A projection in Redis that knows by itself how far it has come.

The position up to which each partition is in it lies in one hash, which the script that writes a batch also moves. So a
Redis that was emptied, or restored from an older snapshot, tells where to go on, whatever any consumer group has
committed.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from streams.config import Settings
from streams.redis_clients import redis_arguments

#: Redis answers a write within microseconds; more than this is an outage, in seconds.
_ANSWER_SECONDS: Final = 5.0
_CONNECT_SECONDS: Final = 2.0


class Written(NamedTuple):
    """What became of a batch."""

    written: int
    deleted: int
    stale: int


class Behind(NamedTuple):
    """Redis holds less of the partition than the batch builds on; nothing was written. Go on from ``position``."""

    position: int


class Store(ABC):
    """What is projected into. Every method raises ``redis.exceptions.RedisError`` at the first failure.

    ``positions`` names the hash of the positions, behind the deployment's prefix; ``script`` writes a batch.
    """

    def __init__(self, settings: Settings, positions: str, script: str) -> None:
        self._positions_key = f"{settings.redis.key_prefix}{positions}"
        self._redis = Redis.from_url(
            **redis_arguments(settings),
            socket_timeout=_ANSWER_SECONDS,
            socket_connect_timeout=_CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._script = self._redis.register_script(script)

    async def positions(self, partitions: Sequence[int]) -> dict[int, int]:
        """The first offset of each partition that is not projected yet; 0 where Redis knows nothing."""
        held = await self._redis.hmget(self._positions_key, [str(partition) for partition in partitions])
        return {partition: int(position or 0) for partition, position in zip(partitions, held, strict=True)}

    async def forget_positions(self) -> None:
        """Make every projector of this deployment begin again; what is projected stays readable meanwhile."""
        await self._redis.delete(self._positions_key)

    @abstractmethod
    async def write(
        self,
        partition: int,
        begin: int,
        end: int,
        members: Iterable[bytes],
        values: Sequence[bytes],
        *,
        whole_of: int = 0,
    ) -> Written | Behind:
        """Write what a batch says of its members.

        The batch is everything of the partition from offset ``begin`` up to and without ``end``; all or nothing of it
        is written. Writing the same batch again is harmless. ``whole_of``: with this batch everything of the partition
        is there, which is one of so many; 0: not everything yet.
        """

    async def aclose(self) -> None:
        """Give the connections back."""
        await self._redis.aclose()
