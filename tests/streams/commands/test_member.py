"""``member`` in brief, and which policy a member is under while another is being taken up."""

from typing import Any

import orjson
import pytest

from scoring.state import MemberState
from streams.commands.member import described, policy_of, to_next, what_next
from streams.explaining.data import Known
from streams.outcome_records import OutcomeRecords
from streams.policy_file import PolicyDocument, load
from streams.scorer.progress import PartitionProgress
from tests.builders import DAY_MS, Story, an_order, midnight, noon

OLD = load("absolute")
NEW = PolicyDocument.model_validate({**OLD.content(), "version": 2})
PROGRESS = PartitionProgress(policy_version=1, policy=OLD.canonical())


def a_member() -> Known:
    story = Story(OLD.to_policy())
    for number in range(2):
        story.has(an_order(f"o{number}", at=noon(10 * number), net=5_000, currency="USD"))
    score: dict[str, Any] = orjson.loads(OutcomeRecords(story.policy, 1).scores.record("ann", story.member))
    return Known("ann", 0, story.member, story.policy, score, [])


def test_brief_says_what_comes_next_by_the_policy_of_the_log() -> None:
    told = described(a_member(), midnight(20))
    assert "tier        C since 2026-01-11" in told
    assert "frequency   2 orders in 365 days" in told
    assert "next        2026-03-12 (in 50 days), if they do nothing: near churn begins" in told
    assert "next tier   B: 3 more orders or 200.00 USD more" in told


def test_what_comes_next_is_not_guessed_without_the_state_or_the_policy() -> None:
    known = a_member()
    for unsure in (known._replace(row=None), known._replace(policy=None)):
        assert what_next(unsure, midnight(20), "UTC").endswith("tier and stage are looked at again")
    assert known.score is not None
    other = known._replace(score={**known.score, "next_due_ms": midnight(99)})
    assert what_next(other, midnight(20), "UTC").endswith("tier and stage are looked at again")
    none = known._replace(score={**known.score, "next_due_ms": None})
    assert what_next(none, midnight(20), "UTC") == "nothing until the next event"
    assert "due, fired by the next tick" in what_next(known, midnight(20) + 365 * DAY_MS, "UTC")


def test_member_at_the_top_misses_nothing() -> None:
    assert to_next({"to_next": None}) == "none: this is the highest"


@pytest.mark.parametrize(
    ("cut", "told"),
    [(None, "A: nobody passes the cut of the day"), (900, "A: orders times amount of 900 (now 40, in minor units)")],
)
def test_what_a_tier_by_percentile_asks_for_is_told_as_with_why(cut: int | None, told: str) -> None:
    assert to_next({"to_next": {"tier": "A", "cut": cut, "value": 40}}) == told


def test_what_is_not_missing_is_not_told() -> None:
    missing = {"tier": "A", "frequency": 0, "monetary": 500, "match": "all"}
    assert to_next({"to_next": missing, "currency": "USD"}) == "A: 5.00 USD more"


def versions(row: MemberState | None, score_version: int, score_offset: int, position: int) -> int:
    score = {"policy_version": score_version, "offset": score_offset}
    policy = policy_of(PROGRESS, position, (2, NEW.canonical()), row, score)
    assert policy is not None
    return policy.version


def test_row_beyond_the_partition_is_under_the_policy_that_its_own_score_names() -> None:
    row = a_member().row
    assert row is not None
    assert versions(row, 2, row.offset, row.offset) == 2
    assert versions(row, 1, row.offset, row.offset) == 1
    assert versions(row, 2, row.offset + 1, row.offset) == 1
    assert versions(row, 2, row.offset, row.offset + 1) == 1
    assert versions(None, 2, 0, 0) == 1
    assert policy_of(PartitionProgress(), 0, None, row, None) is None
