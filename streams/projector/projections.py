"""What is projected into Redis, from which topic, by which consumer group."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import Counter

from streams.config import Settings
from streams.projector.batch import stored_forms
from streams.projector.redis_scores import RedisScores
from streams.projector.shops_seen import ShopsSeen, sightings
from streams.projector.stores import Store
from streams.topics import MEMBER_EVENTS, MEMBER_SCORES

#: The consumer group of the shops, beside that of the scores.
SHOPS_ROLE: Final = "project-shops"


@dataclass(frozen=True, slots=True)
class Projection:
    """What is projected: a topic, by the consumer group of ``role``, as ``forms`` tells, into ``store``."""

    topic: str
    role: str
    store: Store
    forms: Callable[[Sequence[Any], Counter], tuple[list[bytes], list[bytes]]]


def scores(settings: Settings) -> Projection:
    """What checkout reads."""
    return Projection(MEMBER_SCORES, "project", RedisScores(settings), stored_forms)


def shops(settings: Settings) -> Projection:
    """Which shops members were seen in."""
    return Projection(MEMBER_EVENTS, SHOPS_ROLE, ShopsSeen(settings), sightings)
