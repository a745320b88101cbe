"""Members who are merged, taken apart and erased (docs/rules.md, section 13)."""

from dataclasses import dataclass, replace
from uuid import uuid5

from tests.oracle.answer import Expected, ExpectedForward, ExpectedFurther, ExpectedMember
from tests.oracle.calendar import day_of, start_of_day
from tests.oracle.changes import Change
from tests.oracle.holds import Hold, TierState
from tests.oracle.ledger import Ledger, Part, of_one_member
from tests.oracle.log import CutsChange, Fact, PartitionLog, PolicyChange, Tick
from tests.oracle.records import DAY_MS
from tests.oracle.sealing import cap, refuses, seal
from tests.oracle.standing import NOBODY, Occasion, translated
from tests.oracle.story import ABSORBED, NAMESPACE, ORDER_EVENTS, Story

MERGED, UNMERGED, ERASED = "member.merged", "member.unmerged", "member.erased"
#: What tells one forward from another: event id, receiver and way.
Key = tuple[str, str, tuple[str, ...], tuple[int, ...]]
_LONGEST_PATH = 8
#: So long the ledger of a merged member is kept at least, for merges that cross each other.
_FEWEST_DAYS = 7


@dataclass(frozen=True)
class Carried:
    """A forward with what it brings beside: a ledger, whom its member had absorbed for good, and the hold by name."""

    forward: ExpectedForward
    ledger: Ledger | None = None
    members: frozenset[str] = frozenset()
    joined_at: int | None = None
    hold: tuple[str, Hold] | None = None


@dataclass(frozen=True)
class Merged:
    """Whom the member was merged into, by which forward, until when the ledger is kept, until when the merge may be
    taken back by an event (epoch ms), and the number of the merge: that of the outcome ``tier.merged``.
    """

    into: str
    merge: str
    until: int
    may_unmerge_until: int
    number: int


@dataclass(frozen=True)
class Heard:
    """What is known of somebody's merges: the newest number, whether that one is over, and for how long it matters."""

    number: int
    is_over: bool
    until: int


class StillToComeError(Exception):
    """A record of the log was written by a story that has not been told so far."""


