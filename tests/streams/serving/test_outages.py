"""Whatever Redis does, every look-up is answered within the deadline, by what is known, and Redis is used again."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
from litestar import Litestar
from redis import Redis

from streams.config import ServeSettings, Settings
from streams.devstack.redis import RedisServer
from tests.streams.serving.served import served
from tests.streams.serving.till import a_score, app_of, make_whole, put, settings_for, source

KNOWN = [f"m{number}" for number in range(20)]
#: The deadline is 0.5 s; the rest is for the client, on a machine that has other things to do.
PATIENCE_SECONDS = 2


@asynccontextmanager
async def a_till(settings: Settings, app: Litestar | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a real server: Litestar's own asks for one thing after the other, and tills do not."""
    with served(app or app_of(settings), settings) as address:
        async with httpx.AsyncClient(base_url=address, timeout=10) as client:
            yield client


async def looked_up(till: httpx.AsyncClient, *member_ids: str) -> Counter[str]:
    """Where the values of these members came from, asked for all at once; everybody is answered in time and by name."""

    async def one(member_id: str) -> str:
        began = time.perf_counter()
        answer = await till.get(f"/v1/members/{member_id}")
        assert time.perf_counter() - began < PATIENCE_SECONDS
        assert answer.status_code == 200
        assert answer.json()["member_id"] == member_id
        assert answer.json()["freshness"]["stale"] == (source(answer) != "redis")
        return source(answer)

    return Counter(await asyncio.gather(*(one(each) for each in member_ids)))


async def until_redis_is_used(till: httpx.AsyncClient, member_id: str = "m0") -> None:
    async with asyncio.timeout(10):
        while await looked_up(till, member_id) != Counter(redis=1):
            await asyncio.sleep(0.05)


@asynccontextmanager
async def a_warm_till(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A till that has seen half of the members before."""
    put(settings, *(a_score(each) for each in KNOWN))
    make_whole(settings)
    async with a_till(settings) as till:
        assert await looked_up(till, *KNOWN[:10]) == Counter(redis=10)
        yield till


async def test_with_redis_stopped_what_was_known_is_told_as_stale_and_what_was_not_by_default(
    settings: Settings, redis_server: RedisServer
) -> None:
    async with a_warm_till(settings) as till:
        redis_server.kill()
        assert await looked_up(till, *KNOWN) == Counter(last_good=10, default=10)
        redis_server.start()
        put(settings, *(a_score(each, frequency=7) for each in KNOWN))
        await until_redis_is_used(till)
        assert await looked_up(till, *KNOWN) == Counter(redis=20)
        assert (await till.get("/v1/members/m0")).json()["frequency"] == 7


async def test_while_redis_sleeps_nobody_waits_for_it(settings: Settings, redis_server: RedisServer) -> None:
    async with a_warm_till(settings) as till:
        with Redis.from_url(redis_server.url) as redis:
            sleeping = asyncio.create_task(asyncio.to_thread(redis.execute_command, "DEBUG", "SLEEP", "2"))
            while await looked_up(till, "m0") == Counter(redis=1):
                await asyncio.sleep(0.01)
            rounds = []
            while not sleeping.done():
                rounds.append(await looked_up(till, *KNOWN))
                await asyncio.sleep(0.05)
        assert len(rounds) > 1
        # It may have awoken during the last one.
        assert all(each == Counter(last_good=10, default=10) for each in rounds[:-1])
        await until_redis_is_used(till)


async def test_a_redis_that_was_emptied_makes_nobody_unknown(settings: Settings, redis_server: RedisServer) -> None:
    async with a_warm_till(settings) as till:
        redis_server.kill()
        redis_server.start()
        put(settings, a_score("first to be back"))
        await until_redis_is_used(till, "first to be back")
        assert await looked_up(till, *KNOWN) == Counter(last_good=10, default=10)
        assert source(await till.get("/v1/members/nobody")) == "default"
        put(settings, *(a_score(each) for each in KNOWN))
        make_whole(settings)
        await until_redis_is_used(till)
        assert (await till.get("/v1/members/nobody")).status_code == 404


@asynccontextmanager
async def a_port_that_swallows_everything() -> AsyncIterator[str]:
    """It accepts connections, reads whatever comes, and never answers."""

    held: list[asyncio.StreamWriter] = []

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        with suppress(ConnectionError):
            while await reader.read(4096):
                pass

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    for writer in held:
        writer.close()


async def test_a_port_that_accepts_and_never_answers_holds_nobody_up(tmp_path: Path) -> None:
    async with a_port_that_swallows_everything() as url, a_till(settings_for(url, tmp_path)) as till:
        for _ in range(5):
            assert await looked_up(till, *KNOWN) == Counter(default=20)
            await asyncio.sleep(0.06)


async def test_whoever_waits_for_a_connection_keeps_to_the_deadline_too(tmp_path: Path) -> None:
    patient = ServeSettings(deadline_seconds=2, redis_connections=1)
    async with (
        a_port_that_swallows_everything() as url,
        a_till(settings_for(url, tmp_path, serve=patient)) as till,
        asyncio.TaskGroup() as both,
    ):
        both.create_task(looked_up(till, "m0"))
        await asyncio.sleep(0.1)
        # The only connection is busy until the first is given up, after 1.2 s.
        both.create_task(looked_up(till, "m1"))


async def test_answers_that_come_too_late_reach_nobody_else(
    settings: Settings, redis_server: RedisServer, tmp_path: Path
) -> None:
    """Redis stands still again and again while many ask for different members: each value names its member."""
    put(settings, *(a_score(each) for each in KNOWN))
    make_whole(settings)
    impatient = settings_for(redis_server.url, tmp_path, serve=ServeSettings(deadline_seconds=0.03))
    app = app_of(impatient)
    async with a_till(impatient, app) as till:
        seen: Counter[str] = Counter()
        for _ in range(8):
            redis_server.pause()
            seen += await looked_up(till, *KNOWN)
            redis_server.resume()
            # Now the answers come that nobody waits for any more.
            await looked_up(till, *KNOWN)
            await until_redis_is_used(till)
        mixed_up = app.state.registry.get_sample_value("memberpulse_lookup_redis_errors_total", {"reason": "mixed_up"})
    assert mixed_up == 0
    assert seen["redis"] == 0


@pytest.mark.parametrize("most", [0, 5])
async def test_no_more_members_are_remembered_than_the_setting_says(
    redis_server: RedisServer, tmp_path: Path, most: int
) -> None:
    settings = settings_for(redis_server.url, tmp_path, serve=ServeSettings(last_good_members=most))
    put(settings, *(a_score(each) for each in KNOWN))
    async with a_till(settings) as till:
        for each in KNOWN:
            await till.get(f"/v1/members/{each}")
        redis_server.kill()
        assert await looked_up(till, *reversed(KNOWN)) == Counter(
            {"last_good": most, "default": 20 - most} if most else {"default": 20}
        )
