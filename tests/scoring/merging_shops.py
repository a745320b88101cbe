"""Random logs of several partitions whose members are merged, taken apart and erased, as the engine would write them.

The engine's own forwards are put into the log, some of them late or twice. Whether they are the right ones is for the
oracle to say, which works out by itself what each member has to write for which other.
"""

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from streams.codecs import encode_event
from tests.oracle.log import LogRecord
from tests.oracle.random_policies import another_policy, random_cuts, random_policy
from tests.oracle.records import DAY_MS, HOUR_MS, PARTITION_KEY, cuts_event, policy_event, rfc3339, tick_event
from tests.oracle.telling import ms
from tests.scoring.engine_replay import EngineReplay

_MEMBERS = "abcdef"
_AMOUNTS = (0, 1, 299, 300, 500, 900, 1_500, 3_000)
_STARTS = ("2026-03-06T00:00", "2026-03-27T00:00", "2026-10-23T00:00", "2025-12-20T00:00")


@dataclass
class MergingShops:
    """Partitions that are replayed while their log is made. The same seed and features give the same log."""

    seed: int
    features: frozenset[str] = frozenset()
    through_rows: bool = False
    partitions: int = 3
    log: list[LogRecord] = field(default_factory=list)
    replays: list[EngineReplay] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.now = ms(self.rng.choice(_STARTS)) + self.rng.randrange(2 * DAY_MS)
        self.is_imported = self.rng.random() < 0.2
        self.replays = [EngineReplay(through_rows=self.through_rows) for _ in range(self.partitions)]
        self.ends = [0] * self.partitions
        #: By source partition: receiver, value and headers of what is on its way.
        self.on_their_way: list[list[tuple[str, bytes, tuple[tuple[str, bytes], ...]]]] = [
            [] for _ in range(self.partitions)
        ]
        self.orders: list[tuple[str, str, int]] = []
        self.merges: list[tuple[str, str]] = []
        self.policy = random_policy(self.rng, self._today(), 90, self.features)
        self.policy["merge"] = {"unmerge_days": self.rng.choice([0, 1, 3, 10, 30])}
        for partition in range(self.partitions):
            self._put(partition, PARTITION_KEY, policy_event(partition, self.policy), at=0)

    def run(self, steps: int = 60) -> "MergingShops":
        """So many steps, and then everything that is on its way arrives."""
        for _ in range(steps):
            self._pass_time()
            self._event()
            while self.rng.random() < 0.6 and self._deliver():
                pass
        while self._deliver():
            pass
        self.now += self.rng.choice([1, 20, 300]) * DAY_MS
        self._ticks()
        return self

    def _today(self) -> Any:
        return datetime.fromtimestamp(self.now // 1000, UTC).date()

    def _headers(self) -> tuple[tuple[str, bytes], ...]:
        return (("log_time", b"%d" % self.now),) if self.is_imported else ()

    def _put(
        self,
        partition: int,
        key: bytes,
        value: bytes,
        *,
        at: int | None = None,
        headers: Iterable[tuple[str, bytes]] | None = None,
    ) -> None:
        written = self._headers() if headers is None else tuple(headers)
        record = LogRecord(
            partition, self.ends[partition], self.now if at is None else at, key, value, written if at is None else ()
        )
        self.ends[partition] += 1
        self.log.append(record)
        replay = self.replays[partition]
        known = len(replay.forwards)
        replay.read([record])
        for forward in replay.forwards[known:]:
            event_key, event = encode_event(forward.event)
            self.on_their_way[partition].append((event_key.decode(), event, record.headers))

    def _place(self, member: str) -> int:
        return ord(member[0]) % self.partitions

    def _deliver(self) -> bool:
        """The next of what some partition has written; now and then again what it wrote shortly before."""
        waiting = [queue for queue in self.on_their_way if queue]
        if not waiting:
            return False
        queue = self.rng.choice(waiting)
        member, value, headers = queue.pop(0)
        self._put(self._place(member), member.encode(), value, headers=headers)
        if self.rng.random() < 0.05:
            self._put(self._place(member), member.encode(), value, headers=headers)
        return True

    def _pass_time(self) -> None:
        roll = self.rng.random()
        if roll < 0.3:
            return
        if roll < 0.85:
            self.now += int(self.rng.expovariate(1) * self.rng.choice([1, 4, 24]) * HOUR_MS)
        else:
            self.now += int(self.rng.expovariate(1) * 5 * DAY_MS)
        if self.rng.random() < 0.6:
            self._ticks()

    def _ticks(self) -> None:
        for partition in range(self.partitions):
            if self.rng.random() < 0.9:
                self._put(partition, PARTITION_KEY, tick_event(partition, self.now))

    def _event(self) -> None:
        choice = self.rng.choices(
            [
                self._buy,
                self._take_back,
                self._merge,
                self._unmerge,
                self._erase,
                self._other,
                self._again,
                self._publish,
            ],
            weights=[40, 12, 14, 8, 1.2, 8, 4, 4],
        )[0]
        choice()

    def _said(self, kind: str, member: str, **fields: Any) -> None:
        happened = fields.pop("at", self.now)
        about = {"type": kind, "event_id": f"e{len(self.log)}", "member_id": member, "occurred_at": rfc3339(happened)}
        self._put(self._place(member), member.encode(), json.dumps({**about, **fields}).encode())

    def _happened(self) -> int:
        roll = self.rng.random()
        if roll < 0.7:
            return self.now
        return self.now - self.rng.randrange((2 if roll < 0.85 else 30) * DAY_MS)

    def _buy(self) -> None:
        member = self.rng.choice(_MEMBERS)
        order = f"o{len(self.orders)}"
        if self._recent() and self.rng.random() < 0.15:
            # A revision; or, with "shared", an order that somebody else knows too.
            known, order, _ = self.rng.choice(self._recent())
            member = member if "shared" in self.features and self.rng.random() < 0.5 else known
        self.orders.append((member, order, self.now))
        also = {"order_id": order, "net_amount": self.rng.choice(_AMOUNTS), "currency": "USD"}
        self._said("order.paid", member, at=self._happened(), revision=self.rng.choice([1, 1, 1, 2]), **also)

    def _recent(self) -> list[tuple[str, str, int]]:
        """Orders that nobody has let go by the horizon; with "old", any."""
        since = 0 if "old" in self.features else self.now - 5 * DAY_MS
        return [order for order in self.orders[-12:] if order[2] >= since]

    def _take_back(self) -> None:
        if not self._recent():
            return
        member, order, _ = self.rng.choice(self._recent())
        if self.rng.random() < 0.3:
            self._said("order.cancelled", member, at=self._happened(), order_id=order)
            return
        amount = self.rng.choice([1, 300, 900, 5_000])
        also = {"return_id": self.rng.choice(["total", "r2"]), "revision": self.rng.choice([1, 1, 2])}
        self._said("order.returned", member, at=self._happened(), order_id=order, returned_amount=amount, **also)

    def _merge(self) -> None:
        source, into = self.rng.choice(_MEMBERS), self.rng.choice(_MEMBERS)
        self.merges.append((source, into))
        self._said("member.merged", source, at=self._happened(), into=into)
        if self.rng.random() < 0.15:
            self._said("member.merged", into, into=source)

    def _unmerge(self) -> None:
        if self.merges:
            source, into = self.rng.choice(self.merges[-4:])
            into = into if self.rng.random() < 0.9 else self.rng.choice(_MEMBERS)
            self._said("member.unmerged", source, into=into)

    def _erase(self) -> None:
        self._said("member.erased", self.rng.choice(_MEMBERS))

    def _other(self) -> None:
        member, names = self.rng.choice(_MEMBERS), [level["name"] for level in self.policy["tiers"]["levels"]]
        if self.rng.random() < 0.4:
            self._said("visit", member, at=self._happened())
            return
        until = rfc3339(self.now + self.rng.randrange(20 * DAY_MS))
        tier = self.rng.choice([*names, "platinum"])
        self._said("tier.overridden", member, tier=tier, until=until, reason="goodwill", actor="ada")

    def _again(self) -> None:
        record = self.rng.choice(self.log[-12:])
        self._put(record.partition, record.key or b"", record.value or b"")

    def _publish(self) -> None:
        if "pyramid" in self.features:
            names = [level["name"] for level in self.policy["tiers"]["levels"]]
            cuts = random_cuts(self.rng, names)
            for partition in range(self.partitions):
                day = self._today().isoformat()
                self._put(partition, PARTITION_KEY, cuts_event(partition, day, cuts))
        if "policies" in self.features:
            policy = another_policy(self.rng, self.policy, self._today(), 60, self.features)
            if (policy["currency"], policy["time_zone"]) == (self.policy["currency"], self.policy["time_zone"]):
                self.policy = {**policy, "merge": self.policy["merge"]}
                for partition in range(self.partitions):
                    self._put(partition, PARTITION_KEY, policy_event(partition, self.policy))
