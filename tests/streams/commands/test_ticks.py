"""What an operator's words about ticks come to, without a broker."""

from datetime import datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from scoring.calendar import instant_of
from streams.__main__ import command
from streams.commands import ticks
from streams.config import Settings
from streams.ticker import operator
from tests.driver import ScorerDriver


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """Until when ticks were released (epoch ms), word by word."""
    words: list[int | None] = []

    def release(settings: Settings, *, actor: str, reason: str, until_ms: int | None = None) -> None:
        words.append(until_ms)

    monkeypatch.setattr(operator, "release", release)
    return words


@pytest.mark.parametrize(
    ("until", "instant"),
    [
        ("2026-03-01", 1_772_323_200_000),
        ("2038-01-19T03:14:07Z", 2_147_483_647_000),
        ("2038-01-19T03:14:08Z", 2_147_483_648_000),
        ("2040-02-29", 2_214_086_400_000),
    ],
)
def test_a_release_is_until_that_instant_in_utc(released: list[int | None], until: str, instant: int) -> None:
    said: Any = CliRunner().invoke(command("ticks"), ["ticks", "release", "--until", until, "--reason", "closed"])
    assert said.exit_code == 0, said.output
    assert released == [instant]


def test_a_far_instant_is_cut_off_to_the_millisecond_and_never_rounded_up(released: list[int | None]) -> None:
    # As a float of seconds this one comes out a millisecond later.
    far = datetime.fromisoformat("2400-07-01T00:00:00.000999")
    ticks.release("far", until=far)
    assert released == [13_585_190_400_000]


def test_time_is_pushed_as_exactly() -> None:
    driver = ScorerDriver()
    far = datetime.fromisoformat("2400-07-01T00:00:00.000999+00:00")
    driver.tick(far)
    assert driver.log[-1].timestamp == instant_of(far) == 13_585_190_400_000
