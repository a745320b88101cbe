"""The real engine over a log, one record after the other, as plainly as a worker could do it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from scoring.engine import Decision, Position, apply, fire
from scoring.errors import Refused
from scoring.events import MemberEvent, PolicyPublished, Tick
from scoring.outcomes import Outcome, Silence, TierFacts
from scoring.policy import Policy
from scoring.segment_rules import GROUPS
from scoring.state import MemberState
from scoring.vocabulary import STAGES
from streams import policy_file, rows
from streams.codecs import decode
from tests.oracle.answer import Said
from tests.oracle.log import LogRecord
from tests.oracle.rules import ExpectedFurther, ExpectedMember, ExpectedOutcome

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


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
    _content_hash: str = ""
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
                tier=self.policy.tiers[state.tier].name,
                stage=STAGES[state.stage],
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
            )
            for name, state in self.states.items()
        }

    def _record(self, record: LogRecord, *, is_poison: bool) -> None:
        headers = dict(record.headers)
        self._log_time = max(self._log_time, int(headers.get("log_time", record.timestamp)))
        if is_poison:
            return
        event = decode(record.key, record.value)
        position = Position(record.offset, self._log_time, self._last_tick, "log_time" in headers)
        if isinstance(event, PolicyPublished):
            self._policy(record.offset, event)
        elif isinstance(event, Tick):
            self._tick((event.at - _EPOCH) // _MILLISECOND, position)
        elif isinstance(event, MemberEvent):
            self._member_event(event, position)

    def _policy(self, offset: int, event: PolicyPublished) -> None:
        if self.policy is None:
            self._content_hash = event.content_hash
            self.policy = policy_file.from_canonical(bytes(event.policy)).to_policy(event.version)
        elif event.content_hash != self._content_hash:
            self.refused[offset] = "unsupported"

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
        self.outcomes += [_worded(name, outcome, self.policy) for outcome in decision.outcomes]
        self.states[name] = rows.decode(rows.encode(decision.state)) if self.through_rows else decision.state


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
        said=_said(outcome, policy),
    )


def _said(outcome: Outcome, policy: Policy) -> Said:
    facts = outcome.facts
    if isinstance(facts, TierFacts):
        return Said(
            detail=facts.detail,
            would_be=policy.tiers[facts.would_be].name if facts.would_be >= 0 else "",
            keeps=None if facts.keeps is None else (facts.keeps.frequency, facts.keeps.monetary),
        )
    if isinstance(facts, Silence):
        return Said(gaps=tuple(facts.gaps), expected_gap_s=facts.expected_gap, quiet_days=facts.quiet_days)
    return Said()
