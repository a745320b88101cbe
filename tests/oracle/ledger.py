"""What a member has bought, as far as it is still known order by order (docs/rules.md, 4.3 to 4.5 and 13.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from tests.oracle.log import Fact
from tests.oracle.orders import CANCELLED, PAID, Order, order_of
from tests.oracle.policy import Rules


def fingerprint(order_id: str) -> int:
    """What is remembered of a sealed order's id."""
    return int.from_bytes(blake2b(order_id.encode(), digest_size=8).digest(), "big")


@dataclass(frozen=True)
class Sealed:
    """An order as it was when it was sealed; ``is_forgotten``: it still counts, but nobody knows its id."""

    hash: int
    order: Order
    is_forgotten: bool = False


@dataclass
class Ledger:
    """The accepted events by order id, the order that each makes, and the kept orders that left by the horizon.

    ``facts`` and ``orders`` are of what is not sealed. ``forgotten_day`` is None when no hash was forgotten.
    """

    facts: dict[str, list[Fact]] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    departed: list[Order] = field(default_factory=list)
    sealed: list[Sealed] = field(default_factory=list)
    forgotten_day: int | None = None
    #: The branches of the text that were taken, for statistics.
    ways: list[str] = field(default_factory=list)

    @property
    def present(self) -> list[Order]:
        """The orders that have not left, in whatever form."""
        return [*self.orders.values(), *(entry.order for entry in self.sealed)]

    @property
    def buckets(self) -> tuple[tuple[int, int, int, tuple[int, ...]], ...]:
        """Per day the sealed orders that are kept, their net, and the hashes of all; a day without either is none."""
        found = []
        for day in sorted({entry.order.day for entry in self.sealed}):
            entries = [entry for entry in self.sealed if entry.order.day == day]
            nets = [entry.order.net for entry in entries if entry.order.is_kept]
            hashes = tuple(sorted(entry.hash for entry in entries if not entry.is_forgotten))
            if nets or hashes:
                found.append((day, len(nets), sum(nets), hashes))
        return tuple(found)

    def absorb(self, fact: Fact, rules: Rules) -> str | None:
        """Take an order event in and say why its outcomes will have happened; None for a duplicate."""
        known = self.facts.get(fact.order_id, [])
        order = order_of([*known, fact], rules)
        if order == self.orders.get(fact.order_id):
            return None
        self.facts[fact.order_id] = [*known, fact]
        self.orders[fact.order_id] = order
        if fact.type == PAID:
            return "revision" if any(earlier.type == PAID for earlier in known) else "purchase"
        return "cancel" if fact.type == CANCELLED else "return"

    def let_go(self, last_lost_day: int, as_one: Mapping[str, Order]) -> None:
        """Orders beyond the horizon leave for good; the kept ones are remembered for their day and instant.

        ``as_one`` is what each order is together with the other ledgers of its member.
        """
        for order_id in [name for name in self.orders if as_one[name].day <= last_lost_day]:
            del self.orders[order_id]
            del self.facts[order_id]
            if as_one[order_id].is_kept:
                self.departed.append(as_one[order_id])
        self.departed += [e.order for e in self.sealed if e.order.day <= last_lost_day and e.order.is_kept]
        self.sealed = [e for e in self.sealed if e.order.day > last_lost_day]
        if self.forgotten_day is not None and self.forgotten_day <= last_lost_day:
            self.forgotten_day = None

    def judged_anew(self, rules: Rules) -> None:
        """By a later policy an order may count that did not, or count no more."""
        self.orders = {name: order_of(facts, rules) for name, facts in self.facts.items()}

    def copy(self) -> "Ledger":
        """The same, to be changed apart."""
        return Ledger(
            {name: list(facts) for name, facts in self.facts.items()},
            dict(self.orders),
            list(self.departed),
            list(self.sealed),
            self.forgotten_day,
        )


@dataclass
class Part:
    """What a member has of another who was merged into it, as long as that may be taken back.

    ``path`` is whom it came through, the absorbed member first, each with the number of the merge, so that two ways
    compare as they are; ``merge`` the id of the forward that told of it first;
    ``members`` whom the absorbed one had absorbed for good. ``until`` is epoch milliseconds.
    """

    absorbed: str
    ledger: Ledger
    path: tuple[tuple[str, int], ...]
    merge: str
    until: int
    members: frozenset[str] = frozenset()

    def copy(self) -> "Part":
        """The same, to be changed apart."""
        return Part(self.absorbed, self.ledger.copy(), self.path, self.merge, self.until, self.members)


def joined(ledgers: Sequence[Ledger], rules: Rules) -> Ledger:
    """Several as one: every order from all that anybody knows of it, and all days that anybody remembers.

    An order that is sealed in one of them counts there only.
    """
    if len(ledgers) == 1:
        return ledgers[0]
    hashes = {entry.hash for ledger in ledgers for entry in ledger.sealed if not entry.is_forgotten}
    facts: dict[str, list[Fact]] = {}
    for ledger in ledgers:
        for order_id, known in ledger.facts.items():
            if fingerprint(order_id) not in hashes:
                facts.setdefault(order_id, []).extend(known)
    return Ledger(
        facts,
        {order_id: order_of(known, rules) for order_id, known in facts.items()},
        [order for ledger in ledgers for order in ledger.departed],
        _each_hash_once([entry for ledger in ledgers for entry in ledger.sealed]),
        max((ledger.forgotten_day for ledger in ledgers if ledger.forgotten_day is not None), default=None),
    )


def _each_hash_once(entries: Sequence[Sealed]) -> list[Sealed]:
    """A bucket has a hash once, however many of its orders have it."""
    known: set[tuple[int, int]] = set()
    found = []
    for entry in entries:
        place = (entry.order.day, entry.hash)
        found.append(replace(entry, is_forgotten=entry.is_forgotten or place in known))
        known |= set() if entry.is_forgotten else {place}
    return found


def as_one(ledgers: Sequence[Ledger], rules: Rules) -> list[dict[str, Order]]:
    """What the unsealed orders of each ledger are together with the others: kept in one of them at most.

    In the first that has the first payment; nowhere when the order is sealed in another one.
    """
    whole = joined(ledgers, rules).orders
    counted: set[str] = set()
    found: list[dict[str, Order]] = []
    for ledger in ledgers:
        found.append({})
        for order_id, own in ledger.orders.items():
            one = whole.get(order_id, own)
            is_here = order_id in whole and own.first_paid == one.first_paid and order_id not in counted
            counted |= {order_id} if is_here else set()
            found[-1][order_id] = replace(one, is_kept=one.is_kept and is_here)
    return found


def of_one_member(one: Ledger, other: Ledger, rules: Rules) -> Ledger:
    """What two ledgers of the same member know together: what both have is there once."""
    both = joined([one, other], rules)
    both.sealed = list(dict.fromkeys([*one.sealed, *other.sealed]))
    both.departed = list(dict.fromkeys(both.departed))
    return both
