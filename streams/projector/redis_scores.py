"""Scores in Redis: written only forwards, each batch together with how far the topic has been projected.

Redis itself holds the position up to which each partition of ``member-scores`` is in it, in one hash that the same
script writes. So a Redis that was emptied, or restored from an older snapshot, tells by its own position where to go
on, whatever any consumer group has committed.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from streams.config import Settings
from streams.projector.versions import VERSION_WIDTH
from streams.redis_clients import redis_arguments

#: How long a deleted member's version is kept, in seconds: no projector lags further behind while it still writes.
_REMEMBER_DELETED_SECONDS: Final = 7 * 86_400
#: Redis answers a write within microseconds; more than this is an outage, in seconds.
ANSWER_SECONDS: Final = 5.0
CONNECT_SECONDS: Final = 2.0

# KEYS: the positions, the partition's mark of being whole, then one per score.
# ARGV: the partition, its position before and after the batch, the mark (empty: not whole), then one value per score.
_SCRIPT: Final = f"""
local position = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
if position < tonumber(ARGV[2]) then
  return {{position, -1, 0, 0}}
end
if ARGV[4] == '' then
  redis.call('DEL', KEYS[2])
else
  redis.call('SET', KEYS[2], ARGV[4])
end
local written, deleted, stale = 0, 0, 0
for i = 3, #KEYS do
  local value = ARGV[i + 2]
  if value == '' then
    redis.call('DEL', KEYS[i])
    deleted = deleted + 1
  else
    local stored = redis.call('GETRANGE', KEYS[i], 0, {VERSION_WIDTH - 1})
    if stored ~= '' and stored > string.sub(value, 1, {VERSION_WIDTH}) then
      stale = stale + 1
    elseif #value == {VERSION_WIDTH} then
      redis.call('SET', KEYS[i], value, 'EX', {_REMEMBER_DELETED_SECONDS})
      deleted = deleted + 1
    else
      redis.call('SET', KEYS[i], value)
      written = written + 1
    end
  end
end
if tonumber(ARGV[3]) > position then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
return {{position, written, deleted, stale}}
"""


class Written(NamedTuple):
    """What became of a batch's scores."""

    written: int
    deleted: int
    stale: int


class Behind(NamedTuple):
    """Redis holds less of the partition than the batch builds on; nothing was written. Go on from ``position``."""

    position: int


def whole_key(settings: Settings, partition: int) -> bytes:
    """The key of the mark that all scores of a partition are there; its value is the number of partitions."""
    return f"{settings.redis.key_prefix}whole:{partition}".encode()


def member_key(settings: Settings, member_id: bytes) -> bytes:
    """The key that holds a member's score."""
    return f"{settings.redis.key_prefix}member:".encode() + member_id


class RedisScores:
    """The projection. Every method raises ``redis.exceptions.RedisError`` at the first failure."""

    def __init__(self, settings: Settings) -> None:
        self._member_prefix = member_key(settings, b"")
        self._positions_key = f"{settings.redis.key_prefix}projection"
        self._settings = settings
        self._redis = Redis.from_url(
            **redis_arguments(settings),
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._script = self._redis.register_script(_SCRIPT)

    async def positions(self, partitions: Sequence[int]) -> dict[int, int]:
        """The first offset of each partition that is not projected yet; 0 where Redis knows nothing."""
        held = await self._redis.hmget(self._positions_key, [str(partition) for partition in partitions])
        return {partition: int(position or 0) for partition, position in zip(partitions, held, strict=True)}

    async def forget_positions(self) -> None:
        """Make every projector of this deployment begin again; scores stay readable meanwhile."""
        await self._redis.delete(self._positions_key)

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
        """Write stored forms (:mod:`streams.projector.versions`) where they are not older than what Redis holds.

        The batch is everything of the partition from offset ``begin`` up to and without ``end``; all or nothing of it
        is written. Writing the same batch again is harmless. ``whole_of``: with this batch every score of the partition
        is there, which is one of so many; 0: not every one yet.
        """
        prefix = self._member_prefix
        mark = whole_key(self._settings, partition)
        keys: list[bytes | str | memoryview[int]] = [self._positions_key, mark, *(prefix + each for each in members)]
        said = [partition, begin, end, whole_of or b""]
        position, written, deleted, stale = await self._script(keys, [*said, *values])
        return Behind(position) if written < 0 else Written(written, deleted, stale)

    async def aclose(self) -> None:
        """Give the connections back."""
        await self._redis.aclose()
