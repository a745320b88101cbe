"""Scores in Redis: written only forwards, each batch together with how far the topic has been projected."""

from typing import Final

from streams.config import Settings
from streams.projector.stores import Argument, Batch, Behind, Store, Written
from streams.projector.versions import VERSION_WIDTH

#: How long a deleted member's version is kept, in seconds: no projector lags further behind while it still writes.
_REMEMBER_DELETED_SECONDS: Final = 7 * 86_400

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


def whole_key(settings: Settings, partition: int) -> bytes:
    """The key of the mark that all scores of a partition are there; its value is the number of partitions."""
    return f"{settings.redis.key_prefix}whole:{partition}".encode()


def member_key(settings: Settings, member_id: bytes) -> bytes:
    """The key that holds a member's score."""
    return f"{settings.redis.key_prefix}member:".encode() + member_id


class RedisScores(Store):
    """The projection of scores."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, "projection", _SCRIPT)
        self._member_prefix = member_key(settings, b"")
        self._settings = settings

    def _asked(self, batch: Batch) -> tuple[list[Argument], list[Argument]]:
        """Its values are stored forms (:mod:`streams.projector.versions`), written where they are not older than what
        Redis holds.
        """
        prefix = self._member_prefix
        mark = whole_key(self._settings, batch.partition)
        keys: list[Argument] = [self._positions_key, mark, *[prefix + member for member in batch.members]]
        return keys, [batch.partition, batch.begin, batch.end, batch.whole_of or b"", *batch.values]

    def _result(self, answer: list[int]) -> Written | Behind:
        position, written, deleted, stale = answer
        return Behind(position) if written < 0 else Written(written, deleted, stale)
