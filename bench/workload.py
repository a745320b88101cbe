"""The orders that every contender reads: the same ones at every run of the same day, and what must come of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from scoring.vocabulary import DAY_MS
from streams.instants import instant_text

#: What is known of a member at the end: number of orders, minor units spent, latest order (epoch ms).
Standing = tuple[int, int, int]

_SEED: Final = 20_240_229
#: Orders of 5.00 to 90.00: about 45.00 on average, so that five orders lead through most tiers of the shipped policy.
_AMOUNTS: Final = range(500, 9_001)
_ORDER: Final = (
    b'{"event_id":"paid-%010d","type":"order.paid","schema_version":1,"member_id":"m-%07d","occurred_at":"%b",'
    b'"source":"pos","order_id":"o-%010d","revision":1,"net_amount":%d,"currency":"USD","channel":"%b","shop_id":"s-%03d"}'
)
_CHANNELS: Final = (b"store", b"web", b"app", b"store")


def member_key(member: int) -> bytes:
    """The record key of a member by number."""
    return b"m-%07d" % member


def paid(event: int, member: int, at: int, amount: int) -> bytes:
    """One canonical ``order.paid`` (220 to 230 bytes); ``at`` is epoch ms, ``amount`` minor units."""
    text = instant_text(at).encode()
    return _ORDER % (event, member, text, event, amount, _CHANNELS[event & 3], event % 400)


@dataclass(frozen=True, slots=True)
class Order:
    """One order of the workload. ``at`` is epoch ms, ``amount`` minor units."""

    event: int
    member: int
    at: int
    amount: int

    def record(self) -> tuple[bytes, bytes]:
        """Key and value of its record."""
        return member_key(self.member), paid(self.event, self.member, self.at, self.amount)


class Workload:
    """A shop's orders, rising in time over ``days`` up to ``ends_at`` (epoch ms), members drawn evenly."""

    def __init__(self, events: int, members: int, ends_at: int, days: int = 3) -> None:
        self.events = events
        self.members = members
        self._begins_at = ends_at - days * DAY_MS
        self._span = days * DAY_MS
        # S311: nothing here is secret; the seed is the point.
        self._who = Random(_SEED).choices(range(members), k=events)
        self._amounts = Random(_SEED + 1).choices(_AMOUNTS, k=events)

    def orders(self, events: int) -> Iterator[Order]:
        """The first ``events`` orders."""
        for event in range(events):
            at = self._begins_at + event * self._span // self.events
            yield Order(event, self._who[event], at, self._amounts[event])

    def standings(self, events: int) -> dict[bytes, Standing]:
        """Where the first ``events`` orders leave every member who has one."""
        known: dict[int, Standing] = {}
        for order in self.orders(events):
            count, spent, _ = known.get(order.member, (0, 0, 0))
            known[order.member] = (count + 1, spent + order.amount, order.at)
        return {member_key(member): standing for member, standing in known.items()}
