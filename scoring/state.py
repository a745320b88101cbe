"""What is known about one member."""

from hashlib import blake2b
from struct import Struct
from typing import Final

from mypy_extensions import mypyc_attr

from scoring.further import NO_SEGMENT, Asked, Further, Given, HeardMerge, Hold, Merge, Override, Part, Sealed, Told

#: Stands for "no such day": later than every local day that can occur, and small enough for 32 bits.
NO_DAY: Final = 1 << 30

#: What competes for the sale register of an order, in the order of comparison: revision, status rank, ``occurred_at``
#: (ms), net amount (minor units).
Sale = tuple[int, int, int, int]
#: One return of an order: fingerprint of the return id, revision, ``occurred_at`` (ms), returned amount (minor units).
Return = tuple[bytes, int, int, int]
#: An order paid once and never touched since, the usual case: fingerprint of the order id, purchase instant (ms), its
#: local day, worth (minor units), revision of the sale register.
Order = tuple[bytes, int, int, int, int]
#: How a state holds such an order: 32 bytes, little-endian. Most events look no further than the fingerprints, which
#: one search finds in the whole array; unpacking waits for the few that need more.
ORDER: Final = Struct("<8sqiqI")
ORDER_BYTES: Final = 32
#: Any other order. First the columns of ``Order``; worth is net minus returned, or -1 unless the sale register is a
#: paid one, and a stub (no ``order.paid`` known yet) has its stub instant. Then net amount and status of the sale
#: register, revision of the first ``order.paid`` (-1 for a stub), ``occurred_at`` of the winning sale, returns sorted
#: by fingerprint.
Amended = tuple[bytes, int, int, int, int, int, int, int, int, tuple[Return, ...]]

FINGERPRINT_BYTES: Final = 8


_HASHED: Final = blake2b(digest_size=FINGERPRINT_BYTES)


def fingerprint(text: str) -> bytes:
    """64 bits (the BLAKE2b digest of eight bytes) standing for an id inside one member's state.

    Two ids of one member are taken for one when their fingerprints meet: for a member with n orders the chance is
    n² / 2⁶⁵, which is 3 in 10¹⁶ at 100 orders; among a hundred million such members 3 in 10⁸. That is out of scope.
    """
    # A copy is made a third faster than a hash with its parameters.
    hashed = _HASHED.copy()
    hashed.update(text.encode())
    return hashed.digest()


def place_of(fingerprints: bytes, wanted: bytes, width: int) -> int:
    """Where ``wanted`` begins an entry of ``width`` bytes in a packed array, in bytes; -1 when it begins none."""
    at = fingerprints.find(wanted)
    while at >= 0 and at % width:
        at = fingerprints.find(wanted, at + 1)
    return at


