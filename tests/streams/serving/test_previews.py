"""Baskets previewed over HTTP."""

from typing import Any

import orjson
import pytest

from streams import policy_file
from streams.config import Settings
from streams.devstack.redis import RedisServer
from tests.streams.serving.till import NOW, a_score, a_till, make_whole, put

POLICY = policy_file.load("absolute")
BASKET = {"net_amount": 38_750, "currency": "USD"}


async def preview(settings: Settings, member_id: str = "00042", basket: dict[str, Any] | None = None) -> Any:
    async with a_till(settings, POLICY) as till:
        return await till.post(f"/v1/members/{member_id}/preview", json=BASKET if basket is None else basket)


async def test_a_basket_that_is_enough_shows_the_tier_above_and_what_stands_before_it(settings: Settings) -> None:
    put(settings, a_score())
    told = (await preview(settings)).json()
    assert told["exact"] is True
    assert told["doubts"] == []
    assert told["rises"] is True
    assert (told["before"]["tier"]["name"], told["after"]["tier"]["name"]) == ("B", "A")
    assert (told["after"]["frequency"], told["after"]["monetary"]) == (7, 80_000)
    assert told["after"]["to_next"] is None
    assert told["at"] == "2026-07-24T04:26:40.000Z"
    assert told["freshness"]["source"] == "redis"


async def test_benefits_of_both_tiers_are_told(settings: Settings) -> None:
    put(settings, a_score())
    content = POLICY.content()
    content["tiers"]["levels"][-1]["benefits"] = ["free shipping", "10 % on Tuesdays"]
    async with a_till(settings, policy_file.from_canonical(orjson.dumps(content))) as till:
        told = (await till.post("/v1/members/00042/preview", json=BASKET)).json()
    assert (told["before"]["benefits"], told["after"]["benefits"]) == ([], ["free shipping", "10 % on Tuesdays"])


async def test_a_cent_less_is_a_cent_short(settings: Settings) -> None:
    put(settings, a_score())
    told = (await preview(settings, basket={"net_amount": 38_749, "currency": "USD"})).json()
    assert told["rises"] is False
    assert told["after"]["to_next"]["monetary"] == 1


async def test_nothing_is_written(settings: Settings) -> None:
    put(settings, a_score())
    async with a_till(settings, POLICY) as till:
        before = (await till.get("/v1/members/00042")).content
        for _ in range(3):
            await till.post("/v1/members/00042/preview", json=BASKET)
        assert (await till.get("/v1/members/00042")).content == before


async def test_with_redis_away_the_last_good_value_is_built_on_and_doubted(
    settings: Settings, redis_server: RedisServer
) -> None:
    put(settings, a_score())
    async with a_till(settings, POLICY) as till:
        await till.get("/v1/members/00042")
        redis_server.kill()
        known = (await till.post("/v1/members/00042/preview", json=BASKET)).json()
        stranger = (await till.post("/v1/members/00043/preview", json=BASKET)).json()
    assert (known["exact"], known["after"]["tier"]["name"], known["freshness"]["source"]) == (False, "A", "last_good")
    assert (stranger["exact"], stranger["before"], stranger["after"]["frequency"]) == (False, None, 1)


@pytest.mark.parametrize(
    ("basket", "told"),
    [
        ({"net_amount": 1, "currency": "EUR"}, "the policy scores USD only"),
        ({"net_amount": 1, "currency": "USD", "occurred_at": "2027-01-01T00:00:00Z"}, "after the record was logged"),
    ],
)
async def test_a_basket_that_the_scorer_would_refuse_is_refused(
    settings: Settings, basket: dict[str, Any], told: str
) -> None:
    put(settings, a_score())
    answer = await preview(settings, basket=basket)
    assert answer.status_code == 422
    assert told in answer.json()["detail"]


async def test_a_merged_member_s_basket_belongs_to_the_other(settings: Settings) -> None:
    put(settings, a_score(tier=None, tier_rank=None, stage=None, to_next=None, merged_into="00043"))
    answer = await preview(settings)
    assert answer.status_code == 409
    assert answer.json()["merged_into"] == "00043"


async def test_an_unknown_member_has_no_preview(settings: Settings) -> None:
    make_whole(settings)
    assert (await preview(settings, "nobody")).status_code == 404


@pytest.mark.parametrize("score", [{"policy_version": 2}, {"tier": "Platinum"}])
async def test_a_score_of_another_policy_is_not_judged_by_this_one(settings: Settings, score: dict[str, Any]) -> None:
    put(settings, a_score(**score))
    answer = await preview(settings)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"


async def test_after_its_next_timer_a_score_is_doubted(settings: Settings) -> None:
    put(settings, a_score(next_due_ms=NOW))
    told = (await preview(settings)).json()
    assert told["exact"] is False
    assert "time alone" in told["doubts"][0]
