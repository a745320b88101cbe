"""Was everything delivered exactly? All topics of a run read back and held against the oracle.

To be asked when the scorer has committed everything and no worker runs. Every check notes what it found wrong.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from scoring.vocabulary import STAGES
from streams import rows
from streams.dead_letters import OWN_HEADERS
from streams.engine.partition import PartitionRow
from streams.log_reading import LogRecord
from streams.member_history import erasure_version
from streams.topics import DEAD_LETTERS, MEMBER_SCORES, OUTCOME_TOPICS, PARTITION_KEY
from tests.chaos.deployment import Deployment
from tests.oracle.log import LogRecord as OracleRecord
from tests.oracle.records import POLICY
from tests.oracle.rules import Expected, ExpectedMember, expected

Bytes = tuple[bytes | None, bytes | None]
Place = tuple[int, int]
_SHOWN = 5
#: Rows built this much (ms) before one that lies further in front were sent late, by a worker that had stood still.
_LATE_MS = 1000


@dataclass
class Verdict:
    """What is wrong (nothing, if all is well), and what there was."""

    failures: list[str] = field(default_factory=list)
    figures: dict[str, int] = field(default_factory=dict)

    def must(self, what: str, wrong: Collection[Any]) -> None:
        """Note a failure for each thing that is wrong, the first few by name."""
        if wrong:
            shown = "; ".join(str(each) for each in list(wrong)[:_SHOWN])
            self.failures.append(f"{what}: {len(wrong)}, e.g. {shown}")

    @property
    def is_clean(self) -> bool:
        return not self.failures

    def __str__(self) -> str:
        figures = ", ".join(f"{name} {value:,}" for name, value in self.figures.items())
        return "\n".join([f"verdict over {figures}:", *(self.failures or ["nothing is wrong"])])


def verdict_on(deployment: Deployment, poison: Collection[Bytes] = frozenset()) -> Verdict:
    """Read everything and check it. ``poison`` has the key and value of every record that cannot be decoded."""
    verdict = Verdict()
    log = {(record.partition, record.offset): record for record in deployment.read(deployment.events_topic)}
    poisoned = {place for place, record in log.items() if (record.key, record.value) in poison}
    answer = expected(
        (OracleRecord(*record) for record in log.values()), epoch=deployment.settings.score.epoch, poison=poisoned
    )
    verdict.figures |= {"records": len(log), "members": len(answer.members), "outcomes": len(answer.outcomes)}
    _outcomes(verdict, deployment, answer)
    _changelog(verdict, deployment, answer)
    _scores(verdict, deployment, answer)
    _dead_letters(verdict, deployment, log, {**dict.fromkeys(poisoned, ""), **answer.dead_letters})
    return verdict


def outcome_bodies(deployment: Deployment) -> Iterator[tuple[str, LogRecord]]:
    """Every outcome record with its id, repeats included, each topic in the order of its partitions."""
    for topic in OUTCOME_TOPICS:
        for record in deployment.read_logical(topic):
            yield (record.header("ce_id") or b"").decode(), record


def _outcomes(verdict: Verdict, deployment: Deployment, answer: Expected) -> None:
    first: dict[str, LogRecord] = {}
    altered: set[str] = set()
    disordered: list[str] = []
    latest: dict[tuple[str, bytes | None], int] = defaultdict(int)
    sequences: dict[str, list[int]] = defaultdict(list)
    repeats = 0
    for topic in OUTCOME_TOPICS:
        for record in deployment.read_logical(topic):
            identity = (record.header("ce_id") or b"").decode()
            known = first.setdefault(identity, record)
            if known is not record:
                repeats += 1
                if (known.key, known.value, known.headers, known.partition) != (
                    record.key,
                    record.value,
                    record.headers,
                    record.partition,
                ):
                    altered.add(identity)
                continue
            sequence = int(record.header("ce_sequence") or b"0")
            member = (record.key or b"").decode()
            sequences[member].append(sequence)
            if sequence <= latest[topic, record.key]:
                disordered.append(f"{member} #{sequence} in {topic}")
            latest[topic, record.key] = sequence
    verdict.figures["repeated outcomes"] = repeats
    verdict.must("outcomes that never came", sorted(answer.outcomes.keys() - first.keys()))
    verdict.must("outcomes that should not be", sorted(first.keys() - answer.outcomes.keys()))
    verdict.must("outcomes whose repeats differ", sorted(altered))
    verdict.must("outcomes first seen out of order", disordered)
    holes = [member for member, found in sequences.items() if sorted(found) != list(range(1, len(found) + 1))]
    verdict.must("members with holes or repeats in their sequence", holes)
    verdict.must(
        "outcomes that say something else than the rules",
        [
            difference
            for identity in first.keys() & answer.outcomes.keys()
            if (difference := _told_otherwise(first[identity], answer.outcomes[identity]))
        ],
    )


def _told_otherwise(record: LogRecord, wanted: Any) -> str | None:
    body = orjson.loads(record.value or b"{}")
    told = (
        body["kind"],
        body["member_id"],
        body["sequence"],
        body["reason"],
        (body["from"] or {"name": ""})["name"],
        (body["to"] or {"name": ""})["name"],
        body["frequency"],
        body["monetary"],
        body["catch_up"],
    )
    rules = (
        wanted.kind,
        wanted.member_id,
        wanted.sequence,
        wanted.reason,
        wanted.before,
        wanted.after,
        wanted.frequency,
        wanted.monetary,
        wanted.catch_up,
    )
    return None if told == rules else f"{told} instead of {rules}"


def _changelog(verdict: Verdict, deployment: Deployment, answer: Expected) -> None:
    newest: dict[bytes, bytes] = {}
    last: dict[tuple[int, bytes], int] = {}
    partition_rows: dict[int, PartitionRow] = {}
    built: dict[int, int] = defaultdict(int)
    fell: list[str] = []
    late = written = 0
    for record in deployment.read(deployment.settings.changelog_topic):
        written += 1
        assert record.key is not None
        assert record.value is not None
        is_late = record.timestamp < built[record.partition] - _LATE_MS
        built[record.partition] = max(built[record.partition], record.timestamp)
        late += is_late
        if record.key == PARTITION_KEY:
            row = PartitionRow.decode(record.value)
            offset = row.position
            known = partition_rows.get(record.partition)
            if known is None or known.position <= offset:
                partition_rows[record.partition] = row
        else:
            offset = rows.offset_of(record.value)
            before = newest.get(record.key)
            if before is None or rows.offset_of(before) <= offset:
                newest[record.key] = record.value
        if offset < last.get((record.partition, record.key), -1):
            fell.append(f"{record.key!r} in partition {record.partition} to {offset}")
        last[record.partition, record.key] = offset
    verdict.figures |= {"rows written": written, "late rows": late}
    verdict.must("remembered states that went back", fell)
    verdict.must("rows sent after later ones", range(late))
    names = [level["name"] for level in POLICY["tiers"]["levels"]]
    found = {key.decode(): _of_row(row, names) for key, row in newest.items()}
    _compare(verdict, "remembered", found, dict(answer.members))
    _positions(verdict, deployment, partition_rows)


def _of_row(row: bytes, names: list[str]) -> ExpectedMember:
    state = rows.decode(row)
    is_live = state.merge is None and not state.erased
    return ExpectedMember(
        offset=state.offset,
        sequence=state.sequence,
        as_of=state.as_of,
        tier=names[state.tier] if is_live else "",
        stage=STAGES[state.stage] if is_live else "",
        frequency=state.frequency,
        monetary=state.monetary,
        last_purchase_at=state.last_at or None,
        next_due_at=state.next_due or None,
    )


def _compare(verdict: Verdict, what: str, found: dict[str, ExpectedMember], wanted: dict[str, ExpectedMember]) -> None:
    verdict.must(f"members not {what}", sorted(wanted.keys() - found.keys()))
    verdict.must(f"members {what} that should not be", sorted(found.keys() - wanted.keys()))
    differ = [name for name in found.keys() & wanted.keys() if found[name] != wanted[name]]
    verdict.must(f"members {what} otherwise", [f"{name}: {found[name]} instead of {wanted[name]}" for name in differ])


def _positions(verdict: Verdict, deployment: Deployment, partition_rows: dict[int, PartitionRow]) -> None:
    ends = deployment.ends(deployment.events_topic)
    committed = {number: offset for (_, number), offset in deployment.committed().items()}
    verdict.must(
        "partitions not committed to their end",
        [f"{number}: {committed.get(number)} of {end}" for number, end in ends.items() if committed.get(number) != end],
    )
    verdict.must(
        "partitions not remembered to their end",
        [
            f"{number}: {partition_rows[number].position if number in partition_rows else None} of {end}"
            for number, end in ends.items()
            if number not in partition_rows or partition_rows[number].position != end
        ],
    )
    verdict.must(
        "partition rows written for another partition count",
        [number for number, row in partition_rows.items() if row.partitions != len(ends)],
    )


def _scores(verdict: Verdict, deployment: Deployment, answer: Expected) -> None:
    newest: dict[str, tuple[int, dict[str, Any] | None]] = {}
    last: dict[str, int] = {}
    for record in deployment.read_logical(MEMBER_SCORES):
        name = (record.key or b"").decode()
        score = None if record.value is None else orjson.loads(record.value)
        version = erasure_version(record) if score is None else (score["epoch"], score["offset"])
        assert version is not None, f"a deletion of {name} that names no version"
        last[name] = version[1]
        if name not in newest or newest[name][0] <= version[1]:
            newest[name] = version[1], score
    wanted = {name: each for name, each in answer.members.items() if answer.gone.get(name) != ""}
    found = {
        name: _of_score(score, offset, wanted.get(name))
        for name, (offset, score) in newest.items()
        if score is not None
    }
    _compare(verdict, "scored", found, wanted)
    into = {name: score.get("merged_into") for name, (_, score) in newest.items() if score is not None}
    verdict.must(
        "members whose score says wrongly where they went",
        [name for name in wanted if into.get(name) != answer.gone.get(name)],
    )
    verdict.must("erased members whose score was not taken away", newest.keys() - found.keys() ^ _erased(answer))
    # Compaction keeps the last record of a key, so an older one must not stay behind the newest.
    verdict.must("scores followed by an older one", [n for n in newest if last[n] < newest[n][0]])


def _erased(answer: Expected) -> set[str]:
    return {name for name, into in answer.gone.items() if into == ""}


def _of_score(score: dict[str, Any], offset: int, wanted: ExpectedMember | None) -> ExpectedMember:
    # A repeat of an event moves a member's offset and nothing that the score tells, so the score may be older.
    return ExpectedMember(
        offset=wanted.offset if wanted is not None and offset <= wanted.offset else offset,
        sequence=score["sequence"],
        as_of=score["as_of_ms"],
        tier=score["tier"] or "",
        stage=score["stage"] or "",
        frequency=score["frequency"],
        monetary=score["monetary"],
        last_purchase_at=score["last_purchase_ms"],
        next_due_at=score["next_due_ms"],
    )


def _dead_letters(
    verdict: Verdict, deployment: Deployment, log: dict[Place, LogRecord], wanted: dict[Place, str]
) -> None:
    letters: dict[tuple[bytes | None, ...], LogRecord] = {}
    repeats = 0
    for letter in deployment.read_logical(DEAD_LETTERS):
        identity = tuple(letter.header(name) for name in ("dl_topic", "dl_partition", "dl_offset"))
        repeats += letters.setdefault(identity, letter) is not letter
    found: set[Place] = set()
    differ: list[str] = []
    for (topic, partition, offset), letter in letters.items():
        place = (int(partition or b"-1"), int(offset or b"-1"))
        found.add(place)
        original = log.get(place)
        kept = tuple(header for header in letter.headers if header[0] not in OWN_HEADERS)
        reason = (letter.header("dl_reason") or b"").decode()
        if (
            original is None
            or topic != deployment.events_topic.encode()
            or (letter.key, letter.value, kept) != (original.key, original.value, original.headers)
            or not letter.header("dl_detail")
            or reason != (wanted.get(place) or reason)
        ):
            differ.append(f"{place}: {reason}")
    verdict.figures |= {"dead letters": len(letters), "repeated dead letters": repeats}
    verdict.must("bad records without a dead letter", sorted(wanted.keys() - found))
    verdict.must("dead letters of good records", sorted(found - wanted.keys()))
    verdict.must("dead letters that differ from their record", differ)
