"""The page about security names tests that there are."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
NAMED = re.findall(r"`([\w/]+\.py)::(\w+)`", (TESTS.parent / "docs" / "security.md").read_text())


@pytest.mark.parametrize(("file", "test"), NAMED, ids=[test for _, test in NAMED])
def test_a_test_that_the_page_names_exists(file: str, test: str) -> None:
    assert re.search(rf"^(async )?def {test}\(", (TESTS / file).read_text(), re.MULTILINE)


def test_every_control_has_its_line() -> None:
    page = (TESTS.parent / "docs" / "security.md").read_text()
    assert re.findall(r"^\| (S\d+) ", page, re.MULTILINE) == [f"S{number}" for number in range(1, 12)]
