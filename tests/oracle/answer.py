"""What the oracle answers: members, outcomes and dead letters after a whole log."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ExpectedMember:
    """A member at the end of the log.

    ``offset`` is that of the last record which the member absorbed; a tick that found it due is one.
    """

    offset: int
    sequence: int
    as_of: int
    tier: str
    stage: str
    frequency: int
    monetary: int
    last_purchase_at: int | None
    next_due_at: int | None


@dataclass(frozen=True)
class ExpectedFurther:
    """What holds, overrides, hold-back and segments add to a member at the end of the log; empty names are none."""

    base: str
    held_until: int | None
    grace_until: int | None
    told_stage: str
    segments: tuple[str, str, str]


@dataclass(frozen=True)
class Said:
    """What some kinds say beside the rest: how an override ended, where a hold's end would lead, the member's pace.

    ``keeps`` is what the base misses to stand at ``held_until``: orders and minor units, None where not asked for.
    """

    detail: str = ""
    would_be: str = ""
    keeps: tuple[int | None, int | None] | None = None
    gaps: tuple[int, ...] | None = None
    expected_gap_s: int | None = None
    quiet_days: int | None = None


NOTHING_ELSE = Said()


@dataclass(frozen=True)
class ExpectedOutcome:
    """One tier change, alert or segment. Instants are epoch milliseconds; only the four quiet alerts have a ``due_at``.

    ``held_until`` is told by tier kinds only, and None for a tier without an end.
    """

    kind: str
    member_id: str
    sequence: int
    at: int
    due_at: int | None
    reason: str
    before: str
    after: str
    frequency: int
    monetary: int
    catch_up: bool
    recorded_at: int
    cause: str
    held_until: int | None = None
    said: Said = NOTHING_ELSE


@dataclass
class Expected:
    """``outcomes`` by ``ce_id``, each member's in sequence; ``dead_letters`` by (partition, offset), without poison.

    ``ways`` counts the branches of the text that were taken, for statistics.
    """

    members: dict[str, ExpectedMember] = field(default_factory=dict)
    further: dict[str, ExpectedFurther] = field(default_factory=dict)
    outcomes: dict[str, ExpectedOutcome] = field(default_factory=dict)
    dead_letters: dict[tuple[int, int], str] = field(default_factory=dict)
    ways: Counter[str] = field(default_factory=Counter)
