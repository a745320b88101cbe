"""What is sealed of a member's orders (docs/rules.md, section 4.7)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tests.oracle.calendar import day_of
from tests.oracle.ledger import Ledger, Sealed, as_one, fingerprint
from tests.oracle.log import Fact
from tests.oracle.orders import PAID, Order
from tests.oracle.policy import Rules


def refuses(ledger: Ledger, fact: Fact, rules: Rules) -> bool:
    """Refusal 7: about a sealed order, or a payment of an unknown one on a forgotten day."""
    if any(not entry.is_forgotten and entry.hash == fingerprint(fact.order_id) for entry in ledger.sealed):
        return True
    if fact.type != PAID or fact.order_id in ledger.orders or ledger.forgotten_day is None:
        return False
    return day_of(fact.occurred_at, rules.zone) <= ledger.forgotten_day


def let_go_and_seal(ledgers: Sequence[Ledger], day: int, rules: Rules) -> None:
    """What is beyond the horizon, and then what is past its return window, as of a local day."""
    for ledger, one in zip(ledgers, as_one(ledgers, rules), strict=True):
        ledger.let_go(day - rules.horizon_days, one)
        _seal_until(ledger, day - rules.return_days, one, rules)


def seal(ledgers: Sequence[Ledger], day: int, rules: Rules) -> None:
    """What is past its return window as of a local day; nothing under a policy that does not seal."""
    for ledger, one in zip(ledgers, as_one(ledgers, rules), strict=True):
        _seal_until(ledger, day - rules.return_days, one, rules)


def _seal_until(ledger: Ledger, last_day: int, one: Mapping[str, Order], rules: Rules) -> None:
    if rules.sealing is not None:
        names = [name for name in ledger.orders if one[name].day <= last_day]
        ledger.ways += ["sealed: by day"] if names else []
        _seal(ledger, {name: one[name] for name in names}, rules)


def cap(ledger: Ledger, rules: Rules) -> None:
    """The oldest, as long as there are more orders one by one than there may be."""
    while rules.sealing is not None and len(ledger.orders) > rules.sealing.max_orders:
        ledger.ways.append("sealed: over the cap on orders")
        oldest = min(ledger.orders, key=lambda name: _age(ledger, name))
        _seal(ledger, {oldest: ledger.orders[oldest]}, rules)


def _age(ledger: Ledger, order_id: str) -> tuple[int, int]:
    order = ledger.orders[order_id]
    at = order.stub_at if order.placed_at is None else order.placed_at
    assert at is not None
    return at, fingerprint(order_id)


def _seal(ledger: Ledger, leaving: Mapping[str, Order], rules: Rules) -> None:
    """These orders, and then forget the oldest hashes as long as there are more than there may be."""
    assert rules.sealing is not None
    for name, order in leaving.items():
        ledger.sealed.append(Sealed(fingerprint(name), replace(order, is_sealed=True)))
        del ledger.orders[name]
        del ledger.facts[name]
    hashed = sorted((e for e in ledger.sealed if not e.is_forgotten), key=lambda e: (e.order.day, e.hash))
    for entry in hashed[: max(0, len(hashed) - rules.sealing.max_hashes)]:
        ledger.ways.append("sealed: hash forgotten")
        ledger.sealed[ledger.sealed.index(entry)] = replace(entry, is_forgotten=True)
        days = [entry.order.day, *([] if ledger.forgotten_day is None else [ledger.forgotten_day])]
        ledger.forgotten_day = max(days)
