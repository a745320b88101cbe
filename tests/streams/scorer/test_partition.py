from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from streams import rows
from tests.driver import ProcessEnded, ScorerDriver, day, key_on, paid


def test_first_order_makes_a_member_and_is_scored_at_once() -> None:
    scorer = ScorerDriver()
    scorer.pipe(paid("ann", "o1", day(0)))
    assert scorer.kinds("ann") == ["tier.joined", "lifecycle.first_purchase"]
    [score] = scorer.scores()
    assert (score["member_id"], score["frequency"], score["monetary"]) == ("ann", 1, 5000)


def test_member_who_only_gains_an_order_is_scored_at_the_cut_and_once() -> None:
    scorer = ScorerDriver()
    scorer.pipe(paid("ann", "o1", day(0), amount=100), paid("ann", "o2", day(1)))
    scorer.outbox.records.clear()
    scorer.pipe(paid("ann", "o3", day(2), amount=100), paid("ann", "o4", day(2), amount=100))
    assert scorer.scores() == []
    scorer.cut()
    [score] = scorer.scores()
    assert score["frequency"] == 4


def test_silent_member_is_alerted_by_a_tick_with_the_due_instant_as_its_time() -> None:
    scorer = ScorerDriver()
    scorer.pipe(paid("ann", "o1", day(0)))
    scorer.tick(day(59))
    assert "lifecycle.near_churn" not in scorer.kinds("ann")
    scorer.tick(day(60))
    [alert] = [body for body in scorer.outcomes("ann") if body["kind"] == "lifecycle.near_churn"]
    assert alert["at"] == alert["due_at"] == "2026-03-02T00:00:00.000Z"


def test_order_appended_before_the_tick_that_passes_the_due_instant_prevents_the_alert() -> None:
    scorer = ScorerDriver()
    scorer.pipe(paid("ann", "o1", day(0)), paid("ann", "o2", day(59)))
    scorer.tick(day(61))
    assert "lifecycle.near_churn" not in scorer.kinds("ann")


def test_tick_that_is_not_later_than_the_last_changes_nothing() -> None:
    scorer = ScorerDriver()
    scorer.pipe(paid("ann", "o1", day(0)))
    scorer.tick(day(60))
    before = scorer.outcomes()
    scorer.tick(day(60))
    scorer.tick(day(30))
    assert scorer.outcomes() == before


def test_member_touched_before_a_sweep_reaches_them_gets_the_alert_first_and_the_order_after_it() -> None:
    scorer = ScorerDriver()
    for name in ("ann", "bob"):
        scorer.pipe(paid(name, f"{name}1", day(0)))
    scorer.tick(day(61), sweep=False)
    scorer.pipe(paid("bob", "bob2", day(61)))
    kinds = scorer.kinds("bob")
    assert kinds.index("lifecycle.near_churn") < kinds.index("lifecycle.recovered")


def test_offset_of_an_unfinished_tick_is_not_committed_until_the_last_member_is_reached() -> None:
    scorer = ScorerDriver()
    for number in range(5):
        scorer.pipe(paid(f"m{number}", f"o{number}", day(0)))
    scorer.tick(day(60), sweep=False)
    tick_offset = len(scorer.log) - 1
    scorer.sweep(budget=2)
    assert scorer.partition.committable == tick_offset
    scorer.sweep()
    assert scorer.partition.committable == tick_offset + 1


@pytest.mark.parametrize("swept", [0, 1, 3, 5])
def test_crash_in_the_middle_of_a_sweep_fires_the_rest_with_the_same_ids(swept: int) -> None:
    undisturbed, crashed = ScorerDriver(), ScorerDriver()
    for scorer in (undisturbed, crashed):
        for number in range(5):
            scorer.pipe(paid(f"m{number}", f"o{number}", day(0)))
        scorer.cut()
        scorer.tick(day(60), sweep=False)
    crashed.sweep(budget=swept) if swept else None
    crashed.cut()
    crashed.crash()
    undisturbed.sweep()
    assert {body["id"] for body in crashed.outcomes()} == {body["id"] for body in undisturbed.outcomes()}
    for number in range(5):
        assert crashed.kinds(f"m{number}") == undisturbed.kinds(f"m{number}")


def test_crash_before_any_cut_repeats_the_same_outcomes_byte_for_byte() -> None:
    scorer = ScorerDriver()
    scorer.pipe(paid("ann", "o1", day(0), amount=10_000), paid("ann", "o2", day(1), amount=30_000))
    first = scorer.outcomes()
    scorer.outbox.records.clear()
    scorer.crash()
    assert scorer.outcomes() == first


def test_member_remembered_ahead_of_the_commit_skips_what_the_row_has_absorbed() -> None:
    scorer = ScorerDriver()
    scorer.pipe(paid("ann", "o1", day(0)))
    scorer.cut()
    scorer.pipe(paid("ann", "o2", day(1)))
    scorer.cut(rows=1)
    scorer.outbox.records.clear()
    scorer.crash()
    ann = scorer.member("ann")
    assert ann is not None
    assert (ann.frequency, ann.sequence) == (2, 3)
    assert scorer.outcomes() == []


def buys_again(scorer: ScorerDriver) -> None:
    scorer.pipe(*(paid(f"m{number}", f"again{number}", day(59), amount=90_000) for number in range(5)))


def sees_a_tick(scorer: ScorerDriver) -> None:
    scorer.tick(day(60))


def sees_a_tick_that_reaches_some(scorer: ScorerDriver) -> None:
    scorer.tick(day(60), sweep=False)
    scorer.sweep(budget=2)


