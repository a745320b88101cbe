"""Does every member in Redis, and every alert in the log, equal what the file of orders says?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from redis import Redis

from streams.config import Settings
from streams.demo.recompute import RecomputedMember
from streams.projector.redis_scores import member_key
from streams.projector.versions import score_of
from streams.redis_clients import redis_arguments

#: Members asked for in one round trip.
_AT_ONCE = 2_000
_SHOWN = 10

#: Each thing compared: what it is called, its field in a score, its field in a recomputed member.
_MEASURES = (
    ("frequency", "frequency", "frequency"),
    ("monetary value", "monetary", "monetary"),
    ("last order", "last_purchase_ms", "last_purchase_at"),
    ("tier", "tier", "tier"),
    ("lifecycle stage", "stage", "stage"),
)


@dataclass(slots=True)
class Comparison:
    """How many members are equal in each measure, and the first that are not."""

    members: int = 0
    equal: dict[str, int] = field(default_factory=dict)
    alerts: int = 0
    strangers: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        """Whether nothing differs and nobody is there who should not be."""
        return self.members > 0 and not self.strangers and all(count == self.members for count in self.equal.values())

    def note(self, text: str) -> None:
        """Keep a difference to be shown."""
        if len(self.differences) < _SHOWN:
            self.differences.append(text)


def compare(
    expected: Mapping[str, RecomputedMember],
    scores: Mapping[str, dict[str, Any]],
    alerts: Mapping[str, Mapping[int, tuple[str, int]]],
    known: int,
) -> Comparison:
    """Compare measure by measure, and the alerts of every member in their order; ``known`` is how many members the
    system has.
    """
    result = Comparison(members=len(expected), equal=dict.fromkeys([name for name, _, _ in _MEASURES] + ["alerts"], 0))
    result.strangers = max(known - len(expected), 0) + len(alerts.keys() - expected.keys())
    for member_id, member in expected.items():
        score = scores.get(member_id, {})
        for name, in_score, in_member in _MEASURES:
            wanted = getattr(member, in_member)
            if score.get(in_score) == wanted and score:
                result.equal[name] += 1
            else:
                result.note(f"{member_id}: {name} is {score.get(in_score)}, recomputed {wanted}")
        told = tuple(alert for _, alert in sorted(alerts.get(member_id, {}).items()))
        result.alerts += len(told)
        if told == member.alerts:
            result.equal["alerts"] += 1
        else:
            result.note(f"{member_id}: alerts {_unlike(told, member.alerts)}")
    return result


def projected(settings: Settings, members: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The scores of these members, as checkout reads them from Redis."""
    with Redis.from_url(**redis_arguments(settings)) as redis:
        for start in range(0, len(members), _AT_ONCE):
            block = members[start : start + _AT_ONCE]
            stored = redis.mget([member_key(settings, member_id.encode()) for member_id in block])
            for member_id, value in zip(block, stored, strict=True):
                score = score_of(value if isinstance(value, bytes) else None)
                if score is not None:
                    yield member_id, orjson.loads(score)


def _unlike(told: Sequence[tuple[str, int]], wanted: Sequence[tuple[str, int]]) -> str:
    for number, (left, right) in enumerate(zip(told, wanted, strict=False), 1):
        if left != right:
            return f"number {number} is {left}, recomputed {right}"
    return f"are {len(told)}, recomputed {len(wanted)}"
