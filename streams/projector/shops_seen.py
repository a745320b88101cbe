"""Which shops each member was seen in, from the events themselves, for callers that are limited to shops."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from prometheus_client import Counter

from streams.access.member_shops import shops_key
from streams.config import Settings
from streams.projector.stores import Argument, Batch, Behind, Store, Written
from streams.topics import PARTITION_KEY

_SEEN: Final = b"+"
_MERGED: Final = b">"
_ERASED: Final = b"-"

# KEYS: the positions, then the set of one member per change.
# ARGV: the partition, its position before and after the batch, the sets' prefix, then one change per member: + and the
# shop, > and the member it was merged into, - for erased.
_SCRIPT: Final = """
local position = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
if position < tonumber(ARGV[2]) then
  return {position, -1}
end
for i = 2, #KEYS do
  local change = ARGV[i + 3]
  local kind, name = string.sub(change, 1, 1), string.sub(change, 2)
  if kind == '-' then
    redis.call('DEL', KEYS[i])
    redis.call('SADD', KEYS[i], '')
  elseif redis.call('SISMEMBER', KEYS[i], '') == 0 then
    if kind == '+' then
      redis.call('SADD', KEYS[i], name)
    else
      local target = ARGV[4] .. name
      if redis.call('SISMEMBER', target, '') == 0 then
        redis.call('SUNIONSTORE', target, target, KEYS[i])
      end
    end
  end
end
if tonumber(ARGV[3]) > position then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
return {position, #KEYS - 1}
"""


class _Sighting(msgspec.Struct):
    type: str
    shop_id: str = ""
    into: str = ""


_decode: Final = msgspec.json.Decoder(_Sighting).decode


def sightings(records: Iterable[Any], _unusable: Counter) -> tuple[list[bytes], list[bytes]]:
    """Members and what is learned of their shops, in the order of the log. What is no event is the scorer's to tell."""
    members, changes = [], []
    for record in records:
        if record.key is None or record.key == PARTITION_KEY or record.value is None:
            continue
        try:
            event = _decode(record.value)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            continue
        change = _change(event)
        if change is not None:
            members.append(record.key)
            changes.append(change)
    return members, changes


def _change(event: _Sighting) -> bytes | None:
    if event.type == "member.erased":
        return _ERASED
    if event.type == "member.merged":
        # Before this record lies all that the partition knows of the member; what follows comes under the other's key.
        return _MERGED + event.into.encode()
    return _SEEN + event.shop_id.encode() if event.shop_id else None


class ShopsSeen(Store):
    """The sets."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, "shops-projection", _SCRIPT)
        self._prefix = shops_key(settings, b"")

    def _asked(self, batch: Batch) -> tuple[list[Argument], list[Argument]]:
        """Its values are changes (:func:`sightings`), taken in order. Who is missing here is not seen, which is the
        safe side: nothing is said of what is whole.
        """
        keys: list[Argument] = [self._positions_key, *[self._prefix + member for member in batch.members]]
        return keys, [batch.partition, batch.begin, batch.end, self._prefix, *batch.values]

    def _result(self, answer: list[int]) -> Written | Behind:
        position, written = answer
        return Behind(position) if written < 0 else Written(written, 0, 0)
