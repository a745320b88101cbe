import pytest

from bench.report import markdown
from bench.spread import Speed, Spread
from bench.tables import Table, spread_text
from bench.throughput import Results, ratios


@pytest.mark.parametrize(
    ("spread", "digits", "text"),
    [
        (Spread(12_345.6, 11_000.0, 13_000.0), 0, "12,346 (11,000 to 13,000)"),
        (Spread(7.25, 7.25, 7.25), 1, "7.2"),
        (Spread(7.21, 7.19, 7.24), 1, "7.2"),
    ],
)
def test_a_range_is_told_only_where_it_can_be_seen(spread: Spread, digits: int, text: str) -> None:
    assert spread_text(spread, digits) == text


SURROUNDINGS = {"date": "2026-11-22", "commit": "abc", "Python": "3.11"}
LATENCY = Table("Latency", ("", "median", "p99"), [("from append", "9.7", "30.3")], "Milliseconds.", "latency.svg")
SCALE = Table("More workers", ("workers", "orders/s"), [("1", "10")], "Shared.")


def test_the_page_names_its_surroundings_and_draws_each_table() -> None:
    page = markdown(SURROUNDINGS, [LATENCY])
    assert page.startswith("# Benchmarks\n")
    assert "- date: 2026-11-22\n- commit: abc\n- Python: 3.11\n" in page
    assert page.endswith(
        "## Latency\nMilliseconds. Measured 2026-11-22, commit abc.\n\n![Latency](latency.svg)\n\n"
        "|  | median | p99 |\n| --- | ---: | ---: |\n| from append | 9.7 | 30.3 |\n"
    )


def test_a_part_measured_alone_leaves_the_other_tables_as_they_are() -> None:
    page = markdown(SURROUNDINGS, [LATENCY, SCALE])
    later = SURROUNDINGS | {"date": "2026-11-23"}
    faster = Table("Latency", ("", "median", "p99"), [("from append", "1.0", "2.0")], "Milliseconds.")
    again = markdown(later, [faster], page)
    assert again.index("## Latency") < again.index("## More workers")
    assert "| from append | 1.0 | 2.0 |" in again
    assert "9.7" not in again
    assert "Shared. Measured 2026-11-22, commit abc.\n\n| workers | orders/s |" in again
    assert markdown(later, [faster], again) == again


def test_ratios_are_taken_round_by_round() -> None:
    ours = Results("ours", 10, speeds=[Speed(80.0, 100.0), Speed(40.0, 100.0)])
    theirs = Results("theirs", 10, speeds=[Speed(10.0, 20.0), Speed(10.0, 25.0)])
    assert ratios(ours, theirs) == (Spread(6.0, 4.0, 8.0), Spread(4.5, 4.0, 5.0))
