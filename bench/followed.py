"""How soon is a tier change on the screens that follow live events, and does any screen miss one?"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.base import mover_key
from bench.following import Following
from bench.latency import Percentiles
from bench.pace import Change, Pace, run
from bench.running import Running, running
from bench.shop import Shop
from bench.tables import Table
from streams.commands.output import notes


@dataclass(frozen=True, slots=True)
class Followed:
    """Streams of live events: ``latency`` (ms) is from the order's appending to the event on the first of them.

    ``complete`` streams had every event, ``told`` ones were ended with a word, ``silent`` ones missed some. ``memory``
    is the server's (bytes): before the streams were opened, and the most with them.
    """

    screens: int
    rate: int
    events: int
    latency: Percentiles
    complete: int
    told: int
    silent: int
    memory: tuple[int, int]


def follow(shop: Shop, screens: int, rate: int, seconds: int) -> Followed:
    """So many screens, while ``rate`` tier changes come per second."""
    notes().print(f"Live events: {screens:,} stream(s), {rate:,} tier changes/s", highlight=False)
    path = shop.place / "followed"
    following = Following(port=shop.port, screens=screens, query="?type=tier.upgraded", found=str(path))
    pace = shop.next_pace(rate, seconds)
    before = most = shop.api.memory()

    def look(_: Running) -> None:
        nonlocal most
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            most = max(most, shop.api.memory())
            time.sleep(0.2)

    with running([sys.executable, "-m", "bench.following", following.argument()], shop.folder) as follower:
        follower.wait_for("open")
        changes = run(shop.folder, pace, look)
        # The last events are on their way.
        time.sleep(1)
    found: dict[str, Any] = json.loads(path.read_text())
    events, ended = found["events"], found["ended"]
    return Followed(
        screens=screens,
        rate=rate,
        events=pace.movers,
        latency=Percentiles.of(_to_the_screen(pace, changes, found["seen"])),
        complete=sum(each >= pace.movers for each in events),
        told=sum(had < pace.movers and bool(why) and why != "cut" for had, why in zip(events, ended, strict=True)),
        silent=sum(had < pace.movers and why in ("", "cut") for had, why in zip(events, ended, strict=True)),
        memory=(before, most),
    )


def _to_the_screen(pace: Pace, changes: list[Change], seen: dict[str, float]) -> Iterator[float]:
    """Milliseconds from each order's appending to its event; ``changes`` are those behind the warm-up."""
    first = pace.first_mover + pace.movers - len(changes)
    for number, change in enumerate(changes):
        at = seen.get(mover_key(first + number).decode())
        if at is not None:
            yield (at - change.appended) * 1000


def table(followed: Sequence[Followed]) -> Table:
    """A line for each number of streams."""
    lines = [
        (
            f"{each.screens:,}",
            f"{each.rate:,}",
            f"{each.events:,}",
            f"{each.latency.median:,.1f}",
            f"{each.latency.p99:,.1f}",
            f"{each.complete:,}",
            f"{each.told:,}",
            f"{each.silent:,}",
            " to ".join(f"{each_memory / 2**20:,.0f}" for each_memory in each.memory),
        )
        for each in followed
    ]
    how = (
        "Server-sent events of every tier change, to so many streams at once. Milliseconds are from the broker's "
        "timestamp of the order until its event was read from the first stream. Streams either had every event, were "
        "ended with a last event that says so, or missed some in silence. MiB are the API's: before the streams were "
        "opened, and the most with them."
    )
    columns = ("streams", "changes/s", "changes", "median", "p99", "complete", "told", "silent", "memory, MiB")
    return Table("Live events", columns, lines, how)
