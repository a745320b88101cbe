"""Two stacks in one home would end each other's Kafka."""

from pathlib import Path

import pytest

from streams.devstack import DevStack
from streams.devstack.errors import DevStackError


def test_a_second_stack_of_a_home_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with DevStack(tmp_path, kafka=False) as first:
        with pytest.raises(DevStackError, match="another program runs its Kafka"), DevStack(tmp_path, kafka=False):
            pass
        assert first.redis.url


def test_a_home_is_free_again_when_its_stack_has_ended(tmp_path: Path) -> None:
    for _ in range(2):
        with DevStack(tmp_path, kafka=False) as stack:
            assert stack.redis.url
