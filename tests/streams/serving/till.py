"""A till: an HTTP client of the application, with a Redis that holds what a test says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar
from litestar.testing import AsyncTestClient
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from redis import Redis

from streams.config import AccessSettings, KafkaSettings, PseudonymSettings, RedisSettings, ServeSettings, Settings
from streams.murmur import partition_of
from streams.policy_file import PolicyDocument
from streams.projector.redis_scores import member_key, whole_key
from streams.projector.versions import stored_form
from streams.serving import app as app_module
from streams.serving import members
from streams.serving.app import create_app
from streams.serving.policies import in_force

PARTITIONS = 4
#: Two days after the score of :func:`a_score`.
NOW = 1_784_867_200_000


def settings_for(
    redis_url: str,
    folder: Path,
    *,
    serve: ServeSettings | None = None,
    access: AccessSettings | None = None,
    pseudonyms: PseudonymSettings | None = None,
) -> Settings:
    """Settings that reach this Redis and no Kafka; with ten times the usual deadline, for machines with much to do."""
    return Settings(
        redis=RedisSettings(url=SecretStr(redis_url)),
        kafka=KafkaSettings(bootstrap="127.0.0.1:1", partitions=PARTITIONS),
        serve=serve or ServeSettings(deadline_seconds=0.5),
        access=access or AccessSettings(),
        pseudonyms=pseudonyms or PseudonymSettings(),
        data_dir=folder,
    )


def app_of(settings: Settings) -> Litestar:
    """The application, of whose lifespans only that of look-ups and previews is there."""
    before, app_module.LIFESPANS = app_module.LIFESPANS, (members.lifespan,)  # type: ignore[misc]
    try:
        return create_app(settings, registry=CollectorRegistry(), now_ms=lambda: NOW)
    finally:
        app_module.LIFESPANS = before  # type: ignore[misc]


def under(app: Litestar, policy: PolicyDocument) -> None:
    """Let the log have told this policy."""
    app.state.policies._known = {policy.version: in_force(policy, policy.version, None, 1)}


@asynccontextmanager
async def a_till(settings: Settings, policy: PolicyDocument | None = None) -> AsyncIterator[AsyncTestClient[Litestar]]:
    """A client of the running application; ``policy`` is what the log told, nothing unless given."""
    app = app_of(settings)
    async with AsyncTestClient(app, base_url="http://127.0.0.1") as client:
        if policy is not None:
            under(app, policy)
        yield client


def a_score(member_id: str = "00042", **changes: Any) -> dict[str, Any]:
    """The score of docs/outcomes.md."""
    return {
        "member_id": member_id,
        "epoch": 1,
        "offset": 77,
        "sequence": 3,
        "tier": "B",
        "tier_rank": 2,
        "tier_since_ms": 1_784_694_400_123,
        "stage": "active",
        "stage_since_ms": 1_784_694_400_123,
        "last_purchase_ms": 1_784_694_400_123,
        "frequency": 6,
        "monetary": 41_250,
        "currency": "USD",
        "as_of_ms": 1_784_694_400_123,
        "joined_ms": 1_768_000_000_000,
        "next_due_ms": 1_789_862_400_000,
        "to_next": {"tier": "A", "frequency": 6, "monetary": 38_750, "match": "any"},
        "policy_version": 1,
        **changes,
    }


def put(settings: Settings, *scores: dict[str, Any], under: str | None = None) -> None:
    """Write scores as the projector does; ``under`` another member's key, as it never does."""
    with Redis.from_url(settings.redis.url.get_secret_value()) as redis:
        for score in scores:
            key = member_key(settings, (under or score["member_id"]).encode())
            redis.set(key, stored_form(msgspec.json.encode(score), ()))


def make_whole(settings: Settings) -> None:
    """Say that every score is there, as the projector does once it has caught up."""
    with Redis.from_url(settings.redis.url.get_secret_value()) as redis:
        for number in range(PARTITIONS):
            redis.set(whole_key(settings, number), PARTITIONS)


def mark_of(settings: Settings, member_id: str) -> bytes:
    """The key of the mark that the member's partition is whole."""
    return whole_key(settings, partition_of(member_id.encode(), PARTITIONS))


def source(answer: Any) -> str:
    """Where a looked-up member came from."""
    found: str = answer.json()["freshness"]["source"]
    return found
