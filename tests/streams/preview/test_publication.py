"""What a partition's log has come to, and what the control topic says of policies."""

from typing import Any

import msgspec

from streams.changelog import Standing
from streams.codecs import encode_tick
from streams.config import ScoreSettings, Settings
from streams.log_reading import LogRecord
from streams.policy_file import PolicyDocument, load
from streams.policy_publication import policy_record
from streams.preview.publication import standing_after
from streams.preview.record import PolicyControl, PreviewRecord, PublishedRecord, preview_record
from streams.preview.replay import started
from streams.scorer.policy_in_force import policy_lines
from streams.scorer.progress import PartitionProgress
from streams.topics import PARTITION_KEY

OLD = load("absolute")
TICK = 1_800_000_000_000


def changed(**fields: Any) -> PolicyDocument:
    return PolicyDocument.model_validate({**OLD.content(), **fields})


NEW = changed(version=2)


def remembered(document: PolicyDocument = OLD) -> Standing:
    return Standing(1, 40, progress(document))


def progress(document: PolicyDocument) -> PartitionProgress:
    return PartitionProgress(last_tick=TICK, policy_version=document.version, policy=document.canonical())


def record(value: bytes, offset: int = 41) -> LogRecord:
    return LogRecord(1, offset, TICK, PARTITION_KEY, value, ())


def test_partition_that_is_wholly_remembered_is_where_its_row_says() -> None:
    found = standing_after(1, remembered(), [])
    assert (found.content_hash, found.version, found.last_tick, found.taken_up) == (OLD.content_hash, 1, TICK, True)


def test_policy_behind_what_is_remembered_is_in_the_log_and_not_taken_up() -> None:
    found = standing_after(1, remembered(), [record(policy_record(NEW, 1))])
    assert (found.content_hash, found.version, found.taken_up) == (NEW.content_hash, 2, False)


def test_repeat_of_the_policy_in_force_changes_nothing() -> None:
    assert standing_after(1, remembered(), [record(policy_record(OLD, 1))]).taken_up


def test_policies_that_the_scorer_refuses_change_nothing() -> None:
    refused = [
        policy_record(changed(version=2, currency="EUR"), 1),
        policy_record(changed(version=2, time_zone="Europe/Berlin"), 1),
        policy_record(changed(min_order_amount=2), 1),
        policy_record(NEW, 2),
        policy_record(NEW, 1).replace(NEW.content_hash.encode(), OLD.content_hash[::-1].encode()),
        b"no policy at all",
    ]
    assert standing_after(1, remembered(), [record(value) for value in refused]).content_hash == OLD.content_hash


def test_partition_that_nobody_scored_has_the_policy_that_opens_it() -> None:
    found = standing_after(1, None, [record(policy_record(OLD, 1), 0)])
    assert (found.content_hash, found.taken_up) == (OLD.content_hash, False)
    assert standing_after(1, None, []).document is None


def test_latest_tick_is_the_one_in_the_log() -> None:
    ticks = [record(encode_tick(TICK + 5, 1)), record(encode_tick(TICK - 5, 1))]
    assert standing_after(1, remembered(), ticks).last_tick == TICK + 5


def published(document: PolicyDocument, actor: str) -> bytes:
    return msgspec.json.encode(
        PublishedRecord(
            OLD.content_hash, document.version, document.content_hash, actor, msgspec.Raw(document.canonical())
        )
    )


def test_first_of_two_who_publish_at_once_wins() -> None:
    control, key = PolicyControl(), b"policy-after/" + OLD.content_hash.encode()
    control.absorb(key, published(NEW, "ann"))
    control.absorb(key, published(changed(version=3), "eve"))
    control.absorb(b"ticks", b"{}")
    control.absorb(key, b"cannot be read")
    control.absorb(key, None)
    assert control.successors[OLD.content_hash].actor == "ann"
    assert bytes(control.successors[OLD.content_hash].policy) == NEW.canonical()


def test_newest_preview_of_a_policy_counts() -> None:
    control = PolicyControl()
    for at in (1, 2):
        found = started(NEW.to_policy())
        found.offsets[0], found.last_ticks[0] = at, TICK
        made = preview_record(NEW.content_hash, 2, OLD.content_hash, 1, found)
        control.absorb(b"policy-preview/" + NEW.content_hash.encode(), msgspec.json.encode(made))
    preview = control.previews[NEW.content_hash]
    assert isinstance(preview, PreviewRecord)
    assert (preview.offsets, preview.last_ticks, preview.share_moved) == ({"0": 2}, {"0": TICK}, 0.0)


def test_worker_says_which_policy_it_obeys_when_its_settings_name_another() -> None:
    settings = Settings(score=ScoreSettings(policy="absolute"))
    [line] = policy_lines([progress(NEW), progress(NEW)], OLD, settings)
    assert line.startswith(f"Policy version 2 ({NEW.content_hash[:12]}) is in force")
    assert "'absolute', version 1" in line
    [same] = policy_lines([progress(OLD)], OLD, settings)
    assert "score.policy" not in same
    [unreadable] = policy_lines([progress(OLD)], None, settings)
    assert "score.policy" not in unreadable
    assert len(policy_lines([progress(OLD), progress(NEW)], OLD, settings)) == 2
    assert policy_lines([PartitionProgress()], OLD, settings) == []
