"""Members looked up in a Redis that is well."""

import re
from pathlib import Path

import pytest
from redis import Redis

from streams.access.caller import Scope
from streams.access.member_shops import shops_key
from streams.config import PseudonymSettings, Settings
from streams.devstack.redis import RedisServer
from streams.projector.redis_scores import member_key
from streams.projector.versions import version_text
from streams.pseudonyms import Pseudonyms
from tests.streams.access.door import bearer, key
from tests.streams.serving.till import a_score, a_till, make_whole, mark_of, put, settings_for, source


async def test_a_member_is_told_with_tier_stage_numbers_distance_reasons_and_freshness(settings: Settings) -> None:
    put(
        settings,
        a_score(segments={"grid": "champion", "quadrants": None, "types": None}, held_until_ms=1_789_862_400_000),
    )
    async with a_till(settings) as till:
        answer = await till.get("/v1/members/00042")
    assert answer.status_code == 200
    told = answer.json()
    assert told["tier"] | {"since": ""} == {
        "name": "B",
        "rank": 2,
        "since": "",
        "base": "B",
        "override": None,
        "held_until": "2026-09-20T00:00:00.000Z",
        "grace_until": None,
        "provisional": False,
    }
    assert told["stage"]["name"] == "active"
    assert told["segments"]["grid"] == "champion"
    assert told["recency"] == {"last_purchase_at": "2026-07-22T04:26:40.123Z", "days": 0}
    assert (told["frequency"], told["monetary"], told["currency"]) == (6, 41_250, "USD")
    assert told["to_next"]["monetary"] == 38_750
    assert "6 more orders or 387.50 USD more to A" in told["explanation"]
    assert told["freshness"] == {
        "source": "redis",
        "stale": False,
        "as_of": "2026-07-22T04:26:40.123Z",
        "read_at": "2026-07-24T04:26:40.000Z",
        "epoch": 1,
        "offset": 77,
    }


async def test_head_is_answered_as_get_without_the_body(settings: Settings) -> None:
    put(settings, a_score())
    make_whole(settings)
    async with a_till(settings) as till:
        whole, head = await till.get("/v1/members/00042"), await till.head("/v1/members/00042")
        same = await till.head("/v1/members/00042", headers={"If-None-Match": whole.headers["etag"]})
        nobody = await till.head("/v1/members/nobody")
    assert (head.status_code, same.status_code, nobody.status_code) == (200, 304, 404)
    assert head.content == same.content == b""
    assert head.headers == whole.headers


async def test_an_id_with_a_slash_is_found_in_a_batch(settings: Settings) -> None:
    put(settings, a_score("a/b"))
    async with a_till(settings) as till:
        answer = await till.post("/v1/lookups", json={"member_ids": ["a/b"]})
    assert answer.json()["members"][0]["status"] == 200


async def test_a_member_that_redis_does_not_have_is_unknown_once_all_scores_are_there(settings: Settings) -> None:
    make_whole(settings)
    async with a_till(settings) as till:
        answer = await till.get("/v1/members/nobody")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:memberpulse:problem:unknown-member"


async def test_an_erased_member_is_unknown_and_their_last_value_is_forgotten(
    settings: Settings, redis_server: RedisServer
) -> None:
    put(settings, a_score())
    make_whole(settings)
    async with a_till(settings) as till:
        assert (await till.get("/v1/members/00042")).status_code == 200
        with Redis.from_url(redis_server.url) as redis:
            redis.set(member_key(settings, b"00042"), version_text(1, 78))
        assert (await till.get("/v1/members/00042")).status_code == 404
        redis_server.kill()
        assert source(await till.get("/v1/members/00042")) == "default"


