"""How fast are look-ups, previews and live events over HTTP, beside a scorer at work?"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bench.asking import Asking
from bench.base import Base, mover_key, write_in
from bench.contenders.memberpulse import Memberpulse
from bench.following import Following
from bench.job import Job
from bench.latency import Percentiles
from bench.loading import load
from bench.pace import WARM_UP_S, Change, Pace, run
from bench.running import Running, running
from bench.workload import Workload
from bench.yielding import yield_processor
from streams.commands.output import notes

_PARTITIONS: Final = 4
#: Orders per second beside which tills ask.
BESIDE: Final = 1000
#: What the tills ask per second: look-ups, look-ups at three times the usual, previews.
LOOKUPS: Final = 1000
MANY_LOOKUPS: Final = 3000
PREVIEWS: Final = 500
_CONNECTIONS: Final = 32
#: How long whoever checks that every change comes rests between two reads: it is nobody's customer here (s).
_REST_S: Final = 0.25
#: Members whose scores are in Redis before anybody asks, by orders at this rate.
_KNOWN_RATE: Final = 2000
#: Tier changes per second that many screens follow at the same time.
SCREENS_RATE: Final = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """Requests of a kind, answered. ``rate`` was asked for per second, 0: as fast as they were answered.

    ``cpu`` is the server's processor time per request (s), ``wrong`` counts answers that were not right by what they
    were.
    """

    what: str
    rate: int
    beside: int
    per_second: float
    cpu: float
    latency: Percentiles
    wrong: dict[str, int]


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


@dataclass(frozen=True, slots=True)
class Till:
    """Everything that is asked and followed over HTTP."""

    asked: list[Asked]
    followed: list[Followed]


@dataclass(slots=True)
class _Shop:
    """A running shop: scorer, projector and API, and what the next run has to know."""

    folder: Path
    place: Path
    pace: Pace
    api: Running
    port: int
    runs: int = 0
    movers: int = 0

    def next_pace(self, rate: int, seconds: int) -> Pace:
        """Orders of movers who have not moved yet."""
        pace = replace(self.pace, rate=rate, seconds=seconds, first_mover=self.movers, run=self.runs)
        self.runs += 1
        self.movers += pace.movers
        return pace


def measure(
    scorer: Memberpulse, bootstrap: str, broker: int, redis: str, members: int, seconds: int, screens: int, now: int
) -> Till:
    """Each for ``seconds``; the last with so many ``screens`` for six times as long. ``now`` is epoch ms.

    ``broker`` is the process id of Kafka, which yields the processor to the API, as scorer and projector do.

    Raises:
        ContenderFailedError: a process ended, or a change did not come.
    """
    job = Job(name="till", bootstrap=bootstrap, topic="till-orders", partitions=_PARTITIONS, events=0)
    plan = [(_KNOWN_RATE, seconds)] + [(BESIDE, seconds)] * 4 + [(SCREENS_RATE, 6 * seconds)]
    pace = Pace(job=job, base=Base(members, 0, now), rate=1, seconds=1, first_mover=0, run=0)
    movers = sum(replace(pace, rate=rate, seconds=long).movers for rate, long in plan)
    pace = replace(pace, base=Base(members, movers, now))
    load(bootstrap, job.topic, job.partitions, Workload(0, 1, now), 0)
    scorer.prepare(job)
    write_in(scorer.folder, job, pace.base)
    yield_processor(broker)
    with tempfile.TemporaryDirectory(prefix="memberpulse-bench-") as place, _open(scorer, job, redis) as (api, port):
        shop = _Shop(scorer.folder, Path(place), pace, api, port)
        known = shop.next_pace(*plan[0])
        run(shop.folder, replace(known, redis=redis))
        asked_for = shop.place / "members"
        asked_for.write_bytes(b"\n".join({key: None for _, key, _ in known.events()}))
        asked = [
            _asked(shop, "look-up", LOOKUPS, seconds),
            _asked(shop, "look-up", MANY_LOOKUPS, seconds),
            _asked(shop, "preview", PREVIEWS, seconds),
            _asked_alone(shop, seconds),
        ]
        followed = [
            _followed(shop, 1, BESIDE, seconds),
            _followed(shop, screens, SCREENS_RATE, 6 * seconds),
        ]
    return Till(asked, followed)


@contextmanager
def _open(scorer: Memberpulse, job: Job, redis: str) -> Iterator[tuple[Running, int]]:
    """The shop's processes; the API's, and its port."""

    def module(name: str) -> list[str]:
        return [sys.executable, "-m", f"bench.{name}", job.argument(), redis]

    with (
        running(scorer.command(job), scorer.folder) as scoring,
        running(module("projecting"), scorer.folder) as projecting,
        running(module("serving"), scorer.folder) as api,
    ):
        for bulk in scoring, projecting:
            yield_processor(bulk.pid)
        projecting.wait_for("ready")
        port: int = api.wait_for("port")["port"]
        scoring.wait_for("recovered")
        yield api, port


def _asked(shop: _Shop, what: str, rate: int, seconds: int) -> Asked:
    """Beside orders."""
    notes().print(f"At the till: {rate:,} {what}s/s beside {BESIDE:,} orders/s", highlight=False)
    found: list[Asked] = []
    # The tills ask while orders come, warm-up included, and are done before them.
    pace = replace(shop.next_pace(BESIDE, seconds), rest_s=_REST_S)
    run(shop.folder, pace, lambda _: found.append(_ask(shop, what, rate, seconds, BESIDE)))
    return found[0]


def _asked_alone(shop: _Shop, seconds: int) -> Asked:
    notes().print("At the till: look-ups as fast as they are answered", highlight=False)
    return _ask(shop, "look-up", 0, seconds, 0)


def _ask(shop: _Shop, what: str, rate: int, seconds: int, beside: int) -> Asked:
    path = shop.place / "answers"
    asking = Asking(
        port=shop.port,
        rate=rate,
        seconds=seconds,
        connections=_CONNECTIONS,
        members=str(shop.place / "members"),
        preview=what == "preview",
        found=str(path),
    )
    cpu = shop.api.cpu()
    with running([sys.executable, "-m", "bench.asking", asking.argument()], shop.folder) as tills:
        tills.wait_for("asked")
    cpu = shop.api.cpu() - cpu
    found: dict[str, Any] = json.loads(path.read_text())
    latencies = found["latencies"]
    return Asked(
        what=what,
        rate=rate,
        beside=beside,
        per_second=len(latencies) / found["seconds"],
        cpu=cpu / len(latencies),
        latency=Percentiles.of(each * 1000 for each in latencies),
        wrong=found["wrong"],
    )


def _followed(shop: _Shop, screens: int, rate: int, seconds: int) -> Followed:
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


assert WARM_UP_S > 0, "the tills begin with the orders, and end before them"
