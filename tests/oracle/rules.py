"""The independent oracle: what the scorer has to know and to say after a whole log, by docs/rules.md."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from uuid import NAMESPACE_URL, uuid5

from tests.oracle.calendar import day_of
from tests.oracle.log import Fact, LogRecord, PartitionLog, Tick, read_log
from tests.oracle.orders import CANCELLED, PAID, RETURNED, Order, order_of
from tests.oracle.policy import Rules
from tests.oracle.standing import NOBODY, Standing, changes, standing_at

__all__ = ["Expected", "ExpectedMember", "ExpectedOutcome", "LogRecord", "expected"]

NAMESPACE = uuid5(NAMESPACE_URL, "https://memberpulse.dev/outcomes")
_ORDER_EVENTS = (PAID, CANCELLED, RETURNED)
_UNSCORED = (
    "member.merged",
    "member.unmerged",
    "member.absorbed",
    "member.erased",
    "tier.overridden",
    "tier.override_withdrawn",
)
_FUTURE_MS = 600_000
_HOUR_MS = 3_600_000


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
class ExpectedOutcome:
    """One tier change or alert. Instants are epoch milliseconds; only the four quiet alerts have a ``due_at``."""

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


@dataclass
class Expected:
    """``outcomes`` by ``ce_id``, each member's in sequence; ``dead_letters`` by (partition, offset), without poison."""

    members: dict[str, ExpectedMember] = field(default_factory=dict)
    outcomes: dict[str, ExpectedOutcome] = field(default_factory=dict)
    dead_letters: dict[tuple[int, int], str] = field(default_factory=dict)


def expected(log: Iterable[LogRecord], *, epoch: int, poison: Collection[tuple[int, int]] = frozenset()) -> Expected:
    """Replay a log member by member. ``poison`` holds the (partition, offset) of records that cannot be decoded.

    Raises ValueError for an event before the first policy, and when two outcomes get the same id.
    """
    result = Expected()
    for partition, content in read_log(log, poison).items():
        result.dead_letters.update({(partition, offset): reason for offset, reason in content.dead_letters.items()})
        for member_id, facts in content.facts.items():
            story = _Story(member_id, content, epoch, result.outcomes)
            story.tell(facts)
            result.dead_letters.update({(partition, offset): reason for offset, reason in story.refused.items()})
            if story.offset is not None:
                result.members[member_id] = story.ending(story.offset)
    return result


