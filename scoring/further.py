"""What is known about a member beyond orders, tier and stage: what holds, overrides, late alerts and segments need."""

from typing import Any, Final, NamedTuple

#: Instead of an index into the names of a grid: not scored, or no name.
NO_SEGMENT: Final = -1
#: Instead of a local day: no fingerprint was forgotten. Earlier than every local day that can occur.
NEVER_FORGOTTEN: Final = -(1 << 30)


class Asked(NamedTuple):
    """A test that was passed: kept orders and minor units (None: not asked for), and whether both were asked for.

    By percentile it is ``cut`` alone: orders times minor units.
    """

    frequency: int | None
    monetary: int | None
    match_all: bool
    cut: int | None = None


class Hold(NamedTuple):
    """A hold that was left by rising; it has no grace.

    ``held_until`` is epoch ms (0: no end), ``qualified_at`` epoch ms (0: unknown).
    """

    rank: int
    held_until: int
    qualified_at: int
    asked: Asked | None
    notice_told: bool
    provisional: bool = False


class Told(NamedTuple):
    """An outcome that late news may show to have been wrong (docs/rules.md, section 12).

    ``before`` and ``after`` are stage indices of a quiet alert, ranks of a downgrade; ``at`` is epoch ms.
    """

    sequence: int
    kind: str
    at: int
    before: int
    after: int


class Bucket(NamedTuple):
    """What is left of the sealed orders of one local day: kept ones counted, minor units, every fingerprint packed."""

    day: int
    frequency: int
    monetary: int
    fingerprints: bytes


class Sealed(NamedTuple):
    """The sealed part of a ledger (docs/rules.md, section 4.7).

    ``buckets`` by rising day; ``last_at`` is the latest purchase instant of a sealed kept order (epoch ms, 0 without
    one); ``forgotten_day`` the latest local day of a forgotten fingerprint (``NEVER_FORGOTTEN`` without one).
    """

    buckets: tuple[Bucket, ...]
    last_at: int
    forgotten_day: int


class Part(NamedTuple):
    """The ledger of a member who was merged into this one, and can still be taken out ``until`` (epoch ms).

    ``orders`` and ``amended`` are as in :class:`scoring.state.MemberState`. ``path`` are the ids that it came through,
    its own first, ``merge`` the id of the event that told of the merge, ``members`` whom it had absorbed for good.
    ``numbers`` are those of the merges of the ids in ``path`` (:mod:`scoring.heard_merges`).
    """

    absorbed: str
    until: int
    orders: bytes
    amended: tuple[Any, ...]
    sealed: Sealed | None
    gone_at: int
    gone_days: int
    gone_purchase_days: tuple[int, ...]
    path: tuple[str, ...] = ()
    merge: str = ""
    members: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()


class Merge(NamedTuple):
    """That a member was merged into another: ``at``, and ``until`` when the ledger is kept, are epoch ms.

    ``told_by`` is the id of the event by which the other was told, ``unmerge_until`` the end of the unmerge time (epoch
    ms), which may come before ``until``. ``number`` tells the merges of one member apart
    and rises from one to the next.
    """

    into: str
    at: int
    until: int
    told_by: str = ""
    unmerge_until: int = 0
    number: int = 0


class HeardMerge(NamedTuple):
    """The newest merge of another member that a member has heard of, and whether it was taken back.

    It is remembered for as long after ``until`` (epoch ms) as a part.
    """

    member_id: str
    number: int
    over: bool
    until: int


class Given(NamedTuple):
    """That an offer with a cap was recommended, or withheld, on a local day."""

    offer: str
    day: int


class Override(NamedTuple):
    """The override register. Instants are epoch ms; a withdrawal has no tier name and 0 for ``until``."""

    occurred_at: int
    event_id: str
    tier: str
    until: int