@mypyc_attr(acyclic=True)
class MemberState:
    """One member, as of ``as_of``.

    Instants are epoch milliseconds (UTC), money is minor units, days are local days of the policy's zone. ``offset`` is
    the last record of the log absorbed and ``sequence`` the number of outcomes so far. ``tier`` is a rank and ``stage``
    an index of ``STAGES``; each ``..._since`` is the as_of of the evaluation that moved it. ``next_due`` is the next
    timer (0 without one).

    What the ledger comes to: ``frequency`` and ``monetary`` are those of the reported window, ``tier_...`` of the
    tiers' window. ``last_at`` and ``last_day`` are the latest kept purchase (0 without one), ``purchase_days`` the
    number of distinct days of kept purchases, those that left included, counted no further than 2. ``exit_day`` is the
    next day on which an order leaves a window and ``oldest_day`` the day of the oldest order or stub that is not sealed
    (``NO_DAY``: none). Until ``next_due`` these stay true by themselves: whatever time alone changes is a timer.

    The ledger: ``orders`` are packed (``ORDER``), ``remembered`` has the packed fingerprints of the last non-order
    events, oldest first. Of kept orders that left by the horizon, ``gone_at`` is the latest purchase, ``gone_days`` the
    number of distinct days and ``gone_purchase_days`` the latest 12 of these, rising.

    ``further`` is None where all that it could say is the default: a base that is the tier, a told stage that is the
    stage, no hold, no override and no segment. Read its fields here; to change them, ask for :meth:`own_further`.
    """

    __slots__ = (
        "amended",
        "as_of",
        "exit_day",
        "frequency",
        "further",
        "gone_at",
        "gone_days",
        "gone_purchase_days",
        "joined_at",
        "last_at",
        "last_day",
        "monetary",
        "next_due",
        "offset",
        "oldest_day",
        "orders",
        "purchase_days",
        "remembered",
        "sequence",
        "stage",
        "stage_since",
        "tier",
        "tier_frequency",
        "tier_monetary",
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
        tier_frequency: int,
        tier_monetary: int,
        last_day: int,
        exit_day: int,
        oldest_day: int,
        purchase_days: int,
        gone_at: int,
        gone_days: int,
        orders: bytes,
        amended: tuple[Amended, ...],
        remembered: bytes,
        gone_purchase_days: tuple[int, ...] = (),
        further: Further | None = None,
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
        self.tier_frequency = tier_frequency
        self.tier_monetary = tier_monetary
        self.last_day = last_day
        self.exit_day = exit_day
        self.oldest_day = oldest_day
        self.purchase_days = purchase_days
        self.gone_at = gone_at
        self.gone_days = gone_days
        self.orders = orders
        self.amended = amended
        self.remembered = remembered
        self.gone_purchase_days = gone_purchase_days
        self.further = further

    def clone(self) -> "MemberState":
        """A copy; what it shares with the original is immutable."""
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
            self.tier_frequency,
            self.tier_monetary,
            self.last_day,
            self.exit_day,
            self.oldest_day,
            self.purchase_days,
            self.gone_at,
            self.gone_days,
            self.orders,
            self.amended,
            self.remembered,
            self.gone_purchase_days,
            None if self.further is None else self.further.clone(),
        )

    def own_further(self) -> Further:
        """This state's own ``further``, to be changed; made with the defaults where there was none."""
        if self.further is None:
            self.further = Further(self.tier, self.stage)
        return self.further

    @property
    def base(self) -> int:
        """The rank that the rules give, without the override."""
        return self.tier if self.further is None else self.further.base

    @property
    def told_stage(self) -> int:
        """The stage that alerts follow."""
        return self.stage if self.further is None else self.further.told_stage

    @property
    def held_until(self) -> int:
        """The end of the present hold (epoch ms); 0 without an end or a hold."""
        return 0 if self.further is None else self.further.held_until

    @property
    def grace_until(self) -> int:
        """The end of the present grace (epoch ms); 0 when not in grace."""
        return 0 if self.further is None else self.further.grace_until

    @property
    def qualified_at(self) -> int:
        """When the test behind the present hold was passed (epoch ms); 0: unknown."""
        return 0 if self.further is None else self.further.qualified_at

    @property
    def asked(self) -> Asked | None:
        """The test behind the present hold."""
        return None if self.further is None else self.further.asked

    @property
    def notice_told(self) -> bool:
        """Whether the end of the present hold was announced."""
        return False if self.further is None else self.further.notice_told

    @property
    def stack(self) -> tuple[Hold, ...]:
        """Holds of lower ranks that were left by rising, the lowest first."""
        return () if self.further is None else self.further.stack

    @property
    def override(self) -> Override | None:
        """The override register."""
        return None if self.further is None else self.further.override

    @property
    def override_in_force(self) -> bool:
        """Whether the override was in force at the latest evaluation."""
        return False if self.further is None else self.further.override_in_force

    @property
    def floor(self) -> int:
        """The rank that the override gave at the latest evaluation; 0 without one."""
        return 0 if self.further is None else self.further.floor

    @property
    def rf_segment(self) -> int:
        """The index of the RF segment; -1 without one."""
        return NO_SEGMENT if self.further is None else self.further.rf_segment

    @property
    def quadrant(self) -> int:
        """The index of the quadrant; -1 without one."""
        return NO_SEGMENT if self.further is None else self.further.quadrant

    @property
    def kind_of_eight(self) -> int:
        """The index of the type; -1 without one."""
        return NO_SEGMENT if self.further is None else self.further.kind_of_eight

    @property
    def provisional(self) -> bool:
        """Whether the base still waits for its confirmation."""
        return False if self.further is None else self.further.provisional

    @property
    def told(self) -> tuple[Told, ...]:
        """Outcomes that late news may show to have been wrong, oldest first."""
        return () if self.further is None else self.further.remembered

    @property
    def sealed(self) -> Sealed | None:
        """The sealed part of the ledger."""
        return None if self.further is None else self.further.sealed

    @property
    def absorbed(self) -> tuple[str, ...]:
        """Ids of all members merged into this one, directly or through others."""
        return () if self.further is None else self.further.absorbed

    @property
    def parts(self) -> tuple[Part, ...]:
        """Ledgers of merged members that can still be taken out."""
        return () if self.further is None else self.further.parts

    @property
    def merge(self) -> Merge | None:
        """That this member is merged into another."""
        return None if self.further is None else self.further.merge

    @property
    def heard(self) -> tuple[HeardMerge, ...]:
        """The newest merges of others that this member was told of."""
        return () if self.further is None else self.further.heard

    @property
    def given(self) -> tuple[Given, ...]:
        """Capped offers that were recommended, or withheld, and still count."""
        return () if self.further is None else self.further.given

    @property
    def erased(self) -> bool:
        """Whether the member was erased."""
        return False if self.further is None else self.further.erased


def unknown_member(as_of: int) -> MemberState:
    """The state before a member's first event, which is applied at ``as_of``."""
    return MemberState(
        0, 0, as_of, 0, 0, 0, as_of, as_of, as_of, 0, 0, 0, 0, 0, 0, NO_DAY, NO_DAY, 0, 0, 0, b"", (), b""
    )
