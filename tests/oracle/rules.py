"""The independent oracle: what the scorer has to know and to say after a whole log, by docs/rules.md."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable
from uuid import NAMESPACE_URL, uuid5

from tests.oracle.answer import Expected, ExpectedFurther, ExpectedMember, ExpectedOutcome
from tests.oracle.calendar import day_of
from tests.oracle.changes import changes
from tests.oracle.holds import Override
from tests.oracle.log import Fact, LogRecord, PartitionLog, Tick, read_log
from tests.oracle.orders import CANCELLED, PAID, RETURNED, Order, order_of
from tests.oracle.policy import Rules
from tests.oracle.standing import NOBODY, Known, Standing, standing_at

__all__ = ["Expected", "ExpectedFurther", "ExpectedMember", "ExpectedOutcome", "LogRecord", "expected"]

NAMESPACE = uuid5(NAMESPACE_URL, "https://memberpulse.dev/outcomes")
_ORDER_EVENTS = (PAID, CANCELLED, RETURNED)
_UNSCORED = ("member.merged", "member.unmerged", "member.absorbed", "member.erased")
_OVERRIDDEN, _WITHDRAWN = "tier.overridden", "tier.override_withdrawn"
_FUTURE_MS = 600_000
_HOUR_MS = 3_600_000


def expected(log: Iterable[LogRecord], *, epoch: int, poison: Collection[tuple[int, int]] = frozenset()) -> Expected:
    """Replay a log member by member. ``poison`` holds the (partition, offset) of records that cannot be decoded.

    Raises ValueError for an event before the first policy, and when two outcomes get the same id.
    """
    result = Expected()
    for partition, content in read_log(log, poison).items():
        result.dead_letters.update({(partition, offset): reason for offset, reason in content.dead_letters.items()})
        for member_id, facts in content.facts.items():
            story = _Story(member_id, content, epoch, result)
            story.tell(facts)
            result.dead_letters.update({(partition, offset): reason for offset, reason in story.refused.items()})
            if story.offset is not None:
                result.members[member_id] = story.ending(story.offset)
                result.further[member_id] = story.further()
    return result


class _Story:
    """One member, from the first event to the end of the log."""

    def __init__(self, member_id: str, content: PartitionLog, epoch: int, result: Expected) -> None:
        assert content.rules is not None
        self.member_id = member_id
        self.rules: Rules = content.rules
        self.ticks = content.ticks
        self.tick_offsets = [tick.offset for tick in content.ticks]
        self.tick_instants = [tick.at for tick in content.ticks]
        self.epoch = epoch
        self.outcomes = result.outcomes
        self.ways = result.ways
        self.refused: dict[int, str] = {}
        self.offset: int | None = None
        self.as_of: int | None = None
        self.sequence = 0
        self.standing: Standing = NOBODY
        self.facts: dict[str, list[Fact]] = {}
        self.orders: dict[str, Order] = {}
        self.departed: list[Order] = []
        self.other_ids: list[str] = []
        self.joined_at: int | None = None
        self.register: Override | None = None

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
        tier = self.rules.levels[s.tiers.tier].name
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

    def further(self) -> ExpectedFurther:
        """The rest of the member after everything."""
        s = self.standing
        hold = s.tiers.hold
        return ExpectedFurther(
            self.rules.levels[s.tiers.base].name,
            None if hold is None else hold.held_until,
            None if hold is None else hold.grace_until,
            s.told_stage,
            s.segments.names,
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
            self.ways.update(f"timer {number}" for number in self.standing.due_timers)
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
            if self.joined_at is None:
                self.joined_at = as_of
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
        if fact.type in _UNSCORED:
            return "unsupported"
        is_unknown = fact.type == _OVERRIDDEN and self.rules.rank_of(fact.tier) is None
        return "unknown_tier" if is_unknown else None

    def _absorb(self, fact: Fact) -> str | None:
        """Take the event in and say why its outcomes will have happened; None for a duplicate."""
        if fact.type not in _ORDER_EVENTS:
            if fact.event_id in self.other_ids[-16:]:
                return None
            self.other_ids.append(fact.event_id)
            if fact.type in (_OVERRIDDEN, _WITHDRAWN):
                told = Override(fact.occurred_at, fact.event_id, fact.tier, fact.until)
                if self.register is None or told.order > self.register.order:
                    self.register = told
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
        assert self.joined_at is not None
        before = self.standing
        known = Known(list(self.orders.values()), self.departed, self.joined_at, self.register)
        after, step = standing_at(instant, known, before, reason, self.rules)
        self.standing = after
        self.ways.update(step.ways)
        is_late = not reason and recorded_at - instant > _HOUR_MS
        hold = after.tiers.hold
        for change in changes(instant, before, after, step, reason, self.rules):
            self.sequence += 1
            identity = str(uuid5(NAMESPACE, f"{self.epoch}|{self.member_id}|{change.kind}|{cause}|{self.sequence}"))
            if identity in self.outcomes:
                raise ValueError(
                    f"member {self.member_id}: the event {cause!r} leads to {change.kind} twice, under one id; "
                    "give each event its own event_id"
                )
            self.outcomes[identity] = ExpectedOutcome(
                kind=change.kind,
                member_id=self.member_id,
                sequence=self.sequence,
                at=instant,
                due_at=change.due_at,
                reason=change.reason,
                before=change.before,
                after=change.after,
                frequency=after.frequency,
                monetary=after.monetary,
                catch_up=imported or (is_late and change.may_be_caught_up),
                recorded_at=recorded_at,
                cause=cause,
                held_until=hold.held_until if hold is not None and change.tells_hold else None,
                said=change.said,
            )

    def _let_go(self, last_lost_day: int) -> None:
        """Orders beyond the horizon leave for good; the kept ones are remembered for their day and instant."""
        for order_id in [name for name, order in self.orders.items() if order.day <= last_lost_day]:
            order = self.orders.pop(order_id)
            del self.facts[order_id]
            if order.is_kept:
                self.departed.append(order)
