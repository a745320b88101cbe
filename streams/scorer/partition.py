"""The fold of one partition of ``member-events``: members in rows, ticks as sweeps, outcomes into the outbox."""

import asyncio
from collections.abc import Callable, Sequence
from typing import NoReturn

from faust.types import TP

from scoring.calendar import instant_of
from scoring.engine import DUPLICATE, Decision, Position, apply, fire
from scoring.errors import Refused
from scoring.events import CutsPublished, Event, PolicyPublished, Tick
from scoring.policy import Policy
from scoring.state import MemberState
from streams.bad_records import BadRecord
from streams.codecs import decode
from streams.engine.batches import Record
from streams.engine.fencing import EX_CONFIG
from streams.engine.outbox import Put
from streams.engine.partition import RowPartition
from streams.engine.sending import NO_HEADERS, Headers
from streams.murmur import partition_of
from streams.outcome_records import OutcomeRecords
from streams.rows import VERSION, next_due_of, offset_of
from streams.rows import decode as decode_row
from streams.rows import encode as encode_row
from streams.scorer.due import DueIndex
from streams.scorer.partition_events import log_time_of, policy_to_take
from streams.scorer.progress import PartitionProgress
from streams.scorer.sweeps import Sweep, Sweeps
from streams.scorer.tally import Tally
from streams.topics import MEMBER_SCORES, OUTCOME_TOPICS, PARTITION_KEY

#: Rows indexed after recovery before the event loop gets a turn: about 10 ms.
_INDEX_SLICE = 20_000
#: A record that the member's row has absorbed already; beside the rules' own verdicts.
_REPLAYED = DUPLICATE + 1


