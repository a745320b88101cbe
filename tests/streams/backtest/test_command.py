"""``policy backtest`` at the command line."""

import builtins
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest
import typer
from typer.testing import CliRunner, Result

from streams.backtest.sample_shops import regular_buyers
from streams.commands import backtest as command
from streams.exits import CommandError, ExitCode
from streams.log_reading import LogRecord, Span

HEADER = "customer,date,units,dollars,row\n"
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.command(epilog=command.EPILOG)(command.backtest)

    def run(*arguments: str, policy: str = "absolute") -> Result:
        return CliRunner().invoke(app, [*arguments, "--policy", policy, "--resamples", "100"])

    return run


def a_policy(name: str, lifecycle: str) -> str:
    """A policy file of two tiers with a section ``[lifecycle]``."""
    levels = '[[tiers.levels]]\nname = "D"\n[[tiers.levels]]\nname = "C"\nfrequency = 2\n'
    text = f'version = 1\ncurrency = "USD"\ntime_zone = "UTC"\n{levels}[lifecycle]\n{lifecycle}'
    Path(name).write_text(text, "utf-8")
    return name


def rows_of(members: int) -> list[str]:
    return [",".join(map(str, row)) for row in regular_buyers(members, 1)]


def write(rows: list[str], name: str = "orders.csv") -> str:
    Path(name).write_text(HEADER + "".join(row + "\n" for row in rows))
    return name


def refused(result: Result) -> CommandError:
    assert isinstance(result.exception, CommandError)
    return result.exception


def test_a_second_call_prints_the_same(run: Run) -> None:
    file = write(rows_of(200))
    one, two = (run(file, "--mapping", "cdnow", "--json") for _ in range(2))
    assert one.exit_code == ExitCode.OK
    assert one.stdout == two.stdout
    report = json.loads(one.stdout)
    assert report["members"] == 200
    assert [each["by"] for each in report["comparisons"]][:2] == ["alerts", "warning"]
    assert {line["mode"] for line in report["comparisons"][0]["lines"]} == {"fixed", "rhythm", "random"}


def test_a_policy_in_rhythm_mode_leads_with_its_own_settings(run: Run) -> None:
    rhythm = "[lifecycle.rhythm]\nweight = {}\nfloor_days = 40\nnear_churn_percent = 130\n"
    file, quiet = write(rows_of(200)), 'mode = "rhythm"\n'
    result = run(file, "--mapping", "cdnow", policy=a_policy("seven.toml", quiet + rhythm.format(7)))
    assert result.exit_code == ExitCode.OK
    assert "the policy's own rhythm is the one of weight 7" in result.stderr
    assert "rhythm, weight 7, 1.300 g" in result.stdout
    assert "rhythm, weight 5" in result.stdout

    # A weight that both have is the policy's, whose floor gives fewer alerts than the rhythm of the option.
    five = a_policy("five.toml", quiet + rhythm.format(5))
    reports = [
        json.loads(run(file, "--mapping", "cdnow", "--json", "--weight", "5", policy=policy).stdout)
        for policy in ("absolute", five)
    ]
    weights = [[line["weight"] for line in each["comparisons"][0]["lines"]] for each in reports]
    assert weights == [[0, 5, 0], [0, 5, 0]]
    alerts = [[line["alerts"] for line in each["comparisons"][2]["lines"]] for each in reports]
    assert alerts[1][1] < alerts[0][1]


def test_a_policy_with_fixed_days_brings_no_rhythm_but_its_typical_gap(run: Run) -> None:
    file = write(rows_of(200))
    gap = a_policy("gap.toml", "[lifecycle.rhythm]\ntypical_gap_days = 45\n")
    by_policy = run(file, "--mapping", "cdnow", "--json", policy=gap)
    by_option = run(file, "--mapping", "cdnow", "--json", "--usual-gap", "45")
    assert by_policy.stdout == by_option.stdout != run(file, "--mapping", "cdnow", "--json").stdout
    assert "own rhythm" not in by_policy.stderr


def test_quiet_days_of_the_policy_put_alerts_off(run: Run) -> None:
    file = write(rows_of(200))
    closed = a_policy("closed.toml", 'quiet_days = ["2024-06-01/2024-08-31"]\n')
    plain, quiet = (
        json.loads(run(file, "--mapping", "cdnow", "--json", policy=policy).stdout)["comparisons"][0]["lines"][0]
        for policy in ("absolute", closed)
    )
    assert quiet["alerts"] < plain["alerts"]


def test_tables_pictures_and_a_sentence_are_for_people(run: Run) -> None:
    told = run(write(rows_of(200)), "--mapping", "cdnow", "--days", "45").stdout
    for text in (
        "as many alerts as fixed 60 days",
        "as much warning (mean lead) as fixed 60 days",
        "fixed 45 days",
        "right alerts, % (up), by number of alerts",
        "serves this shop better than",
    ):
        assert text in told


