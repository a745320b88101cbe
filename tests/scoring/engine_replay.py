"""The real engine over a log, one record after the other, as plainly as a worker could do it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import msgspec

from scoring.advising import ADVISING
from scoring.engine import Decision, Position, adopt, apply, fire
from scoring.errors import Refused
from scoring.events import CutsPublished, MemberAbsorbed, MemberEvent, PolicyPublished, Tick
from scoring.forwards import Forward
from scoring.further import NEVER_FORGOTTEN, Sealed, Told
from scoring.origin import CUT_MOVED, POLICY_CHANGED
from scoring.outcomes import BelowCut, Missing, Outcome, Silence, Superseded, TierFacts
from scoring.policy import Policy
from scoring.segment_rules import GROUPS
from scoring.state import MemberState
from scoring.vocabulary import STAGES
from streams import policy_file, rows
from streams.codecs import decode
from streams.cuts_document import DatedCuts, with_cuts
from streams.outcome_ids import outcome_id
from streams.scorer.partition_events import policy_to_take
from tests.oracle.answer import Advised, Said
from tests.oracle.log import LogRecord
from tests.oracle.policy import Action
from tests.oracle.rules import ExpectedForward, ExpectedFurther, ExpectedMember, ExpectedOutcome

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


NOTHING_FURTHER = ExpectedFurther("", None, None, "", ("", "", ""))


@dataclass
class EngineReplay:
    """What the engine made of one partition: states by member id, outcomes as they were emitted, refusals by offset.

    ``through_rows``: every state is written into its table row and read back after every step.
    """

    through_rows: bool = False
    policy: Policy | None = None
    states: dict[str, MemberState] = field(default_factory=dict)
    outcomes: list[ExpectedOutcome] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    #: What each record led to for other members, in the order in which it was written.
    forwards: list[Forward] = field(default_factory=list)
    _cuts: DatedCuts | None = None
    _log_time: int = 0
    _last_tick: int = 0

    def read(self, log: Iterable[LogRecord], poison: Collection[tuple[int, int]] = frozenset()) -> "EngineReplay":
        """Take every record of the partition."""
        for record in log:
            self._record(record, is_poison=(record.partition, record.offset) in poison)
        return self

    def members(self) -> dict[str, ExpectedMember]:
        """The states in the oracle's words."""
        assert self.policy is not None
        return {
            name: ExpectedMember(
                offset=state.offset,
                sequence=state.sequence,
                as_of=state.as_of,
                tier=self.policy.tiers[state.tier].name if is_live(state) else "",
                stage=STAGES[state.stage] if is_live(state) else "",
                frequency=state.frequency,
                monetary=state.monetary,
                last_purchase_at=state.last_at or None,
                next_due_at=state.next_due or None,
            )
            for name, state in self.states.items()
        }

    def further(self) -> dict[str, ExpectedFurther]:
        """What holds, overrides, hold-back and segments add to the states, in the oracle's words."""
        assert self.policy is not None
        return {
            name: ExpectedFurther(
                base=self.policy.tiers[state.base].name,
                held_until=state.held_until or None,
                grace_until=state.grace_until or None,
                told_stage=STAGES[state.told_stage],
                segments=(
                    _named(0, state.rf_segment),
                    _named(1, state.quadrant),
                    _named(2, state.kind_of_eight),
                ),
                stack=tuple((self.policy.tiers[h.rank].name, h.held_until or None) for h in state.stack),
                is_provisional=state.provisional,
                remembered=tuple((told.sequence, told.kind, told.at) for told in state.told),
                buckets=_buckets(state.sealed),
                forgotten_day=_forgotten_day(state.sealed),
                offers=tuple((each.offer, each.day) for each in state.given),
            )
            if is_live(state)
            else NOTHING_FURTHER
            for name, state in self.states.items()
        }

    def gone(self) -> dict[str, str]:
        """Whom those were merged into who are; nobody for who was erased."""
        return {
            name: "" if state.merge is None else state.merge.into
            for name, state in self.states.items()
            if not is_live(state)
        }

    def forwarded(self) -> dict[tuple[str, str, tuple[str, ...], tuple[int, ...]], ExpectedForward]:
        """What was written for others, in the oracle's words."""
        return {forward.key: forward for forward in map(_forwarded, self.forwards)}

    def _record(self, record: LogRecord, *, is_poison: bool) -> None:
        headers = dict(record.headers)
        self._log_time = max(self._log_time, int(headers.get("log_time", record.timestamp)))
        if is_poison:
            return
        event = decode(record.key, record.value)
        position = Position(record.offset, self._log_time, self._last_tick, "log_time" in headers)
        if isinstance(event, PolicyPublished):
            self._policy(event, position)
        elif isinstance(event, CutsPublished):
            self._take_cuts(DatedCuts(event.date, event.cuts), position)
        elif isinstance(event, Tick):
            self._tick((event.at - _EPOCH) // _MILLISECOND, position)
        elif isinstance(event, MemberEvent):
            self._member_event(event, position)

    def _policy(self, event: PolicyPublished, position: Position) -> None:
        document = policy_file.from_canonical(bytes(event.policy))
        try:
            taken = policy_to_take(msgspec.structs.replace(event, content_hash=document.content_hash), self.policy)
        except Refused as refusal:
            self.refused[position.offset] = refusal.reason
            return
        if taken is None:
            return
        before, self.policy = self.policy, taken.to_policy(event.version)
        if self._cuts is not None:
            self.policy = with_cuts(self.policy, self._cuts.encode())
        if before is not None:
            self._sweep(before, POLICY_CHANGED, f"policy:{event.content_hash}", position)

    def _take_cuts(self, cuts: DatedCuts, position: Position) -> None:
        assert self.policy is not None
        if self._cuts is None or cuts.date > self._cuts.date:
            before, self._cuts = self.policy, cuts
            self.policy = with_cuts(before, cuts.encode())
            self._sweep(before, CUT_MOVED, f"cuts:{cuts.date}", position)

    def _sweep(self, before: Policy, reason: str, cause: str, position: Position) -> None:
        assert self.policy is not None
        for name, state in list(self.states.items()):
            decision = adopt(state, before, self.policy, reason, cause, position)
            if decision.state is not state:
                self._keep(name, decision)

    def _tick(self, at: int, position: Position) -> None:
        assert self.policy is not None
        if at <= self._last_tick:
            return
        self._last_tick = at
        for name, state in list(self.states.items()):
            self._keep(name, fire(state, at, self.policy, position))

    def _member_event(self, event: MemberEvent, position: Position) -> None:
        assert self.policy is not None
        try:
            self._keep(event.member_id, apply(self.states.get(event.member_id), event, self.policy, position))
        except Refused as refusal:
            self.refused[position.offset] = refusal.reason

    def _keep(self, name: str, decision: Decision) -> None:
        assert self.policy is not None
        self.forwards += decision.forwards
        self.outcomes += [_worded(name, outcome, self.policy) for outcome in decision.outcomes]
        self.states[name] = rows.decode(rows.encode(decision.state)) if self.through_rows else decision.state


def is_live(state: MemberState) -> bool:
    """Neither merged nor erased."""
    return state.merge is None and not state.erased


def _forwarded(forward: Forward) -> ExpectedForward:
    event = forward.event
    at = (event.occurred_at - _EPOCH) // _MILLISECOND
    kind = str(type(event).__struct_config__.tag)
    if not isinstance(event, MemberAbsorbed):
        return ExpectedForward(event.event_id, forward.member_id, kind, at, via=event.via)
    return ExpectedForward(
        event.event_id,
        forward.member_id,
        kind,
        at,
        absorbed=event.absorbed,
        path=tuple(event.path),
        numbers=tuple(event.numbers),
        merge=event.merge,
        until=event.until,
        undone=event.undone,
        erased=event.erased,
    )


def _buckets(sealed: Sealed | None) -> tuple[tuple[int, int, int, tuple[int, ...]], ...]:
    found = []
    for day, frequency, monetary, packed in () if sealed is None else sealed.buckets:
        hashes = tuple(sorted(int.from_bytes(packed[at : at + 8], "big") for at in range(0, len(packed), 8)))
        if frequency or hashes:
            found.append((day, frequency, monetary, hashes))
    return tuple(found)


def _forgotten_day(sealed: Sealed | None) -> int | None:
    return None if sealed is None or sealed.forgotten_day == NEVER_FORGOTTEN else sealed.forgotten_day


def _named(group: int, index: int) -> str:
    return GROUPS[group][index] if index >= 0 else ""


def _worded(name: str, outcome: Outcome, policy: Policy) -> ExpectedOutcome:
    return ExpectedOutcome(
        kind=outcome.kind,
        member_id=name,
        sequence=outcome.sequence,
        at=outcome.at,
        due_at=outcome.due_at or None,
        reason=outcome.reason,
        before=outcome.before,
        after=outcome.after,
        frequency=outcome.frequency,
        monetary=outcome.monetary,
        catch_up=outcome.catch_up,
        recorded_at=outcome.recorded_at,
        cause=outcome.cause,
        held_until=outcome.facts.held_until or None if isinstance(outcome.facts, TierFacts) else None,
        said=replace(_said(name, outcome, policy), advised=_advised(name, outcome, policy)),
    )


def _advised(name: str, outcome: Outcome, policy: Policy) -> Advised | None:
    if not policy.actions or outcome.kind not in ADVISING:
        assert outcome.advice is None
        return None
    held_out, advice = policy.holdout.has(name), outcome.advice
    if advice is None or advice.left_out:
        return Advised(held_out=held_out, reason="none" if advice is None else advice.left_out)
    action = advice.action
    said = Action(
        action.offer, action.message_key, action.channel or None, action.valid_days, action.cap, action.cap_days or None
    )
    return Advised(said, advice.valid_until, held_out=held_out, reason="holdout" if held_out else "")


def _kept(keeps: Missing | BelowCut | None) -> tuple[int | None, int | None] | None:
    if keeps is None:
        return None
    return (keeps.cut, keeps.value) if isinstance(keeps, BelowCut) else (keeps.frequency, keeps.monetary)


def _superseding(told: Told, name: str) -> Said:
    identity = outcome_id(1, name, told.kind, f"timer:{told.at}", told.sequence)
    return Said(supersedes=identity, superseded=(told.kind, told.at, told.sequence))


def _said(name: str, outcome: Outcome, policy: Policy) -> Said:
    facts = outcome.facts
    if isinstance(facts, Superseded):
        told = facts.told
        return replace(_superseding(told, name), now=STAGES[facts.told_stage])
    if isinstance(facts, TierFacts):
        corrected = _superseding(facts.superseded, name) if facts.superseded is not None else Said()
        moves = outcome.kind in ("tier.upgraded", "tier.downgraded")
        return replace(
            corrected,
            provisional=facts.provisional if outcome.kind == "tier.upgraded" else None,
            now=policy.tiers[outcome.tier].name if corrected.supersedes else "",
            detail=facts.detail,
            would_be=policy.tiers[facts.would_be].name if facts.would_be >= 0 else "",
            keeps=_kept(facts.keeps),
            value=facts.value if moves and facts.value >= 0 else None,
            moved_by=facts.moved_by if moves else "",
        )
    if isinstance(facts, Silence):
        return Said(gaps=tuple(facts.gaps), expected_gap_s=facts.expected_gap, quiet_days=facts.quiet_days)
    return Said()
