"""What the oracle answers: members, outcomes and dead letters after a whole log."""

from collections import Counter
from dataclasses import dataclass, field

from tests.oracle.policy import Action


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
    """What the rarer rules add to a member at the end of the log; empty names are none.

    ``stack``: tier and end of the holds below, lowest first. ``remembered``: sequence, kind and instant of what may
    still be corrected. ``buckets``: day, orders, minor units and hashes of what is sealed. ``offers``: capped ones
    with the day on which they were recommended.
    """

    base: str
    held_until: int | None
    grace_until: int | None
    told_stage: str
    segments: tuple[str, str, str]
    stack: tuple[tuple[str, int | None], ...] = ()
    is_provisional: bool = False
    remembered: tuple[tuple[int, str, int], ...] = ()
    buckets: tuple[tuple[int, int, int, tuple[int, ...]], ...] = ()
    forgotten_day: int | None = None
    offers: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Advised:
    """What is said of actions under a policy that has some: one until an instant, given unless ``held_out``; or why
    there is none.
    """

    action: Action | None = None
    valid_until: int | None = None
    held_out: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Said:
    """What some kinds say beside the rest: how an override ended, where a hold's end would lead, the member's pace.

    ``keeps`` is what the base misses to stand at ``held_until``: orders and minor units, None where not asked for;
    or the cut, None where nobody passes, and the rank value.
    ``provisional`` is said by upgrades only. A correction names what it supersedes, by id and as kind, instant and
    sequence number, and where the member is ``now``. ``value`` is the rank value,
    ``moved_by`` who moved the tier, where tiers go by percentile.
    """

    detail: str = ""
    would_be: str = ""
    keeps: tuple[int | None, int | None] | None = None
    gaps: tuple[int, ...] | None = None
    expected_gap_s: int | None = None
    quiet_days: int | None = None
    provisional: bool | None = None
    supersedes: str = ""
    superseded: tuple[str, int, int] | None = None
    now: str = ""
    value: int | None = None
    moved_by: str = ""
    advised: Advised | None = None


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


@dataclass(frozen=True)
class ExpectedForward:
    """What the scorer of one member writes into the log for another; ``until`` is None for orders.

    ``numbers`` are those of the merges of the members in ``path``.
    """

    event_id: str
    member_id: str
    type: str
    occurred_at: int
    via: str = ""
    absorbed: str = ""
    path: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    merge: str = ""
    until: int | None = None
    undone: bool = False
    erased: bool = False

    @property
    def key(self) -> tuple[str, str, tuple[str, ...], tuple[int, ...]]:
        """What tells it from all others: one event may reach a member again on another way."""
        return self.event_id, self.member_id, self.path or (self.via,), self.numbers


@dataclass
class Expected:
    """``outcomes`` by ``ce_id``, each member's in sequence; ``dead_letters`` by (partition, offset), without poison.

    ``forwards`` are by event id, receiver and way. ``gone`` has whom a member was merged into, nobody
    for who was erased.
    ``ways`` counts the branches of the text that were taken, for statistics.
    """

    members: dict[str, ExpectedMember] = field(default_factory=dict)
    further: dict[str, ExpectedFurther] = field(default_factory=dict)
    outcomes: dict[str, ExpectedOutcome] = field(default_factory=dict)
    dead_letters: dict[tuple[int, int], str] = field(default_factory=dict)
    forwards: dict[tuple[str, str, tuple[str, ...], tuple[int, ...]], ExpectedForward] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    ways: Counter[str] = field(default_factory=Counter)
