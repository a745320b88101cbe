"""Reading the projection: the present score of a member, as checkout sees it."""

from typing import Any

import orjson
from redis import Redis

from streams.config import Settings
from streams.projector.redis_scores import member_key
from streams.projector.versions import score_of
from streams.redis_clients import redis_arguments

_ANSWER_SECONDS = 2.0


def fetch(settings: Settings, member_id: str) -> dict[str, Any] | None:
    """The score of a member from Redis, or None when Redis knows no such member.

    Raises:
        redis.exceptions.RedisError: Redis does not answer within 2 s.
    """
    client = Redis.from_url(
        **redis_arguments(settings), socket_timeout=_ANSWER_SECONDS, socket_connect_timeout=_ANSWER_SECONDS
    )
    with client as redis:
        stored = redis.get(member_key(settings, member_id.encode()))
    score = score_of(stored if isinstance(stored, bytes) else None)
    if score is None:
        return None
    decoded: dict[str, Any] = orjson.loads(score)
    return decoded
