"""Who bought on which days? Kept purchases of every member, from files or from the log, as they stand at the end."""

from collections.abc import Iterable
from dataclasses import dataclass

from scoring.calendar import Zone, instant_of
from scoring.events import Event, OrderCancelled, OrderPaid, OrderReturned, Tick
from scoring.ledger import CANCELLED, PAID, orders_of, record_return, record_sale
from scoring.policy import Policy
from scoring.state import MemberState, fingerprint, unknown_member
from streams.bad_records import BadRecord
from streams.codecs import decode
from streams.importing.ordering import Entry
from streams.log_reading import LogRecord


@dataclass(frozen=True, slots=True)
class Shop:
    """What is replayed. ``zone`` says what a local day is; instants are epoch milliseconds.

    ``members`` has, per member who ever bought, each local day with a kept purchase and the first such purchase of that
    day, rising; members are sorted by id. ``end`` is when the record of purchases ends: what would have been bought
    later is not known. ``orders`` counts kept orders.
    """

    members: list[list[tuple[int, int]]]
    orders: int
    zone: Zone
    end: int


class Purchases:
    """Collects events in any order and tells what was kept in the end: returns and cancels count from the beginning.

    ``foreign`` counts orders in another currency than the policy's, which are left out; ``unusable`` records of the log
    that are no events.
    """

    def __init__(self, policy: Policy) -> None:
        self.foreign = 0
        self.unusable = 0
        self._policy = policy
        self._members: dict[str, MemberState] = {}
        self._latest: int | None = None
        self._ticks: dict[int, int] = {}

    def add(self, event: Event) -> None:
        """Take in one event; those that are no orders only show that time went on."""
        if isinstance(event, Tick):
            at = instant_of(event.at)
            self._ticks[event.partition] = max(at, self._ticks.get(event.partition, at))
        elif isinstance(event, OrderPaid | OrderReturned | OrderCancelled):
            at = instant_of(event.occurred_at)
            self._latest = at if self._latest is None else max(self._latest, at)
            self._order(event, at)

    def shop(self) -> Shop:
        """Everything so far, up to the last tick of the partition that is furthest back, else the end of the last
        order's local day.
        """
        zone = self._policy.zone
        end = 0 if self._latest is None else zone.start_of_day(zone.day_of(self._latest) + 1)
        if self._ticks:
            end = min(self._ticks.values())
        members, orders = [], 0
        for name in sorted(self._members):
            first: dict[int, int] = {}
            for _, at, day, value, _ in orders_of(self._members[name]):
                if value >= self._policy.min_order_amount and at <= end:
                    first[day] = min(at, first.get(day, at))
                    orders += 1
            if first:
                members.append(sorted(first.items()))
        return Shop(members, orders, zone, end)

    def _order(self, event: OrderPaid | OrderReturned | OrderCancelled, at: int) -> None:
        if isinstance(event, OrderPaid) and event.currency != self._policy.currency:
            self.foreign += 1
            return
        state = self._members.get(event.member_id)
        if state is None:
            state = self._members[event.member_id] = unknown_member(at)
        day = self._policy.zone.day_of(at)
        order = fingerprint(event.order_id)
        if isinstance(event, OrderPaid):
            record_sale(state, order, day, (event.revision, PAID, at, event.net_amount))
        elif isinstance(event, OrderCancelled):
            record_sale(state, order, day, (event.revision, CANCELLED, at, 0))
        else:
            record_return(state, order, day, (fingerprint(event.return_id), event.revision, at, event.returned_amount))


def from_rows(entries: Iterable[Entry], policy: Policy) -> Purchases:
    """The purchases of the converted rows of files."""
    found = Purchases(policy)
    for entry in entries:
        if not entry.traffic:
            found.add(decode(entry.key, entry.value))
    return found


def from_log(records: Iterable[LogRecord], policy: Policy) -> Purchases:
    """The purchases of records of ``member-events``."""
    found = Purchases(policy)
    for record in records:
        try:
            event = decode(record.key, record.value)
        except BadRecord:
            found.unusable += 1
            continue
        found.add(event)
    return found
