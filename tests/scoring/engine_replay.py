"""The real engine over a log, one record after the other, as plainly as a worker could do it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from scoring.engine import Decision, Position, apply, fire
from scoring.errors import Refused
from scoring.events import MemberEvent, PolicyPublished, Tick
from scoring.outcomes import Outcome
from scoring.policy import Policy
from scoring.state import MemberState
from scoring.vocabulary import STAGES
from streams import policy_file, rows
from streams.codecs import decode
from tests.oracle.log import LogRecord
from tests.oracle.rules import ExpectedMember, ExpectedOutcome


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
            self._tick(int(event.at.timestamp() * 1000), position)
        elif isinstance(event, MemberEvent):
            self._member_event(event, position)

    def _policy(self, offset: int, event: PolicyPublished) -> None:
        if self.policy is None:
            self.policy = policy_file.from_canonical(bytes(event.policy)).to_policy(event.version)
        elif event.content_hash != self.policy.content_hash:
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
        self.outcomes += [_worded(name, outcome) for outcome in decision.outcomes]
        self.states[name] = rows.decode(rows.encode(decision.state)) if self.through_rows else decision.state


def _worded(name: str, outcome: Outcome) -> ExpectedOutcome:
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
    )
