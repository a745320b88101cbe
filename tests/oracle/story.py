"""One member from the first event to the end of the log (docs/rules.md, sections 2 to 12)."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import replace
from uuid import NAMESPACE_URL, uuid5

from tests.oracle.actions import Had, still_remembered, with_actions
from tests.oracle.answer import Expected, ExpectedFurther, ExpectedMember, ExpectedOutcome, Said
from tests.oracle.calendar import day_of
from tests.oracle.changes import Change, changes, is_correctable, remembered
from tests.oracle.corrections import REMEMBERED, Told, staying
from tests.oracle.holds import Override
from tests.oracle.ledger import Ledger, Part, joined
from tests.oracle.log import CutsChange, Fact, PartitionLog, PolicyChange, Tick
from tests.oracle.orders import CANCELLED, PAID, RETURNED
from tests.oracle.policy import Rules
from tests.oracle.pyramid import Cuts
from tests.oracle.sealing import cap, let_go_and_seal, refuses, seal
from tests.oracle.standing import NOBODY, Known, Occasion, Standing, standing_at, translated

NAMESPACE = uuid5(NAMESPACE_URL, "https://memberpulse.dev/outcomes")
ORDER_EVENTS = (PAID, CANCELLED, RETURNED)
ABSORBED = "member.absorbed"
_OVERRIDDEN, _WITHDRAWN = "tier.overridden", "tier.override_withdrawn"
_FUTURE_MS = 600_000
_HOUR_MS = 3_600_000
#: How long a part stays one after its merge can no longer be taken back.
_ON_ITS_WAY_MS = 7 * 24 * _HOUR_MS


class Story:
    """One member, from the first event to the end of the log."""

    def __init__(self, member_id: str, content: PartitionLog, epoch: int, result: Expected) -> None:
        assert content.rules is not None
        self.member_id = member_id
        first = content.sweeps[0]
        assert isinstance(first, PolicyChange)
        self.rules: Rules = first.rules
        self.cuts: Cuts | None = None
        self.sweeps = list(content.sweeps)
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
        self.ledger = Ledger()
        self.parts: dict[str, Part] = {}
        self.other_ids: list[str] = []
        self.joined_at: int | None = None
        self.register: Override | None = None
        self.memory: list[Told] = []
        self.offers: list[Had] = []

    def tell(self, facts: list[Fact]) -> None:
        """Events in offset order, and between them sweeps and the ticks that find the member due."""
        for fact in facts:
            self._until(fact.offset)
            self._event(fact)
        self._until(1 << 62)

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
            tuple((self.rules.levels[left.rank].name, left.held_until) for left in s.tiers.stack),
            hold is not None and hold.provisional,
            tuple((told.sequence, told.kind, told.at) for told in self.memory),
            self.ledger.buckets,
            self.ledger.forgotten_day,
            tuple((each.offer, each.day) for each in self.offers),
        )

    def _until(self, offset: int) -> None:
        """Every sweep before ``offset`` that was not absorbed yet, and the ticks before it and after it."""
        while self.sweeps and self.sweeps[0].offset < offset:
            sweep = self.sweeps.pop(0)
            self._ticks_before(sweep.offset)
            if isinstance(sweep, CutsChange):
                self._cuts(sweep)
            else:
                self._policy(sweep)
        self._ticks_before(offset)

    def _policy(self, change: PolicyChange) -> None:
        was, old = self._state(), self.rules
        self.rules = change.rules
        if self.offset is None:
            return
        self.memory = []
        for ledger in self._ledgers():
            ledger.judged_anew(self.rules)
        self.standing = translated(self.standing, old, self.rules)
        self._forget_offers(change)
        self._sweep(change, Occasion("policy_changed", old), f"policy:{change.content_hash}", was)

    def _forget_offers(self, change: PolicyChange) -> None:
        assert self.as_of is not None
        instant = self.as_of if change.last_tick is None else max(self.as_of, change.last_tick)
        self.offers = still_remembered(self.offers, day_of(instant, self.rules.zone), self.rules)

    def _cuts(self, change: CutsChange) -> None:
        was = self._state()
        self.cuts = change.cuts
        if self.offset is None:
            return
        if self.rules.by_percentile:
            self.memory = [told for told in self.memory if told.stage]
        self._sweep(change, Occasion("cut_moved"), f"cuts:{change.cuts.date}", was)

    def _sweep(self, change: PolicyChange | CutsChange, occasion: Occasion, cause: str, was: object) -> None:
        """One evaluation; a member who comes out of moved cuts as before was not touched."""
        assert self.as_of is not None
        instant = self.as_of if change.last_tick is None else max(self.as_of, change.last_tick)
        self._evaluate(instant, cause, occasion, change.log_time, imported=change.imported)
        if isinstance(change, PolicyChange) or self._state() != was:
            self.as_of, self.offset = instant, change.offset

    def _state(self) -> object:
        """All that is kept of a member but as_of and offset; a tier counts as changed also by its name alone."""
        s = self.standing
        names = [self.rules.levels[rank].name for rank in (s.tier, s.tiers.base)]
        measures = (s.stage, s.told_stage, s.frequency, s.monetary, s.last_purchase_at, s.segments.names, s.next_due_at)
        orders = [
            (set(ledger.facts), len(ledger.departed), list(ledger.sealed), ledger.forgotten_day)
            for ledger in self._ledgers()
        ]
        return self.sequence, names, s.tier, s.tiers, measures, orders, list(self.memory)

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
            self._evaluate(due, f"timer:{due}", Occasion(""), tick.at, imported=tick.imported)
        self.as_of = tick.at
        self.offset = tick.offset

    def _event(self, fact: Fact) -> None:
        as_of = max(instant for instant in (self.as_of, fact.last_tick, fact.occurred_at) if instant is not None)
        refusal = self._refusal(fact, as_of)
        if refusal is not None:
            self.refused[fact.offset] = refusal
            return
        was, today = (
            (self.ledger.copy(), {name: part.copy() for name, part in self.parts.items()}),
            day_of(as_of, self.rules.zone),
        )
        if self._seals():
            self._let_go_and_seal(today)
        ledger = self._ledger_of(fact)
        if fact.type in ORDER_EVENTS and refuses(ledger, fact, self.rules):
            self.ledger, self.parts = was
            self.refused[fact.offset] = "too_late"
            return
        self.offset = fact.offset
        reason = self._absorb(fact)
        if reason is None:
            self.ledger, self.parts = was
            return
        bought = ledger.orders[fact.order_id] if reason == "purchase" else None
        seal(self._ledgers(), today, self.rules)
        cap(ledger, self.rules)
        self.as_of = as_of
        if self.joined_at is None:
            self.joined_at = as_of
        bought_at = bought.placed_at if bought is not None and bought.is_kept else None
        occasion = Occasion(reason, bought_at=bought_at)
        self._evaluate(as_of, fact.event_id, occasion, fact.log_time, imported=fact.imported)

    def _refusal(self, fact: Fact, as_of: int) -> str | None:
        """Section 3, in its order."""
        if fact.occurred_at - fact.log_time > _FUTURE_MS:
            return "quarantined"
        today = day_of(max(fact.log_time, as_of), self.rules.zone)
        is_old = day_of(fact.occurred_at, self.rules.zone) <= today - self.rules.horizon_days
        if is_old and fact.type != ABSORBED:
            return "too_late"
        if fact.type == PAID and fact.currency != self.rules.currency:
            return "wrong_currency"
        is_unknown = fact.type == _OVERRIDDEN and self.rules.rank_of(fact.tier) is None
        return "unknown_tier" if is_unknown else None

    def _absorb(self, fact: Fact) -> str | None:
        """Take the event in and say why its outcomes will have happened; None for a duplicate."""
        if fact.type not in ORDER_EVENTS:
            if fact.event_id in self.other_ids[-16:]:
                return None
            self.other_ids.append(fact.event_id)
            if fact.type in (_OVERRIDDEN, _WITHDRAWN):
                told = Override(fact.occurred_at, fact.event_id, fact.tier, fact.until)
                if self.register is None or told.order > self.register.order:
                    self.register = told
            return "other"
        return self._ledger_of(fact).absorb(fact, self.rules)

    def _evaluate(self, instant: int, cause: str, occasion: Occasion, recorded_at: int, *, imported: bool) -> None:
        """One evaluation; of a timer ``recorded_at`` is the tick's instant."""
        today, reason = day_of(instant, self.rules.zone), occasion.reason
        self._join_for_good(instant)
        self._let_go_and_seal(today)
        self.memory = staying(self.memory, today - self.rules.horizon_days, self.rules.zone)
        assert self.joined_at is not None
        before = self.standing
        every = joined(self._ledgers(), self.rules)
        known = Known(every.present, every.departed, self.joined_at, self.register, self.memory, self.cuts)
        after, step, found = standing_at(instant, known, before, occasion, self.rules)
        self.standing = after
        corrected = [made.told for made in found.made]
        self.memory = [told for told in self.memory if told not in corrected]
        self.ways.update([*step.ways, *found.ways, *self.ledger.ways])
        self.ledger.ways.clear()
        is_late = not reason and recorded_at - instant > _HOUR_MS
        hold = after.tiers.hold
        if occasion.returned_by:
            before = replace(before, told_stage=after.told_stage)
        told: Iterable[Change] = changes(instant, before, after, step, found, reason, self.rules)
        if occasion.returned_by:
            told = [Change("tier.unmerged", "", self.rules.levels[0].name, occasion.returned_by), *told]
        advised, self.offers = with_actions(list(told), after, self.member_id, self.offers, today, self.rules)
        for change in advised:
            catch_up = imported or (is_late and change.may_be_caught_up)
            held_until = hold.held_until if hold is not None and change.tells_hold else None
            self._tell(change, instant, cause, recorded_at, catch_up=catch_up, held_until=held_until)
            if self.rules.corrects and not reason and is_correctable(change, before, after):
                self.memory.append(remembered(change, self.sequence, instant, before, after))
        self.memory = self.memory[-REMEMBERED:]

    def _tell(
        self, change: Change, at: int, cause: str, recorded_at: int, *, catch_up: bool, held_until: int | None = None
    ) -> None:
        """One outcome, with the numbers of the present standing."""
        self.sequence += 1
        identity = self._identity(change.kind, cause, self.sequence)
        if identity in self.outcomes:
            raise ValueError(
                f"member {self.member_id}: the event {cause!r} leads to {change.kind} twice, under one id; "
                "give each event its own event_id"
            )
        self.outcomes[identity] = ExpectedOutcome(
            kind=change.kind,
            member_id=self.member_id,
            sequence=self.sequence,
            at=at,
            due_at=change.due_at,
            reason=change.reason,
            before=change.before,
            after=change.after,
            frequency=self.standing.frequency,
            monetary=self.standing.monetary,
            catch_up=catch_up,
            recorded_at=recorded_at,
            cause=cause,
            held_until=held_until,
            said=self._said(change),
        )

    def _ledgers(self) -> list[Ledger]:
        """The member's own, and those of members merged into it."""
        return [self.ledger, *(part.ledger for part in self.parts.values())]

    def _ledger_of(self, fact: Fact) -> Ledger:
        """The one that an order event enters."""
        return self.parts[fact.via].ledger if fact.via in self.parts else self.ledger

    def _join_for_good(self, instant: int) -> None:
        """What can no longer be taken back is the member's own."""
        for name in [name for name, part in self.parts.items() if instant >= part.until + _ON_ITS_WAY_MS]:
            self.ledger = joined([self.ledger, self.parts.pop(name).ledger], self.rules)

    def _seals(self) -> bool:
        """Whether an event begins with the horizon and sealing."""
        return self.rules.sealing is not None or any(ledger.sealed for ledger in self._ledgers())

    def _let_go_and_seal(self, today: int) -> None:
        let_go_and_seal(self._ledgers(), today, self.rules)

    def _identity(self, kind: str, cause: str, sequence: int) -> str:
        return str(uuid5(NAMESPACE, f"{self.epoch}|{self.member_id}|{kind}|{cause}|{sequence}"))

    def _said(self, change: Change) -> Said:
        told = change.corrects
        if told is None:
            return change.said
        identity = self._identity(told.kind, f"timer:{told.at}", told.sequence)
        return replace(change.said, supersedes=identity, superseded=(told.kind, told.at, told.sequence))
