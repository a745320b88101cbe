"""The fold of one partition of ``member-events``: members in rows, ticks as sweeps, outcomes into the outbox."""

from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from faust.types import TP

from scoring.calendar import instant_of
from scoring.engine import DUPLICATE, Position, adopt, apply, fire
from scoring.errors import Refused
from scoring.events import CutsPublished, Event, PolicyPublished, Tick
from scoring.origin import CUT_MOVED, POLICY_CHANGED
from scoring.policy import Policy
from scoring.state import MemberState
from streams.bad_records import BadRecord
from streams.codecs import decode
from streams.engine.batches import Record
from streams.engine.fencing import EX_CONFIG
from streams.engine.outbox import Put
from streams.murmur import partition_of
from streams.outcome_records import OutcomeRecords
from streams.rows import decode as decode_row
from streams.rows import next_due_of
from streams.scorer.member_rows import NO_HISTORY, MemberRows
from streams.scorer.partition_events import cuts_to_take, log_time_of, policy_to_take
from streams.scorer.progress import PartitionProgress, under_cuts
from streams.scorer.sweeps import Census, ChangeSweep, InForce, Sweep, Sweeps, TickSweep
from streams.scorer.tally import Tally
from streams.signing import UNSIGNED, Signatures
from streams.topics import PARTITION_KEY

# A name of another module is looked up each time; one's own constant is not, when it is compiled.
_PARTITION_KEY: Final = PARTITION_KEY
#: A record that the member's row has absorbed already; beside the rules' own verdicts.
_REPLAYED = DUPLICATE + 1
#: Members not due yet whom a tick looks at in the time that it takes to fire one: 0.3 and some 15 microseconds.
_LOOKS = 20

#: Asked at every live tick of a later local date than the latest census, with the tick's instant (epoch ms), its place
#: in the log and the policy then in force: what looks at each member as of it and what is called at the end; None where
#: nobody wants to.
CensusTaker = Callable[[int, Position, Policy], tuple[Callable[[bytes, MemberState], None], Callable[[], None]] | None]


