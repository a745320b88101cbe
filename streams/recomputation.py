"""What must the state and the outcomes be? One partition of the log, folded by the rules alone, without tables,
sweeps or commits.
"""

import heapq
from typing import NamedTuple

from scoring.calendar import instant_of
from scoring.engine import DUPLICATE, Decision, Position, adopt, apply, fire
from scoring.errors import Refused
from scoring.events import CutsPublished, PolicyPublished, Tick
from scoring.origin import CUT_MOVED, POLICY_CHANGED
from scoring.policy import Policy
from scoring.state import MemberState
from streams.bad_records import BadRecord
from streams.codecs import decode
from streams.log_reading import LogRecord
from streams.murmur import partition_of
from streams.outcome_ids import outcome_id
from streams.outcome_records import OutcomeRecords
from streams.scorer.partition_events import cuts_to_take, policy_to_take
from streams.scorer.progress import under_cuts
from streams.scorer.sweeps import InForce
from streams.signing import UNSIGNED, Signatures


class ExpectedOutcome(NamedTuple):
    """An outcome that the log must have led to."""

    member_id: str
    sequence: int
    kind: str


class PartitionFold:
    """One partition of ``member-events`` from its beginning, record by record, in one process and in the order of the
    log.

    ``members`` holds every member's state, ``writers`` what writes the score of it (the policy that it is by),
    ``outcomes`` what must have been emitted, by id.
    """

    def __init__(self, partition: int, partitions: int, epoch: int, signatures: Signatures = UNSIGNED) -> None:
        self.members: dict[bytes, MemberState] = {}
        self.writers: dict[bytes, OutcomeRecords] = {}
        self.outcomes: dict[str, ExpectedOutcome] = {}
        self._partition = partition
        self._partitions = partitions
        self._epoch = epoch
        self._signatures = signatures
        self._rules: InForce | None = None
        self._cuts = b""
        self._last_tick = 0
        self._log_time = 0
        # Due instants, some of them out of date: a member's own state tells which one holds.
        self._due: list[tuple[int, bytes]] = []

    def absorb(self, record: LogRecord) -> None:
        """Apply one record; what the scorer sends to dead-letters changes nothing here."""
        try:
            event = decode(record.key, record.value)
            position = self._place(record)
            if isinstance(event, Tick | PolicyPublished | CutsPublished):
                self._signatures.check(record)
                if event.partition == self._partition:
                    self._of_partition(event, position)
                return
            key = event.member_id.encode()
            state = self.members.get(key)
            rules = self._rules
            if rules is None or (state is None and partition_of(key, self._partitions) != self._partition):
                return
            decision = apply(state, event, rules.policy, position)
        except (BadRecord, Refused):
            return
        self._keep(key, 0 if state is None else state.next_due, decision, rules)

    def _place(self, record: LogRecord) -> Position:
        stated = record.header("log_time")
        if stated is not None and not stated.isdigit():
            raise BadRecord("bad_log_time", "the header log_time is not decimal milliseconds")
        self._log_time = max(self._log_time, record.log_time())
        return Position(record.offset, self._log_time, self._last_tick, stated is not None)

    def _of_partition(self, event: Tick | PolicyPublished | CutsPublished, position: Position) -> None:
        if isinstance(event, Tick):
            at = instant_of(event.at)
            if at > self._last_tick:
                self._tick(at, position)
                self._last_tick = at
        elif isinstance(event, PolicyPublished):
            document = policy_to_take(event, self._rules.policy if self._rules is not None else None)
            if document is not None:
                policy = under_cuts(document.to_policy(event.version), self._cuts)
                self._change(policy, POLICY_CHANGED, f"policy:{document.content_hash}", position)
        elif self._rules is not None:
            taken = cuts_to_take(event, self._rules.policy)
            if taken is not None:
                self._cuts, policy = taken
                self._change(policy, CUT_MOVED, f"cuts:{event.date}", position)

    def _change(self, policy: Policy, reason: str, cause: str, position: Position) -> None:
        earlier, rules = self._rules, InForce(policy, OutcomeRecords(policy, self._epoch))
        self._rules = rules
        if earlier is None:
            return
        for key, state in self.members.items():
            decision = adopt(state, earlier.policy, policy, reason, cause, position)
            if decision.state is not state:
                self._keep(key, state.next_due, decision, rules)

    def _tick(self, at: int, position: Position) -> None:
        rules = self._rules
        while rules is not None and self._due and self._due[0][0] <= at:
            due, key = heapq.heappop(self._due)
            state = self.members[key]
            if state.next_due == due:
                self._keep(key, due, fire(state, at, rules.policy, position), rules)

    def _keep(self, key: bytes, due: int, decision: Decision, rules: InForce) -> None:
        after = decision.state
        self.members[key] = after
        if decision.verdict != DUPLICATE:
            self.writers[key] = rules.records
        if after.next_due and after.next_due != due:
            heapq.heappush(self._due, (after.next_due, key))
        if decision.outcomes:
            member_id = key.decode()
            for outcome in decision.outcomes:
                identity = outcome_id(self._epoch, member_id, outcome.kind, outcome.cause, outcome.sequence)
                self.outcomes[identity] = ExpectedOutcome(member_id, outcome.sequence, outcome.kind)
