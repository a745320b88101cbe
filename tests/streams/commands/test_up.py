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
