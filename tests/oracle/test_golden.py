"""The oracle gives the answers of the golden cases, which were worked out from the text."""

import pytest

from tests.oracle.golden import Golden, golden_cases, in_words


@pytest.mark.parametrize("golden", golden_cases(), ids=lambda golden: golden.name)
def test_oracle_answers_as_the_golden_case_says(golden: Golden) -> None:
    answer = golden.log.answer()
    assert in_words(answer.outcomes.values()) == golden.told
    assert [reason for _, reason in sorted(answer.dead_letters.items())] == golden.refused
    assert golden.found(answer.members, answer.further) == golden.ends
    assert bool(answer.members) is bool(golden.told)