@pytest.mark.parametrize("rows", [[], ["00001,20240101,1,5.00,1"]])
def test_an_empty_file_and_a_single_order_have_nothing_to_compare(run: Run, rows: list[str]) -> None:
    result = run(write(rows), "--mapping", "cdnow")
    assert result.exit_code == ExitCode.OK
    assert f"{len(rows)} members" in result.stdout
    assert "no alert can be judged in this log" in result.stdout


def test_a_row_that_cannot_be_used_is_told_and_the_exit_code_says_so(run: Run) -> None:
    file = write([*rows_of(5), "00009,yesterday,1,5.00,x"])
    for options, code in (([], ExitCode.DATA), (["--allow-bad"], ExitCode.OK)):
        result = run(file, "--mapping", "cdnow", *options)
        assert result.exit_code == code
        assert "1 row could not be used" in result.stderr
        assert "5 members" in result.stdout


def test_a_mapping_that_fits_no_row_is_refused(run: Run) -> None:
    result = run(write(["00009,yesterday,1,5.00,x"] * 1001), "--mapping", "cdnow")
    assert refused(result).code == ExitCode.DATA


@pytest.mark.parametrize(
    "arguments", [[], ["orders.csv"], ["orders.csv", "--from-log"], ["orders.csv", "--mapping", "cdnow", "--plot", "a"]]
)
def test_a_command_line_that_says_too_little_or_too_much_is_refused(run: Run, arguments: list[str]) -> None:
    write([])
    assert refused(run(*arguments)).code == ExitCode.USAGE


@pytest.mark.parametrize("name", ["a.svg", "a.png"])
def test_a_picture_is_written_and_the_same_svg_again(run: Run, name: str) -> None:
    pytest.importorskip("matplotlib")
    file = write(rows_of(200))
    pictures = []
    for _ in range(2):
        assert run(file, "--mapping", "cdnow", "--plot", name).exit_code == ExitCode.OK
        pictures.append(Path(name).read_bytes())
    assert pictures[0][:5] in {b"<?xml", b"\x89PNG\r"}
    assert pictures[0] == pictures[1]


def test_a_picture_of_nothing_is_empty_axes(run: Run) -> None:
    pytest.importorskip("matplotlib")
    assert run(write([]), "--mapping", "cdnow", "--plot", "a.svg").exit_code == ExitCode.OK
    assert Path("a.svg").stat().st_size > 0


def test_a_picture_that_cannot_be_written_is_told(run: Run) -> None:
    pytest.importorskip("matplotlib")
    result = run(write(rows_of(50)), "--mapping", "cdnow", "--plot", "missing/a.svg")
    assert refused(result).code == ExitCode.IO


def test_without_matplotlib_the_file_is_refused_before_any_work(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    real = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name.partition(".")[0] == "matplotlib":
            raise ImportError(name)
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    error = refused(run("there-is-no.csv", "--mapping", "cdnow", "--plot", "a.svg"))
    assert error.code == ExitCode.UNAVAILABLE
    assert "memberpulse[plot]" in error.remedy


def in_the_log(rows: list[str]) -> list[LogRecord]:
    found = []
    for offset, row in enumerate(rows):
        member, day, _, dollars, number = row.split(",")
        body = {
            "type": "order.paid",
            "event_id": number,
            "order_id": number,
            "member_id": member,
            "occurred_at": f"{day[:4]}-{day[4:6]}-{day[6:]}T12:00:00Z",
            "net_amount": int(float(dollars) * 100),
            "currency": "USD",
        }
        found.append(LogRecord(0, offset, 0, member.encode(), orjson.dumps(body), ()))
    return found


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[LogRecord]:
    """What lies in member-events; without a record there is no such topic."""
    records: list[LogRecord] = []

    @contextmanager
    def consumer(settings: object) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace()

    monkeypatch.setattr(command, "log_consumer", consumer)
    monkeypatch.setattr(command, "spans", lambda *_: {0: Span(0, len(records))} if records else {})
    monkeypatch.setattr(command, "scan", lambda *_: iter(records))
    return records


def test_the_log_tells_the_same_as_the_file_it_was_imported_from(run: Run, log: list[LogRecord]) -> None:
    rows = rows_of(120)
    log += in_the_log(rows)
    from_file, from_log = run(write(rows), "--mapping", "cdnow", "--json"), run("--from-log", "--json")
    assert from_log.exit_code == ExitCode.OK
    assert from_log.stdout == from_file.stdout


def test_a_log_that_does_not_exist_is_refused(run: Run, log: list[LogRecord]) -> None:
    assert refused(run("--from-log")).code == ExitCode.CONFIG
