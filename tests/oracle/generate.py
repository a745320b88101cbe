"""A realistic log from a seed: shopping and silence, late and repeated events, poison, and time itself as ticks."""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta, timezone
from itertools import accumulate
from typing import Any, Final

from tests.oracle.poison import poison as poison_kinds
from tests.oracle.records import (
    DAY_MS,
    HOUR_MS,
    PARTITION_KEY,
    POLICY,
    GeneratedRecord,
    headers_of,
    partition_of,
    policy_event,
    rfc3339,
    tick_event,
)

_SEASON_MS: Final = 40 * DAY_MS
_ZONES = tuple(timezone(timedelta(minutes=minutes)) for minutes in (0, 0, 480, -300, 345))


@dataclass(frozen=True, slots=True)
class Shares:
    """How often each trouble happens among the events, from 0 to 1; what is left are purchases."""

    duplicates: float
    late: float
    returns: float
    cancels: float
    revisions: float
    poison: float


@dataclass(slots=True)
class _Shopper:
    name: str
    eagerness: float
    since: int
    #: The latest orders: (order id, amount, revision, purchase instant).
    orders: list[tuple[str, int, int, int]] = field(default_factory=list)
    #: Orders whose return or cancel was told before the payment.
    promised: list[str] = field(default_factory=list)


def generate(
    seed: int,
    members: int,
    events: int,
    *,
    start_ms: int,
    partitions: int,
    duplicates: float = 0.03,
    late: float = 0.02,
    returns: float = 0.06,
    cancels: float = 0.02,
    revisions: float = 0.03,
    poison: float = 0.004,
    days: int = 500,
    policy: Mapping[str, Any] = POLICY,
    log_times: bool = True,
) -> Iterator[GeneratedRecord]:
    """A log in append order: ``events`` records about members, spread over ``days`` of event time from ``start_ms`` on.

    Policies and about one tick a day come on top, for every partition. The same arguments give the same bytes. Poison
    differs from record to record, so that key and value tell it apart. ``log_times`` False leaves the headers out.
    """
    shares = Shares(duplicates, late, returns, cancels, revisions, poison)
    rng = random.Random(seed)
    shop = _Shop(rng, members, start_ms, partitions, shares, policy["currency"], days)
    yield from (_made(r, log_times=log_times) for r in shop.open_for(events, policy))


def _made(record: GeneratedRecord, *, log_times: bool) -> GeneratedRecord:
    if log_times:
        return record
    return GeneratedRecord(record.key, record.value, (), record.is_poison, record.partition, record.timestamp)


