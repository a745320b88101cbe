"""Every part's figures come to tables of the page."""

from bench import parts
from bench.asked import Asked
from bench.budget import Step
from bench.followed import Followed
from bench.latency import Latency, Percentiles
from bench.members import Members, Recovered
from bench.memory import MemoryUse
from bench.on_disk import Store
from bench.race import Race
from bench.recovery import Recovery
from bench.rule_costs import RuleCost
from bench.scale import Scale
from bench.spread import Speed, Spread
from bench.throughput import Results
from bench.till import Till

MS = Percentiles(1.0, 2.0, 3.0)
STARTED = Recovered(records=1000, per_second=500.0, ready_seconds=2.0, memory=2**20)


def results(title: str) -> Results:
    return Results(title, 100, speeds=[Speed(10.0, 20.0)], memory=[2**20], written={"scores": 50})


def everything() -> parts.Figures:
    return parts.Figures(
        surroundings={},
        race=Race(
            product=[results("scorer")],
            beside=results("peer"),
            common=[results("engine"), results("peer")],
            members=10,
            recovery=Recovery(1000, 10, Spread.of([500.0]), Spread.of([2.0]), 2**20),
            budget=[Step("decode", 10.0, 1.0)],
            rules=[RuleCost("the shipped policy", 1.0, 2.0, 0.5, 0.5, 300.0)],
        ),
        latency=[Latency(100, 10, MS, MS, None, MS)],
        memory=[MemoryUse(5, 10, 281, 398, 432, 400.0, 4.0)],
        stores=[Store("disk", 10, 500.0, 2**20, 100, Speed(10.0, 20.0), 2**20)],
        many=Members(10, 1.0, STARTED, 100, Speed(10.0, 20.0), MS, 1, 0.5, MS, 2**20, STARTED, 12.0),
        scale=[Scale(1, 100, 10.0, 20.0), Scale(2, 100, 20.0, 19.0)],
        till=Till(
            [Asked("look-up", 0, 0, 10.0, 0.001, MS, {"503": 2})],
            [Followed(1, 20, 10, MS, 1, 0, 0, (2**20, 2**21))],
        ),
    )


def test_everything_measured_has_its_table_in_the_order_of_the_page() -> None:
    found = parts.tables(everything())
    assert [each.title for each in found] == [
        "The common job",
        "The product with its rules",
        "Recovery",
        "Where each microsecond goes",
        "What each rule costs",
        "Latency",
        "Memory",
        "Rows on disk",
        "10 members",
        "More workers",
        "At the till",
        "Live events",
    ]
    for each in found:
        assert each.rows, each.title
        assert {len(row) for row in each.rows} == {len(each.columns)}, each.title


def test_the_steps_and_what_they_leave_are_one_order() -> None:
    budget = parts.tables(everything())[3]
    assert [row[-1] for row in budget.rows] == ["10.00", "49990.00", "50000.00"]


def test_what_was_not_measured_has_no_table() -> None:
    figures = everything()
    assert parts.tables(parts.Figures(surroundings={})) == []
    assert [each.title for each in parts.tables(parts.Figures(surroundings={}, scale=figures.scale))] == [
        "More workers"
    ]
