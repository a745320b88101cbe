"""What is a member's score, whatever Redis does? Redis first, else the last good value, else what everybody has."""

import logging
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from streams.access.member_shops import shops_key, shops_of
from streams.config import Settings
from streams.instants import instant_text
from streams.metrics.serving import ServingMetrics
from streams.murmur import partition_of
from streams.projector.redis_scores import member_key, whole_key
from streams.pseudonyms import Pseudonyms
from streams.serving.last_good import Good, LastGood
from streams.serving.policies import Policies
from streams.serving.redis_reading import RedisReading
from streams.serving.scores import MixedUpError, Score, checked_score, tag_of
from streams.serving.shapes import Freshness, Source
from streams.serving.views import default_view, member_view

log = logging.getLogger(__name__)

_encode: Final = msgspec.json.Encoder().encode
_FRESHNESS: Final = b',"freshness":'
#: Part of every ETag: raised when the same score is told in another shape.
_SHAPE: Final = 1


class Answer(NamedTuple):
    """What is known of a member, who is ``member_id`` in Redis; empty for an unknown one.

    ``source`` is ``unknown`` when Redis answered that there is no such member. ``body`` is the encoded
    :class:`streams.serving.views.MemberView`, empty for an unknown one. ``etag`` is None where nothing is known,
    ``score`` too.
    """

    member_id: str
    source: Source | Literal["unknown"]
    body: bytes
    etag: str | None
    score: Score | None
    read_at: int


_UNKNOWN: Final = Answer("", "unknown", b"", None, None, 0)


class MemberLookup:
    """Looks members up."""

    def __init__(
        self,
        settings: Settings,
        reading: RedisReading,
        policies: Policies,
        metrics: ServingMetrics,
        now_ms: Callable[[], int],
    ) -> None:
        self._member_prefix = member_key(settings, b"")
        self._partitions = settings.kafka.partitions
        self._whole_keys = [whole_key(settings, number) for number in range(self._partitions)]
        #: What the mark of a whole partition says when projector and API agree about how members are spread.
        self._whole = b"%d" % self._partitions
        self._settings = settings
        self._pseudonyms = Pseudonyms(settings.pseudonyms)
        self._reading = reading
        self._policies = policies
        self._metrics = metrics
        self._now_ms = now_ms
        self._last_good = LastGood(settings.serve.last_good_members, metrics.last_good)

    async def one(self, member_id: str, shops: frozenset[str] | None = None) -> Answer:
        """The answer for one member, within the deadline; ``shops`` as in :meth:`many`."""
        return (await self.many((member_id,), shops))[0]

    async def many(self, member_ids: Sequence[str], shops: frozenset[str] | None = None) -> list[Answer]:
        """The answers for these members in their order, all read at the same moment, within the deadline.

        Plain ids are looked up by their pseudonyms where members have such. ``shops``: a member who was seen in none
        of them is answered as an unknown one; None is no limit.
        """
        known_by = [self._pseudonyms.of(member_id) for member_id in member_ids]
        keys: list[bytes] = []
        set_keys: list[bytes] = []
        for member_id in known_by:
            name = member_id.encode()
            keys += (self._member_prefix + name, self._whole_keys[partition_of(name, self._partitions)])
            if shops is not None:
                set_keys.append(shops_key(self._settings, name))
        read = await self._reading.read(keys, set_keys)
        if read is None:
            found = [self._without_redis(member_id, shops) for member_id in known_by]
        else:
            now = self._now_ms()
            found = []
            for number, member_id in enumerate(known_by):
                seen_in = shops_of(read.sets[number]) if shops is not None else None
                stored, whole = read.values[2 * number], read.values[2 * number + 1]
                found.append(self._from_redis(member_id, stored, whole == self._whole, now, shops, seen_in))
        for answer in found:
            self._metrics.members[answer.source].inc()
        return found

    def _from_redis(
        self,
        member_id: str,
        stored: bytes | None,
        whole: bool,  # noqa: FBT001 - private, and the caller's own word
        now: int,
        shops: frozenset[str] | None,
        seen_in: frozenset[str] | None,
    ) -> Answer:
        if stored is None:
            # Emptied, or not filled up again yet: nobody knows whether there is such a member.
            return self._unknown(member_id) if whole else self._without_redis(member_id, shops)
        tag = tag_of(stored)
        good = self._last_good.get(member_id)
        if good is None or good.tag != tag:
            try:
                score = checked_score(stored, member_id)
            except MixedUpError as error:
                self._metrics.redis_errors["mixed_up"].inc()
                log.error("%s; it was not used", error)  # noqa: TRY400 - the sentence says it all
                return self._without_redis(member_id, shops)
            if score is None:
                return self._unknown(member_id)
            good = Good(tag, score, _body(score), now, seen_in if good is None or seen_in is not None else good.shops)
        else:
            good.read_at = now
            if seen_in is not None:
                good.shops = seen_in
        self._last_good.keep(member_id, good)
        if shops is not None and shops.isdisjoint(good.shops or ()):
            return _UNKNOWN
        return _answer("redis", good, f'W/"{_SHAPE}-{tag}"')

    def _unknown(self, member_id: str) -> Answer:
        self._last_good.forget(member_id)
        return _UNKNOWN

    def _without_redis(self, member_id: str, shops: frozenset[str] | None) -> Answer:
        good = self._last_good.get(member_id)
        if good is not None and shops is not None:
            if good.shops is None:
                # Nobody knows whether this caller may see it: what everybody has gives nothing away.
                good = None
            elif shops.isdisjoint(good.shops):
                return _UNKNOWN
        if good is not None:
            return _answer("last_good", good, f'W/"{_SHAPE}-{good.tag}-stale"')
        view = default_view(member_id, self._policies.for_strangers)
        return Answer(member_id, "default", _encode(view), None, None, self._now_ms())


def _body(score: Score) -> bytes:
    """The encoded view up to its freshness, which is another one in every answer."""
    encoded = _encode(member_view(score, "redis", 0))
    return encoded[: encoded.rindex(_FRESHNESS)]


def _answer(source: Source, good: Good, etag: str) -> Answer:
    score = good.score
    fresh = Freshness(
        source, source != "redis", instant_text(score.as_of_ms), instant_text(good.read_at), score.epoch, score.offset
    )
    return Answer(
        score.member_id, source, b"%b%b%b}" % (good.body, _FRESHNESS, _encode(fresh)), etag, score, good.read_at
    )