class _Shop:
    """The state of the simulation: who shops this season, and what was said before."""

    def __init__(
        self,
        rng: random.Random,
        members: int,
        start_ms: int,
        partitions: int,
        shares: Shares,
        currency: str,
        days: int,
    ) -> None:
        self.rng = rng
        self.now = start_ms
        self.start_ms = start_ms
        self.span_ms = days * DAY_MS
        self.partitions = partitions
        self.shares = shares
        self.currency = currency
        self.count = 0
        self.season = -1
        self.said: list[tuple[bytes, bytes]] = []
        #: Who was merged, and into whom; the latest at the end.
        self.merged: list[tuple[str, str]] = []
        self.shoppers = [
            _Shopper(
                f"m{number:06d}", min(rng.paretovariate(1.2), 30), start_ms + int(rng.random() ** 2 * self.span_ms)
            )
            for number in range(members)
        ]
        self.present: list[_Shopper] = []
        self.weights: list[float] = []

    def open_for(self, events: int, policy: Mapping[str, Any]) -> Iterator[GeneratedRecord]:
        """Everything, in append order."""
        yield from self._policies(policy)
        next_tick = self._after_midnight(self.now)
        for number in range(events):
            self.now += max(1, int(self.rng.expovariate(1) * self.span_ms / events))
            while next_tick <= self.now:
                yield from (self._about(p, tick_event(p, next_tick), next_tick) for p in range(self.partitions))
                next_tick = self._after_midnight(next_tick)
            if number == events // 3:
                yield from self._policies(policy)
            if number == 2 * events // 3:
                yield from self._policies({**policy, "version": 2, "min_order_amount": 500})
            yield self._event()
        yield from (self._about(p, tick_event(p, self.now + 1), self.now + 1) for p in range(self.partitions))

    def _after_midnight(self, instant: int) -> int:
        """The next tick: within three hours after midnight, so that some alerts are caught up; some days have none."""
        days = 1 if self.rng.random() < 0.97 else 4
        return (instant // DAY_MS + days) * DAY_MS + int(self.rng.random() * 3 * HOUR_MS)

    def _policies(self, policy: Mapping[str, Any]) -> Iterator[GeneratedRecord]:
        for partition in range(self.partitions):
            yield self._about(partition, policy_event(partition, policy), self.now)

    def _about(self, partition: int, value: bytes, at: int) -> GeneratedRecord:
        return GeneratedRecord(PARTITION_KEY, value, headers_of(at), is_poison=False, partition=partition, timestamp=at)

    def _event(self) -> GeneratedRecord:
        self.count += 1
        roll = self.rng.random()
        if roll < self.shares.poison:
            return self._poison()
        if self.said and roll < self.shares.poison + self.shares.duplicates:
            key, value = self.rng.choice(self.said)
        else:
            said = self._said_by(self._next_shopper())
            key, value = said["member_id"].encode(), json.dumps(said).encode()
            self.said.append((key, value))
            if len(self.said) > 4000:
                del self.said[:2000]
        place = partition_of(key, self.partitions)
        return GeneratedRecord(key, value, headers_of(self.now), is_poison=False, partition=place, timestamp=self.now)

    def _poison(self) -> GeneratedRecord:
        name = self._next_shopper().name
        anywhere = self.rng.randrange(self.partitions)
        _, key, value = self.rng.choice(poison_kinds(name, self.count, rfc3339(self.now), anywhere))
        place = anywhere if key is None or key == PARTITION_KEY else partition_of(key, self.partitions)
        return GeneratedRecord(key, value, headers_of(self.now), is_poison=True, partition=place, timestamp=self.now)

    def _next_shopper(self) -> _Shopper:
        season = (self.now - self.start_ms) // _SEASON_MS
        if season != self.season:
            self.season = season
            known = [s for s in self.shoppers if s.since <= self.now + _SEASON_MS]
            self.present = [s for s in known if self.rng.random() < 0.45] or self.shoppers
            self.weights = list(accumulate(s.eagerness for s in self.present))
        return self.rng.choices(self.present, cum_weights=self.weights)[0]

    def _said_by(self, shopper: _Shopper) -> dict[str, Any]:
        event = self._common(shopper)
        shares, roll = self.shares, self.rng.random()
        if roll < 0.06:
            return self._no_order(event)
        if shopper.promised:
            return self._paid(event, shopper, shopper.promised.pop())
        roll -= 0.06
        if roll < shares.returns:
            return self._returned(event, shopper)
        if roll < shares.returns + shares.cancels:
            order_id, _, revision, _ = self._some_order(shopper)
            return {**event, "type": "order.cancelled", "order_id": order_id, "revision": revision}
        if shopper.orders and roll < shares.returns + shares.cancels + shares.revisions:
            return self._revised(event, shopper)
        return self._paid(event, shopper, f"o{self.count}")

    def _common(self, shopper: _Shopper) -> dict[str, Any]:
        rng = self.rng
        happened = self.now - int(rng.expovariate(1) * 2000)
        roll = rng.random()
        if roll < self.shares.late:
            # One in eight is so late that some lie beyond the horizon.
            days = rng.uniform(380, 520) if rng.random() < 0.125 else rng.uniform(0.01, 150)
            happened = self.now - int(days * DAY_MS)
        elif roll > 0.99:
            happened = self.now + rng.randrange(600_000)
        return {
            "event_id": f"e{self.count}",
            "member_id": shopper.name,
            "occurred_at": rfc3339(happened, rng.choice(_ZONES)),
            "source": "generated",
        }

    def _no_order(self, event: dict[str, Any]) -> dict[str, Any]:
        paid = {"type": "order.paid", "order_id": f"x{self.count}", "net_amount": 9_999, "currency": self.currency}
        also: dict[str, Any] = self.rng.choices(
            (
                {"type": "visit", "shop_id": "s1"},
                {"type": "member.joined"},
                {"type": "member.referred", "referrer_id": self.rng.choice(self.shoppers).name},
                {"type": "member.merged"},
                {"type": "member.erased"},
                {**paid, "occurred_at": "1970-01-01T00:00:00Z"},
                {**paid, "occurred_at": "2099-12-31T23:59:59.999+00:00"},
                {**paid, "currency": "EUR" if self.currency != "EUR" else "USD"},
            ),
            weights=(70, 10, 10, 6, 2, 2, 2, 2),
        )[0]
        return {**event, **(self._merging() if also["type"] == "member.merged" else also)}

    def _merging(self) -> dict[str, Any]:
        """A merge into somebody who shops these days, or the end of the merge before."""
        if self.merged and self.rng.random() < 0.5:
            source, into = self.merged.pop()
            return {"type": "member.unmerged", "member_id": source, "into": into}
        source, into = self._next_shopper().name, self._next_shopper().name
        self.merged.append((source, into))
        return {"type": "member.merged", "member_id": source, "into": into}

    def _paid(self, event: dict[str, Any], shopper: _Shopper, order_id: str) -> dict[str, Any]:
        amount = 0 if self.rng.random() < 0.01 else int(self.rng.lognormvariate(8, 0.8))
        happened = self.now
        shopper.orders = [*shopper.orders[-9:], (order_id, amount, 1, happened)]
        return {**event, "type": "order.paid", "order_id": order_id, "net_amount": amount, "currency": self.currency}

    def _some_order(self, shopper: _Shopper) -> tuple[str, int, int, int]:
        """One of the latest orders, or one that will be paid later."""
        if shopper.orders and self.rng.random() < 0.9:
            return self.rng.choice(shopper.orders)
        order_id = f"o{self.count}"
        shopper.promised.append(order_id)
        return order_id, 2_000, 1, self.now

    def _returned(self, event: dict[str, Any], shopper: _Shopper) -> dict[str, Any]:
        order_id, amount, revision, _ = self._some_order(shopper)
        back = amount if self.rng.random() < 0.4 else int(amount * self.rng.random())
        returned = {**event, "type": "order.returned", "order_id": order_id, "returned_amount": back}
        if self.rng.random() < 0.5:
            return returned
        return {**returned, "return_id": f"r{self.rng.randrange(3)}", "revision": revision + self.rng.randrange(3)}

    def _revised(self, event: dict[str, Any], shopper: _Shopper) -> dict[str, Any]:
        place = self.rng.randrange(len(shopper.orders))
        order_id, amount, revision, happened = shopper.orders[place]
        amount = int(amount * self.rng.uniform(0.5, 1.5))
        # Now and then a lower revision comes after a higher one, and loses.
        revision = max(0, revision + self.rng.choice((1, 1, 1, 2, -1)))
        shopper.orders[place] = (order_id, amount, revision, happened)
        revised = {**event, "type": "order.paid", "order_id": order_id, "net_amount": amount, "revision": revision}
        return {**revised, "occurred_at": rfc3339(happened), "currency": self.currency}
