"""The ledgers of merged members inside the member they were merged into (docs/rules.md, section 13.3).

A member with such parts is evaluated as the one member that all the ledgers together would be: they are kept up and
laid together before an evaluation, and taken apart after it.
"""

from scoring.further import NEVER_FORGOTTEN, Bucket, Part, Sealed
from scoring.heard_merges import ON_ITS_WAY_MS, forget_old
from scoring.ledger import REMEMBERED_DAYS, entries_of, oldest_day_of, orders_of, record_entry
from scoring.orders_of_several import leave_as_one
from scoring.policy import Policy
from scoring.sealing import each_of, fingerprints_of, keep_caps, keep_order_cap, keep_up, seal_after_event
from scoring.state import ORDER, MemberState, unknown_member


class Apart:
    """A member's own ledger and parts, while they are laid together in the state."""

    __slots__ = ("amended", "gone_at", "gone_days", "gone_purchase_days", "orders", "parts", "sealed")

    def __init__(self, state: MemberState) -> None:
        self.orders = state.orders
        self.amended = state.amended
        self.sealed = state.sealed
        self.gone_at = state.gone_at
        self.gone_days = state.gone_days
        self.gone_purchase_days = state.gone_purchase_days
        self.parts = state.parts


def lay_together(state: MemberState) -> Apart:
    """Let the state have the join of its own ledger and its parts, until :func:`take_apart`."""
    apart = Apart(state)
    own = state.own_further()
    own.parts = ()
    for part in apart.parts:
        _join(state, ledger_of(part))
    return apart


def come_together(state: MemberState, policy: Policy) -> Apart:
    """Lay the ledgers together as they are at the state's as_of, to be evaluated then."""
    join_for_good(state)
    keep_all_up(state, policy.zone.day_of(state.as_of), policy)
    return lay_together(state)


def take_apart(state: MemberState, apart: Apart) -> None:
    """Give the state its own ledger and parts again."""
    state.orders = apart.orders
    state.amended = apart.amended
    state.gone_at = apart.gone_at
    state.gone_days = apart.gone_days
    state.gone_purchase_days = apart.gone_purchase_days
    own = state.own_further()
    own.sealed = apart.sealed
    own.parts = apart.parts
    state.oldest_day = oldest_day_of(state)


def join_for_good(state: MemberState) -> None:
    """Join those parts into the own ledger that can no longer be taken out at the state's as_of."""
    own = state.own_further()
    kept: list[Part] = []
    for part in own.parts:
        if is_apart(part, state.as_of):
            kept.append(part)
        else:
            _join(state, ledger_of(part))
    own.parts = tuple(kept)
    forget_old(own, state.as_of)
    state.oldest_day = oldest_day_of(state)


def is_apart(part: Part, as_of: int) -> bool:
    """Whether a part can still be taken out at ``as_of`` (epoch ms)."""
    return as_of < part.until + ON_ITS_WAY_MS


def keep_all_up(state: MemberState, day: int, policy: Policy) -> None:
    """Let leave from all ledgers what is beyond the horizon as of a local day, and seal what is old enough.

    What several have unsealed goes as the one order that they make together, in all of them at once.
    """
    if not state.parts:
        keep_up(state, day, policy)
        if policy.seal is not None and state.merge is not None:
            # Others keep the caps of a new policy at once, by its evaluation.
            keep_caps(state, policy.seal)
        return
    own = state.own_further()
    ledgers = [state, *[ledger_of(part) for part in own.parts]]
    last_day = day - (policy.horizon_days if policy.seal is None else policy.return_window_days)
    staying = leave_as_one(ledgers, last_day)
    for ledger, entries in zip(ledgers, staying, strict=True):
        _keep_one_up(ledger, day, policy)
        for entry in entries:
            record_entry(ledger, entry)
        ledger.oldest_day = oldest_day_of(ledger)
    own.parts = tuple([with_ledger(part, ledger) for part, ledger in zip(own.parts, ledgers[1:], strict=True)])


def has_sealed_parts(state: MemberState) -> bool:
    """Whether any part has orders that are sealed."""
    return bool([part for part in state.parts if part.sealed is not None])


def seal_all_after_event(state: MemberState, via: str, policy: Policy, appended: int) -> bool:
    """Seal as of the state's as_of, after an event that came ``via`` a merged member has entered its ledger.

    Returns whether any order was sealed in a ledger without parts; ``appended`` is as for ``seal_after_event``.
    """
    day = policy.zone.day_of(state.as_of)
    if not state.parts:
        return seal_after_event(state, day, policy, appended)
    keep_all_up(state, day, policy)
    part = part_of(state, via) if via else None
    ledger = state if part is None else ledger_of(part)
    if policy.seal is not None and keep_order_cap(ledger, policy, policy.seal) and part is not None:
        put_part(state, with_ledger(part, ledger))
    return False


def part_of(state: MemberState, member_id: str) -> Part | None:
    """The part of a merged member."""
    for part in state.parts:
        if part.absorbed == member_id:
            return part
    return None