async def test_an_unchanged_member_costs_no_body(settings: Settings) -> None:
    put(settings, a_score())
    async with a_till(settings) as till:
        first = await till.get("/v1/members/00042")
        tag = first.headers["etag"]
        again = await till.get("/v1/members/00042", headers={"If-None-Match": f'"other", {tag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        put(settings, a_score(offset=78, frequency=7))
        moved = await till.get("/v1/members/00042", headers={"If-None-Match": tag})
        assert moved.status_code == 200
        assert moved.json()["frequency"] == 7
        assert moved.headers["etag"] != tag
        assert re.fullmatch(r'W/"[0-9a-f-]+"', tag)


async def test_a_hundred_members_are_looked_up_at_once_in_their_order(settings: Settings) -> None:
    ids = [f"m{number}" for number in range(99)]
    put(settings, *(a_score(each) for each in ids))
    make_whole(settings)
    async with a_till(settings) as till:
        answer = await till.post("/v1/lookups", json={"member_ids": ["nobody", *ids]})
        assert answer.status_code == 200
        nobody, *others = answer.json()["members"]
        assert nobody == {"member_id": "nobody", "status": 404, "member": None}
        assert [each["member"]["member_id"] for each in others] == ids
        too_many = await till.post("/v1/lookups", json={"member_ids": ["nobody", "one", *ids]})
        assert too_many.status_code == 400


async def test_a_value_of_another_member_is_never_shown(settings: Settings) -> None:
    put(settings, a_score("eve", monetary=999_999), under="ann")
    async with a_till(settings) as till:
        answer = await till.get("/v1/members/ann")
        assert answer.status_code == 200
        assert source(answer) == "default"
        assert "999999" not in answer.text
        failures = till.app.state.registry.get_sample_value(
            "memberpulse_lookup_redis_errors_total", {"reason": "mixed_up"}
        )
    assert failures == 1


async def test_a_merged_member_names_who_has_their_history(settings: Settings) -> None:
    put(settings, a_score(tier=None, tier_rank=None, stage=None, to_next=None, merged_into="00043"))
    async with a_till(settings) as till:
        told = (await till.get("/v1/members/00042")).json()
    assert (told["merged_into"], told["tier"], told["stage"]) == ("00043", None, None)


async def test_a_plain_id_finds_the_member_that_is_kept_under_a_pseudonym(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    hidden = PseudonymSettings.model_validate({"secret": "a secret of more than thirty-two characters"})
    settings = settings_for(redis_server.url, tmp_path, pseudonyms=hidden)
    known_by = Pseudonyms(hidden).of("ann@example.com")
    put(settings, a_score(known_by))
    async with a_till(settings) as till:
        plain = await till.get("/v1/members/ann@example.com")
        assert plain.json()["member_id"] == known_by
        assert "example" not in plain.text
        assert (await till.get(f"/v1/members/{known_by}")).status_code == 200


async def test_a_till_sees_the_members_of_its_own_shops_and_others_as_if_there_were_none(
    settings: Settings, redis_server: RedisServer
) -> None:
    headers = bearer(key(settings, "berlin-1", Scope.LOOKUP, Scope.PREVIEW, shops=["berlin"]))
    put(settings, a_score("ann"), a_score("eve"))
    make_whole(settings)
    with Redis.from_url(redis_server.url) as redis:
        redis.sadd(shops_key(settings, b"ann"), "berlin", "bonn")
        redis.sadd(shops_key(settings, b"eve"), "bonn")
    async with a_till(settings) as till:
        ann = await till.get("/v1/members/ann", headers=headers)
        assert source(ann) == "redis"
        basket = {"net_amount": 1, "currency": "USD"}
        for method, path, body in (("GET", "", None), ("POST", "/preview", basket)):
            eve, nobody = [
                await till.request(method, f"/v1/members/{each}{path}", headers=headers, json=body)
                for each in ("eve", "nobody")
            ]
            assert eve.status_code == 404
            assert eve.content == nobody.content
        redis_server.kill()
        ann, eve, nobody = [await till.get(f"/v1/members/{each}", headers=headers) for each in ("ann", "eve", "nobody")]
        assert (source(ann), eve.status_code, source(nobody)) == ("last_good", 404, "default")


@pytest.mark.parametrize("mark", [None, b"9"])
async def test_without_the_mark_of_this_many_partitions_nobody_is_called_unknown(
    settings: Settings, redis_server: RedisServer, mark: bytes | None
) -> None:
    make_whole(settings)
    with Redis.from_url(redis_server.url) as redis:
        if mark is None:
            redis.delete(mark_of(settings, "nobody"))
        else:
            redis.set(mark_of(settings, "nobody"), mark)
    async with a_till(settings) as till:
        answer = await till.get("/v1/members/nobody")
    assert answer.status_code == 200
    assert source(answer) == "default"
