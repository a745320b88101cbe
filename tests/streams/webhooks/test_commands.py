"""What `memberpulse deliver` says to whoever sets endpoints up; what needs a broker is in test_delivery.py."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web

from streams.__main__ import main
from streams.exits import ExitCode
from streams.webhooks.signing_secrets import SecretPlace
from tests.streams.webhooks.receivers import OLD_SECRET, Receiver, serving


@contextmanager
def served(receiver: Receiver) -> Iterator[Receiver]:
    """A receiver in a thread of its own: a command runs an event loop itself."""
    ready, ended = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def life() -> None:
        async with serving(receiver):
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=[life()])
    thread.start()
    try:
        assert ready.wait(5)
        yield receiver
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(5)
        loop.close()


@pytest.fixture
def set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The endpoints' file that the settings name; tests write it."""
    file = tmp_path / "endpoints.toml"
    monkeypatch.setenv("MEMBERPULSE_DELIVER__ENDPOINTS_FILE", str(file))
    monkeypatch.setenv("CRM_SECRET", OLD_SECRET)
    return file


def write(file: Path, url: str) -> None:
    file.write_text(
        f'[endpoints.crm]\nurl = "{url}"\nsecrets = [{{ env = "CRM_SECRET" }}]\n'
        "allow_private = true\nallow_http = true\ntimeout_seconds = 5\n"
    )


def test_a_test_delivery_is_signed_and_tells_what_the_endpoint_answered(
    set_up: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(Receiver()) as receiver:
        write(set_up, receiver.url)
        assert main(["deliver", "test", "crm"]) == ExitCode.OK
    assert [event["type"] for event in receiver.accepted] == ["memberpulse.webhook.test.v1"]
    assert "crm answered 200" in capsys.readouterr().out


def test_a_refused_test_delivery_says_why_and_what_to_do(set_up: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=404)

    with served(Receiver(answer=answer)) as receiver:
        write(set_up, receiver.url)
        assert main(["deliver", "test", "crm"]) == ExitCode.UNAVAILABLE
    told = capsys.readouterr().err
    assert "it answered 404 Not Found" in told
    assert "what to do:" in told


def test_an_unknown_endpoint_is_answered_with_those_there_are(set_up: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(set_up, "https://crm.example.com/hooks")
    assert main(["deliver", "test", "cmr"]) == ExitCode.NO_INPUT
    assert 'did you mean "crm"? crm' in capsys.readouterr().err


def test_no_verb_prints_a_secret(set_up: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(set_up, "https://crm.example.com/hooks?token=CANARY")
    assert main(["deliver", "check"]) == ExitCode.OK
    assert main(["config"]) == ExitCode.OK
    set_up.write_text(set_up.read_text().replace("timeout_seconds = 5", "timeout_seconds = 0"))
    assert main(["deliver"]) == ExitCode.CONFIG
    told = "".join(capsys.readouterr())
    assert "timeout_seconds" in told
    assert OLD_SECRET not in told
    assert "CANARY" not in told


def test_a_new_secret_can_sign(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deliver", "secret"]) == ExitCode.OK
    file = tmp_path / "crm.secret"
    file.write_text(capsys.readouterr().out)
    assert SecretPlace(file=str(file)).read() == file.read_text().strip()
