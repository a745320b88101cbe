"""Compare-and-set in a real Redis."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from redis import Redis

from streams.config import Settings
from streams.devstack.redis import RedisServer
from streams.projector.redis_scores import RedisScores, whole_key
from streams.projector.scores import fetch
from streams.projector.stores import Batch, Behind, Written
from streams.projector.versions import DELETE_ALWAYS, stored_form, version_text


def score(member: str, epoch: int, offset: int) -> bytes:
    return stored_form(b'{"member_id":"%b","epoch":%d,"offset":%d}' % (member.encode(), epoch, offset), ())


def with_scores(settings: Settings, work: Callable[[RedisScores], Awaitable[None]]) -> None:
    async def run() -> None:
        scores = RedisScores(settings)
        try:
            await work(scores)
        finally:
            await scores.aclose()

    asyncio.run(run())


async def write(
    scores: RedisScores,
    partition: int,
    begin: int,
    end: int,
    members: list[bytes],
    values: list[bytes],
    whole_of: int = 0,
) -> Written | Behind:
    (result,) = await scores.write([Batch(partition, begin, end, members, values, whole_of)])
    return result


def stored_version(settings: Settings, member: str) -> tuple[int, int] | None:
    found = fetch(settings, member)
    return None if found is None else (found["epoch"], found["offset"])


def test_two_writers_in_any_order_leave_every_member_at_the_newest_version(redis_settings: Settings) -> None:
    chance = random.Random(7)
    members = [f"m{number}" for number in range(20)]
    versions = [(epoch, offset) for epoch in (1, 2) for offset in range(25)]
    shares = [[(member, *version) for member in members for version in versions] for _ in range(2)]
    for share in shares:
        chance.shuffle(share)

    async def write_all(scores: RedisScores, share: list[tuple[str, int, int]]) -> None:
        for first in range(0, len(share), 10):
            batch = share[first : first + 10]
            await write(scores, 0, 0, 1, [each[0].encode() for each in batch], [score(*each) for each in batch])

    async def work(scores: RedisScores) -> None:
        await asyncio.gather(*(write_all(scores, share) for share in shares))

    with_scores(redis_settings, work)
    assert {member: stored_version(redis_settings, member) for member in members} == dict.fromkeys(members, (2, 24))


def test_an_older_score_is_counted_as_stale_and_changes_nothing(redis_settings: Settings) -> None:
    async def work(scores: RedisScores) -> None:
        assert await write(scores, 0, 0, 1, [b"ann"], [score("ann", 2, 5)]) == Written(1, 0, 0)
        assert await write(scores, 0, 1, 2, [b"ann"], [score("ann", 1, 900)]) == Written(0, 0, 1)
        assert await write(scores, 0, 2, 3, [b"ann"], [score("ann", 2, 5)]) == Written(1, 0, 0)

    with_scores(redis_settings, work)
    assert stored_version(redis_settings, "ann") == (2, 5)


def test_a_deleted_member_stays_deleted_when_an_older_score_comes_late(redis_settings: Settings) -> None:
    async def work(scores: RedisScores) -> None:
        await write(scores, 0, 0, 1, [b"ann"], [score("ann", 1, 5)])
        assert await write(scores, 0, 1, 2, [b"ann"], [version_text(1, 6)]) == Written(0, 1, 0)
        assert await write(scores, 0, 2, 3, [b"ann"], [score("ann", 1, 5)]) == Written(0, 0, 1)

    with_scores(redis_settings, work)
    assert fetch(redis_settings, "ann") is None


def test_a_member_who_comes_back_after_a_deletion_is_known_again(redis_settings: Settings) -> None:
    async def work(scores: RedisScores) -> None:
        await write(scores, 0, 0, 1, [b"ann"], [version_text(1, 6)])
        await write(scores, 0, 1, 2, [b"ann"], [score("ann", 1, 7)])

    with_scores(redis_settings, work)
    assert stored_version(redis_settings, "ann") == (1, 7)


def test_an_older_deletion_does_not_remove_a_newer_score(redis_settings: Settings) -> None:
    async def work(scores: RedisScores) -> None:
        await write(scores, 0, 0, 1, [b"ann"], [score("ann", 1, 7)])
        assert await write(scores, 0, 1, 2, [b"ann"], [version_text(1, 6)]) == Written(0, 0, 1)

    with_scores(redis_settings, work)
    assert stored_version(redis_settings, "ann") == (1, 7)


def test_a_deletion_by_hand_removes_whatever_is_there(redis_settings: Settings) -> None:
    async def work(scores: RedisScores) -> None:
        await write(scores, 0, 0, 1, [b"ann"], [score("ann", 1, 7)])
        assert await write(scores, 0, 1, 2, [b"ann"], [DELETE_ALWAYS]) == Written(0, 1, 0)

    with_scores(redis_settings, work)
    assert fetch(redis_settings, "ann") is None


def test_positions_rise_with_batches_and_never_fall(redis_settings: Settings) -> None:
    async def work(scores: RedisScores) -> None:
        assert await scores.positions([0, 1]) == {0: 0, 1: 0}
        await write(scores, 0, 0, 100, [], [])
        await write(scores, 0, 20, 40, [], [])
        assert await scores.positions([0, 1]) == {0: 100, 1: 0}

    with_scores(redis_settings, work)


def test_batches_of_one_fetch_are_written_in_their_order_and_behind_a_hole_nothing_is(
    redis_settings: Settings,
) -> None:
    async def work(scores: RedisScores) -> None:
        together = [
            Batch(0, 0, 2, [b"ann"], [score("ann", 1, 1)]),
            Batch(1, 0, 1, [b"bob"], [score("bob", 1, 0)]),
            Batch(0, 2, 3, [b"ann"], [score("ann", 1, 2)]),
            Batch(1, 2, 3, [b"cid"], [score("cid", 1, 2)]),
        ]
        assert await scores.write(together) == [Written(1, 0, 0)] * 3 + [Behind(1)]
        assert await scores.positions([0, 1]) == {0: 3, 1: 1}

    with_scores(redis_settings, work)
    assert stored_version(redis_settings, "ann") == (1, 2)
    assert fetch(redis_settings, "cid") is None


def test_a_batch_that_builds_on_more_than_redis_holds_is_not_written(redis_settings: Settings) -> None:
    async def work(scores: RedisScores) -> None:
        await write(scores, 0, 0, 100, [], [])
        assert await write(scores, 0, 101, 102, [b"ann"], [score("ann", 1, 1)]) == Behind(100)
        assert await write(scores, 1, 5, 6, [b"ann"], [score("ann", 1, 1)]) == Behind(0)

    with_scores(redis_settings, work)
    assert fetch(redis_settings, "ann") is None


def test_a_partition_has_its_mark_as_long_as_it_is_whole(redis_settings: Settings, redis_server: RedisServer) -> None:
    def mark() -> object:
        with Redis.from_url(redis_server.url) as redis:
            return redis.get(whole_key(redis_settings, 3))

    async def work(scores: RedisScores) -> None:
        await write(scores, 3, 0, 5, [b"ann"], [score("ann", 1, 1)])
        assert mark() is None
        await write(scores, 3, 5, 9, [b"ann"], [score("ann", 1, 2)], whole_of=4)
        assert mark() == b"4"
        assert await write(scores, 3, 20, 21, [], [], whole_of=4) == Behind(9)
        await write(scores, 3, 2, 4, [], [])
        assert mark() is None
        await write(scores, 3, 9, 9, [], [], whole_of=4)
        assert mark() == b"4"

    with_scores(redis_settings, work)


def test_a_batch_that_redis_does_not_take_marks_nothing(redis_settings: Settings, redis_server: RedisServer) -> None:
    async def work(scores: RedisScores) -> None:
        assert await write(scores, 0, 5, 6, [], [], whole_of=4) == Behind(0)

    with_scores(redis_settings, work)
    with Redis.from_url(redis_server.url) as redis:
        assert redis.get(whole_key(redis_settings, 0)) is None


def test_a_restarted_redis_takes_scores_although_it_forgot_the_script(
    redis_settings: Settings, redis_server: RedisServer
) -> None:
    async def work(scores: RedisScores) -> None:
        await write(scores, 0, 0, 1, [b"ann"], [score("ann", 1, 1)])
        redis_server.kill()
        redis_server.start()
        await scores.aclose()
        assert await write(scores, 0, 0, 1, [b"ann"], [score("ann", 1, 1)]) == Written(1, 0, 0)

    with_scores(redis_settings, work)