@pytest.mark.parametrize("meanwhile", [buys_again, sees_a_tick, sees_a_tick_that_reaches_some])
@pytest.mark.parametrize("died", [False, True])
def test_whatever_happens_while_a_cut_takes_rows_and_a_crash_after_it_changes_no_state_and_no_outcome(
    meanwhile: Callable[[ScorerDriver], None], died: bool
) -> None:
    undisturbed, crashed = ScorerDriver(), ScorerDriver()
    for scorer in (undisturbed, crashed):
        for number in range(5):
            scorer.pipe(paid(f"m{number}", f"o{number}", day(0)))
    meanwhile(undisturbed)
    undisturbed.sweep()
    crashed.cut(rows=3 if died else None, meanwhile=lambda: meanwhile(crashed))
    crashed.crash()
    assert {body["id"] for body in crashed.outcomes()} == {body["id"] for body in undisturbed.outcomes()}
    for number in range(5):
        assert crashed.kinds(f"m{number}") == undisturbed.kinds(f"m{number}")
        crashed_member, undisturbed_member = crashed.member(f"m{number}"), undisturbed.member(f"m{number}")
        assert crashed_member is not None
        assert undisturbed_member is not None
        assert rows.encode(crashed_member) == rows.encode(undisturbed_member)


def test_regressed_row_is_not_believed_and_written_again() -> None:
    scorer = ScorerDriver()
    scorer.pipe(paid("ann", "o1", day(0)))
    scorer.cut()
    old = scorer.changelog[0]
    scorer.pipe(paid("ann", "o2", day(1)))
    scorer.cut()
    scorer.changelog.append(type(old)(len(scorer.changelog), 0, old.key, old.value))
    scorer.crash()
    assert scorer.partition.regressions == 1
    ann = scorer.member("ann")
    assert ann is not None
    assert ann.frequency == 2
    written = len(scorer.changelog)
    scorer.cut()
    assert scorer.changelog[written].key == b"ann"


def test_bad_record_costs_one_dead_letter_and_its_neighbours_nothing() -> None:
    scorer = ScorerDriver()
    scorer.pipe(paid("ann", "o1", day(0)))
    scorer.pipe_bytes(b"ann", b"not json", at=day(0))
    scorer.pipe(paid("ann", "o2", day(1)))
    assert scorer.dead_letters() == [(b"not json", "broken_json")]
    ann = scorer.member("ann")
    assert ann is not None
    assert ann.frequency == 2


def test_order_whose_outcomes_cannot_be_written_leaves_no_trace_in_a_member_who_was_in_a_row() -> None:
    scorer = ScorerDriver()
    scorer.pipe(paid("ann", "o1", day(0)))
    scorer.cut()
    before, written = scorer.member("ann"), len(scorer.changelog)
    # Her next timer would lie in the year 10000, which has no text.
    scorer.pipe(paid("ann", "o2", datetime(9999, 12, 20, tzinfo=UTC), amount=900_000))
    [(_, reason)] = scorer.dead_letters()
    assert reason == "not_applicable"
    after = scorer.member("ann")
    assert before is not None
    assert after is not None
    assert rows.encode(after) == rows.encode(before)
    scorer.cut()
    assert not [each for each in scorer.changelog[written:] if each.key == b"ann"]


def test_undecodable_record_does_not_move_log_time() -> None:
    scorer = ScorerDriver()
    scorer.pipe(paid("ann", "o1", day(0)))
    scorer.pipe_bytes(b"ann", b"not json", at=day(5000))
    scorer.pipe(paid("ann", "o2", day(1)))
    assert [reason for _, reason in scorer.dead_letters()] == ["broken_json"]


def test_new_member_on_the_wrong_partition_is_a_dead_letter_that_says_what_to_set() -> None:
    scorer = ScorerDriver(partition_count=4)
    scorer.pipe(paid(key_on(1, 4), "o1", day(0)), paid(key_on(0, 4), "o2", day(0)))
    assert [reason for _, reason in scorer.dead_letters()] == ["wrong_partition"]


def test_event_before_any_policy_ends_the_process_with_the_command_to_run() -> None:
    scorer = ScorerDriver()
    scorer.log.clear()
    scorer._new_process()
    with pytest.raises(ProcessEnded, match="topics apply") as ended:
        scorer.pipe(paid("ann", "o1", day(0)))
    assert ended.value.code == 78


def test_twenty_bad_records_in_a_row_end_the_process_and_good_ones_in_between_do_not() -> None:
    patient = ScorerDriver(ceiling=True)
    for number in range(30):
        patient.pipe_bytes(b"ann", b"?", at=day(0))
        if number % 10 == 0:
            patient.pipe(paid("ann", f"o{number}", day(0)))
    patient.pipe(paid("ann", "last", day(0)))
    for _ in range(19):
        patient.pipe_bytes(b"ann", b"?", at=day(0))
    with pytest.raises(ProcessEnded) as ended:
        patient.pipe_bytes(b"ann", b"?", at=day(0))
    assert ended.value.code == 65


def test_due_member_is_left_alone_until_the_very_instant() -> None:
    scorer = ScorerDriver()
    scorer.pipe(paid("ann", "o1", day(0)))
    midnight = day(60) - timedelta(hours=12)
    scorer.tick(midnight - timedelta(milliseconds=1))
    assert "lifecycle.near_churn" not in scorer.kinds("ann")
    scorer.tick(midnight)
    assert "lifecycle.near_churn" in scorer.kinds("ann")
