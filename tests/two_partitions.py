"""A shop whose members live in several partitions, without a broker: what one tells another arrives in their log."""

from datetime import datetime
from itertools import pairwise
from typing import Any

import orjson

from scoring.calendar import instant_of
from scoring.policy import Policy
from scoring.state import MemberState
from streams.engine.batches import Record
from streams.murmur import partition_of
from streams.policy_file import PolicyDocument
from streams.topics import MEMBER_EVENTS, MEMBER_SCORES
from tests.driver import ScorerDriver, day, key_on, paid


class Partitions:
    """Several partitions, with members named after them: ``a0`` lives in partition 0, ``b1`` in partition 1."""

    def __init__(self, policy: PolicyDocument | str = "absolute", count: int = 2) -> None:
        self.drivers = [ScorerDriver(policy, partition=each, partition_count=count) for each in range(count)]
        self.policy: Policy = self.drivers[0].document.to_policy()
        self._taken = [0] * count
        self._now = 0

    def of(self, member_id: str) -> ScorerDriver:
        """The partition of a member."""
        return self.drivers[partition_of(member_id.encode(), len(self.drivers))]

    def pipe(self, *events: dict[str, Any], deliver: bool = True, imported: bool = False) -> None:
        """Append events where they belong; without ``deliver`` what they lead to elsewhere is still on its way."""
        for event in events:
            self._pass(datetime.fromisoformat(event["occurred_at"]))
            self.of(event["member_id"]).pipe(event, imported=imported)
            if deliver:
                self.deliver()

    def tick(self, at: datetime, *, deliver: bool = True) -> None:
        """Append a tick to every partition."""
        self._pass(at)
        for driver in self.drivers:
            driver.tick(at)
        if deliver:
            self.deliver()

    def deliver(self) -> None:
        """Append what members have told each other, until nobody has anything more to say."""
        while any(self.deliver_from(number) for number in range(len(self.drivers))):
            pass

    def deliver_from(self, number: int, most: int | None = None) -> int:
        """Append what a partition has told, ``most`` of it at most; how much that was."""
        told = [each for each in self.drivers[number].outbox.records if each[0] == MEMBER_EVENTS]
        fresh = told[self._taken[number] :][:most]
        self._taken[number] += len(fresh)
        for _, partition, key, value, headers in fresh:
            self.drivers[partition].append(Record(0, self._now, key, value, headers))
        return len(fresh)

    def cut(self) -> None:
        """Let every partition remember what it has absorbed."""
        for driver in self.drivers:
            driver.cut()

    def crash(self, number: int) -> None:
        """Let a partition forget everything that no cut has remembered, and read on from there."""
        self.drivers[number].crash()

    def told(self) -> list[tuple[int, bytes, bytes]]:
        """Everything that members have told each other: partition, key and value."""
        return [
            (partition, key or b"", value or b"")
            for driver in self.drivers
            for topic, partition, key, value, _ in driver.outbox.records
            if topic == MEMBER_EVENTS
        ]

    def _pass(self, at: datetime) -> None:
        self._now = max(self._now, instant_of(at))

    # -- looking ----------------------------------------------------------------------------------------------------

    def member(self, member_id: str) -> MemberState:
        """The present state."""
        state = self.of(member_id).member(member_id)
        assert state is not None, f"{member_id} is not known"
        return state

    def numbers(self, member_id: str) -> tuple[str, int, int]:
        """Tier, frequency and monetary value."""
        state = self.member(member_id)
        return self.policy.tier_names[state.tier], state.frequency, state.monetary

    def kinds(self, member_id: str) -> list[str]:
        """Kinds of the member's outcomes, each once."""
        return self.of(member_id).kinds(member_id)

    def outcomes(self, member_id: str) -> list[dict[str, Any]]:
        """Bodies of the member's outcomes, each once."""
        return list({body["id"]: body for body in self.of(member_id).outcomes(member_id)}.values())

    def score(self, member_id: str) -> dict[str, Any] | None:
        """The last score of a member that was sent, None when it was taken away."""
        key = member_id.encode()
        sent = [each for each in self.of(member_id).outbox.records if each[0] == MEMBER_SCORES and each[2] == key]
        found: dict[str, Any] | None = orjson.loads(sent[-1][3]) if sent[-1][3] is not None else None
        return found

    def refusals(self) -> list[str]:
        """Reasons of all dead letters."""
        return [reason for driver in self.drivers for _, reason in driver.dead_letters()]


def merged(source: str, target: str, at: datetime, **fields: Any) -> dict[str, Any]:
    """A ``member.merged``; its id names both members."""
    return _event("member.merged", source, at, into=target, **fields)


def unmerged(source: str, target: str, at: datetime, **fields: Any) -> dict[str, Any]:
    """A ``member.unmerged``."""
    return _event("member.unmerged", source, at, into=target, **fields)


def erased(member_id: str, at: datetime, **fields: Any) -> dict[str, Any]:
    """A ``member.erased``."""
    return _event("member.erased", member_id, at, **fields)


def _event(kind: str, member_id: str, at: datetime, **fields: Any) -> dict[str, Any]:
    told = f"{kind}-{member_id}-{fields.get('into', '')}-{at:%m%d%H%M%S}"[:64]
    return {"type": kind, "event_id": told, "member_id": member_id, "occurred_at": at.isoformat(), **fields}


def chain_of(length: int) -> tuple[Partitions, list[str]]:
    """Members of whom each was merged into the next, the last one first; each has an order."""
    shop = Partitions()
    names = [key_on(number % 2, 2, f"chain{number}-") for number in range(length)]
    for name in names:
        shop.pipe(paid(name, f"{name}-1", day(0), amount=100))
    for name, following in reversed(list(pairwise(names[1:]))):
        shop.pipe(merged(name, following, day(10)))
    return shop, names
