"""What is known about one member."""

from hashlib import blake2b

#: What competes for the sale register of an order, in the order of comparison: revision, status rank, ``occurred_at``
#: (ms), net amount (minor units).
Sale = tuple[int, int, int, int]
#: One return of an order: fingerprint of the return id, revision, ``occurred_at`` (ms), returned amount (minor units).
Return = tuple[int, int, int, int]
#: An order paid once and never touched since, the usual case: fingerprint of the order id, purchase instant (ms), its
#: local day, worth (minor units), revision of the sale register.
Order = tuple[int, int, int, int, int]
#: Any other order. First the columns of ``Order``; worth is net minus returned, or -1 unless the sale register is a
#: paid one, and a stub (no ``order.paid`` known yet) has its stub instant. Then net amount and status of the sale
#: register, revision of the first ``order.paid`` (-1 for a stub), ``occurred_at`` of the winning sale, returns sorted
#: by fingerprint.
Amended = tuple[int, int, int, int, int, int, int, int, int, tuple[Return, ...]]


def fingerprint(text: str) -> int:
    """64 bits standing for an id inside one member's state.

    Two ids of one member are taken for one when their fingerprints meet: for a member with n orders the chance is
    n² / 2⁶⁵, which is 3 in 10¹⁶ at 100 orders; among a hundred million such members 3 in 10⁸. That is out of scope.
    """
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


class MemberState:
    """One member, as of ``as_of``.

    Instants are epoch milliseconds (UTC), money is minor units, days are local days of the policy's zone. ``offset`` is
    the last record of the log absorbed and ``sequence`` the number of outcomes so far. ``tier`` is a rank and ``stage``
    an index of ``STAGES``; each ``..._since`` is the as_of of the evaluation that moved it. ``frequency`` and
    ``monetary`` are those of the reported window. ``last_at`` is the latest kept purchase (0 without one), ``next_due``
    the next timer (0 without one). ``remembered`` has the fingerprints of the last non-order events, oldest first. Of
    kept orders that left by the horizon, ``gone_at`` is the latest purchase and ``gone_days`` the number of distinct
    days.
    """

    __slots__ = (
        "amended",
        "as_of",
        "frequency",
        "gone_at",
        "gone_days",
        "joined_at",
        "last_at",
        "monetary",
        "next_due",
        "offset",
        "orders",
        "remembered",
        "sequence",
        "stage",
        "stage_since",
        "tier",
        "tier_since",
    )

    def __init__(
        self,
        offset: int,
        next_due: int,
        as_of: int,
        sequence: int,
        tier: int,
        stage: int,
        tier_since: int,
        stage_since: int,
        joined_at: int,
        last_at: int,
        frequency: int,
        monetary: int,
        gone_at: int,
        gone_days: int,
        orders: list[Order],
        amended: list[Amended],
        remembered: tuple[int, ...],
    ) -> None:
        self.offset = offset
        self.next_due = next_due
        self.as_of = as_of
        self.sequence = sequence
        self.tier = tier
        self.stage = stage
        self.tier_since = tier_since
        self.stage_since = stage_since
        self.joined_at = joined_at
        self.last_at = last_at
        self.frequency = frequency
        self.monetary = monetary
        self.gone_at = gone_at
        self.gone_days = gone_days
        self.orders = orders
        self.amended = amended
        self.remembered = remembered

    def clone(self) -> "MemberState":
        """A copy that shares only what is immutable."""
        return MemberState(
            self.offset,
            self.next_due,
            self.as_of,
            self.sequence,
            self.tier,
            self.stage,
            self.tier_since,
            self.stage_since,
            self.joined_at,
            self.last_at,
            self.frequency,
            self.monetary,
            self.gone_at,
            self.gone_days,
            self.orders[:],
            self.amended[:],
            self.remembered,
        )


def unknown_member(as_of: int) -> MemberState:
    """The state before a member's first event, which is applied at ``as_of``."""
    return MemberState(0, 0, as_of, 0, 0, 0, as_of, as_of, as_of, 0, 0, 0, 0, 0, [], [], ())
