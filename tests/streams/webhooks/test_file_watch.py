"""The endpoints' file is changed while deliveries go on: taken as a whole or not at all, and never at half a word."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

import pytest

from streams.webhooks.endpoint_file import EndpointFileError, load
from streams.webhooks.file_watch import WatchedFile
from tests.secured.authority import Authority
from tests.streams.webhooks.receivers import OLD_SECRET

ROUND_S = 0.02
GOOD = '[endpoints.{name}]\nurl = "https://crm.example.com/hooks"\nsecrets = [{{ env = "CRM_SECRET" }}]\n'


def write(file: Path, *names: str, further: str = "") -> None:
    file.write_text("".join(GOOD.format(name=name) for name in names) + further)


def replace(file: Path, *names: str) -> None:
    """As editors do."""
    new = file.with_suffix(".new")
    write(new, *names)
    new.replace(file)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRM_SECRET", OLD_SECRET)
    file = tmp_path / "endpoints.toml"
    write(file, "crm")
    return file


class Heard:
    """What a deliverer hears of its file."""

    def __init__(self, file: Path, hang_up: asyncio.Event | None = None) -> None:
        self._changes = WatchedFile(file, hang_up, ROUND_S).changes(load(file))

    async def next(self) -> list[str] | str:
        """The names of the endpoints, or what is wrong."""
        found = await asyncio.wait_for(anext(self._changes), 5)
        return str(found) if isinstance(found, EndpointFileError) else list(found)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        assert isinstance(self._changes, AsyncIterator)
        await self._changes.aclose()  # type: ignore[attr-defined]  # it is a generator


async def test_a_changed_or_replaced_file_is_read(file: Path) -> None:
    async with Heard(file) as heard:
        write(file, "crm", "mail")
        assert await heard.next() == ["crm", "mail"]
        replace(file, "mail")
        assert await heard.next() == ["mail"]


async def test_authorities_renewed_in_place_count_as_a_change(file: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path, "one")
    write(file, "crm", further=f'ca_file = "{authority.file}"\n')
    async with Heard(file) as heard:
        Authority(tmp_path, "another")
        assert await heard.next() == ["crm"]
        authority.file.write_text("half a word")
        assert "endpoints.crm.ca_file: has no certificates" in await heard.next()
        Authority(tmp_path, "a third")
        assert await heard.next() == ["crm"]
        Authority(tmp_path / "elsewhere", "a fourth")
        write(file, "crm", further=f'ca_file = "{tmp_path / "elsewhere" / "authority.pem"}"\n')
        assert await heard.next() == ["crm"]
        Authority(tmp_path / "elsewhere", "a fifth")
        assert await heard.next() == ["crm"]


async def test_a_file_that_cannot_be_used_is_told_once_and_then_its_correction(file: Path) -> None:
    async with Heard(file) as heard:
        write(file, "crm", further="[endpoints.mail]\n")
        told = await heard.next()
        assert "endpoints.mail.url" in told
        await asyncio.to_thread(file.unlink)
        assert "cannot be read" in await heard.next()
        write(file, "mail")
        assert await heard.next() == ["mail"]


async def test_a_file_that_is_still_being_written_waits(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0

    def restless(_file: Path) -> tuple[int, int, int]:
        nonlocal looks
        looks += 1
        return min(looks, 20), 0, 0

    monkeypatch.setattr("streams.webhooks.file_watch.stamp", restless)
    async with Heard(file) as heard:
        assert await heard.next() == ["crm"]
    assert looks == 21


async def test_a_hang_up_reads_at_once_whatever_changed(file: Path) -> None:
    hang_up = asyncio.Event()
    changes = WatchedFile(file, hang_up, round_seconds=60).changes()
    hang_up.set()
    assert "crm" in await asyncio.wait_for(anext(changes), 5)  # type: ignore[operator]  # no error
