"""Counting the members of one partition, and the record that says what was found."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

import msgspec

from scoring.engine import Position
from scoring.percentile import rank_value
from scoring.policy import Policy
from scoring.state import MemberState
from streams.cuts.sketches import MemberSketches, PackedSketches
from streams.engine.outbox import Put
from streams.engine.sending import NO_HEADERS
from streams.scorer.partition import CensusTaker

_EPOCH: Final = date(1970, 1, 1)


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """The best so many percent of the ranked members enter and keep a tier."""

    tier: str
    enter_percent: int
    leave_percent: int


class SketchRecord(msgspec.Struct, frozen=True, array_like=True):
    """What one partition's members came to at the first tick of a local date (ISO); a value of ``cut-sketches``.

    ``at`` is that tick (epoch ms). Partitions can be merged when ``date``, ``epoch`` and ``policy`` (a content hash)
    are the same. ``asked`` is of every tier that goes by percentile, so that nobody else has to know the policy.
    """

    date: str
    partition: int
    epoch: int
    policy: str
    at: int
    asked: tuple[Asked, ...]
    sketches: PackedSketches

    def key(self) -> bytes:
        """The record's key."""
        return f"{self.date}|{self.partition}".encode()

    def encode(self) -> bytes:
        """As MessagePack; fields are only ever added at the end."""
        return msgspec.msgpack.encode(self)


_decode: Final = msgspec.msgpack.Decoder(SketchRecord).decode


def read_sketches(value: bytes) -> SketchRecord:
    """The inverse of :meth:`SketchRecord.encode`. Raises ``msgspec.DecodeError`` for anything else."""
    return _decode(value)


class Census:
    """A count of all members of a partition as of one tick, under the policy of that moment."""

    def __init__(self, policy: Policy, at: int) -> None:
        """``at`` is the tick (epoch ms)."""
        self._policy = policy
        self._at = at
        self._day = policy.zone.day_of(at)
        self._sketches = MemberSketches()

    @property
    def date(self) -> str:
        """The local date (ISO) that the cuts will be of."""
        return (_EPOCH + timedelta(days=self._day)).isoformat()

    def count(self, state: MemberState) -> None:
        """Count a member, whose numbers must hold as of the tick: every timer up to it has fired.

        After a crash some are counted as of a little later. That moves a cut by nobody's fault and by next to nothing.
        """
        if state.erased or state.merge is not None:
            return
        sketches = self._sketches
        if state.tier_frequency > 0:
            sketches.rank.add(rank_value(state.tier_frequency, state.tier_monetary))
        if state.frequency > 0:
            sketches.recency.add(max(self._day - state.last_day, 0))
            sketches.frequency.add(state.frequency)
            sketches.monetary.add(state.monetary)

    def record(self, partition: int, epoch: int) -> SketchRecord:
        """What was counted."""
        policy = self._policy
        asked = [
            Asked(rule.name, rule.enter_percent, rule.leave_percent) for rule in policy.tiers if policy.by_percentile
        ]
        return SketchRecord(
            self.date, partition, epoch, policy.content_hash, self._at, tuple(asked[1:]), self._sketches.pack()
        )


def census_taker(put: Put, topic: str, partition: int, epoch: int) -> CensusTaker:
    """What counts the members of a partition where a policy needs cuts, and puts the sketches onto ``topic``."""

    def begin(
        at: int, _: Position, policy: Policy
    ) -> tuple[Callable[[bytes, MemberState], None], Callable[[], None]] | None:
        if not policy.needs_cuts:
            return None
        census = Census(policy, at)

        def look(_: bytes, state: MemberState) -> None:
            census.count(state)

        def done() -> None:
            record = census.record(partition, epoch)
            put(topic, 0, record.key(), record.encode(), NO_HEADERS)

        return look, done

    return begin