class Further:
    """Fields of :class:`scoring.state.MemberState`, which are read there; apart, as most members have none of them.

    ``base`` is the rank that the rules give, without the override. ``held_until`` (0: no end, or no hold),
    ``grace_until`` (0: not in grace), ``qualified_at`` (0: unknown), ``asked`` and ``notice_told`` are the hold of the
    base, ``stack`` the holds of lower ranks that were left by rising, the lowest first. Instants are epoch ms.

    ``override`` is the register; ``override_in_force`` says whether it was in force at the latest evaluation and
    ``floor`` which rank it gave (0: none). ``told_stage`` is the stage that alerts follow. ``rf_segment``, ``quadrant``
    and ``kind_of_eight`` are indices (``NO_SEGMENT``: none).

    ``provisional`` says that the base still waits for its confirmation, ``remembered`` are the outcomes that could turn
    out wrong, oldest first, ``sealed`` what of the ledger is sealed. ``absorbed`` are the ids of all members merged
    into this one, directly or through others, ``parts`` the ledgers of those that can still be taken out, ``heard`` the
    merges that it was told of, ``given`` the capped offers that still count. A member with ``merge`` is merged into
    another; one who is ``erased`` has nothing but offset and sequence.
    """

    __slots__ = (
        "absorbed",
        "asked",
        "base",
        "erased",
        "floor",
        "given",
        "grace_until",
        "heard",
        "held_until",
        "kind_of_eight",
        "merge",
        "notice_told",
        "override",
        "override_in_force",
        "parts",
        "provisional",
        "quadrant",
        "qualified_at",
        "remembered",
        "rf_segment",
        "sealed",
        "stack",
        "told_stage",
    )

    def __init__(
        self,
        base: int,
        told_stage: int,
        held_until: int = 0,
        grace_until: int = 0,
        qualified_at: int = 0,
        asked: Asked | None = None,
        notice_told: bool = False,
        stack: tuple[Hold, ...] = (),
        override: Override | None = None,
        override_in_force: bool = False,
        floor: int = 0,
        rf_segment: int = NO_SEGMENT,
        quadrant: int = NO_SEGMENT,
        kind_of_eight: int = NO_SEGMENT,
        provisional: bool = False,
        remembered: tuple[Told, ...] = (),
        sealed: Sealed | None = None,
        absorbed: tuple[str, ...] = (),
        parts: tuple[Part, ...] = (),
        merge: Merge | None = None,
        erased: bool = False,
        heard: tuple[HeardMerge, ...] = (),
        given: tuple[Given, ...] = (),
    ) -> None:
        self.base = base
        self.told_stage = told_stage
        self.held_until = held_until
        self.grace_until = grace_until
        self.qualified_at = qualified_at
        self.asked = asked
        self.notice_told = notice_told
        self.stack = stack
        self.override = override
        self.override_in_force = override_in_force
        self.floor = floor
        self.rf_segment = rf_segment
        self.quadrant = quadrant
        self.kind_of_eight = kind_of_eight
        self.provisional = provisional
        self.remembered = remembered
        self.sealed = sealed
        self.absorbed = absorbed
        self.parts = parts
        self.merge = merge
        self.erased = erased
        self.heard = heard
        self.given = given

    def clone(self) -> "Further":
        """A copy; what it shares with the original is immutable."""
        return Further(
            self.base,
            self.told_stage,
            self.held_until,
            self.grace_until,
            self.qualified_at,
            self.asked,
            self.notice_told,
            self.stack,
            self.override,
            self.override_in_force,
            self.floor,
            self.rf_segment,
            self.quadrant,
            self.kind_of_eight,
            self.provisional,
            self.remembered,
            self.sealed,
            self.absorbed,
            self.parts,
            self.merge,
            self.erased,
            self.heard,
            self.given,
        )

    def fields(self) -> tuple[object, ...]:
        """Every field, in the order of the constructor."""
        return (
            self.base,
            self.told_stage,
            self.held_until,
            self.grace_until,
            self.qualified_at,
            self.asked,
            self.notice_told,
            self.stack,
            self.override,
            self.override_in_force,
            self.floor,
            self.rf_segment,
            self.quadrant,
            self.kind_of_eight,
            self.provisional,
            self.remembered,
            self.sealed,
            self.absorbed,
            self.parts,
            self.merge,
            self.erased,
            self.heard,
            self.given,
        )

    def says_something(self, tier: int, stage: int) -> bool:
        """Whether a member of that tier and stage cannot do without: some field differs from its default."""
        return not (
            self.base == tier
            and self.told_stage == stage
            and self.held_until == 0
            and self.grace_until == 0
            and self.qualified_at == 0
            and self.asked is None
            and not self.notice_told
            and not self.stack
            and self.override is None
            and not self.override_in_force
            and self.floor == 0
            and self.rf_segment == NO_SEGMENT
            and self.quadrant == NO_SEGMENT
            and self.kind_of_eight == NO_SEGMENT
            and not self.provisional
            and not self.remembered
            and self.sealed is None
            and not self.absorbed
            and not self.parts
            and self.merge is None
            and not self.erased
            and not self.heard
            and not self.given
        )