def put_part(state: MemberState, part: Part) -> None:
    """Put a part in the place of the one of the same member, or behind all others."""
    own = state.own_further()
    parts: list[Part] = []
    found = False
    for each in own.parts:
        found = found or each.absorbed == part.absorbed
        parts.append(part if each.absorbed == part.absorbed else each)
    if not found:
        parts.append(part)
    own.parts = tuple(parts)


def ledger_of(part: Part) -> MemberState:
    """A part as a ledger that the functions on ledgers take."""
    ledger = unknown_member(0)
    ledger.orders = part.orders
    ledger.amended = part.amended
    ledger.gone_at = part.gone_at
    ledger.gone_days = part.gone_days
    ledger.gone_purchase_days = part.gone_purchase_days
    if part.sealed is not None:
        ledger.own_further().sealed = part.sealed
    ledger.oldest_day = oldest_day_of(ledger)
    return ledger


def with_ledger(part: Part, ledger: MemberState) -> Part:
    """The part with another ledger."""
    return part._replace(
        orders=ledger.orders,
        amended=ledger.amended,
        sealed=ledger.sealed,
        gone_at=ledger.gone_at,
        gone_days=ledger.gone_days,
        gone_purchase_days=ledger.gone_purchase_days,
    )


def add_of_same_member(ledger: MemberState, other: MemberState) -> None:
    """Add to a ledger more of the same member's: a bucket that both have is there once."""
    buckets: dict[int, Bucket] = {}
    for bucket in (*_buckets(ledger), *_buckets(other)):
        known = buckets.get(bucket.day)
        if known is None or len(bucket.fingerprints) > len(known.fingerprints):
            buckets[bucket.day] = bucket
    sealed = _sealed_of(ledger, other, buckets)
    _drop_sealed(ledger, other.sealed)
    _drop_sealed(other, ledger.sealed)
    _add_unsealed(ledger, other)
    if sealed is not None:
        ledger.own_further().sealed = sealed


def _keep_one_up(ledger: MemberState, day: int, policy: Policy) -> None:
    keep_up(ledger, day, policy)
    if policy.seal is not None:
        keep_caps(ledger, policy.seal)


def _join(ledger: MemberState, other: MemberState) -> None:
    """Join another member's ledger: unsealed orders by their registers, one that is sealed anywhere counts there."""
    if ledger.sealed is not None or other.sealed is not None:
        _drop_sealed(ledger, other.sealed)
        _drop_sealed(other, ledger.sealed)
    buckets: dict[int, Bucket] = {}
    for day, frequency, monetary, fingerprints in (*_buckets(ledger), *_buckets(other)):
        known = buckets.get(day, Bucket(day, 0, 0, b""))
        found = {*each_of(known.fingerprints), *each_of(fingerprints)}
        buckets[day] = Bucket(day, known.frequency + frequency, known.monetary + monetary, b"".join(sorted(found)))
    sealed = _sealed_of(ledger, other, buckets)
    _add_unsealed(ledger, other)
    if sealed is not None:
        ledger.own_further().sealed = sealed


def _add_unsealed(ledger: MemberState, other: MemberState) -> None:
    known = {order[0] for order in orders_of(ledger)}
    both = [entry for entry in entries_of(other) if entry[0] in known]
    # At once: one by one a long ledger would be copied for each.
    ledger.orders += b"".join([ORDER.pack(*new) for new in ORDER.iter_unpack(other.orders) if new[0] not in known])
    ledger.amended += tuple([entry for entry in other.amended if entry[0] not in known])
    for entry in both:
        record_entry(ledger, entry)
    if other.gone_days > 0:
        ledger.gone_at = other.gone_at if ledger.gone_days == 0 else max(ledger.gone_at, other.gone_at)
        days = sorted({*ledger.gone_purchase_days, *other.gone_purchase_days})
        # How many days both had is known of the remembered ones alone; more than two make no difference.
        ledger.gone_days = max(len(days), ledger.gone_days, other.gone_days)
        ledger.gone_purchase_days = tuple(days[-REMEMBERED_DAYS:])


def _drop_sealed(ledger: MemberState, elsewhere: Sealed | None) -> None:
    """Drop the unsealed orders that are sealed in another ledger."""
    if elsewhere is None:
        return
    known = fingerprints_of(elsewhere)
    ledger.orders = b"".join(
        [ORDER.pack(*entry) for entry in ORDER.iter_unpack(ledger.orders) if entry[0] not in known]
    )
    ledger.amended = tuple([entry for entry in ledger.amended if entry[0] not in known])


def _sealed_of(ledger: MemberState, other: MemberState, buckets: dict[int, Bucket]) -> Sealed | None:
    if not buckets:
        return None
    last_at = 0
    forgotten_day = NEVER_FORGOTTEN
    for sealed in (ledger.sealed, other.sealed):
        if sealed is not None:
            last_at = max(last_at, sealed.last_at)
            forgotten_day = max(forgotten_day, sealed.forgotten_day)
    return Sealed(tuple([buckets[day] for day in sorted(buckets)]), last_at, forgotten_day)


def _buckets(ledger: MemberState) -> tuple[Bucket, ...]:
    return () if ledger.sealed is None else ledger.sealed.buckets
