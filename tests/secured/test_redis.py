"""A Redis that demands TLS, a certificate and a user: every client of ours gets in, and may do no more than needed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis.exceptions
from prometheus_client import CollectorRegistry
from pydantic import SecretStr, ValidationError
from redis import Redis

from streams.access.member_shops import shops_key
from streams.commands.failures import explained
from streams.config import RedisSettings, ServeSettings, Settings
from streams.exits import ExitCode
from streams.metrics.projector import ProjectorMetrics
from streams.metrics.serving import ServingMetrics
from streams.projector.redis_scores import RedisScores, member_key
from streams.projector.scores import fetch
from streams.projector.shops_seen import ShopsSeen
from streams.projector.stores import Batch, Written
from streams.projector.versions import stored_form
from streams.redis_clients import redis_arguments
from streams.serving.redis_reading import RedisReading
from tests.secured.authority import Authority
from tests.secured.conftest import REDIS_PASSWORD, SecuredRedis
from tests.secured.tls_door import TlsDoor

SCORE = b'{"member_id":"00042","epoch":1,"offset":7,"tier":"B"}'

SettingsOf = Callable[..., Settings]


@pytest.fixture
def settings_of(secured_redis: SecuredRedis, authority: Authority) -> SettingsOf:
    """Settings that get in, with what a test wants otherwise."""

    def make(user: str, **changed: Any) -> Settings:
        known: dict[str, Any] = {
            "url": SecretStr(f"rediss://127.0.0.1:{secured_redis.door.port}/0"),
            "username": user,
            "password": SecretStr(REDIS_PASSWORD),
            "ssl_cafile": authority.file,
            "ssl_certfile": authority.client("worker"),
        }
        # The usual deadline is for a Redis next door and a machine that is not busy with tests.
        return Settings(redis=RedisSettings(**(known | changed)), serve=ServeSettings(deadline_seconds=5))

    return make


async def test_scores_are_written_and_read_through_tls_with_the_rights_of_the_documentation(
    settings_of: SettingsOf,
) -> None:
    projector = RedisScores(settings_of("projector"))
    shops = ShopsSeen(settings_of("projector"))
    reading = RedisReading(settings_of("lookup"), ServingMetrics(CollectorRegistry()))
    try:
        scores = Batch(0, 0, 8, [b"00042"], [stored_form(SCORE, ())], whole_of=1)
        assert await projector.write([scores]) == [Written(1, 0, 0)]
        assert await projector.positions([0]) == {0: 8}
        seen = Batch(0, 0, 3, [b"00042", b"00041", b"00043"], [b"+s-1", b">00042", b"-"])
        assert await shops.write([seen]) == [Written(3, 0, 0)]
        lookup = settings_of("lookup")
        await reading.warm_up()
        assert await reading.read([member_key(lookup, b"00042")], [shops_key(lookup, b"00042")]) is not None
    finally:
        await projector.aclose()
        await shops.aclose()
        await reading.aclose()
    found = fetch(settings_of("lookup"), "00042")
    assert found is not None
    assert found["tier"] == "B"


@pytest.mark.parametrize(
    ("user", "command"),
    [
        ("lookup", ["SET", "memberpulse:member:00042", "x"]),
        ("lookup", ["DEL", "memberpulse:member:00042"]),
        ("lookup", ["GET", "another:key"]),
        ("lookup", ["KEYS", "*"]),
        ("lookup", ["SCAN", "0"]),
        ("lookup", ["EVAL", "return 1", "0"]),
        ("lookup", ["CONFIG", "GET", "*"]),
        ("projector", ["FLUSHALL"]),
        ("projector", ["KEYS", "*"]),
        ("projector", ["SET", "another:key", "x"]),
        ("projector", ["ACL", "LIST"]),
    ],
)
def test_nobody_may_do_more_than_they_need(settings_of: SettingsOf, user: str, command: list[str]) -> None:
    with Redis.from_url(**redis_arguments(settings_of(user))) as client:
        assert client.ping()
        with pytest.raises(redis.exceptions.NoPermissionError) as refused:
            client.execute_command(*command)
    known = explained(refused.value)
    assert known is not None
    assert known.code is ExitCode.NO_PERMISSION


def _without_tls(redis: SecuredRedis, authority: Authority) -> dict[str, Any]:
    return {"url": SecretStr(f"redis://127.0.0.1:{redis.door.port}/0"), "ssl_cafile": None, "ssl_certfile": None}


def _without_certificate(redis: SecuredRedis, authority: Authority) -> dict[str, Any]:
    return {"ssl_certfile": None}


def _trusting_others(redis: SecuredRedis, authority: Authority) -> dict[str, Any]:
    return {"ssl_cafile": Authority(authority.file.parent / "others", "Somebody else").file}


def _wrong_password(redis: SecuredRedis, authority: Authority) -> dict[str, Any]:
    return {"password": SecretStr("guessed")}


def _nobody(redis: SecuredRedis, authority: Authority) -> dict[str, Any]:
    return {"username": None, "password": None}


@pytest.mark.parametrize(
    "changed",
    [_without_tls, _without_certificate, _trusting_others, _wrong_password, _nobody],
)
def test_whoever_lacks_one_thing_stays_out(
    settings_of: SettingsOf,
    secured_redis: SecuredRedis,
    authority: Authority,
    changed: Callable[[SecuredRedis, Authority], dict[str, Any]],
) -> None:
    settings = settings_of("lookup", **changed(secured_redis, authority))
    with pytest.raises(redis.exceptions.RedisError) as refused:
        fetch(settings, "00042")
    known = explained(refused.value)
    assert known is not None
    assert known.code in {ExitCode.NO_PERMISSION, ExitCode.UNAVAILABLE}
    assert REDIS_PASSWORD not in "\n".join(known.lines())


def test_the_certificate_of_another_host_is_not_taken(
    settings_of: SettingsOf, secured_redis: SecuredRedis, authority: Authority
) -> None:
    port = urlsplit(secured_redis.server.url).port
    assert port is not None
    with TlsDoor(port, certificate=authority.server("cache.elsewhere.example"), authorities=authority.file) as door:
        settings = settings_of("lookup", url=SecretStr(f"rediss://127.0.0.1:{door.port}/0"))
        with pytest.raises(redis.exceptions.ConnectionError, match="certificate is not valid for"):
            fetch(settings, "00042")


def test_certificates_for_an_address_without_tls_are_a_mistake_that_is_told() -> None:
    with pytest.raises(ValidationError, match="begins with rediss://"):
        RedisSettings(url=SecretStr("redis://cache:6379/0"), ssl_cafile=Path("ca.pem"))


def test_the_metrics_of_a_projector_say_nothing_of_passwords(settings_of: SettingsOf) -> None:
    settings = settings_of("projector")
    assert REDIS_PASSWORD not in repr(settings)
    assert REDIS_PASSWORD not in repr(RedisScores(settings))
    assert REDIS_PASSWORD not in repr(ProjectorMetrics(CollectorRegistry()).__dict__)
