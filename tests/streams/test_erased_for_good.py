"""S9: of whoever is erased nothing stays where members are remembered, and nothing brings them back."""

from typing import Any

import orjson
import pytest

from streams import rows
from streams.config import Settings
from streams.engine.batches import Record
from streams.serving.log_writer import Fate
from streams.topic_admin import wanted_topics
from streams.topics import DAY_MS, MEMBER_EVENTS, MEMBER_SCORES
from tests.builders import FIELDS, FURTHER_FIELDS
from tests.driver import ScorerDriver, day, paid
from tests.streams.serving.writing_app import NOW_MS, serving

ERASED_ON = 59


def erasure() -> bytes:
    """The event that the API writes for ``DELETE /v1/members/ann``, asked for twice."""
    with serving() as (client, log):
        log.fates = [Fate.WRITTEN, Fate.WRITTEN]
        for _ in range(2):
            assert client.delete("/v1/members/ann", headers={"Memberpulse-Reason": "asked for"}).status_code == 202
    return log.of(MEMBER_EVENTS)[0][1]


@pytest.fixture
def scorer() -> ScorerDriver:
    """Ann bought, was about to lapse, and was erased; Bob did the same and was not."""
    scorer = ScorerDriver()
    for number in range(5):
        scorer.pipe(paid("ann", f"a{number}", day(number)), paid("bob", f"b{number}", day(number)))
    scorer.cut()
    scorer.append(Record(0, NOW_MS, b"ann", erasure()))
    scorer.cut()
    return scorer


def newest(scorer: ScorerDriver, key: bytes) -> Any:
    return [record.value for record in scorer.changelog if record.key == key][-1]


def test_the_newest_row_is_that_of_somebody_who_never_did_anything(scorer: ScorerDriver) -> None:
    stranger = orjson.loads(erasure()) | {"member_id": "nobody", "event_id": "e"}
    scorer.append(Record(0, NOW_MS, b"nobody", orjson.dumps(stranger)))
    scorer.cut()
    ann, nobody = (rows.decode(newest(scorer, key)) for key in (b"ann", b"nobody"))
    differ = {name for name in FIELDS if getattr(ann, name) != getattr(nobody, name)} - {"further"}
    assert differ == {"offset", "sequence"}
    assert (ann.orders, ann.remembered, ann.next_due) == (b"", b"", 0)
    assert [getattr(ann.further, name) for name in FURTHER_FIELDS] == [
        getattr(nobody.further, name) for name in FURTHER_FIELDS
    ]


def test_their_score_is_deleted_with_its_version(scorer: ScorerDriver) -> None:
    told = [
        (value, dict(headers))
        for topic, _, key, value, headers in scorer.outbox.records
        if topic == MEMBER_SCORES and key == b"ann"
    ]
    assert told[-1][0] is None
    assert told[-1][1]["offset"].isdigit()


def test_no_timer_order_or_crash_brings_them_back(scorer: ScorerDriver) -> None:
    told = len(scorer.outcomes("ann"))
    scorer.crash()
    scorer.pipe(paid("ann", "late", day(3)), paid("ann", "new", day(ERASED_ON + 1)))
    scorer.tick(day(400))
    scorer.cut()
    scorer.crash()
    assert len(scorer.outcomes("ann")) == told
    assert "lifecycle.lapsed_recently" in scorer.kinds("bob")
    assert rows.decode(newest(scorer, b"ann")).frequency == 0


def test_the_last_thing_said_of_them_names_nothing_they_did(scorer: ScorerDriver) -> None:
    last = scorer.outcomes("ann")[-1]
    assert (last["kind"], last["frequency"], last["monetary"]) == ("tier.erased", 0, 0)
    assert (last["to"], last["last_purchase_at"]) == (None, None)


def test_what_was_remembered_before_leaves_the_disks_of_kafka_within_a_week() -> None:
    settings = Settings()
    kept = {topic.name: topic.config for topic in wanted_topics(settings)}
    for name in (settings.changelog_topic, MEMBER_SCORES):
        assert kept[name]["cleanup.policy"] == "compact"
        assert int(kept[name]["max.compaction.lag.ms"]) == 7 * DAY_MS