class MergingStory(Story):
    """A story that may come together with others. ``carried``: what the others have written, as far as it is known."""

    def __init__(
        self,
        member_id: str,
        content: PartitionLog,
        epoch: int,
        result: Expected,
        carried: dict[Key, Carried],
    ) -> None:
        super().__init__(member_id, content, epoch, result)
        self.carried = carried
        self.written: dict[Key, Carried] = {}
        self.merged: Merged | None = None
        self.is_erased = False
        self.absorbed: set[str] = set()
        self.heard: dict[str, Heard] = {}

    # What becomes of everything while there is no live member.

    def ending(self, offset: int) -> ExpectedMember:
        if self.is_erased:
            return ExpectedMember(offset, self.sequence, 0, "", "", 0, 0, None, None)
        ending = super().ending(offset)
        if self.merged is None:
            return ending
        return replace(ending, tier="", stage="", frequency=0, monetary=0, last_purchase_at=None)

    def further(self) -> ExpectedFurther:
        if self.merged is None and not self.is_erased:
            return super().further()
        return ExpectedFurther("", None, None, "", ("", "", ""))

    @property
    def _is_live(self) -> bool:
        return self.merged is None and not self.is_erased

    def _tick(self, tick: Tick) -> None:
        if self.merged is None:
            super()._tick(tick)
            return
        self.ways.update(["timer 11"])
        self._drop()
        self.as_of, self.offset = tick.at, tick.offset

    def _drop(self) -> None:
        """Nothing of a merged member is left but whom it was merged into."""
        self.ledger, self.parts, self.offers = Ledger(), {}, []
        self.standing = replace(NOBODY, is_member=True)

    def _policy(self, change: PolicyChange) -> None:
        if self._is_live:
            super()._policy(change)
            return
        old, self.rules = self.rules, change.rules
        if self.is_erased:
            return
        was = self.standing.tiers, self.offers
        self._forget_offers(change)
        tiers = translated(self.standing, old, self.rules).tiers
        if self.rules.holds is not None and tiers.hold is None:
            tiers = replace(tiers, base=0, stack=())
        for ledger in self._ledgers():
            ledger.judged_anew(self.rules)
        self.standing = replace(self.standing, tiers=tiers)
        if (tiers, self.offers) != was:
            assert self.as_of is not None
            self.as_of = self.as_of if change.last_tick is None else max(self.as_of, change.last_tick)
            self.offset = change.offset

    def _cuts(self, change: CutsChange) -> None:
        if self._is_live:
            super()._cuts(change)
        else:
            self.cuts = change.cuts

    # Events.

    def _event(self, fact: Fact) -> None:
        if self.is_erased:
            self.offset = fact.offset
            return
        known = [self.as_of, fact.last_tick, fact.occurred_at]
        as_of = max(instant for instant in known if instant is not None)
        is_order = fact.type in ORDER_EVENTS
        refusal = self._refusal(fact, as_of)
        if refusal is None and is_order and fact.via and fact.via not in self.absorbed:
            refusal = "merge_refused"
        if refusal is not None:
            self.refused[fact.offset] = refusal
        elif fact.type == ERASED:
            self._erase(fact, as_of)
        elif fact.type in (MERGED, UNMERGED, ABSORBED):
            self._about_merging(fact, as_of)
        elif self._is_live:
            super()._event(fact)
        elif is_order:
            self._pass_on_order(fact, as_of)
        else:
            self.offset = fact.offset

    def _about_merging(self, fact: Fact, as_of: int) -> None:
        if fact.event_id in self.other_ids[-16:]:
            self.offset = fact.offset
            return
        if fact.type == ABSORBED and _key(fact) not in self.carried:
            raise StillToComeError(f"offset {fact.offset}: nobody wrote {fact.event_id} for {self.member_id}")
        is_refused = fact.type == MERGED and not self._may_merge(fact.into, as_of)
        is_refused |= fact.type == UNMERGED and not self._may_unmerge(fact.into, as_of)
        if is_refused:
            self.refused[fact.offset] = "merge_refused"
            return
        self.offset = fact.offset
        if fact.type == ABSORBED and self._holds_no_more(self.carried[_key(fact)].forward, as_of):
            self.ways.update(["merge: told too late"])
            return
        was = self.ledger.copy(), {name: part.copy() for name, part in self.parts.items()}
        if self._seals():
            self._let_go_and_seal(day_of(as_of, self.rules.zone))
        if fact.type == MERGED:
            self._merge(fact, as_of)
        elif fact.type == UNMERGED:
            self._unmerge(fact, as_of, "unmerge")
        elif self.merged is None:
            if not self._take(fact, as_of, self.carried[_key(fact)]):
                self.ledger, self.parts = was
        else:
            self._pass_on(fact, as_of, self.carried[_key(fact)])
        self.other_ids.append(fact.event_id)

    def _may_merge(self, into: str, as_of: int) -> bool:
        apart = [part for part in self.parts.values() if as_of < part.until + 7 * DAY_MS]
        if max((len(part.path) for part in apart), default=0) >= _LONGEST_PATH:
            return False
        return self.merged is None and into != self.member_id and into not in self.absorbed

    def _may_unmerge(self, into: str, as_of: int) -> bool:
        return self.merged is not None and self.merged.into == into and as_of < self.merged.may_unmerge_until

    def _erase(self, fact: Fact, as_of: int) -> None:
        before = ""
        if self.offset is not None and self.merged is None:
            before = self.rules.levels[self.standing.tier].name
        if self.merged is not None and as_of < self.merged.until:
            self._write_undone(fact, as_of, is_erased=True)
        self.offset, self.is_erased, self.standing, self.merged = fact.offset, True, NOBODY, None
        self.ledger, self.parts = Ledger(), {}
        change = Change("tier.erased", before, "", "erased")
        self._tell(change, as_of, fact.event_id, fact.log_time, catch_up=fact.imported)

    def _merge(self, fact: Fact, as_of: int) -> None:
        """13.1"""
        before = "" if self.joined_at is None else self.rules.levels[self.standing.tier].name
        today = day_of(as_of, self.rules.zone)
        until = start_of_day(today + max(_FEWEST_DAYS, self.rules.unmerge_days), self.rules.zone)
        may_unmerge_until = start_of_day(today + self.rules.unmerge_days, self.rules.zone)
        merge = _named("absorbed", self.member_id, fact.event_id)
        self.as_of = as_of
        if self.joined_at is None:
            self.joined_at = as_of
        self.merged = Merged(fact.into, merge, until, may_unmerge_until, self.sequence + 1)
        step = (self.member_id, self.merged.number)
        tiers = self.standing.tiers
        self._join_for_good(as_of)
        hold, apart = tiers.hold, set(self.parts)
        told_hold = None
        if hold is not None and hold.grace_until is None and self.rules.holds is not None:
            told_hold = (self.rules.levels[hold.rank].name, hold)
        own = Part(self.member_id, self.ledger, (step,), merge, until, frozenset(self.absorbed - apart))
        self._write_absorbed(merge, as_of, own, told_hold)
        for part in self.parts.values():
            along = replace(part, path=(*part.path, step), until=max(part.until, until))
            self._write_absorbed(_named("absorbed", part.absorbed, fact.event_id), as_of, along, None)
        self.register, self.memory = None, []
        kept = TierState(tiers.base, tiers.hold, tiers.stack)
        self.standing = replace(NOBODY, is_member=True, tiers=kept, next_due_at=until, due_timers=(11,))
        change = Change("tier.merged", before, "", "merge")
        self._tell(change, as_of, fact.event_id, fact.log_time, catch_up=fact.imported)

    def _unmerge(self, fact: Fact, as_of: int, how: str) -> None:
        """13.5; the evaluation included."""
        assert self.merged is not None
        # Until the timer has come, the ledger is here still.
        if self.standing.next_due_at is not None:
            self._write_undone(fact, as_of, is_erased=False)
        self._live_again(fact, as_of, how)

    def _live_again(self, fact: Fact, as_of: int, how: str) -> None:
        self.merged = None
        self.as_of = as_of
        self._evaluate(
            as_of, fact.event_id, Occasion("unmerge", returned_by=how), fact.log_time, imported=fact.imported
        )

    def _take(self, fact: Fact, as_of: int, carried: Carried) -> bool:
        """13.3 at a live member; False for a duplicate."""
        reason = self._taken(as_of, carried, is_live=True)
        if reason is None:
            return False
        self.as_of = as_of
        if self.joined_at is None:
            self.joined_at = as_of
        self._evaluate(as_of, fact.event_id, Occasion(reason), fact.log_time, imported=fact.imported)
        return True

    def _holds_no_more(self, told: ExpectedForward, as_of: int) -> bool:
        """Whether it came by a merge that is known to be over."""
        if told.undone:
            return False
        return any(self._is_over(name, number, as_of) for name, number in _way(told))

    def _is_over(self, name: str, number: int, as_of: int) -> bool:
        if name == self.member_id:
            return self.merged is None or self.merged.number != number
        heard = self._heard_of(name, as_of)
        return heard is not None and (heard.number > number or (heard.is_over and heard.number == number))

    def _heard_of(self, name: str, as_of: int) -> Heard | None:
        heard = self.heard.get(name)
        return None if heard is None or as_of >= heard.until + 7 * DAY_MS else heard

    def _hear(self, told: ExpectedForward, as_of: int) -> None:
        """Of a merge that is taken back the record says nothing about those that it came by."""
        assert told.until is not None
        for name, number in _way(told)[: 1 if told.undone else None]:
            heard = Heard(number, told.undone, told.until)
            had = self._heard_of(name, as_of)
            if had is not None:
                newest = heard if (heard.number, heard.is_over) > (had.number, had.is_over) else had
                heard = replace(newest, until=max(heard.until, had.until))
            self.heard[name] = heard

    def _taken(self, as_of: int, carried: Carried, *, is_live: bool) -> str | None:
        """Take in or give back what a forward is about; the reason of the evaluation, None for a duplicate."""
        told = carried.forward
        if told.undone:
            self._hear(told, as_of)
            return self._given_back(told)
        if self.member_id in told.path:
            return None
        self._hear(told, as_of)
        assert carried.ledger is not None
        assert told.until is not None
        part = Part(told.absorbed, carried.ledger.copy(), _way(told), told.merge, told.until, carried.members)
        before, had = self._of_merges(), self.parts.get(told.absorbed)
        if had is not None:
            part.ledger = of_one_member(had.ledger, part.ledger, self.rules)
            part.members |= had.members
        part.ledger.judged_anew(self.rules)
        self.parts[told.absorbed] = part
        self.absorbed |= {told.absorbed, *carried.members}
        if carried.joined_at is not None:
            known = [at for at in (self.joined_at, carried.joined_at) if at is not None]
            if is_live or self.joined_at is not None:
                self.joined_at = min(known)
        self._take_hold(as_of, carried)
        return "merge" if self._of_merges() != before else None

    def _of_merges(self) -> object:
        parts = [
            (p.absorbed, p.path, p.merge, p.until, p.members, p.ledger.facts, p.ledger.sealed)
            for p in self.parts.values()
        ]
        days = [{order.day for order in p.ledger.departed} for p in self.parts.values()]
        return parts, days, set(self.absorbed), self.joined_at, self.standing.tiers

    def _take_hold(self, as_of: int, carried: Carried) -> None:
        """The hold of who was merged counts when it is of a higher tier and lasts."""
        if carried.hold is None or self.rules.holds is None:
            return
        name, hold = carried.hold
        rank, tiers = self.rules.rank_of(name), self.standing.tiers
        if rank is None or rank <= tiers.base or not hold.lasts(as_of):
            return
        own, stack = tiers.hold, tiers.stack
        if own is not None and own.grace_until is None and own.lasts(as_of):
            stack = (*stack, own)
        tiers = replace(tiers, base=rank, hold=replace(hold, rank=rank), stack=stack)
        self.standing = replace(self.standing, tiers=tiers)

    def _given_back(self, told: ExpectedForward) -> str:
        [(name, last), *_] = _way(told)
        gone = [each for each in self.parts.values() if any(n == name and no <= last for n, no in each.path)]
        if not gone:
            return "other"
        for each in gone:
            del self.parts[each.absorbed]
            self.absorbed -= {each.absorbed, *each.members}
        return "unmerge"

    def _pass_on(self, fact: Fact, as_of: int, carried: Carried) -> None:
        """13.2 and 13.3: a forward at a merged member."""
        assert self.merged is not None
        told = carried.forward
        is_circle = self.member_id in told.path or len(told.path) >= _LONGEST_PATH
        if is_circle and not told.undone:
            self.ways.update(["merge: cycle"])
            self._taken(as_of, carried, is_live=True)
            self._unmerge(fact, as_of, "cycle")
            return
        if as_of < self.merged.until:
            self._taken(as_of, carried, is_live=False)
        else:
            self._hear(told, as_of)
            if not told.undone:
                self.absorbed |= {told.absorbed, *carried.members}
            elif self.heard[told.absorbed].is_over:
                self.absorbed -= {told.absorbed}
        self.as_of = as_of
        if is_circle:
            return
        until = told.until
        if until is not None and as_of < self.merged.until:
            until = max(until, self.merged.until)
        path, numbers = (*told.path, self.member_id), (*told.numbers, self.merged.number)
        forward = replace(told, member_id=self.merged.into, path=path, numbers=numbers, until=until)
        self._write(replace(carried, forward=forward))

    def _pass_on_order(self, fact: Fact, as_of: int) -> None:
        assert self.merged is not None
        via = fact.via or self.member_id
        if as_of < self.merged.until:
            was, today = (self.ledger.copy(), {name: part.copy() for name, part in self.parts.items()}), None
            today = day_of(as_of, self.rules.zone)
            if self._seals():
                self._let_go_and_seal(today)
            ledger = self._ledger_of(fact)
            if refuses(ledger, fact, self.rules):
                self.ledger, self.parts = was
                self.refused[fact.offset] = "too_late"
                return
            self.offset = fact.offset
            if ledger.absorb(fact, self.rules) is None:
                self.ledger, self.parts = was
                return
            seal(self._ledgers(), today, self.rules)
            cap(ledger, self.rules)
            if fact.via not in self.parts:
                via = self.member_id
        self.offset, self.as_of = fact.offset, as_of
        self._write(Carried(ExpectedForward(fact.event_id, self.merged.into, fact.type, fact.occurred_at, via=via)))

    # What is written for others.

    def _write_absorbed(self, event_id: str, as_of: int, part: Part, hold: tuple[str, Hold] | None) -> None:
        assert self.merged is not None
        forward = ExpectedForward(
            event_id,
            self.merged.into,
            ABSORBED,
            as_of,
            absorbed=part.absorbed,
            path=tuple(name for name, _ in part.path),
            numbers=tuple(number for _, number in part.path),
            merge=part.merge,
            until=part.until,
        )
        self._write(Carried(forward, part.ledger.copy(), part.members, self.joined_at, hold))

    def _write_undone(self, fact: Fact, as_of: int, *, is_erased: bool) -> None:
        assert self.merged is not None
        forward = ExpectedForward(
            _named("undone", self.member_id, fact.event_id),
            self.merged.into,
            ABSORBED,
            as_of,
            absorbed=self.member_id,
            path=(self.member_id,),
            numbers=(self.merged.number,),
            merge=self.merged.merge,
            until=self.merged.until,
            undone=True,
            erased=is_erased,
        )
        self._write(Carried(forward))

    def _write(self, carried: Carried) -> None:
        self.written[carried.forward.key] = carried


def _way(told: ExpectedForward) -> tuple[tuple[str, int], ...]:
    return tuple(zip(told.path, told.numbers, strict=True))


def _key(fact: Fact) -> Key:
    return fact.event_id, fact.member_id, fact.path, fact.numbers


def _named(what: str, member_id: str, cause: str) -> str:
    return str(uuid5(NAMESPACE, f"{what}|{member_id}|{cause}"))
