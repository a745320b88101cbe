"""A ledger that is sealed, through crashes; and rows that an older program has written."""

import pytest

from streams.engine.batches import Record
from streams.engine.partition import PARTITION_ROW_KEY
from streams.policy_file import PolicyDocument, from_canonical, load
from streams.rows import VERSION, decode
from tests.driver import ProcessEnded, ScorerDriver, day, paid


def sealing(**rules: object) -> PolicyDocument:
    content = load("absolute").content() | {"ledger": {"seal": True, **rules}, "windows": {"return_days": 30}}
    return PolicyDocument.model_validate(content)


def about(kind: str, member_id: str, order_id: str, at: float, **fields: object) -> dict[str, object]:
    named = {"type": kind, "event_id": f"{kind}-{order_id}-{at}", "member_id": member_id, "order_id": order_id}
    return {**named, "occurred_at": day(at).isoformat(), **fields}


def test_news_about_a_final_order_is_a_dead_letter_and_the_member_as_before() -> None:
    scorer = ScorerDriver(sealing())
    scorer.pipe(paid("ann", "o1", day(0), 20_000), paid("ann", "o2", day(20), 20_000))
    scorer.tick(day(35))
    scorer.pipe(about("order.returned", "ann", "o1", 35.1, returned_amount=20_000))
    scorer.pipe(about("order.returned", "ann", "o2", 35.2, returned_amount=20_000))
    scorer.pipe(paid("ann", "o1", day(0), 20_000))
    assert [reason for _, reason in scorer.dead_letters()] == ["too_late", "too_late"]
    ann = scorer.member("ann")
    assert ann is not None
    assert (ann.frequency, ann.monetary) == (1, 20_000)
    assert scorer.kinds("ann")[2:] == ["lifecycle.first_purchase", "tier.upgraded", "tier.downgraded"]


def lives(scorer: ScorerDriver, *, crash_after: int = -1) -> None:
    """Two members for two years; the process crashes after one of the steps, some time after a cut."""
    for step in range(60):
        now = 12.0 * step
        scorer.tick(day(now))
        scorer.pipe(paid("ann", f"a{step}", day(now + 0.1), 3_000))
        if step % 3 == 0:
            scorer.pipe(paid("bob", f"b{step}", day(now + 0.1), 9_000))
            scorer.pipe(about("order.returned", "bob", f"b{step}", now + 5, returned_amount=4_000))
            scorer.pipe(about("order.cancelled", "ann", f"x{step}", now + 5))
        if step % 4 == 3:
            scorer.pipe(about("order.returned", "ann", f"a{step - 3}", now + 6, returned_amount=3_000))
            scorer.pipe(paid("ann", f"late{step}", day(now - 31), 1_000), log_time=day(now + 7))
            scorer.pipe(paid("ann", f"x{step - 3}", day(now + 7), 1_000))
        if step % 5 == 4:
            scorer.cut(rows=1 if step % 2 else None)
        if step == crash_after:
            scorer.crash()


@pytest.mark.parametrize("crash_after", range(0, 60, 7))
def test_a_sealed_ledger_survives_a_crash(crash_after: int) -> None:
    whole, crashed = ScorerDriver(sealing(max_orders=16)), ScorerDriver(sealing(max_orders=16))
    lives(whole)
    lives(crashed, crash_after=crash_after)
    assert {body["id"] for body in crashed.outcomes()} == {body["id"] for body in whole.outcomes()}
    assert set(crashed.dead_letters()) == set(whole.dead_letters())
    for scorer in whole, crashed:
        scorer.cut()
    assert crashed.partition.rows == whole.partition.rows
    ann = whole.member("ann")
    assert ann is not None
    assert ann.sealed is not None
    assert len(ann.sealed.buckets) > 20
    assert {reason for _, reason in whole.dead_letters()} == {"too_late"}


# -- rows of an older version ------------------------------------------------------------------------------------------


def with_old_rows(*, version: int = 1) -> ScorerDriver:
    """Ann and Bob bought on New Year's Day, and an older program has written their rows."""
    scorer = ScorerDriver()
    scorer.pipe(paid("ann", "o1", day(0)), paid("bob", "o2", day(0)))
    scorer.cut()
    for record in scorer.changelog:
        if record.key != PARTITION_ROW_KEY:
            assert record.value is not None
            # Without holds and the like the two versions differ in their number alone.
            record.value = bytes([version]) + record.value[1:]
    return scorer


def test_an_old_row_is_written_anew_when_its_member_is_touched_and_left_alone_until_then() -> None:
    scorer = with_old_rows()
    scorer.crash()
    assert {row[0] for row in scorer.partition.rows.values()} == {1}
    before = len(scorer.changelog)
    scorer.pipe(paid("ann", "o3", day(1)))
    scorer.cut()
    written = [record.key for record in scorer.changelog[before:] if record.key != PARTITION_ROW_KEY]
    assert written == [b"ann"]
    assert (scorer.partition.rows[b"ann"][0], scorer.partition.rows[b"bob"][0]) == (VERSION, 1)
    assert decode(scorer.partition.rows[b"ann"]).frequency == 2


def test_members_of_old_rows_are_due_as_ever() -> None:
    scorer = with_old_rows()
    scorer.crash()
    scorer.tick(day(61))
    for member_id in "ann", "bob":
        assert scorer.kinds(member_id)[-1] == "lifecycle.near_churn"
    scorer.cut()
    assert {row[0] for row in scorer.partition.rows.values()} == {VERSION}


def test_what_an_old_row_has_absorbed_is_skipped_and_the_newest_of_two_wins() -> None:
    scorer = with_old_rows()
    late = scorer.changelog[0]
    scorer.pipe(paid("ann", "o3", day(1)))
    scorer.cut(rows=1)
    scorer.changelog.append(Record(len(scorer.changelog), 0, late.key, late.value))
    scorer.crash()
    ann = scorer.member("ann")
    assert ann is not None
    assert ann.frequency == 2
    assert scorer.partition.regressions == 1


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("version", [0, VERSION + 1])
def test_a_row_of_an_unknown_version_ends_the_process(version: int, times: int) -> None:
    scorer = with_old_rows(version=version)
    scorer.changelog[:0] = scorer.changelog[: 2 * (times - 1)]
    with pytest.raises(ProcessEnded, match=f"format version {version}; this program reads versions 1 to 2") as ended:
        scorer.crash()
    assert ended.value.code == 78


def test_a_new_policy_seals_what_is_there() -> None:
    scorer = ScorerDriver()
    scorer.pipe(paid("ann", "o1", day(0)), paid("ann", "o2", day(40)))
    content = sealing().content() | {"version": 2}
    scorer.publish(from_canonical(PolicyDocument.model_validate(content).canonical()), day(41))
    ann = scorer.member("ann")
    assert ann is not None
    assert ann.sealed is not None
    assert [bucket.frequency for bucket in ann.sealed.buckets] == [1]
    assert (ann.frequency, scorer.dead_letters()) == (2, [])