class _Story:
    """One member, from the first event to the end of the log."""

    def __init__(self, member_id: str, content: PartitionLog, epoch: int, outcomes: dict[str, ExpectedOutcome]) -> None:
        assert content.rules is not None
        self.member_id = member_id
        self.rules: Rules = content.rules
        self.ticks = content.ticks
        self.tick_offsets = [tick.offset for tick in content.ticks]
        self.tick_instants = [tick.at for tick in content.ticks]
        self.epoch = epoch
        self.outcomes = outcomes
        self.refused: dict[int, str] = {}
        self.offset: int | None = None
        self.as_of: int | None = None
        self.sequence = 0
        self.standing: Standing = NOBODY
        self.facts: dict[str, list[Fact]] = {}
        self.orders: dict[str, Order] = {}
        self.departed: list[Order] = []
        self.other_ids: list[str] = []

    def tell(self, facts: list[Fact]) -> None:
        """Events in offset order, and between them the ticks that find the member due."""
        for fact in facts:
            self._ticks_before(fact.offset)
            self._event(fact)
        self._ticks_before(1 << 62)

    def ending(self, offset: int) -> ExpectedMember:
        """The member after everything."""
        assert self.as_of is not None
        s = self.standing
        tier = self.rules.levels[s.rank].name
        return ExpectedMember(
            offset,
            self.sequence,
            self.as_of,
            tier,
            s.stage,
            s.frequency,
            s.monetary,
            s.last_purchase_at,
            s.next_due_at,
        )

    def _ticks_before(self, offset: int) -> None:
        """Every tick between the member's own offset and ``offset`` at which the member is due."""
        while self.offset is not None and self.standing.next_due_at is not None:
            place = max(
                bisect_right(self.tick_offsets, self.offset),
                bisect_left(self.tick_instants, self.standing.next_due_at),
            )
            if place == len(self.ticks) or self.tick_offsets[place] >= offset:
                return
            self._tick(self.ticks[place])

    def _tick(self, tick: Tick) -> None:
        while self.standing.next_due_at is not None and self.standing.next_due_at <= tick.at:
            due = self.standing.next_due_at
            self._evaluate(due, f"timer:{due}", "", tick.at, imported=tick.imported)
        self.as_of = tick.at
        self.offset = tick.offset

    def _event(self, fact: Fact) -> None:
        as_of = max(instant for instant in (self.as_of, fact.last_tick, fact.occurred_at) if instant is not None)
        refusal = self._refusal(fact, as_of)
        if refusal is not None:
            self.refused[fact.offset] = refusal
            return
        self.offset = fact.offset
        reason = self._absorb(fact)
        if reason is not None:
            self.as_of = as_of
            self._evaluate(as_of, fact.event_id, reason, fact.log_time, imported=fact.imported)

    def _refusal(self, fact: Fact, as_of: int) -> str | None:
        """Section 3, in its order."""
        if fact.occurred_at - fact.log_time > _FUTURE_MS:
            return "quarantined"
        today = day_of(max(fact.log_time, as_of), self.rules.zone)
        if day_of(fact.occurred_at, self.rules.zone) <= today - self.rules.horizon_days:
            return "too_late"
        if fact.type == PAID and fact.currency != self.rules.currency:
            return "wrong_currency"
        return "unsupported" if fact.type in _UNSCORED else None

    def _absorb(self, fact: Fact) -> str | None:
        """Take the event in and say why its outcomes will have happened; None for a duplicate."""
        if fact.type not in _ORDER_EVENTS:
            if fact.event_id in self.other_ids[-16:]:
                return None
            self.other_ids.append(fact.event_id)
            return "other"
        known = self.facts.get(fact.order_id, [])
        order = order_of([*known, fact], self.rules)
        if order == self.orders.get(fact.order_id):
            return None
        self.facts[fact.order_id] = [*known, fact]
        self.orders[fact.order_id] = order
        if fact.type == PAID:
            return "revision" if any(earlier.type == PAID for earlier in known) else "purchase"
        return "cancel" if fact.type == CANCELLED else "return"

    def _evaluate(self, instant: int, cause: str, reason: str, recorded_at: int, *, imported: bool) -> None:
        """One evaluation; ``reason`` is empty for a timer, whose ``recorded_at`` is the tick's instant."""
        self._let_go(day_of(instant, self.rules.zone) - self.rules.horizon_days)
        before = self.standing
        after = self.standing = standing_at(instant, list(self.orders.values()), self.departed, self.rules)
        for change in changes(before, after, self.rules):
            self.sequence += 1
            identity = str(uuid5(NAMESPACE, f"{self.epoch}|{self.member_id}|{change.kind}|{cause}|{self.sequence}"))
            if identity in self.outcomes:
                raise ValueError(
                    f"member {self.member_id}: the event {cause!r} leads to {change.kind} twice, under one id; "
                    "give each event its own event_id"
                )
            why = reason or ("window_exit" if change.kind.startswith("tier.") else "quiet")
            is_late_timer = not reason and change.due_at is not None and recorded_at - change.due_at > _HOUR_MS
            self.outcomes[identity] = ExpectedOutcome(
                kind=change.kind,
                member_id=self.member_id,
                sequence=self.sequence,
                at=instant,
                due_at=change.due_at,
                reason="joined" if change.kind == "tier.joined" else why,
                before=change.before,
                after=change.after,
                frequency=after.frequency,
                monetary=after.monetary,
                catch_up=imported or is_late_timer,
                recorded_at=recorded_at,
                cause=cause,
            )

    def _let_go(self, last_lost_day: int) -> None:
        """Orders beyond the horizon leave for good; the kept ones are remembered for their day and instant."""
        for order_id in [name for name, order in self.orders.items() if order.day <= last_lost_day]:
            order = self.orders.pop(order_id)
            del self.facts[order_id]
            if order.is_kept:
                self.departed.append(order)
