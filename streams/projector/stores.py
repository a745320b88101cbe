"""A projection in Redis that knows by itself how far it has come.

The position up to which each partition is in it lies in one hash, which the script that writes a batch also moves. So a
Redis that was emptied, or restored from an older snapshot, tells where to go on, whatever any consumer group has
committed.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from hashlib import sha1
from typing import Final, NamedTuple

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError

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


class Batch(NamedTuple):
    """Everything of a partition from offset ``begin`` up to and without ``end``: what it says of its members.

    ``whole_of``: with this batch everything of the partition is there, which is one of so many; 0: not everything yet.
    """

    partition: int
    begin: int
    end: int
    members: Sequence[bytes]
    values: Sequence[bytes]
    whole_of: int = 0


#: What a script is given.
Argument = bytes | str | int


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
        self._script = script
        self._sha = sha1(script.encode(), usedforsecurity=False).hexdigest()

    async def positions(self, partitions: Sequence[int]) -> dict[int, int]:
        """The first offset of each partition that is not projected yet; 0 where Redis knows nothing."""
        held = await self._redis.hmget(self._positions_key, [str(partition) for partition in partitions])
        return {partition: int(position or 0) for partition, position in zip(partitions, held, strict=True)}

    async def forget_positions(self) -> None:
        """Make every projector of this deployment begin again; what is projected stays readable meanwhile."""
        await self._redis.delete(self._positions_key)

    async def write(self, batches: Sequence[Batch]) -> list[Written | Behind]:
        """Write batches in their order, in one round trip; what became of each.

        All or nothing of a batch is written. Writing the same batch again is harmless, so after a failure all can be.
        """
        try:
            answers = await self._evaluated(batches)
        except NoScriptError:
            await self._redis.script_load(self._script)
            answers = await self._evaluated(batches)
        return [self._result(answer) for answer in answers]

    async def _evaluated(self, batches: Sequence[Batch]) -> list[list[int]]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for batch in batches:
                keys, arguments = self._asked(batch)
                pipeline.evalsha(self._sha, len(keys), *keys, *arguments)
            # Its own errors would quote the scores.
            answers = await pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    @abstractmethod
    def _asked(self, batch: Batch) -> tuple[list[Argument], list[Argument]]:
        """Keys and arguments of the script for a batch."""

    @abstractmethod
    def _result(self, answer: list[int]) -> Written | Behind:
        """What the script's answer says."""

    async def aclose(self) -> None:
        """Give the connections back."""
        await self._redis.aclose()
