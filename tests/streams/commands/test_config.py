"""Settings as the commands resolve, refuse and print them."""

import json
import tomllib
from pathlib import Path

import pytest

from streams.__main__ import main
from streams.exits import ExitCode


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No memberpulse.toml of this folder takes part."""
    monkeypatch.chdir(tmp_path)


def test_all_problems_are_told_at_once_with_their_variable_and_exit_78(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEMBERPULSE_KAFKA__PARTITIONS", "0")
    monkeypatch.setenv("MEMBERPULSE_TICKER__ENABLED", "perhaps")
    assert main(["config"]) == ExitCode.CONFIG
    told = capsys.readouterr().err
    assert "MEMBERPULSE_KAFKA__PARTITIONS" in told
    assert "MEMBERPULSE_TICKER__ENABLED" in told
    assert "'perhaps'" in told


@pytest.mark.parametrize("form", ["toml", "json"])
def test_secrets_are_not_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    monkeypatch.setenv("MEMBERPULSE_KAFKA__SASL_PASSWORD", "hunter2")
    monkeypatch.setenv("MEMBERPULSE_REDIS__URL", "redis://shop:hunter2@cache:6379/1")
    assert main(["config", "--format", form]) == ExitCode.OK
    printed = capsys.readouterr().out
    assert "hunter2" not in printed
    assert "redis://shop:***@cache:6379/1" in printed


def test_secret_in_a_wrong_place_is_not_repeated_in_the_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEMBERPULSE_REDIS__PASSPHRASE", "hunter2")
    assert main(["config"]) == ExitCode.CONFIG
    told = capsys.readouterr().err
    assert "MEMBERPULSE_REDIS__PASSPHRASE" in told
    assert "hunter2" not in told


def test_printed_toml_reads_back_to_the_same_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    sources = [{"topic": "orders", "mapping": 'a "quoted" \\ name.toml', "partitions": 3}]
    monkeypatch.setenv("MEMBERPULSE_INGEST__SOURCES", json.dumps(sources))
    assert main(["config"]) == ExitCode.OK
    text = capsys.readouterr().out
    monkeypatch.delenv("MEMBERPULSE_INGEST__SOURCES")
    (tmp_path / "memberpulse.toml").write_text(text)
    assert main(["config"]) == ExitCode.OK
    assert capsys.readouterr().out == text
    assert tomllib.loads(text)["ingest"]["sources"] == sources


@pytest.mark.parametrize(
    ("content", "told"),
    [("kafka = ", "memberpulse.toml"), ('[kafka]\nbootstrop = "x"', "MEMBERPULSE_KAFKA__BOOTSTROP")],
)
def test_wrong_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, told: str) -> None:
    (tmp_path / "memberpulse.toml").write_text(content)
    assert main(["config"]) == ExitCode.CONFIG
    assert told in capsys.readouterr().err


def test_named_file_that_does_not_exist_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEMBERPULSE_CONFIG", "elsewhere.toml")
    assert main(["config"]) == ExitCode.CONFIG
    assert "elsewhere.toml" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["lagg"], ["member"], ["import", "a.csv"], ["worker", "--only", "both"]])
def test_wrong_command_line_is_exit_64(arguments: list[str]) -> None:
    assert main(arguments) == ExitCode.USAGE


@pytest.mark.parametrize(
    "verb",
    [
        *(
            ["demo"],
            ["up"],
            ["worker"],
            ["project"],
            ["serve"],
            ["import"],
            ["member"],
            ["lag"],
            ["verify"],
            ["config"],
        ),
        *(["topics", "plan"], ["topics", "apply"], ["ticks", "status"], ["ticks", "hold"], ["ticks", "release"]),
    ],
)
def test_every_verb_helps_with_an_example(verb: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*verb, "--help"]) == ExitCode.OK
    assert "Example: " in capsys.readouterr().out


def test_ingest_without_sources_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker", "--only", "ingest"]) == ExitCode.CONFIG
    assert "ingest.sources" in capsys.readouterr().err


def test_import_under_an_unknown_policy_is_exit_78(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEMBERPULSE_SCORE__POLICY", "absolut")
    assert main(["import", "a.csv", "--mapping", "cdnow"]) == ExitCode.CONFIG
    assert "absolut" in capsys.readouterr().err
