"""Which policy may follow the one in force, and how a publication that broke off goes on."""

from typing import Any

import msgspec
import pytest

from streams.exits import CommandError, ExitCode
from streams.policy_file import PolicyDocument, load
from streams.preview.record import PreviewRecord, PublishedRecord
from streams.preview.succession import PREVIEW_GOOD_FOR_MS, Done, LogStanding, Publish, next_step, unfinished

OLD = load("absolute")
NOW = 1_800_000_000_000


def changed(**fields: Any) -> PolicyDocument:
    return PolicyDocument.model_validate({**OLD.content(), **fields})


NEW = changed(version=2)
OTHER = changed(version=2, min_order_amount=100)
THIRD = changed(version=3)


def at(
    number: int, document: PolicyDocument | None = OLD, *, last_tick: int = NOW, taken_up: bool = True
) -> LogStanding:
    return LogStanding(number, document, 0 if document is None else document.version, last_tick, taken_up)


def looked_at(
    new: PolicyDocument = NEW,
    *,
    against: PolicyDocument = OLD,
    moved: int = 0,
    members: int = 1000,
    last_ticks: tuple[int, ...] = (NOW, NOW),
) -> PreviewRecord:
    ticks = {str(number): tick for number, tick in enumerate(last_ticks)}
    against_version = against.version
    hashes = (new.content_hash, new.version, against.content_hash, against_version)
    return PreviewRecord(*hashes, {"0": 7, "1": 9}, ticks, members, moved, 0, moved, 0)


def written(new: PolicyDocument, follows: PolicyDocument = OLD) -> dict[str, PublishedRecord]:
    record = PublishedRecord(follows.content_hash, new.version, new.content_hash, "eve", msgspec.Raw(new.canonical()))
    return {follows.content_hash: record}


def step(
    new: PolicyDocument = NEW,
    standings: tuple[LogStanding, ...] = (at(0), at(1)),
    successors: dict[str, PublishedRecord] | None = None,
    preview: PreviewRecord | None = None,
    max_share: float = 0.1,
    *,
    accepted: bool = False,
) -> Done | Publish:
    return next_step(new, standings, successors or {}, preview, max_share, accepted=accepted)


def refusal(*arguments: Any, **named: Any) -> CommandError:
    with pytest.raises(CommandError) as refused:
        step(*arguments, **named)
    return refused.value


def test_policy_that_was_looked_at_goes_into_every_partition() -> None:
    assert step(preview=looked_at()) == Publish(OLD.content_hash, [0, 1], begun=False)


def test_policy_that_is_everywhere_is_done() -> None:
    assert step(OLD) == Done([])
    assert step(NEW, (at(0, NEW), at(1, NEW))) == Done([])


def test_policy_that_members_are_still_being_judged_by_is_done_but_for_these() -> None:
    assert step(NEW, (at(0, NEW), at(1, NEW, taken_up=False))) == Done([1])


def test_log_without_any_policy_is_opened_first() -> None:
    refused = refusal(standings=(at(0), at(1, None)))
    assert refused.code == ExitCode.CONFIG
    assert "topics apply" in refused.remedy
    assert "1" in refused.where
    assert refusal(standings=()).code == ExitCode.CONFIG


@pytest.mark.parametrize("version", [1, 2])
def test_version_must_be_higher_than_the_one_in_force(version: int) -> None:
    in_force = changed(version=2, min_order_amount=5)
    new = changed(version=version)
    refused = refusal(new, (at(0, in_force), at(1, in_force)), preview=looked_at(new, against=in_force))
    assert refused.code == ExitCode.CONFIG
    assert f"version {version} is not higher than version 2" in refused.message


@pytest.mark.parametrize(("key", "value"), [("currency", "EUR"), ("time_zone", "Europe/Berlin")])
def test_other_money_or_other_days_cannot_follow(key: str, value: str) -> None:
    new = changed(version=2, **{key: value})
    refused = refusal(new, preview=looked_at(new))
    assert refused.code == ExitCode.CONFIG
    assert refused.where == f"{key} = {value}"


def test_nobody_publishes_what_nobody_looked_at() -> None:
    refused = refusal()
    assert refused.code == ExitCode.TEMPORARY
    assert "no preview" in refused.message
    assert "policy preview" in refused.remedy


def test_preview_against_another_policy_is_of_no_use() -> None:
    refused = refusal(preview=looked_at(against=OTHER))
    assert refused.code == ExitCode.TEMPORARY
    assert "when version 2 was in force; now it is 1" in refused.message


@pytest.mark.parametrize(("older", "good"), [(-1, True), (0, True), (1, False)])
def test_preview_is_good_for_a_day_of_ticks(older: int, good: bool) -> None:
    preview = looked_at(last_ticks=(NOW, NOW - PREVIEW_GOOD_FOR_MS - older))
    if good:
        assert isinstance(step(preview=preview), Publish)
    else:
        refused = refusal(preview=preview)
        assert refused.code == ExitCode.TEMPORARY
        assert refused.where == "partition 1"


def test_log_without_ticks_makes_no_preview_old() -> None:
    assert isinstance(
        step(standings=(at(0, last_tick=0), at(1, last_tick=0)), preview=looked_at(last_ticks=())), Publish
    )


@pytest.mark.parametrize(("moved", "good"), [(99, True), (100, True), (101, False)])
def test_more_members_than_allowed_move_only_when_accepted(moved: int, good: bool) -> None:
    preview = looked_at(moved=moved)
    if good:
        assert isinstance(step(preview=preview), Publish)
    else:
        refused = refusal(preview=preview)
        assert refused.code == ExitCode.DATA
        assert "101 of 1,000 members" in refused.message
        assert "--accept" in refused.remedy
    assert isinstance(step(preview=preview, accepted=True), Publish)


def test_base_without_members_moves_nobody() -> None:
    assert isinstance(step(preview=looked_at(members=0), max_share=0.0), Publish)


def test_publication_that_died_before_its_first_copy_goes_on_without_another_look() -> None:
    assert step(NEW, successors=written(NEW)) == Publish(OLD.content_hash, [0, 1], begun=True)


def test_publication_that_died_half_way_goes_on_with_those_that_lack_it() -> None:
    halfway = (at(0, NEW, taken_up=False), at(1))
    assert step(NEW, halfway, written(NEW)) == Publish(OLD.content_hash, [1], begun=True)


@pytest.mark.parametrize("standings", [(at(0), at(1)), (at(0, NEW), at(1))])
def test_nothing_else_is_published_before_a_publication_is_finished(standings: tuple[LogStanding, ...]) -> None:
    refused = refusal(OTHER, standings, written(NEW), preview=looked_at(OTHER))
    assert refused.code == ExitCode.TEMPORARY
    assert "--continue" in refused.remedy


def test_partitions_under_different_policies_that_nobody_published_wait_for_help() -> None:
    refused = refusal(THIRD, (at(0, OLD), at(1, NEW)), preview=looked_at(THIRD))
    assert refused.code == ExitCode.TEMPORARY
    assert refused.where == "version 1 in partitions 0; version 2 in partitions 1"


def test_what_is_unfinished_is_found_without_its_file() -> None:
    record = written(NEW)[OLD.content_hash]
    assert unfinished((at(0, NEW), at(1)), written(NEW)) == record
    assert unfinished((at(0, NEW), at(1, NEW)), written(NEW)) is None
