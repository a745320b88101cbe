"""S11: secrets come from files or the environment, and leave by no way at all."""

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from streams.__main__ import main
from streams.config import Settings
from streams.exits import ExitCode
from streams.stream_process import engine_settings

CANARY = "canary-that-nobody-may-see-0123456789"
SECRETS = [
    "KAFKA__SASL_PASSWORD",
    "KAFKA__SSL_KEYFILE_PASSWORD",
    "REDIS__PASSWORD",
    "ACCESS__TLS_KEYFILE_PASSWORD",
    "PSEUDONYMS__SECRET",
    "PSEUDONYMS__FORMER_SECRET",
    "SIGNING__SECRET",
    "SIGNING__OTHER_SECRET",
]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMBERPULSE_KAFKA__SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    monkeypatch.setenv("MEMBERPULSE_KAFKA__SASL_USERNAME", "scorer")


def _fields(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, str]]:
    """Every setting with the words of its type."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _fields(kind, f"{path}{name}__")
        else:
            yield f"{path}{name}".upper(), str(kind)


def test_every_setting_that_is_a_secret_is_on_the_list_and_none_is_a_plain_text() -> None:
    settings = dict(_fields(Settings))
    assert {name for name, kind in settings.items() if "SecretStr" in kind} == {*SECRETS, "REDIS__URL"}
    told_by_name = {name for name in settings if re.search(r"PASSWORD|SECRET|TOKEN", name)}
    assert {name for name in told_by_name if "str" in settings[name].replace("SecretStr", "")} == set()


def _from_environment(monkeypatch: pytest.MonkeyPatch, _folder: Path) -> None:
    for name in SECRETS:
        monkeypatch.setenv(f"MEMBERPULSE_{name}", f"{CANARY}-{name}")
    monkeypatch.setenv("MEMBERPULSE_REDIS__URL", f"redis://shop:{CANARY}@cache:6379/1")


def _from_files(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    secrets = folder / "secrets"
    secrets.mkdir()
    for name in SECRETS:
        (secrets / name.lower()).write_text(f"{CANARY}-{name}\n")
    (secrets / "redis__url").write_text(f"redis://shop:{CANARY}@cache:6379/1\n")
    monkeypatch.setenv("MEMBERPULSE_SECRETS_DIR", str(secrets))


@pytest.mark.parametrize("given", [_from_environment, _from_files])
def test_secrets_arrive_and_are_not_shown(
    given: Callable[[pytest.MonkeyPatch, Path], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    given(monkeypatch, tmp_path)
    settings = Settings()
    for name in SECRETS:
        section, _, field = name.lower().partition("__")
        assert getattr(getattr(settings, section), field).get_secret_value() == f"{CANARY}-{name}"
    assert main(["config"]) == ExitCode.OK
    assert main(["config", "--format", "json"]) == ExitCode.OK
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("streams").info("%s %r", settings, settings)
    shown = [repr(settings), str(settings), settings.model_dump_json(), repr(engine_settings(settings, "score"))]
    shown += [*capsys.readouterr(), caplog.text]
    assert all(CANARY not in each for each in shown)


def test_the_environment_comes_before_the_files_and_these_before_the_toml(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _from_files(monkeypatch, tmp_path)
    (tmp_path / "memberpulse.toml").write_text('[redis]\npassword = "of the file"\nkey_prefix = "shop:"\n')
    monkeypatch.setenv("MEMBERPULSE_KAFKA__SASL_PASSWORD", "of the environment")
    settings = Settings()
    assert settings.kafka.sasl_password is not None
    assert settings.kafka.sasl_password.get_secret_value() == "of the environment"
    assert settings.redis.password is not None
    assert settings.redis.password.get_secret_value() == f"{CANARY}-REDIS__PASSWORD"
    assert settings.redis.key_prefix == "shop:"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MEMBERPULSE_PSEUDONYMS__SECRET", "canary"),
        ("MEMBERPULSE_PSEUDONYMS__FORMER_SECRET", CANARY),
        ("MEMBERPULSE_ACCESS__TLS_KEYFILE", CANARY),
        ("MEMBERPULSE_KAFKA__SASL_PASSWORD", "\udcff"),
    ],
)
def test_an_error_in_the_settings_repeats_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, value: str
) -> None:
    if variable.endswith("SASL_PASSWORD"):
        monkeypatch.delenv("MEMBERPULSE_KAFKA__SASL_USERNAME")
        value = CANARY
    monkeypatch.setenv(variable, value)
    assert main(["config"]) == ExitCode.CONFIG
    assert "canary" not in capsys.readouterr().err


def test_a_directory_of_secrets_that_is_not_there_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("MEMBERPULSE_SECRETS_DIR", str(tmp_path / "missing"))
    assert main(["config"]) == ExitCode.CONFIG
    assert "missing" in capsys.readouterr().err