class MemberPartition(RowPartition):
    """Members of one partition.

    ``live`` holds those changed since the last cut, ``rows`` all others, and the last cut's form of these.
    """

    def __init__(
        self,
        tp: TP,
        put: Put,
        tally: Tally,
        topic: Callable[[str], str],
        records_for: Callable[[Policy], OutcomeRecords],
        partition_count: int,
        fail: Callable[[int, str], NoReturn],
    ) -> None:
        """``topic`` gives physical names, ``records_for`` the writer of a policy's outcomes."""
        super().__init__(tp)
        self._put = put
        self._tally = tally
        self._topics = {name: topic(name) for name in OUTCOME_TOPICS}
        self._scores_topic = topic(MEMBER_SCORES)
        self._records_for = records_for
        self._partition_count = partition_count
        self._fail = fail
        self.live: dict[bytes, MemberState] = {}
        self.due = DueIndex()
        self.progress = PartitionProgress()
        self._unscored: set[bytes] = set()
        self._sweeps = Sweeps()
        self._position = Position(offset=-1, log_time=0, last_tick=0, imported=False)
        self._policy: Policy | None = None
        self._records: OutcomeRecords | None = None

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
        if key == PARTITION_KEY:
            self._absorb_partition_event(event)
            return 0
        state = self.live.get(key)
        if state is None:
            row = self.rows.get(key)
            if row is not None:
                state = decode_row(row)
        due = 0
        if state is None:
            self._check_partition(key)
        else:
            if record.offset <= state.offset:
                return _REPLAYED
            if self._sweeps:
                for sweep in self._sweeps:
                    state = self._fire(key, state, sweep)
            due = state.next_due
        if self._policy is None:
            self._end_without_policy(record)
        decision = apply(state, event, self._policy, self._position)  # type: ignore[arg-type]
        self._take(key, due, decision)
        return decision.verdict

    def _place(self, record: Record) -> None:
        """Move the position to a decoded record. An undecodable one moves nothing, log time least of all."""
        position, progress = self._position, self.progress
        log_time, position.imported = log_time_of(record) if record.headers else (record.timestamp, False)
        if log_time > progress.log_time:
            progress.log_time = log_time
        position.offset = record.offset
        position.log_time = progress.log_time
        position.last_tick = progress.last_tick

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

    def _end_without_policy(self, record: Record) -> NoReturn:
        self._fail(
            EX_CONFIG,
            f"{self.tp.topic}[{self.tp.partition}] has no policy before offset {record.offset}. "
            "Publish one first: memberpulse topics apply, on an empty topic.",
        )

    def _take(self, key: bytes, due: int, decision: Decision) -> None:
        """Take over a decision: the state, its timer and its outcomes, or, when writing one of these fails, nothing."""
        after = decision.state
        if decision.verdict == DUPLICATE:
            self.live[key] = after
            return
        told = self._written(key, decision) if decision.moved else []
        if after.next_due != due:
            self.due.move(key, due, after.next_due)
        self.live[key] = after
        if not decision.moved:
            self._unscored.add(key)
            return
        put, number = self._put, self.tp.partition
        for topic, value, headers in told:
            put(topic, number, key, value, headers)
        self._unscored.discard(key)
        self._tally.decided(decision.outcomes)

    def _written(self, key: bytes, decision: Decision) -> list[tuple[str, bytes, Headers]]:
        """Topic, value and headers of the decision's outcomes and of the score after it."""
        records, number = self._records, self.tp.partition
        assert records is not None
        member_id = key.decode()
        told = []
        for outcome in decision.outcomes:
            topic, _, value, headers = records.record(outcome, member_id, number)
            told.append((self._topics[topic], value, headers))
        told.append((self._scores_topic, records.score_record(member_id, decision.state), NO_HEADERS))
        return told

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
            document = policy_to_take(event, self._policy)
            if document is not None:
                self.progress.policy_version = event.version
                self.progress.policy = document.canonical()
                self._use(document.to_policy(event.version))
        else:
            raise Refused("unsupported", "cuts.published is understood but not scored yet")

    def _tick(self, at: int) -> None:
        progress, position = self.progress, self._position
        if at <= progress.last_tick:
            return
        before = PartitionProgress(progress.last_tick, progress.log_time, progress.policy_version, progress.policy)
        progress.last_tick = at
        if self._sweeps or self.due.any_until(at):
            here = Position(position.offset, position.log_time, before.last_tick, position.imported)
            self._sweeps.begin(Sweep(at, here, self.due.until(at), before))
        self._tally.ticked(at)

    def _use(self, policy: Policy | None) -> None:
        self._policy = policy
        self._records = self._records_for(policy) if policy is not None else None

    @property
    def sweeping(self) -> bool:
        """Some tick has members left to reach."""
        return bool(self._sweeps)

    def sweep(self, budget: int) -> int:
        """Fire the due timers of at most ``budget`` members, oldest tick first; how many were looked at."""
        reached = 0
        for sweep, key in self._sweeps.reach(budget):
            reached += 1
            state = self.live.get(key)
            if state is None:
                row = self.rows[key]
                if next_due_of(row) > sweep.at:
                    continue
                state = decode_row(row)
            self._fire(key, state, sweep)
        return reached

    def _fire(self, key: bytes, state: MemberState, sweep: Sweep) -> MemberState:
        """What a tick does to a member, whether the sweep has come to them or an event touches them first."""
        if state.offset >= sweep.position.offset or not 0 < state.next_due <= sweep.at:
            return state
        assert self._policy is not None
        decision = fire(state, sweep.at, self._policy, sweep.position)
        self._take(key, state.next_due, decision)
        return decision.state

    @property
    def swept_until(self) -> int:
        """The last tick that has reached everybody (epoch ms, 0 before the first)."""
        return self._remembered_progress.last_tick

    # -- remembering ------------------------------------------------------------------------------------------------

    @property
    def committable(self) -> int:
        """The oldest unfinished tick, else the next record."""
        oldest = self._sweeps.oldest
        return oldest.position.offset if oldest is not None else self.position

    @property
    def _remembered_progress(self) -> PartitionProgress:
        """Progress as of :attr:`committable`."""
        oldest = self._sweeps.oldest
        return oldest.before if oldest is not None else self.progress

    @property
    def dirty_count(self) -> int:
        """Members changed since the last cut."""
        return len(self.live)

    def take_dirty(self) -> list[tuple[bytes, bytes | None]]:
        """Changed members as rows; their scores are queued first, so that the cut waits for these too."""
        live, rows, records = self.live, self.rows, self._records
        for key in self._unscored:
            assert records is not None
            score = records.score_record(key.decode(), live[key])
            self._put(self._scores_topic, self.tp.partition, key, score, NO_HEADERS)
        self._unscored.clear()
        dirty: list[tuple[bytes, bytes | None]] = []
        for key, state in live.items():
            row = rows[key] = encode_row(state)
            dirty.append((key, row))
        dirty.extend((key, rows[key]) for key in self.take_regressed() if key not in live)
        live.clear()
        return dirty

    def payload(self) -> bytes:
        """Progress as of :attr:`committable`."""
        return self._remembered_progress.encode()

    def offset_of(self, row: bytes) -> int:
        """The source offset a row has absorbed."""
        return offset_of(row)

    async def restored(self) -> None:
        """Take up the partition row and index who is due."""
        if self.partition_row is not None:
            self.progress = PartitionProgress.decode(self.partition_row.payload)
            self._use(self.progress.read_policy())
        move = self.due.move
        for number, (key, row) in enumerate(self.rows.items(), 1):
            if row[0] != VERSION:
                self._fail(
                    EX_CONFIG,
                    f"{self.tp.topic}[{self.tp.partition}]: the changelog has rows of format version {row[0]} and this "
                    f"program knows {VERSION}. Run the version of memberpulse that wrote them, or a later one.",
                )
            move(key, 0, next_due_of(row))
            if number % _INDEX_SLICE == 0:
                await asyncio.sleep(0)