class MemberPartition(MemberRows):
    """Members of one partition, and what its records do to them."""

    def __init__(
        self,
        tp: TP,
        put: Put,
        tally: Tally,
        topic: Callable[[str], str],
        records_for: Callable[[Policy], OutcomeRecords],
        partition_count: int,
        fail: Callable[[int, str], NoReturn],
        census: CensusTaker | None = None,
    ) -> None:
        """``topic`` gives physical names, ``records_for`` the writer of a policy's outcomes."""
        super().__init__(tp, put, tally, topic, partition_count, fail)
        self._records_for = records_for
        self._census = census
        #: By which ticks, policies and cuts are told from forged ones; the process sets it.
        self.signatures: Signatures = UNSIGNED
        self.progress = PartitionProgress()
        self._sweeps = Sweeps()
        self._position = Position(offset=-1, log_time=0, last_tick=0, imported=False)
        self._rules: InForce | None = None

    # -- absorbing --------------------------------------------------------------------------------------------------

    def absorb(self, records: Sequence[Record]) -> None:
        """Apply every record: to its member, to the whole partition, or to the dead letters."""
        good = [0, 0, 0]
        told = 0
        for record in records:
            try:
                good[self._absorb(record)] += 1
            except (BadRecord, Refused) as bad:
                self._tally.refused(record, bad.reason, bad.detail, sum(good) - told)
                told = sum(good)
            except Exception as exc:  # noqa: BLE001 - a defect of ours: one record must not stop the stream
                # The event has changed nothing: the rules work on a copy, and a decision is taken over whole.
                detail = f"the rules failed on this record: {exc!r}"
                self._tally.refused(record, "not_applicable", detail, sum(good) - told)
                told = sum(good)
        applied, duplicates, replayed = good
        self._tally.absorbed(applied, duplicates, replayed, sum(good) - told)

    def _absorb(self, record: Record) -> int:
        key = record.key
        event = decode(key, record.value)
        assert key is not None
        self._place(record)
        if key == _PARTITION_KEY:
            self.signatures.check(record)
            self._absorb_partition_event(event)
            return 0
        position = self._position
        state = self.live.get(key)
        given = False
        if state is None:
            row = self.rows.get(key)
            if row is not None:
                state = decode_row(row)
                # Nobody else has it: until the decision is taken over, the row is what there is.
                given = True
        due = 0
        if state is None:
            self._check_partition(key)
        else:
            if position.offset <= state.offset:
                return _REPLAYED
            if self._sweeps:
                for sweep in self._sweeps:
                    state = self._reach(key, state, sweep)
                given = False
            due = state.next_due
        rules = self._rules
        if rules is None:
            self._end_without_policy(position.offset)
        decision = apply(state, event, rules.policy, position, given)  # type: ignore[arg-type]
        self._take(key, due, decision, rules.records)
        return decision.verdict

    def _place(self, record: Record) -> None:
        """Move the position to a decoded record. An undecodable one moves nothing, log time least of all."""
        position = self._position
        log_time, position.imported = log_time_of(record) if record.headers else (record.timestamp, False)
        self._history_at = log_time if position.imported else NO_HISTORY
        if log_time > position.log_time:
            position.log_time = self.progress.log_time = log_time
        position.offset = record.offset

    def _check_partition(self, key: bytes) -> None:
        """A member nobody has seen must be on the partition of its hash; one with a row here is left where it is."""
        number = partition_of(key, self._partition_count)
        if number != self.tp.partition:
            raise BadRecord(
                "wrong_partition",
                f"member {key.decode(errors='replace')!r} belongs on partition {number} of {self._partition_count} "
                f"(murmur2, as Kafka's Java client hashes) but was written to partition {self.tp.partition}. Set the "
                "producer's partitioner to murmur2 (librdkafka: partitioner=murmur2_random)",
            )

    def _end_without_policy(self, offset: int) -> NoReturn:
        self._fail(
            EX_CONFIG,
            f"{self.tp.topic}[{self.tp.partition}] has no policy before offset {offset}. "
            "Publish one first: memberpulse topics apply, on an empty topic.",
        )

    # -- whole partition --------------------------------------------------------------------------------------------

    def _absorb_partition_event(self, event: Event) -> None:
        assert isinstance(event, Tick | PolicyPublished | CutsPublished)
        if event.partition != self.tp.partition:
            raise BadRecord(
                "wrong_partition",
                f"the record names partition {event.partition} but lies in partition {self.tp.partition}",
            )
        if isinstance(event, Tick):
            self._tick(instant_of(event.at))
        elif isinstance(event, PolicyPublished):
            self._take_policy(event)
        else:
            self._take_cuts(event)

    def _tick(self, at: int) -> None:
        progress, position = self.progress, self._position
        if at <= progress.last_tick:
            return
        before, rules, here = progress.copied(), self._rules, position.copied()
        progress.last_tick = position.last_tick = at
        self._tally.ticked(at)
        if rules is None:
            return
        if self.due.any_until(at) or self._sweeps:
            self._sweeps.begin(TickSweep(here, before, rules, at, self.due.until(at, self._everybody)))
        # History is over already: nobody wants the cuts of its days.
        if self._census is None or position.imported:
            return
        day = rules.policy.zone.day_of(at)
        taken = self._census(at, here, rules.policy) if day > progress.census_day else None
        if taken is not None:
            progress.census_day = day
            self._sweeps.begin(Census(here, before, rules, self._everybody(), *taken))

    def _take_policy(self, event: PolicyPublished) -> None:
        progress, earlier = self.progress, self._rules
        document = policy_to_take(event, earlier.policy if earlier is not None else None)
        if document is None:
            return
        before = progress.copied()
        progress.policy_version = event.version
        progress.policy = document.canonical()
        rules = self._use(under_cuts(document.to_policy(event.version), progress.cuts))
        self._reach_everybody(before, earlier, rules, POLICY_CHANGED, f"policy:{document.content_hash}")

    def _take_cuts(self, event: CutsPublished) -> None:
        progress, earlier = self.progress, self._rules
        if earlier is None:
            self._end_without_policy(self._position.offset)
        taken = cuts_to_take(event, earlier.policy)
        if taken is None:
            return
        before = progress.copied()
        progress.cuts, policy = taken
        self._reach_everybody(before, earlier, self._use(policy), CUT_MOVED, f"cuts:{event.date}")

    def _use(self, policy: Policy) -> InForce:
        self._rules = InForce(policy, self._records_for(policy))
        return self._rules

    def _reach_everybody(
        self, before: PartitionProgress, earlier: InForce | None, rules: InForce, reason: str, cause: str
    ) -> None:
        """Begin the sweep of what is in force from here on; nobody is known before the first policy."""
        if earlier is not None:
            here = self._position.copied()
            self._sweeps.begin(ChangeSweep(here, before, rules, earlier.policy, reason, cause, self._everybody()))

    @property
    def sweeping(self) -> bool:
        """Some tick, policy or cuts have members left to reach."""
        return bool(self._sweeps)

    def sweep(self, budget: int) -> int:
        """Let at most ``budget`` members absorb what concerns all, in the order of the log; how many were looked at.

        Of those whom a tick finds not due yet, as many more as cost no more time.
        """
        looked = reached = 0
        for sweep, key in self._sweeps.reach(budget * _LOOKS):
            looked += 1
            if self._look(key, sweep):
                reached += 1
                if reached == budget:
                    break
        return looked

    def _look(self, key: bytes, sweep: Sweep) -> bool:
        """Let a member absorb a sweep; False when it is a tick and the member not due."""
        state = self.live.get(key)
        row = b"" if state is not None else self.rows[key]
        if isinstance(sweep, TickSweep):
            due = next_due_of(row) if state is None else state.next_due
            self.due.seen(key, due)
            if not 0 < due <= sweep.at:
                return False
        self._reach(key, decode_row(row) if state is None else state, sweep)
        return True

    def _reach(self, key: bytes, state: MemberState, sweep: Sweep) -> MemberState:
        """What a sweep does to a member, whether it has come to them or an event touches them first."""
        if isinstance(sweep, Census):
            sweep.look(key, state)
            return state
        if state.offset >= sweep.position.offset:
            return state
        rules = sweep.rules
        if isinstance(sweep, TickSweep):
            decision = fire(state, sweep.at, rules.policy, sweep.position)
        else:
            assert isinstance(sweep, ChangeSweep)
            decision = adopt(state, sweep.earlier, rules.policy, sweep.reason, sweep.cause, sweep.position)
        if decision.state is not state:
            self._take(key, state.next_due, decision, rules.records)
        return decision.state

    @property
    def swept_until(self) -> int:
        """The last tick that has reached everybody (epoch ms, 0 before the first)."""
        return self._remembered_progress.last_tick

    # -- remembering ------------------------------------------------------------------------------------------------

    @property
    def committable(self) -> int:
        """The oldest unfinished sweep, else the next record."""
        oldest = self._sweeps.oldest
        return oldest.position.offset if oldest is not None else self.position

    @property
    def _remembered_progress(self) -> PartitionProgress:
        """Progress as of :attr:`committable`."""
        oldest = self._sweeps.oldest
        return oldest.before if oldest is not None else self.progress

    def payload(self) -> bytes:
        """Progress as of :attr:`committable`."""
        return self._remembered_progress.encode()

    async def restored(self) -> None:
        """Take up the partition row, index who is due, and have regressed rows written again."""
        if self.partition_row is not None:
            self.progress = PartitionProgress.decode(self.partition_row.payload)
            self._position.log_time = self.progress.log_time
            self._position.last_tick = self.progress.last_tick
            policy = self.progress.read_policy()
            if policy is not None:
                self._use(policy)
        await self._index_due(self.progress.last_tick)
        for key in self.take_regressed():
            self.live[key] = decode_row(self.rows[key])
