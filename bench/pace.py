"""Orders on a schedule that waits for nobody (an open loop), and when each could be seen.

A *mover* is a member whose order lifts them to the highest tier: how long that takes is what is measured. At more than
1,000 orders a second the others are small orders of members who stay where they are. Sender, reader and watcher are
processes of their own, so that none waits for another.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from bench.base import Base, mover_key
from bench.contenders.memberpulse import settings_for
from bench.job import Job
from bench.running import Running, running
from bench.workload import member_key
from streams.topics import TIER_CHANGES

#: An order of 900.00 lifts anybody to the highest tier of the shipped policy, at 800.00.
LIFTING_AMOUNT: Final = 90_000
_SMALL_AMOUNT: Final = 100
#: Most movers a second: what the reader takes of one core must not show.
_MOST_MOVERS: Final = 1000
#: Orders sent before those that count, in seconds: connections are made and code paths warm.
WARM_UP_S: Final = 2
#: What Kafka's timestamps lack on average, in seconds: whole milliseconds, the rest cut off.
_CUT_OFF_S: Final = 0.0005
#: Event and order numbers of paced orders, which nobody else has.
_FIRST_EVENT: Final = 5_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What sender, reader and watcher are told. ``first_mover`` and ``run`` are new in every run on the same state.

    ``silence_s`` is after how long nothing more is expected; ``redis`` (a URL) is watched where it is given. The reader
    rests for ``rest_s`` between two reads, where it matters that changes come, and not when.
    """

    job: Job
    base: Base
    rate: int
    seconds: int
    first_mover: int
    run: int
    silence_s: float = 30.0
    rest_s: float = 0.0
    redis: str | None = None
    sent: str = ""
    read: str = ""
    stored: str = ""

    @property
    def every(self) -> int:
        """Every so many orders one is a mover's."""
        return -(-self.rate // _MOST_MOVERS)

    @property
    def orders(self) -> int:
        """How many orders, those of the warm-up included."""
        return self.rate * (self.seconds + WARM_UP_S)

    @property
    def movers(self) -> int:
        """How many of them are movers'."""
        return -(-self.orders // self.every)

    @property
    def changes_topic(self) -> str:
        """Where tier changes are read."""
        return settings_for(self.job).topic(TIER_CHANGES)

    @property
    def redis_prefix(self) -> str:
        """What the keys of movers begin with in Redis."""
        return f"{settings_for(self.job).redis.key_prefix}member:p-"

    def events(self) -> Iterator[tuple[int, bytes, int]]:
        """Event number, record key and amount (minor units) of each order."""
        for number in range(self.orders):
            event = _FIRST_EVENT + self.run * 100_000_000 + number
            if number % self.every == 0:
                yield event, mover_key(self.first_mover + number // self.every), LIFTING_AMOUNT
            else:
                # Far apart, nobody twice for a long time, and never one who is due.
                tenth = number * 7_919 % max(self.base.members // 10, 1)
                yield event, member_key(tenth * 10 + 1 + number % 9), _SMALL_AMOUNT

    def save(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def from_arguments(cls) -> "Pace":
        """From the file that the first argument names."""
        content = json.loads(Path(sys.argv[1]).read_text())
        return cls(**content | {"job": Job(**content["job"]), "base": Base(**content["base"])})


@dataclass(frozen=True, slots=True)
class Change:
    """One mover's order: to be sent, appended, decided, readable as a tier change, in Redis. Epoch seconds.

    Appended and decided are told by Kafka, in whole milliseconds; see ``_CUT_OFF_S``.
    """

    due: float
    appended: float
    decided: float
    readable: float
    stored: float | None


def run(folder: Path, pace: Pace, meanwhile: Callable[[Running], None] = lambda _: None) -> list[Change]:
    """Send the orders beside a running scorer; what became of those that count, in the order of sending.

    ``meanwhile`` is called when the sender has begun, with its process.

    Raises:
        ContenderFailedError: a process ended, or changes did not come.
    """
    with tempfile.TemporaryDirectory(prefix="memberpulse-bench-") as place, ExitStack() as beside:
        home = Path(place)
        pace = replace(
            pace, sent=str(home / "sent.json"), read=str(home / "read.json"), stored=str(home / "stored.json")
        )
        pace.save(home / "pace.json")

        def start(module: str) -> Running:
            return beside.enter_context(
                running([sys.executable, "-m", f"bench.{module}", str(home / "pace.json")], folder)
            )

        watchers = [start("awaited_changes")]
        if pace.redis is not None:
            watchers.append(start("awaited_scores"))
        for watcher in watchers:
            watcher.wait_for("ready")
        orders = start("paced_orders")
        orders.wait_for("begun")
        meanwhile(orders)
        orders.wait_for("sent")
        for watcher in watchers:
            watcher.wait_for("seen")
        begin: float = json.loads((home / "sent.json").read_text())
        read: dict[str, tuple[float, float, float]] = json.loads((home / "read.json").read_text())
        stored: dict[str, float] = json.loads((home / "stored.json").read_text()) if pace.redis is not None else {}
    found = []
    for number, (_, key, amount) in enumerate(pace.events()):
        if amount == LIFTING_AMOUNT and number >= pace.rate * WARM_UP_S:
            name = key.decode()
            appended, decided, readable = read[name]
            due = begin + number / pace.rate
            found.append(Change(due, appended + _CUT_OFF_S, decided + _CUT_OFF_S, readable, stored.get(name)))
    return found
