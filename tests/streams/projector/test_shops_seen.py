"""Which shops a member was seen in, as Redis holds it for callers that are limited to shops."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from redis import Redis

from streams.access.member_shops import shops_key, shops_of
from streams.config import Settings
from streams.engine.batches import Record
from streams.metrics.projector import ProjectorMetrics
from streams.projector.shops_seen import ShopsSeen, sightings
from streams.projector.stores import Batch, Behind
from streams.topics import PARTITION_KEY


def _record(member: str, kind: str, **fields: Any) -> Record:
    value = json.dumps({"type": kind, "member_id": member, **fields}).encode()
    return Record(0, 0, member.encode(), value)


def _seen(member: str, shop: str) -> Record:
    return _record(member, "order.paid", shop_id=shop)


class Projected:
    """The sets in Redis, after batches of records."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.store = ShopsSeen(settings)
        self._position = 0
        self._unusable = ProjectorMetrics(CollectorRegistry()).scores["unusable"]

    async def take(self, *records: Record, begin: int | None = None) -> object:
        members, changes = sightings(records, self._unusable)
        first = self._position if begin is None else begin
        self._position = first + len(records)
        (result,) = await self.store.write([Batch(0, first, self._position, members, changes)])
        return result

    def shops(self, member: str) -> frozenset[str]:
        with Redis.from_url(self._settings.redis.url.get_secret_value()) as redis:
            stored = redis.smembers(shops_key(self._settings, member.encode()))
        assert isinstance(stored, set)
        return shops_of(stored)


@pytest.fixture
async def projected(redis_settings: Settings) -> AsyncIterator[Projected]:
    projected = Projected(redis_settings)
    yield projected
    await projected.store.aclose()


async def test_a_member_is_of_every_shop_that_saw_them(projected: Projected) -> None:
    await projected.take(_seen("00042", "s-1"), _seen("00042", "s-2"), _seen("00043", "s-3"), _seen("00042", "s-1"))
    assert projected.shops("00042") == {"s-1", "s-2"}
    assert projected.shops("00043") == {"s-3"}


async def test_events_without_a_shop_and_records_that_are_none_say_nothing(projected: Projected) -> None:
    await projected.take(
        _record("00042", "member.joined"),
        _record("00042", "order.paid", shop_id=""),
        Record(0, 0, b"00042", b"no event"),
        Record(0, 0, b"00042", None),
        Record(0, 0, PARTITION_KEY, b'{"type":"tick"}'),
        Record(0, 0, None, b"{}"),
    )
    assert projected.shops("00042") == frozenset()


async def test_whoever_takes_over_a_member_is_of_their_shops_too(projected: Projected) -> None:
    await projected.take(_seen("00041", "s-1"), _seen("00042", "s-2"), _record("00041", "member.merged", into="00042"))
    assert projected.shops("00042") == {"s-1", "s-2"}


async def test_an_erased_member_is_of_no_shop_and_never_again(projected: Projected) -> None:
    await projected.take(_seen("00042", "s-1"), _record("00042", "member.erased"), _seen("00042", "s-1"))
    await projected.take(_seen("00041", "s-2"), _record("00041", "member.merged", into="00042"))
    assert projected.shops("00042") == frozenset()


async def test_a_batch_that_comes_again_changes_nothing(projected: Projected) -> None:
    batch = [_seen("00042", "s-1"), _record("00042", "member.merged", into="00043")]
    await projected.take(*batch)
    await projected.take(*batch, begin=0)
    assert projected.shops("00042") == projected.shops("00043") == {"s-1"}
    assert await projected.store.positions([0, 1]) == {0: 2, 1: 0}


async def test_an_emptied_redis_is_told_where_to_begin_again(projected: Projected, redis_settings: Settings) -> None:
    await projected.take(_seen("00042", "s-1"))
    with Redis.from_url(redis_settings.redis.url.get_secret_value()) as redis:
        redis.flushall()
    assert await projected.take(_seen("00042", "s-2")) == Behind(0)
    assert projected.shops("00042") == frozenset()
