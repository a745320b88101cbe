"""How fast are look-ups and previews answered, beside a scorer at work?"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bench.asking import Asking
from bench.latency import Percentiles
from bench.pace import run
from bench.running import running
from bench.shop import Shop
from bench.tables import Table
from streams.commands.output import notes

_CONNECTIONS: Final = 32
#: How long whoever checks that every change comes rests between two reads: it is nobody's customer here (s).
_REST_S: Final = 0.25


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


def beside_orders(shop: Shop, what: str, rate: int, orders: int, seconds: int) -> Asked:
    """Asked for at ``rate`` per second, beside so many ``orders`` per second."""
    notes().print(f"At the till: {rate:,} {what}s/s beside {orders:,} orders/s", highlight=False)
    found: list[Asked] = []
    # The tills ask while orders come, warm-up included, and are done before them.
    pace = replace(shop.next_pace(orders, seconds), rest_s=_REST_S)
    run(shop.folder, pace, lambda _: found.append(_ask(shop, what, rate, seconds, orders)))
    return found[0]


def alone(shop: Shop, seconds: int) -> Asked:
    """Look-ups over every connection as soon as the one before is answered, and no orders."""
    notes().print("At the till: look-ups as fast as they are answered", highlight=False)
    return _ask(shop, "look-up", 0, seconds, 0)


def _ask(shop: Shop, what: str, rate: int, seconds: int, beside: int) -> Asked:
    path = shop.place / "answers"
    asking = Asking(
        port=shop.port,
        rate=rate,
        seconds=seconds,
        connections=_CONNECTIONS,
        members=str(shop.members),
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


def table(asked: Sequence[Asked]) -> Table:
    """A line for each kind and rate."""
    lines = [
        (
            each.what,
            f"{each.rate:,}" if each.rate else "as answered",
            f"{each.beside:,}",
            f"{each.per_second:,.0f}",
            f"{1e6 * each.cpu:,.0f}",
            f"{each.latency.median:,.1f}",
            f"{each.latency.p99:,.1f}",
            f"{each.latency.most:,.1f}",
            ", ".join(f"{count:,} {what}" for what, count in each.wrong.items()) or "none",
        )
        for each in asked
    ]
    how = (
        "One `memberpulse serve` process over 32 connections. Requests are written when they are due, whether or not "
        "earlier ones were answered, and the latency (ms) runs from that instant, so that a pause of the server is in "
        "every answer that it delays; the last line is 32 connections that each ask again when answered. An answer "
        "counts when it is of the member asked for, read from Redis at that moment. µs is the processor time of the "
        "API per request. Broker, Redis, scorer, projector, API, the senders of orders and the tills share the cores; "
        "broker, scorer and projector yield to the others, by a nice value of 10."
    )
    columns = ("", "asked/s", "beside orders/s", "answered/s", "µs each", "median", "p99", "most", "wrong")
    return Table("At the till", columns, lines, how)
