"""When do orders become final? Old ones leave the ledger for day buckets, in which nothing can change any more.

Docs/rules.md, section 4.7. Beside the numbers, buckets have the fingerprints of their orders, by which late news about
these is told from news about unknown orders.
"""

from scoring.further import NEVER_FORGOTTEN, Bucket, Sealed
from scoring.ledger import oldest_day_of, orders_of, retire
from scoring.policy import Policy, SealRules
from scoring.state import FINGERPRINT_BYTES, NO_DAY, ORDER, ORDER_BYTES, MemberState, Order, place_of


def keep_up(state: MemberState, day: int, policy: Policy) -> bool:
    """Let leave what is beyond the horizon as of a local day, and seal what is older than the return window.

    ``oldest_day`` of the state must be that of its ledger. False when nothing left by the horizon. A sealed order goes
    on counting, and one beyond the horizon has left every window before, so that what was counted stays true.
    """
    last_day = day - policy.horizon_days
    left = state.oldest_day <= last_day or _reaches_back(state.sealed, last_day)
    if left:
        retire(state, last_day, policy.min_order_amount)
    if policy.seal is not None:
        _seal_until(state, day - policy.return_window_days, policy, policy.seal)
    return left


def seal_after_event(state: MemberState, day: int, policy: Policy, appended: int) -> bool:
    """Seal as of a local day, after an event has changed the ledger; whether any order was sealed.

    ``appended`` is the local day of a new order when that is all that changed, else ``NO_DAY``. The cap on unsealed
    orders is kept after events alone.
    """
    rules = policy.seal
    if rules is None:
        return False
    # The whole ledger is unpacked only where the evaluation that follows does so too.
    state.oldest_day = oldest_day_of(state) if appended == NO_DAY else min(state.oldest_day, appended)
    some = _seal_until(state, day - policy.return_window_days, policy, rules)
    return keep_order_cap(state, policy, rules) or some


def keep_order_cap(state: MemberState, policy: Policy, rules: SealRules) -> bool:
    """Seal the oldest orders beyond the cap on unsealed ones; whether there were any."""
    excess = len(state.orders) // ORDER_BYTES + len(state.amended) - rules.max_orders
    if excess > 0:
        _seal(state, sorted(orders_of(state), key=_age)[:excess], policy.min_order_amount, rules)
    return excess > 0


def keep_caps(state: MemberState, rules: SealRules) -> None:
    """Forget the oldest fingerprints beyond the cap, which a new policy may have lowered."""
    sealed = state.sealed
    if sealed is not None:
        _remember(state, sealed, rules)


def is_sealed(sealed: Sealed | None, order: bytes) -> bool:
    """Whether the order with this fingerprint is in a bucket, as far as fingerprints are remembered."""
    if sealed is None:
        return False
    return place_of(b"".join([bucket.fingerprints for bucket in sealed.buckets]), order, FINGERPRINT_BYTES) >= 0


def fingerprints_of(sealed: Sealed | None) -> set[bytes]:
    """The fingerprints of all sealed orders, as far as they are remembered."""
    found: set[bytes] = set()
    if sealed is not None:
        for bucket in sealed.buckets:
            found.update(each_of(bucket.fingerprints))
    return found


def each_of(fingerprints: bytes) -> list[bytes]:
    """Fingerprints one by one."""
    return [fingerprints[at : at + FINGERPRINT_BYTES] for at in range(0, len(fingerprints), FINGERPRINT_BYTES)]


def _reaches_back(sealed: Sealed | None, last_day: int) -> bool:
    if sealed is None:
        return False
    return sealed.buckets[0].day <= last_day or NEVER_FORGOTTEN < sealed.forgotten_day <= last_day


def _age(order: Order) -> tuple[int, bytes]:
    """The oldest first; of one instant the smaller fingerprint, as a number of 64 bits."""
    return order[1], order[0]


def _seal_until(state: MemberState, last_day: int, policy: Policy, rules: SealRules) -> bool:
    if state.oldest_day > last_day:
        return False
    _seal(state, [order for order in orders_of(state) if order[2] <= last_day], policy.min_order_amount, rules)
    return True


def _seal(state: MemberState, leaving: list[Order], minimum: int, rules: SealRules) -> None:
    """Move orders of the ledger into their buckets; those worth ``minimum`` count there from now on."""
    chosen = {order[0] for order in leaving}
    state.orders = b"".join([ORDER.pack(*order) for order in ORDER.iter_unpack(state.orders) if order[0] not in chosen])
    state.amended = tuple([order for order in state.amended if order[0] not in chosen])
    state.oldest_day = oldest_day_of(state)
    before = state.sealed
    buckets = {} if before is None else {bucket.day: bucket for bucket in before.buckets}
    last_at = 0 if before is None else before.last_at
    entering: dict[int, list[bytes]] = {}
    for order, at, day, value, _ in leaving:
        entering.setdefault(day, []).append(order)
        if value >= minimum:
            known = buckets.get(day, Bucket(day, 0, 0, b""))
            buckets[day] = Bucket(day, known.frequency + 1, known.monetary + value, known.fingerprints)
            last_at = max(last_at, at)
    for day, new in entering.items():
        known = buckets.get(day, Bucket(day, 0, 0, b""))
        # Sorted: whatever came first, the same bytes.
        fingerprints = b"".join(sorted(each_of(known.fingerprints) + new))
        buckets[day] = Bucket(day, known.frequency, known.monetary, fingerprints)
    forgotten_day = NEVER_FORGOTTEN if before is None else before.forgotten_day
    _remember(state, Sealed(tuple([buckets[day] for day in sorted(buckets)]), last_at, forgotten_day), rules)


def _remember(state: MemberState, sealed: Sealed, rules: SealRules) -> None:
    """Make this the sealed part of the ledger, without the oldest fingerprints beyond the cap."""
    remembered = sum([len(bucket.fingerprints) for bucket in sealed.buckets]) // FINGERPRINT_BYTES
    excess = remembered - rules.max_fingerprints
    if excess > 0:
        forgotten_day = sealed.forgotten_day
        kept: list[Bucket] = []
        for bucket in sealed.buckets:
            here = bucket
            if excess > 0 and bucket.fingerprints:
                forgotten_day = max(forgotten_day, bucket.day)
                cut = min(excess * FINGERPRINT_BYTES, len(bucket.fingerprints))
                excess -= cut // FINGERPRINT_BYTES
                here = Bucket(bucket.day, bucket.frequency, bucket.monetary, bucket.fingerprints[cut:])
            if here.frequency > 0 or here.fingerprints:
                kept.append(here)
        sealed = Sealed(tuple(kept), sealed.last_at, forgotten_day)
    state.own_further().sealed = sealed
