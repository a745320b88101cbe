"""The example of docs/actions.md, on outcomes as they come out of the product."""

import importlib.util
import json
import sqlite3
from pathlib import Path
from types import ModuleType

import pytest

from scoring.holdout import Holdout
from scoring.policy import Action
from scoring.vocabulary import NEAR_CHURN
from streams.outcome_records import OutcomeRecords
from tests.builders import Story, a_policy, an_order, midnight, noon

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "examples" / "action_effect.py"
PAGE = (ROOT / "docs" / "actions.md").read_text("utf-8")


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("action_effect", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shop(days_until_they_buy: dict[str, int | None]) -> sqlite3.Connection:
    """Members who became quiet on 2 March; half of them are held out. Those who come back become quiet once more."""
    tea = Action("tea", "miss-you", 14, 1)
    policy = a_policy(actions={(0, NEAR_CHURN): tea}, holdout=Holdout(50, "memberpulse"))
    records = OutcomeRecords(policy, 1)
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE outcomes (value TEXT)")
    database.execute("CREATE TABLE orders (member_id TEXT, at TEXT)")
    for name, days in days_until_they_buy.items():
        story = Story(policy)
        story.has(an_order("a"))
        story.tick(midnight(60))
        bought = [noon(0)]
        if days is not None:
            bought.append(noon(60 + days))
            story.has(an_order("b", at=bought[-1]))
        story.tick(midnight(300))
        values = [(records.record(outcome, name, 0)[2].decode(),) for outcome in story.told]
        database.executemany("INSERT INTO outcomes VALUES (?)", values)
        database.executemany("INSERT INTO orders VALUES (?, ?)", [(name, at.isoformat()) for at in bought])
    return database


def test_each_member_counts_once_by_the_first_offer_in_the_share_that_they_are_in(example: ModuleType) -> None:
    holdout = Holdout(50, "memberpulse")
    names = [f"{number:05}" for number in range(40)]
    held_out = [name for name in names if holdout.has(name)]
    given = [name for name in names if not holdout.has(name)]
    # Of those who got it three buy in time, one a day too late; of the others one does.
    days: dict[str, int | None] = dict.fromkeys(names)
    days |= {given[0]: 0, given[1]: 5, given[2]: 13, given[3]: 14, held_out[0]: 5}
    found = example.shares(shop(days), "tea", 14, "2026-12-31")
    assert found == {False: (len(given), 3), True: (len(held_out), 1)}
    assert example.shares(shop(days), "tea", 14, "2026-03-16") == found
    assert example.shares(shop(days), "tea", 14, "2026-03-15") == {}
    assert example.shares(shop(days), "coffee", 14, "2026-12-31") == {}


def test_the_interval_is_that_of_the_literature(example: ModuleType) -> None:
    # R. G. Newcombe (1998), table II, (a): 56 of 70 beside 48 of 80, method 10.
    assert example.difference((70, 56), (80, 48)) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    # (e) and (g): nobody in one share, everybody in the other.
    assert example.difference((10, 0), (20, 0)) == pytest.approx((0.0, -0.1611, 0.2775), abs=5e-5)
    assert example.difference((10, 10), (10, 0)) == pytest.approx((1.0, 0.6075, 1.0), abs=5e-5)


def test_the_page_has_the_query_and_the_output_of_the_script(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = "\n".join(line.removeprefix("    ") for line in example.QUERY.strip("\n").splitlines())
    assert f"```sql\n{query.rstrip()}\n```" in PAGE
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE outcomes (value TEXT)")
        database.execute("CREATE TABLE orders (member_id TEXT, at TEXT)")
        offer = {"offer": "free-delivery"}
        for number in range(10_000):
            held_out = number < 1_000
            body = {
                "member_id": str(number),
                "at": "2026-06-01T00:00:00.000Z",
                "catch_up": False,
                "holdout": held_out,
                "action": None if held_out else offer,
                "action_withheld": offer if held_out else None,
            }
            database.execute("INSERT INTO outcomes VALUES (?)", (json.dumps(body),))
            if number < 200 or 1_000 <= number < 3_250:
                database.execute("INSERT INTO orders VALUES (?, '2026-06-02T00:00:00.000Z')", (str(number),))
        database.execute("CREATE INDEX of_member ON orders (member_id)")
    example.main([str(path), "free-delivery", "--days", "14", "--until", "2026-10-01"])
    assert capsys.readouterr().out in PAGE
