"""Keys as whoever runs the shop makes, sees and takes them back."""

import json
import stat
from pathlib import Path

import pytest

from streams.__main__ import main
from streams.exits import ExitCode


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _file(folder: Path) -> Path:
    return folder / ".memberpulse" / "keys.json"


def test_the_key_is_shown_once_and_kept_nowhere(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "create", "till-1", "--scope", "lookup", "--scope", "preview"]) == ExitCode.OK
    text = capsys.readouterr().out.strip()
    secret = text.removeprefix("mp_").partition("_")[2]
    assert len(secret) == 43  # 256 bits in base64url
    assert all(secret not in path.read_text() for path in folder.rglob("*") if path.is_file())
    assert main(["keys", "list"]) == ExitCode.OK
    listed = capsys.readouterr().out
    assert secret not in listed
    assert "till-1" in listed


def test_only_its_owner_may_read_the_file(folder: Path) -> None:
    assert main(["keys", "create", "till-1", "--scope", "lookup"]) == ExitCode.OK
    assert main(["keys", "create", "till-2", "--scope", "lookup"]) == ExitCode.OK
    assert stat.S_IMODE(_file(folder).stat().st_mode) == 0o600


def test_limits_of_a_key_are_kept(folder: Path) -> None:
    arguments = ["--scope", "lookup", "--shop", "s-2", "--shop", "s-1", "--days", "30", "--rate", "20"]
    assert main(["keys", "create", "till-1", *arguments]) == ExitCode.OK
    (kept,) = json.loads(_file(folder).read_text())["keys"]
    assert (kept["shops"], kept["per_second"], kept["scopes"]) == (["s-1", "s-2"], 20, ["lookup"])
    assert kept["expires_at"] > kept["created_at"]


def test_a_revoked_key_stays_in_the_list_and_frees_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "create", "till-1", "--scope", "lookup"]) == ExitCode.OK
    assert main(["keys", "create", "till-1", "--scope", "lookup"]) == ExitCode.USAGE
    assert main(["keys", "revoke", "till-1"]) == ExitCode.OK
    assert main(["keys", "revoke", "till-1"]) == ExitCode.NO_INPUT
    assert main(["keys", "create", "till-1", "--scope", "lookup"]) == ExitCode.OK
    capsys.readouterr()
    assert main(["keys", "list"]) == ExitCode.OK
    lines = capsys.readouterr().out.splitlines()[1:]
    assert sorted(line.split()[2] for line in lines) == ["live", "revoked"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "Till 1", "--scope", "lookup"],
        ["create", "till-1"],
        ["create", "till-1", "--scope", "everything"],
        ["create", "till-1", "--scope", "lookup", "--rate", "0"],
    ],
)
def test_a_wrong_command_line_makes_no_key(folder: Path, arguments: list[str]) -> None:
    assert main(["keys", *arguments]) == ExitCode.USAGE
    assert not _file(folder).exists()


@pytest.mark.parametrize("content", ["", "{}", '{"version": 2, "keys": []}', '{"version": 1, "keys": [{"id": "x"}]}'])
def test_a_file_that_is_none_of_ours_is_left_alone(
    folder: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    _file(folder).parent.mkdir()
    _file(folder).write_text(content)
    assert main(["keys", "create", "till-1", "--scope", "lookup"]) == ExitCode.CONFIG
    assert "keys.json is not a file of keys" in capsys.readouterr().err
    assert _file(folder).read_text() == content


def test_a_file_that_others_may_write_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "create", "till-1", "--scope", "lookup"]) == ExitCode.OK
    _file(folder).chmod(0o666)
    assert main(["keys", "list"]) == ExitCode.CONFIG
    assert "chmod 600" in capsys.readouterr().err
