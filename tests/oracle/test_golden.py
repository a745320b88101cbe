"""The oracle gives the answers of the golden cases, which were worked out from the text."""

import pytest

from tests.oracle.golden import Golden, golden_cases, in_words


@pytest.mark.parametrize("golden", golden_cases(), ids=lambda golden: golden.name)
def test_oracle_answers_as_the_golden_case_says(golden: Golden) -> None:
    answer = golden.log.answer()
    assert in_words(answer.outcomes.values()) == golden.told
    assert list(answer.dead_letters.values()) == golden.refused
    for member in answer.members.values():
        assert golden.found(member) == golden.mentioned(member)
    assert bool(answer.members) is (golden.refused == [])
