"""The receiver that docs/webhooks.md shows: genuine deliveries act once, whatever comes besides."""

import asyncio
import os
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from streams.webhooks.clock import SystemClock
from streams.webhooks.courier import Courier
from streams.webhooks.outcome import Outcome, outcome_of
from tests.streams.webhooks.receivers import (
    NEW_SECRET,
    OLD_SECRET,
    HandClock,
    a_courier,
    a_record,
    an_endpoint,
    deliver_all,
    secret_file,
)

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "webhook_receiver.py"


def told(sequence: int) -> Outcome:
    value, headers = a_record(sequence)
    return outcome_of(value[:-1] + b',"sentence":"sentence %d"}' % sequence, headers)


class Example:
    """The program, started as the docs say."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.process = process
        self.url = url

    async def line(self) -> str:
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.readline(), 10)).decode().strip()


@asynccontextmanager
async def example(folder: Path, secrets: str) -> AsyncIterator[Example]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLE),
        "0",
        str(folder / "seen.sqlite"),
        env={**os.environ, "WEBHOOK_SECRETS": secrets},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        started = Example(process, "")
        started.url = f"http://127.0.0.1:{(await started.line()).split()[-1]}/"
        yield started
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def courier_to(url: str, folder: Path, secret: str) -> AsyncIterator[Courier]:
    endpoint = an_endpoint(url, folder, secrets=[secret_file(folder, "used", secret)])
    clock = HandClock()
    clock.at = SystemClock().now()
    async with a_courier(endpoint, clock) as courier:
        yield courier


def status_of_a_forgery(url: str) -> int:
    request = urllib.request.Request(url, b'{"id":"forged"}', {"webhook-id": "forged"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


async def test_the_example_acts_once_on_what_is_genuine_and_on_nothing_else(tmp_path: Path) -> None:
    async with example(tmp_path, f"{NEW_SECRET} {OLD_SECRET}") as receiver:
        async with courier_to(receiver.url, tmp_path, OLD_SECRET) as courier:
            await deliver_all(courier, [told(1), told(1), told(2)])
        assert await asyncio.to_thread(status_of_a_forgery, receiver.url) == 401
        async with courier_to(receiver.url, tmp_path, NEW_SECRET) as courier:
            await deliver_all(courier, [told(2), told(1), told(3)])
        assert [await receiver.line() for _ in range(3)] == ["sentence 1", "sentence 2", "sentence 3"]
    async with example(tmp_path, NEW_SECRET) as again:
        async with courier_to(again.url, tmp_path, NEW_SECRET) as courier:
            await deliver_all(courier, [told(3), told(4)])
        assert await again.line() == "sentence 4"
