"""What is known about a member beyond orders, tier and stage: what holds, overrides, late alerts and segments need."""

from typing import Final, NamedTuple

#: Instead of an index into the names of a grid: not scored, or no name.
NO_SEGMENT: Final = -1


class Asked(NamedTuple):
    """A test that was passed: kept orders and minor units (None: not asked for), and whether both were asked for."""

    frequency: int | None
    monetary: int | None
    match_all: bool


class Hold(NamedTuple):
    """A hold that was left by rising; it has no grace.

    ``held_until`` is epoch ms (0: no end), ``qualified_at`` epoch ms (0: unknown).
    """

    rank: int
    held_until: int
    qualified_at: int
    asked: Asked | None
    notice_told: bool


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
    """

    __slots__ = (
        "asked",
        "base",
        "floor",
        "grace_until",
        "held_until",
        "kind_of_eight",
        "notice_told",
        "override",
        "override_in_force",
        "quadrant",
        "qualified_at",
        "rf_segment",
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
        )
