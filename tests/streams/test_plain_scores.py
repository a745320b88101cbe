from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.policy import Policy
from scoring.state import MemberState
from scoring.vocabulary import STAGES
from streams.outcome_records import OutcomeRecords
from streams.score_records import ScoreRecords
from tests.builders import Story, an_order
from tests.streams.test_plain_outcomes import POLICIES, names

SHIPPED: Final = POLICIES["as shipped"]
instants = st.sampled_from([0, 1_767_225_600_000, 1_767_225_600_001]) | st.integers(0, 2**42)
counts = st.integers(0, 1200) | st.integers(0, 2**31)


def a_member() -> MemberState:
    story = Story(SHIPPED)
    story.has(an_order(currency=SHIPPED.currency))
    assert story.member.further is None
    return story.member


def assert_both_ways(records: ScoreRecords, state: MemberState, member_id: str = "00042") -> None:
    """The quick way writes what the one writes that every member can take, even one of whom more might be known."""
    quick = records.record(member_id, state)
    further = state.clone()
    further.own_further()
    assert quick == records.record(member_id, further)


def scores_under(policy: Policy) -> ScoreRecords:
    return OutcomeRecords(policy, epoch=3).scores


@pytest.mark.parametrize("name", ["as shipped", "quotes and other letters"])
def test_both_ways_write_every_tier_and_stage(name: str) -> None:
    policy, state = POLICIES[name], a_member()
    for state.tier in range(len(policy.tiers)):
        for state.stage in range(len(STAGES)):
            assert_both_ways(scores_under(policy), state)


@given(names.filter(bool))
def test_whatever_members_are_called(member_id: str) -> None:
    assert_both_ways(scores_under(SHIPPED), a_member(), member_id)


@given(instants, instants, instants, instants, instants, instants)
def test_whichever_instants_are_the_same(
    as_of: int, joined_at: int, tier_since: int, stage_since: int, last_at: int, next_due: int
) -> None:
    state = a_member()
    state.as_of, state.joined_at, state.last_at, state.next_due = as_of, joined_at, last_at, next_due
    state.tier_since, state.stage_since = tier_since, stage_since
    assert_both_ways(scores_under(SHIPPED), state)


@given(counts, counts, counts, st.integers(-(2**53), 2**53), st.integers(0, 2**53))
def test_whatever_the_numbers_are(sequence: int, frequency: int, counted: int, monetary: int, offset: int) -> None:
    state = a_member()
    state.sequence, state.frequency, state.tier_frequency, state.offset = sequence, frequency, counted, offset
    state.monetary = state.tier_monetary = monetary
    assert_both_ways(scores_under(SHIPPED), state)


def test_however_many_instants_timers_are_set_to() -> None:
    records, state = scores_under(SHIPPED), a_member()
    for day in [*range(1, 1100), 0]:
        state.next_due = day * 86_400_000
        assert_both_ways(records, state)
