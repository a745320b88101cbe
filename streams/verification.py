"""Is what the system remembers and told what its own log says? The comparing, without any reading."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, Final, NamedTuple

import orjson

from scoring.state import MemberState
from streams import rows
from streams.outcome_records import OutcomeRecords
from streams.recomputation import ExpectedOutcome

#: Differences that are kept to be shown; all are counted.
SHOWN = 10
#: A compiled class has no ``__slots__``.
_FIELDS: Final = tuple(signature(MemberState).parameters)


class ToldOutcome(NamedTuple):
    """An outcome found in its topic; ``offset`` is the position in ``member-events`` that it names."""

    identity: str
    member_id: str
    sequence: int
    offset: int


@dataclass(slots=True)
class Tally:
    """One comparison. ``ahead`` are those that later records, not recomputed here, have moved on already: no
    difference.
    """

    what: str
    equal: int = 0
    different: int = 0
    missing: int = 0
    unexpected: int = 0
    ahead: int = 0
    repeated: int = 0
    first: list[str] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        """Whether nothing differs."""
        return not (self.different or self.missing or self.unexpected)

    def note(self, text: str) -> None:
        """Keep a difference to be shown, among the first ten."""
        if len(self.first) < SHOWN:
            self.first.append(text)

    def add(self, other: "Tally") -> None:
        """Count another partition's comparison of the same thing in."""
        for name in ("equal", "different", "missing", "unexpected", "ahead", "repeated"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.first = (self.first + other.first)[:SHOWN]


def compare_rows(members: Mapping[bytes, MemberState], stored: Mapping[bytes, bytes], committed: int) -> Tally:
    """Members against their changelog rows; rows at or past ``committed`` are ahead."""
    tally = Tally("members in the changelog")
    for key, state in members.items():
        row = stored.get(key)
        if row is None:
            tally.missing += 1
            tally.note(f"{_name(key)} has no row")
        elif rows.offset_of(row) >= committed:
            tally.ahead += 1
        elif row == rows.encode(state):
            tally.equal += 1
        else:
            _differ(tally, key, _fields(rows.decode(row)), _fields(state))
    for key, row in stored.items():
        if key not in members and rows.offset_of(row) < committed:
            tally.unexpected += 1
            tally.note(f"{_name(key)} has a row that no event explains")
    return tally


def compare_scores(
    members: Mapping[bytes, MemberState],
    stored: Mapping[bytes, bytes],
    writers: Mapping[bytes, OutcomeRecords],
    committed: int,
) -> Tally:
    """Members against their records in ``member-scores``, by content: a repeated event moves a member's offset
    without a new score. ``writers`` are those of the policy that each member's state is by.
    """
    tally = Tally("members in member-scores")
    for key, state in members.items():
        value = stored.get(key)
        if state.erased and value is None:
            tally.equal += 1
            continue
        found: dict[str, Any] = {} if value is None else orjson.loads(value)
        if value is None:
            tally.missing += 1
            tally.note(f"{_name(key)} has no score")
            continue
        if found["offset"] >= committed:
            tally.ahead += 1
            continue
        if state.erased:
            tally.unexpected += 1
            tally.note(f"{_name(key)} was erased and has a score still")
            continue
        wanted: dict[str, Any] = orjson.loads(writers[key].scores.record(key.decode(), state))
        if found | {"offset": 0} == wanted | {"offset": 0}:
            tally.equal += 1
        else:
            _differ(tally, key, found, wanted)
    for key, value in stored.items():
        if key not in members and orjson.loads(value)["offset"] < committed:
            tally.unexpected += 1
            tally.note(f"{_name(key)} has a score that no event explains")
    return tally


def compare_outcomes(
    expected: Mapping[str, ExpectedOutcome], told: Iterable[ToldOutcome], committed: int
) -> tuple[Tally, Tally]:
    """The ids that must have been told against those that were, and every member's numbers against 1, 2, 3 and so on.

    A repeated id is no difference: delivery is at least once, and consumers drop repeats by the id.
    """
    tally, sequences = Tally("outcomes by id"), Tally("members with an unbroken ce_sequence")
    seen: dict[str, ToldOutcome] = {}
    numbers: dict[str, Counter[int]] = {}
    for each in told:
        if each.identity in seen:
            tally.repeated += 1
            continue
        seen[each.identity] = each
        numbers.setdefault(each.member_id, Counter())[each.sequence] += 1
        wanted = expected.get(each.identity)
        if wanted is None:
            if each.offset >= committed:
                tally.ahead += 1
            else:
                tally.unexpected += 1
                tally.note(
                    f"{each.member_id}: {each.identity} (number {each.sequence}) is not among the recomputed ids"
                )
        elif wanted.sequence == each.sequence and wanted.member_id == each.member_id:
            tally.equal += 1
        else:
            tally.different += 1
            tally.note(f"{each.member_id}: {each.identity} has number {each.sequence}, recomputed {wanted.sequence}")
    for identity, outcome in expected.items():
        if identity not in seen:
            tally.missing += 1
            tally.note(f"{outcome.member_id}: {outcome.kind}, number {outcome.sequence}, was never told ({identity})")
    for member_id, found in numbers.items():
        if max(found) == len(found) == found.total():
            sequences.equal += 1
        else:
            sequences.different += 1
            sequences.note(
                f"{member_id}: {found.total()} outcomes, {len(found)} different numbers, the highest {max(found)}"
            )
    return tally, sequences


def _name(key: bytes) -> str:
    return key.decode(errors="backslashreplace")


def _fields(state: MemberState) -> dict[str, Any]:
    return {name: getattr(state, name) for name in _FIELDS}


def _differ(tally: Tally, key: bytes, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    tally.different += 1
    names = [name for name in wanted if found.get(name) != wanted[name]]
    told = "; ".join(f"{name} is {_short(found.get(name))}, recomputed {_short(wanted[name])}" for name in names[:4])
    tally.note(f"{_name(key)}: {told or 'the bytes differ'}")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
