"""What verify calls equal, different, missing and ahead."""

import orjson
import pytest

from scoring.state import MemberState
from streams import rows
from streams.log_reading import LogRecord
from streams.policy_file import load
from streams.policy_publication import policy_record
from streams.recomputation import PartitionFold
from streams.topics import PARTITION_KEY
from streams.verification import Tally, ToldOutcome, compare_outcomes, compare_rows, compare_scores

NOON = 852_120_000_000  # 1997-01-01T12:00Z
DAY = 86_400_000
END = 5


def record(offset: int, key: bytes, value: bytes, log_time: int) -> LogRecord:
    return LogRecord(0, offset, 0, key, value, (("log_time", b"%d" % log_time),))


def order(offset: int, day: int, amount: int) -> LogRecord:
    value = {
        "type": "order.paid",
        "event_id": f"e{offset}",
        "member_id": "anna",
        "order_id": f"o{offset}",
        "occurred_at": f"1997-01-{day:02d}T12:00:00Z",
        "net_amount": amount,
        "currency": "USD",
    }
    return record(offset, b"anna", orjson.dumps(value), NOON + (day - 1) * DAY)


@pytest.fixture
def fold() -> PartitionFold:
    """Anna buys twice, rises to C, and is close to leaving when the tick of 10 March comes."""
    fold = PartitionFold(0, 1, epoch=1)
    fold.absorb(record(0, PARTITION_KEY, policy_record(load("absolute"), 0), 0))
    fold.absorb(order(1, 1, 500))
    fold.absorb(order(2, 2, 700))
    fold.absorb(record(3, b"anna", b"not an event", NOON))
    fold.absorb(record(4, PARTITION_KEY, b'{"type":"tick","at":"1997-03-10T00:00:00Z","partition":0}', NOON + 68 * DAY))
    return fold


def told(fold: PartitionFold) -> list[ToldOutcome]:
    return [ToldOutcome(identity, each.member_id, each.sequence, 1) for identity, each in fold.outcomes.items()]


def stored_rows(fold: PartitionFold) -> dict[bytes, bytes]:
    return {key: rows.encode(state) for key, state in fold.members.items()}


def stored_scores(fold: PartitionFold) -> dict[bytes, bytes]:
    return {key: fold.writers[key].scores.record(key.decode(), state) for key, state in fold.members.items()}


def counts(tally: Tally) -> tuple[int, int, int, int, int, int]:
    return tally.equal, tally.different, tally.missing, tally.unexpected, tally.ahead, tally.repeated


def test_member_goes_through_orders_and_ticks_in_the_order_of_the_log(fold: PartitionFold) -> None:
    kinds = [each.kind for each in sorted(fold.outcomes.values(), key=lambda each: each.sequence)]
    assert kinds == ["tier.joined", "lifecycle.first_purchase", "tier.upgraded", "lifecycle.near_churn"]
    assert fold.members[b"anna"].monetary == 1200


def test_system_that_remembers_and_told_everything_is_exact(fold: PartitionFold) -> None:
    outcomes, sequences = compare_outcomes(fold.outcomes, told(fold), END)
    every = [
        compare_rows(fold.members, stored_rows(fold), END),
        compare_scores(fold.members, stored_scores(fold), fold.writers, END),
    ]
    assert all(tally.exact for tally in (*every, outcomes, sequences))
    assert [tally.equal for tally in (*every, outcomes, sequences)] == [1, 1, 4, 1]


def changed(state: MemberState, name: str, value: int) -> MemberState:
    other = state.clone()
    setattr(other, name, value)
    return other


@pytest.mark.parametrize(
    ("name", "value"), [("monetary", 1201), ("tier", 0), ("next_due", 0), ("sequence", 9), ("offset", 3)]
)
def test_row_with_another_value_is_different_and_names_it(fold: PartitionFold, name: str, value: int) -> None:
    tally = compare_rows(fold.members, {b"anna": rows.encode(changed(fold.members[b"anna"], name, value))}, END)
    assert counts(tally) == (0, 1, 0, 0, 0, 0)
    assert name in tally.first[0]


@pytest.mark.parametrize(("offset", "expected"), [(END - 1, (0, 1, 0, 0, 0, 0)), (END, (0, 0, 0, 0, 1, 0))])
def test_row_past_the_committed_offset_is_ahead_and_no_difference(
    fold: PartitionFold, offset: int, expected: tuple[int, ...]
) -> None:
    later = changed(changed(fold.members[b"anna"], "monetary", 1), "offset", offset)
    assert counts(compare_rows(fold.members, {b"anna": rows.encode(later)}, END)) == expected


def test_member_without_row_or_score_is_missing_and_a_stranger_unexpected(fold: PartitionFold) -> None:
    assert counts(compare_rows(fold.members, {}, END)) == (0, 0, 1, 0, 0, 0)
    assert counts(compare_scores(fold.members, {}, fold.writers, END)) == (0, 0, 1, 0, 0, 0)
    assert counts(compare_rows({}, stored_rows(fold), END)) == (0, 0, 0, 1, 0, 0)
    assert counts(compare_scores({}, stored_scores(fold), fold.writers, END)) == (0, 0, 0, 1, 0, 0)


def test_score_of_an_earlier_offset_is_equal_and_of_another_tier_different(fold: PartitionFold) -> None:
    score = orjson.loads(stored_scores(fold)[b"anna"])
    same = compare_scores(fold.members, {b"anna": orjson.dumps(score | {"offset": 1})}, fold.writers, END)
    other = compare_scores(fold.members, {b"anna": orjson.dumps(score | {"tier": "A"})}, fold.writers, END)
    assert counts(same) == (1, 0, 0, 0, 0, 0)
    assert counts(other) == (0, 1, 0, 0, 0, 0)


def test_outcome_that_was_never_told_is_missing_and_leaves_a_hole(fold: PartitionFold) -> None:
    without_second = [each for each in told(fold) if each.sequence != 2]
    outcomes, sequences = compare_outcomes(fold.outcomes, without_second, END)
    assert counts(outcomes) == (3, 0, 1, 0, 0, 0)
    assert not sequences.exact


def test_outcome_told_twice_is_no_difference_and_two_ids_of_one_number_are(fold: PartitionFold) -> None:
    outcomes, sequences = compare_outcomes(fold.outcomes, [*told(fold), told(fold)[0]], END)
    assert counts(outcomes) == (4, 0, 0, 0, 0, 1)
    assert sequences.exact
    other = ToldOutcome("another-id", "anna", 4, 4)
    outcomes, sequences = compare_outcomes(fold.outcomes, [*told(fold), other], END)
    assert counts(outcomes) == (4, 0, 0, 1, 0, 0)
    assert not sequences.exact


def test_outcome_of_a_later_record_is_ahead(fold: PartitionFold) -> None:
    outcomes, sequences = compare_outcomes(fold.outcomes, [*told(fold), ToldOutcome("later", "anna", 5, END)], END)
    assert counts(outcomes) == (4, 0, 0, 0, 1, 0)
    assert sequences.exact
