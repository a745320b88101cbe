"""What was last known of members, for when Redis is away: bounded, the longest unused is forgotten first."""

from collections import OrderedDict

import msgspec
from prometheus_client import Gauge

from streams.serving.scores import Score


class Good(msgspec.Struct, gc=False):
    """A value that Redis gave.

    ``tag`` recognises the stored bytes (:func:`streams.serving.scores.tag_of`). ``body`` is the encoded view up to
    ``freshness``; ``read_at`` is when Redis last gave it (epoch ms). ``shops`` are those that the member was seen in,
    as far as a caller limited to shops has asked; None when none has.
    """

    tag: str
    score: Score
    body: bytes
    read_at: int
    shops: frozenset[str] | None = None


class LastGood:
    """The last good value of so many members."""

    def __init__(self, most: int, size: Gauge) -> None:
        self._most = most
        self._size = size
        self._known: OrderedDict[str, Good] = OrderedDict()

    def get(self, member_id: str) -> Good | None:
        """What was known last, if it is still kept."""
        good = self._known.get(member_id)
        if good is not None:
            self._known.move_to_end(member_id)
        return good

    def keep(self, member_id: str, good: Good) -> None:
        """Keep a value instead of the one before; whoever was not asked for longest makes room."""
        if self._most == 0:
            return
        known = self._known
        if member_id not in known:
            self._size.set(len(known) + 1)
        known[member_id] = good
        known.move_to_end(member_id)
        if len(known) > self._most:
            known.popitem(last=False)
            self._size.set(len(known))

    def forget(self, member_id: str) -> None:
        """Drop a member whom Redis does not know any more."""
        if self._known.pop(member_id, None) is not None:
            self._size.set(len(self._known))
