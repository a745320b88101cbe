"""What is projected into Redis, from which topic, by which consumer group."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from prometheus_client import Counter

from streams.config import Settings
from streams.projector.batch import stored_forms
from streams.projector.redis_scores import Behind, RedisScores, Written
from streams.projector.shops_seen import ShopsSeen, sightings
from streams.topics import MEMBER_EVENTS, MEMBER_SCORES

#: The consumer group of the shops, beside that of the scores.
SHOPS_ROLE: Final = "project-shops"


class Store(Protocol):
    """What is projected into; see :class:`streams.projector.redis_scores.RedisScores`."""

    async def positions(self, partitions: Sequence[int]) -> dict[int, int]:
        """The first offset of each partition that is not projected yet."""

    async def forget_positions(self) -> None:
        """Make every projector begin again."""

    async def write(
        self,
        partition: int,
        begin: int,
        end: int,
        members: Iterable[bytes],
        values: Sequence[bytes],
        *,
        whole_of: int = 0,
    ) -> Written | Behind:
        """Write all of a batch or none of it; again is harmless."""

    async def aclose(self) -> None:
        """Give the connections back."""


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
