"""What the topics need, decided without a broker."""

import pytest

from streams.commands.topics import refuse_other_counts
from streams.config import IngestSettings, KafkaSettings, Settings, SourceSettings
from streams.exits import CommandError, ExitCode
from streams.topic_admin import Action, FoundTopic, WantedTopic, plan, wanted_topics

WANTED = WantedTopic(
    name="member-events", carries="events", partitions=4, config={"retention.ms": "-1", "cleanup.policy": "delete"}
)
RIGHT = {"retention.ms": "-1", "cleanup.policy": "delete"}


@pytest.mark.parametrize(
    ("found", "action"),
    [
        (None, Action.CREATE),
        (FoundTopic(partitions=4, config=RIGHT), Action.NOTHING),
        (FoundTopic(partitions=4, config=RIGHT | {"retention.ms": "604800000"}), Action.CONFIGURE),
        (FoundTopic(partitions=3, config=RIGHT), Action.REFUSE),
        (FoundTopic(partitions=5, config={}), Action.REFUSE),
    ],
)
def test_topic_is_made_corrected_refused_or_left_alone(found: FoundTopic | None, action: Action) -> None:
    [step] = plan([WANTED], {} if found is None else {"member-events": found})
    assert step.action is action


def test_drift_names_what_is_wanted_and_what_was_found() -> None:
    [step] = plan([WANTED], {"member-events": FoundTopic(partitions=4, config={"retention.ms": "1"})})
    assert step.drift == (("retention.ms", "-1", "1"), ("cleanup.policy", "delete", "not set"))


def test_other_partition_count_is_refused_because_members_would_move() -> None:
    with pytest.raises(CommandError) as refused:
        refuse_other_counts(plan([WANTED], {"member-events": FoundTopic(partitions=5, config=RIGHT)}))
    assert refused.value.code is ExitCode.CONFIG
    assert refused.value.where == "member-events has 5, settings say 4"


def test_every_topic_of_members_has_as_many_partitions_as_member_events() -> None:
    settings = Settings(kafka=KafkaSettings(partitions=7, topic_prefix="eu-"))
    counts = {topic.name: topic.partitions for topic in wanted_topics(settings)}
    assert (
        counts["eu-member-events"] == counts["eu-tier-changes"] == counts["eu-memberpulse-score-members-changelog"] == 7
    )
    assert counts["eu-control"] == 1


def test_upstream_topics_are_left_to_their_owner_unless_asked_for() -> None:
    source = SourceSettings.model_validate({"topic": "orders", "mapping": "shop.toml", "partitions": 9})
    settings = Settings(ingest=IngestSettings(sources=(source,)))
    assert "orders" not in {topic.name for topic in wanted_topics(settings)}
    assert {topic.name: topic.partitions for topic in wanted_topics(settings, with_sources=True)}["orders"] == 9
