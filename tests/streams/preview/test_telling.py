"""A preview as people read it, and as a file."""

import csv
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from streams.commands.policy_preview import COLUMNS, moves_to
from streams.exits import CommandError, ExitCode
from streams.preview.reading import Preview
from streams.preview.report import as_data
from streams.preview.tally import Move
from streams.preview.telling import share, told
from tests.streams.preview.test_replay import HARDER, HOLDING, LEVELS, a_policy, a_shop, previewed, tiers

ORDERS = [(member, at, 5_000) for member in (1, 2) for at in range(4)] + [(3, 1, 5_000)]


def shown(first: dict[str, Any], second: dict[str, Any], members: int = 5) -> tuple[str, dict[str, Any]]:
    old, new = a_policy(1, **first), a_policy(2, **second)
    found, _ = previewed(a_shop(old, ORDERS, 70), new, members)
    preview = Preview(in_force=old, in_force_version=1, new=new, found=found)
    printed = StringIO()
    console = Console(width=160, file=printed)
    for each in told(preview):
        console.print(each)
    return printed.getvalue(), as_data(preview)


def priced(levels: list[dict[str, Any]], price: int) -> list[dict[str, Any]]:
    return [{**level, "benefit_cost": price * rank} for rank, level in enumerate(levels)]


def test_everything_that_was_found_is_told() -> None:
    old = tiers(priced(LEVELS, 100), downgrade="at_hold_end", hold_days=100)
    new = {
        **tiers(priced(HARDER, 150), downgrade="at_hold_end", hold_days=100),
        "change": {"no_one_falls_before_expiry": False},
        "lifecycle": {"near_churn_days": 80},
    }
    text, data = shown(old, new)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0].startswith("in force is version 1 (")
    assert lines[1] == "version 1 -> 2"
    assert "Tier B: frequency 4 -> 8 kept orders (harder to reach)" in lines
    assert "Tier B: benefit_cost 2.00 USD -> 3.00 USD (each member of it costs more)" in lines
    assert "as of 2026-03-13 00:00 (UTC), up to the offsets 0: 18" in lines
    assert "3 members judged" in lines
    assert "from \\ to D C B A members now" in lines
    assert "B - 2 (100.0 %) - - 2" in lines
    assert "members then 1 2 0 0 3" in lines
    assert "2 of 3 members move (66.7 %): 0 rise, 2 fall" in lines
    assert "2 members lose a tier before its time is over" in lines
    assert "m1: B -> C, was to last until 2026-04-13; 4 orders, 200.00 USD" in lines
    assert "told at once: 3 recovered" in lines
    assert "benefits per year: 4.00 USD -> 3.00 USD (-1.00 USD)" in lines
    assert "change.no_one_falls_before_expiry true false (this file)" in lines
    assert "members who move 0 2" in lines
    assert "benefits per year 6.00 USD 3.00 USD" in lines
    assert data["alerts"] == {"lifecycle.recovered": 3}
    assert data["switch"]["on"]["moved"]["members"] == 0
    assert data["switch"]["off"]["this_file"]


def test_policy_that_changes_nothing_is_told_to() -> None:
    text, data = shown(tiers(), tiers())
    assert "0 of 3 members move (0.0 %)" in text
    assert "nobody loses a tier before its time is over" in text
    assert "told at once: nothing" in text
    assert "neither policy prices its tiers" in text
    assert "no_one_falls_before_expiry" not in text
    assert data["switch"] is None
    assert data["benefit_cost_per_year"] == {"before": None, "after": None}


def test_nobody_is_named_unless_asked() -> None:
    text, data = shown(HOLDING, tiers(HARDER), members=0)
    assert "m1" not in text
    assert data["losers"] == []
    assert data["moved"]["lose_a_promised_tier"] == 2


def test_share_that_is_not_nothing_is_never_told_as_nothing() -> None:
    assert [share(each) for each in (0.0, 0.0004, 0.001, 0.256, 1.0)] == [
        "0.0 %",
        "under 0.1 %",
        "0.1 %",
        "25.6 %",
        "100.0 %",
    ]


def a_move(member_id: str, *, promised: bool = False, until: int = 0) -> Move:
    return Move(member_id, "B", "C", 2, "falls", promised, until, 4, 20_000)


def test_file_of_moves_has_a_row_per_member(tmp_path: Path) -> None:
    file = tmp_path / "moves.csv"
    with moves_to(file) as on_move:
        on_move(a_move("plain"))
        on_move(a_move("for, good", promised=True))
        on_move(a_move("held", promised=True, until=1_800_000_000_000))
        assert not file.exists()
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.reader(opened))
    assert rows == [
        list(COLUMNS),
        ["plain", "B", "C", "falls", "", "4", "20000"],
        ["for, good", "B", "C", "falls", "never", "4", "20000"],
        ["held", "B", "C", "falls", "2027-01-15T08:00:00.000Z", "4", "20000"],
    ]
    assert list(tmp_path.iterdir()) == [file]


def test_preview_that_breaks_off_leaves_no_half_file(tmp_path: Path) -> None:
    def breaks_off() -> None:
        with moves_to(tmp_path / "moves.csv") as on_move:
            on_move(a_move("one"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        breaks_off()
    assert not list(tmp_path.iterdir())


def test_file_that_cannot_be_written_is_told_before_anything_is_judged(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as refused, moves_to(tmp_path / "nowhere" / "moves.csv"):
        pytest.fail("nothing may be done")
    assert refused.value.code == ExitCode.IO
