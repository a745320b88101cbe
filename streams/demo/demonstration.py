"""The whole system on real orders, from the file to Redis, and then the check."""

import csv
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
from kafka import KafkaAdminClient, KafkaConsumer

from streams.config import Settings
from streams.demo.checking import Comparison, compare, projected
from streams.demo.recompute import read_cdnow, recompute
from streams.demo.screen import Moment
from streams.demo.watching import Watcher
from streams.exits import CommandError, ExitCode
from streams.instants import parse_instant
from streams.lag import PartitionLag, measure
from streams.log_reading import admin_client, log_consumer
from streams.policy_file import PolicyDocument
from streams.supervision import ChildSpec, Supervisor, start_verb, stop_child

#: The history's ticks: one a day, from the start of the day after the first order to that of the day after the last.
FIRST_TICK = "1997-01-02T00:00:00Z"
LAST_TICK = "1998-07-01T00:00:00Z"
_DAY_MS = 86_400_000
_LOOK_S = 0.2
_MEASURE_EVERY_S = 1.0
#: The whole demonstration takes well under three minutes on two cores; after this it hangs.
_GIVE_UP_S = 900.0
_IMPORT_GRACE_S = 10.0
_CHILD_GRACE_S = 25.0
_LOG_LINES = 25

#: Called about once a second with what there is to show.
Show = Callable[[Watcher, Moment], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """A place for the demonstration: settings that reach its broker and Redis, the environment of its child
    processes, a folder.
    """

    settings: Settings
    environment: Mapping[str, str]
    folder: Path
    policy: PolicyDocument

    @contextmanager
    def children(self, tell: Callable[[str], None]) -> Iterator[Supervisor]:
        """The scorer and the projector, for the length of a ``with`` block; what they print is in the folder."""
        specs = [
            ChildSpec(name="scorer", arguments=["worker", "--only", "score"], log=self.folder / "scorer.log"),
            ChildSpec(name="projector", arguments=["project"], log=self.folder / "projector.log"),
        ]
        with Supervisor(specs, tell, environment=self.environment, grace=_CHILD_GRACE_S) as supervisor:
            yield supervisor

    def run(self, supervisor: Supervisor, stop: threading.Event, show: Show) -> Comparison | None:
        """Import the orders, watch until nothing waits any more, and compare; None when it was stopped before.

        Raises:
            CommandError: a process ended, or nothing was finished after 15 minutes; with the end of its log.
        """
        began = time.monotonic()
        file = self._write_orders()
        with ExitStack() as opened:
            admin = opened.enter_context(admin_client(self.settings))
            lags, topics = (opened.enter_context(log_consumer(self.settings)) for _ in range(2))
            watcher = Watcher(self.settings, topics)
            importing = start_verb(
                ["import", str(file), "--mapping", "cdnow"], self.environment, self.folder / "import.log"
            )
            opened.callback(lambda: stop_child(importing, _IMPORT_GRACE_S))
            pace = _Pace(began)
            while not stop.is_set():
                watcher.look(_LOOK_S)
                self._check(supervisor, importing)
                if not pace.due():
                    continue
                moment, lag = self._moment(pace, admin, lags)
                show(watcher, moment)
                if importing.poll() == 0 and _caught_up(lag) and watcher.at_the_end():
                    return self._compare(watcher)
                if time.monotonic() - began > _GIVE_UP_S:
                    raise self._failure("the demonstration was not finished after 15 minutes", "scorer")
        return None

    def _compare(self, watcher: Watcher) -> Comparison:
        ticks = range(parse_instant(FIRST_TICK), parse_instant(LAST_TICK) + 1, _DAY_MS)
        expected = recompute(read_cdnow(), orjson.loads(self.policy.canonical()), ticks)
        scores = dict(projected(self.settings, list(expected)))
        return compare(expected, scores, watcher.alerts_of, watcher.members)

    def _write_orders(self) -> Path:
        """The packaged orders as a shop would export them."""
        file = self.folder / "cdnow.csv"
        with file.open("w", newline="") as lines:
            out = csv.writer(lines)
            out.writerow(["customer", "date", "units", "dollars", "row"])
            for row in read_cdnow():
                dollars = f"{row.amount // 100}.{row.amount % 100:02d}"
                out.writerow([row.member_id, row.ordered_on.strftime("%Y%m%d"), row.units, dollars, row.number])
        return file

    def _moment(
        self, pace: "_Pace", admin: KafkaAdminClient, consumer: KafkaConsumer
    ) -> tuple[Moment, list[PartitionLag]]:
        lag = measure(self.settings, admin, consumer, time.time_ns() // 1_000_000)
        scored = sum(each.committed or 0 for each in lag if each.role == "score")
        waiting = {role: sum(each.behind for each in lag if each.role == role) for role in ("score", "project")}
        words = f"waiting: {waiting['score']:,} events to be scored, {waiting['project']:,} scores to reach Redis"
        seconds, per_second = pace.step(scored)
        return Moment(seconds=seconds, scored=scored, per_second=per_second, lag=words), lag

    def _check(self, supervisor: Supervisor, importing: subprocess.Popen[bytes]) -> None:
        if supervisor.check() is not None:
            raise self._failure("a process of the system ended", "scorer", "projector")
        if importing.poll() not in (None, 0):
            raise self._failure("the import failed", "import")

    def _failure(self, what: str, *logs: str) -> CommandError:
        ends = []
        for name in logs:
            file = self.folder / f"{name}.log"
            lines = file.read_text(errors="replace").splitlines()[-_LOG_LINES:] if file.exists() else []
            ends += [f"--- the end of {name}.log", *lines]
        return CommandError(
            what + "\n" + "\n".join(ends),
            ExitCode.SOFTWARE,
            remedy="the lines above say why; with --keep the folder with the whole logs stays",
        )


class _Pace:
    def __init__(self, began: float) -> None:
        self._began = self._last = began
        self._next = began
        self._scored = 0

    def due(self) -> bool:
        return time.monotonic() >= self._next

    def step(self, scored: int) -> tuple[float, float]:
        now = time.monotonic()
        per_second = max(scored - self._scored, 0) / max(now - self._last, 1e-9)
        self._last, self._scored, self._next = now, scored, now + _MEASURE_EVERY_S
        return now - self._began, per_second


def environment_for(bootstrap: str, redis: str, folder: Path) -> dict[str, str]:
    """The environment of the demonstration: the defaults, whatever this machine's own settings say, and no live
    time.
    """
    configuration = folder / "memberpulse.toml"
    configuration.touch()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MEMBERPULSE_")}
    return clean | {
        "MEMBERPULSE_CONFIG": str(configuration),
        "MEMBERPULSE_KAFKA__BOOTSTRAP": bootstrap,
        "MEMBERPULSE_REDIS__URL": redis,
        "MEMBERPULSE_DATA_DIR": str(folder / "data"),
        "MEMBERPULSE_TICKER__ENABLED": "false",
        # Free ports: another system may run on this machine.
        "MEMBERPULSE_METRICS__SCORE_PORT": "0",
        "MEMBERPULSE_METRICS__PROJECT_PORT": "0",
    }


def _caught_up(lag: list[PartitionLag]) -> bool:
    return all(each.behind == 0 for each in lag) and any(each.committed for each in lag if each.role == "project")
