"""What ``up`` starts, and what it tells before it starts anything."""

import socket
from pathlib import Path

import pytest

from streams.__main__ import main
from streams.commands.up import addresses, children
from streams.config import DeliverSettings, ServeSettings, Settings
from streams.exits import ExitCode


def test_the_api_is_started_and_its_address_told() -> None:
    settings = Settings(serve=ServeSettings(port=8081))
    assert [each.arguments for each in children(settings)] == [["worker"], ["project"], ["serve"]]
    assert "HTTP API  http://127.0.0.1:8081/v1/docs" in addresses(settings)


def test_webhooks_are_delivered_where_endpoints_are_named(tmp_path: Path) -> None:
    settings = Settings(deliver=DeliverSettings(endpoints_file=tmp_path / "endpoints.toml"))
    assert children(settings)[-1].arguments == ["deliver"]
    assert "(deliver)" in "".join(addresses(settings))


def test_a_taken_port_is_told_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("MEMBERPULSE_SERVE__PORT", str(port))
        assert main(["up"]) == ExitCode.CONFIG
    told = capsys.readouterr().err
    assert f"127.0.0.1:{port}" in told
    assert "MEMBERPULSE_SERVE__PORT" in told
    assert not (tmp_path / ".memberpulse").exists()


def test_an_unusable_file_of_endpoints_is_told_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMBERPULSE_SERVE__PORT", "0")
    monkeypatch.setenv("MEMBERPULSE_DELIVER__ENDPOINTS_FILE", "endpoints.toml")
    Path("endpoints.toml").write_text(
        '[endpoints.crm]\nurl = "https://crm.example.com/in"\nsecrets = [{ file = "crm.secret" }]\n'
    )
    assert main(["up"]) == ExitCode.CONFIG
    assert f"the secret cannot be read from {tmp_path / 'crm.secret'}" in capsys.readouterr().err
    assert not (tmp_path / ".memberpulse").exists()


def test_another_terminal_finds_keys_and_imports_of_this_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert f"  export MEMBERPULSE_DATA_DIR={tmp_path / '.memberpulse'}" in addresses(Settings())


def test_commands_are_told_as_they_can_be_typed_where_make_was_called(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(tmp_path / ".venv/bin/memberpulse"), "up"])
    assert "  .venv/bin/memberpulse lag --watch" in addresses(Settings())
    monkeypatch.setattr("sys.argv", ["/usr/local/bin/memberpulse", "up"])
    assert "  memberpulse lag --watch" in addresses(Settings())
