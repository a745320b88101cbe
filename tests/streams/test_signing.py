"""S2: whoever may write to the log but lacks the secret makes no time pass, and changes no policy."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from scoring.calendar import instant_of
from streams import rows
from streams.codecs import encode_tick
from streams.config import SigningSettings
from streams.engine.batches import Record
from streams.log_reading import LogRecord
from streams.policy_file import load
from streams.policy_publication import policy_record
from streams.recomputation import PartitionFold
from streams.signing import Header, Signatures
from streams.topics import PARTITION_KEY
from tests.driver import ScorerDriver, day, paid
from tests.streams.scorer.five_members import CHEAPER

OLD = {"secret": "x" * 32, "key_id": "1"}
NEW = {"secret": "y" * 32, "key_id": "2"}
FORGER = {"secret": "z" * 32, "key_id": "1"}


def by(**settings: Any) -> Signatures:
    return Signatures(SigningSettings(**settings))


def beside(first: dict[str, str], other: dict[str, str], **more: Any) -> Signatures:
    """Signs with the first secret and takes the other one as well."""
    return by(**first, other_secret=other["secret"], other_key_id=other["key_id"], **more)


def reasons(scorer: ScorerDriver) -> list[str]:
    return [reason for _, reason in scorer.dead_letters()]


def tick(at: datetime, headers: Sequence[Header] = (), *, appended: datetime | None = None) -> Record:
    value = encode_tick(instant_of(at), 0)
    return Record(0, instant_of(appended or at), PARTITION_KEY, value, headers)


def signed(signer: Signatures, at: datetime, *, appended: datetime | None = None) -> Record:
    return tick(at, signer.sign(PARTITION_KEY, encode_tick(instant_of(at), 0)), appended=appended)


def lapsing(signatures: Signatures) -> ScorerDriver:
    """Ann is due by day 60."""
    scorer = ScorerDriver(signatures=signatures)
    scorer.pipe(paid("ann", "o1", day(0)))
    return scorer


def test_with_the_secret_time_passes_and_policies_change() -> None:
    scorer = lapsing(by(**OLD))
    scorer.tick(day(60))
    scorer.publish(CHEAPER, day(61))
    assert scorer.dead_letters() == []
    assert "lifecycle.near_churn" in scorer.kinds("ann")
    assert scorer.partition.progress.policy == CHEAPER.canonical()


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("signature", b""),),
        (("signature", b"1"),),
        (("signature", b"1:"),),
        (("signature", b"\xff\xff:\xff"),),
        by(**FORGER).sign(PARTITION_KEY, encode_tick(instant_of(day(365)), 0)),
        by(**NEW).sign(PARTITION_KEY, encode_tick(instant_of(day(365)), 0)),
        by(**OLD).sign(PARTITION_KEY, encode_tick(instant_of(day(365)), 1)),
        by(**OLD).sign(PARTITION_KEY, encode_tick(instant_of(day(1)), 0)),
        by(**OLD).sign(b"ticks", encode_tick(instant_of(day(365)), 0)),
    ],
    ids=["none", "empty", "key", "no digest", "bytes", "guessed", "unknown key", "partition", "instant", "topic key"],
)
def test_a_forged_tick_a_year_ahead_is_a_dead_letter_and_lapses_nobody(headers: Sequence[Header]) -> None:
    scorer = lapsing(by(**OLD))
    told = scorer.outcomes()
    scorer.append(tick(day(365), headers, appended=day(1)))
    assert reasons(scorer) == ["forged"]
    assert scorer.metrics.dead_letters.labels("forged")._value.get() == 1
    assert scorer.outcomes() == told
    assert scorer.partition.progress.last_tick == 0
    # Time goes on as if nothing had been there.
    scorer.tick(day(60))
    assert "lifecycle.near_churn" in scorer.kinds("ann")


def test_a_forged_policy_is_not_obeyed() -> None:
    scorer = lapsing(by(**OLD))
    scorer.append(Record(0, instant_of(day(1)), PARTITION_KEY, policy_record(CHEAPER, 0)))
    assert reasons(scorer) == ["forged"]
    assert scorer.partition.progress.policy == load("absolute").canonical()


def test_a_signature_is_of_the_log_time_as_well() -> None:
    """Else a live tick could be told anew as one of imported history, which no census follows."""
    value = encode_tick(instant_of(day(60)), 0)
    live, imported, other = by(**OLD).sign(PARTITION_KEY, value), (("log_time", b"1"),), (("log_time", b"2"),)
    record = Record(0, instant_of(day(60)), PARTITION_KEY, value, (*imported, *live))
    assert not by(**OLD).genuine(record)
    record.headers = (*imported, by(**OLD).sign(PARTITION_KEY, value, other)[-1])
    assert not by(**OLD).genuine(record)
    record.headers = by(**OLD).sign(PARTITION_KEY, value, imported)
    assert by(**OLD).genuine(record)


def test_a_tick_told_again_moves_nothing() -> None:
    scorer = lapsing(by(**OLD))
    scorer.tick(day(60))
    told = scorer.outcomes()
    scorer.append(scorer.log[-1])
    assert scorer.outcomes() == told


def test_who_forges_ticks_does_not_stop_the_scoring() -> None:
    scorer = ScorerDriver(signatures=by(**OLD), ceiling=True)
    for number in range(40):
        scorer.append(tick(day(365 + number), appended=day(1)))
    scorer.pipe(paid("ann", "o1", day(2)))
    assert "tier.joined" in scorer.kinds("ann")


def test_without_a_secret_everything_is_obeyed_as_ever() -> None:
    scorer = lapsing(by())
    scorer.tick(day(59))
    assert not scorer.log[-1].headers
    scorer.append(signed(by(**OLD), day(60)))
    assert "lifecycle.near_churn" in scorer.kinds("ann")


def test_what_lay_in_the_log_before_signatures_were_demanded_is_obeyed_in_a_rebuild() -> None:
    demanding = by(**OLD, since=day(10).isoformat())
    assert demanding.genuine(tick(day(10), appended=day(9)))
    assert not demanding.genuine(tick(day(11), appended=day(10)))
    assert not demanding.genuine(signed(by(**FORGER), day(9)))


def test_secrets_change_step_by_step_and_no_step_loses_a_tick() -> None:
    """Some processes are one step ahead of others at any moment."""
    steps = [by(**OLD), beside(OLD, NEW), beside(NEW, OLD), by(**NEW)]
    for behind, ahead in pairwise(steps):
        assert ahead.genuine(signed(behind, day(1)))
        assert behind.genuine(signed(ahead, day(1)))
    assert not steps[3].genuine(signed(steps[0], day(1)))


def test_a_secret_that_leaked_signs_nothing_more_and_its_past_stands() -> None:
    after = beside(NEW, OLD, other_until=day(10).isoformat())
    assert after.genuine(signed(by(**OLD), day(9)))
    assert not after.genuine(signed(by(**OLD), day(9), appended=day(10)))


def test_verify_refuses_what_the_scorer_refuses() -> None:
    scorer = lapsing(by(**OLD))
    scorer.append(tick(day(365), appended=day(1)))
    scorer.tick(day(60))
    fold = PartitionFold(0, 1, epoch=1, signatures=by(**OLD))
    for record in scorer.log:
        fold.absorb(LogRecord(0, record.offset, record.timestamp, record.key, record.value, tuple(record.headers)))
    assert [each.kind for each in fold.outcomes.values()] == scorer.kinds("ann")
    ann = scorer.member("ann")
    assert ann is not None
    assert rows.encode(fold.members[b"ann"]) == rows.encode(ann)


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "short"},
        {"other_secret": NEW["secret"]},
        {**OLD, "other_secret": NEW["secret"], "other_key_id": "1"},
        {**OLD, "since": "2026-03-01T00:00:00"},
        {**OLD, "key_id": "a:b"},
    ],
    ids=["short", "no secret", "one key id for two", "no zone", "colon"],
)
def test_settings_that_could_not_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SigningSettings(**wrong)
