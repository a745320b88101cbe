"""What becomes of an order that several ledgers of one member have when its time has come to leave?

Docs/rules.md, section 13.3: it leaves them all at once, as the one order that they make together, and counts or is
remembered in one of them alone.
"""

from scoring.ledger import entries_of, oldest_day_of, record_entry, stub_of
from scoring.sealing import fingerprints_of
from scoring.state import ORDER, Amended, MemberState, unknown_member


def leave_as_one(ledgers: list[MemberState], last_day: int) -> list[list[Amended]]:
    """Prepare ledgers to let the orders until the local day ``last_day`` leave, each by itself.

    Afterwards each has of an order that is to leave what is to be kept there of it. Returns per ledger the orders that
    stay because they are younger in all ledgers together: they are taken out, and to be put back when others have left.
    """
    staying: list[list[Amended]] = [[] for _ in ledgers]
    sealed: set[bytes] = set()
    for ledger in ledgers:
        sealed |= fingerprints_of(ledger.sealed)
    several = _of_several(ledgers, sealed)
    if not several and not sealed:
        return staying
    told: set[bytes] = set()
    for place, ledger in enumerate(ledgers):
        leaving: list[Amended] = []
        for entry in entries_of(ledger):
            order, at, day = entry[:3]
            whole = several.get(order, entry)
            if order in sealed and day <= last_day:
                leaving.append(stub_of(order, at, day))
            elif order in several and whole[2] <= last_day:
                leaving.append(_once(entry, whole, told))
            elif order in several and day <= last_day:
                staying[place].append(entry)
        _take_out(ledger, {entry[0] for entry in (*leaving, *staying[place])})
        for entry in leaving:
            record_entry(ledger, entry)
        ledger.oldest_day = oldest_day_of(ledger)
    return staying


def _once(entry: Amended, whole: Amended, told: set[bytes]) -> Amended:
    """All of the order in the first ledger that has its first payment, and nothing but its day in others."""
    order, at, day = whole[:3]
    if order in told or (entry[7], entry[1]) != (whole[7], at):
        return stub_of(order, at, day)
    told.add(order)
    return whole


def _of_several(ledgers: list[MemberState], sealed: set[bytes]) -> dict[bytes, Amended]:
    """Those orders that more than one ledger has, as all the ledgers together have them."""
    once: set[bytes] = set()
    more: set[bytes] = set()
    entries = [entry for ledger in ledgers for entry in entries_of(ledger)]
    for entry in entries:
        (more if entry[0] in once else once).add(entry[0])
    together = unknown_member(0)
    for entry in entries:
        if entry[0] in more and entry[0] not in sealed:
            record_entry(together, entry)
    return {entry[0]: entry for entry in entries_of(together)}


def _take_out(ledger: MemberState, orders: set[bytes]) -> None:
    if orders:
        ledger.orders = b"".join([ORDER.pack(*e) for e in ORDER.iter_unpack(ledger.orders) if e[0] not in orders])
        ledger.amended = tuple([entry for entry in ledger.amended if entry[0] not in orders])
