"""Members who have bought before, written straight into a changelog, as a worker that knows them would have left it.

Ten million members come into being in a minute this way; through the log, five orders each would take twenty.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Final

from bench.contenders.memberpulse import settings_for
from bench.job import Job
from bench.loading import sender
from bench.workload import member_key, paid
from scoring.engine import Position, apply, fire
from scoring.policy import Policy
from scoring.state import MemberState
from scoring.vocabulary import DAY_MS
from streams import policy_file, rows
from streams.codecs import decode
from streams.engine.partition import PARTITION_ROW_KEY, PartitionRow
from streams.engine.sending import Batches
from streams.murmur import partition_of
from streams.scorer.progress import PartitionProgress

#: Every so many members' last purchase is 60 days old today, so that they near churn at the first tick of today.
DUE_EVERY: Final = 10
_QUIET_DAYS: Final = 60
_ORDERS: Final = 5
#: Different histories among those due, and among the others; the amounts keep everybody below the highest tier.
_HISTORIES: Final = 200
_AMOUNTS: Final = range(500, 9_001)
#: Order numbers of the histories, which no order of a workload has.
_FIRST_EVENT: Final = 9_000_000_000
_CHUNK: Final = 200_000
_SEED: Final = 20_240_302


@dataclass(frozen=True, slots=True)
class Base:
    """``members`` (``m-0000000`` and so on, every tenth due today) and ``movers`` (``p-…``), none of these due.

    ``now`` is epoch ms; the base is as of the minute before its UTC day.
    """

    members: int
    movers: int
    now: int

    @property
    def as_of(self) -> int:
        """The last tick that everybody has seen (epoch ms)."""
        return self.now // DAY_MS * DAY_MS - 60_000

    @property
    def due(self) -> int:
        """How many are due at the next tick."""
        return -(-self.members // DUE_EVERY)


def mover_key(number: int) -> bytes:
    """The record key of a mover by number."""
    return b"p-%07d" % number


def write_in(folder: Path, job: Job, base: Base) -> float:
    """Write the base into the changelog of ``job`` by a process of the build in ``folder``; the seconds it took."""
    command = [sys.executable, "-m", "bench.base", job.argument(), json.dumps(asdict(base))]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def histories(base: Base, policy: Policy, *, due: bool) -> list[bytes]:
    """Rows of members with five orders each, who are due today or not before tomorrow."""
    chance = Random(_SEED + due)
    midnight = base.as_of + 60_000
    found: list[bytes] = []
    for number in range(_HISTORIES):
        age = _QUIET_DAYS if due else chance.randrange(1, _QUIET_DAYS)
        at = midnight - age * DAY_MS + chance.randrange(DAY_MS)
        instants = [at]
        for _ in range(_ORDERS - 1):
            at -= chance.randrange(5, 21) * DAY_MS
            instants.append(at)
        state: MemberState | None = None
        position = Position(0, 0, 0, imported=False)
        for order, instant in enumerate(reversed(instants)):
            value = paid(_FIRST_EVENT + number * _ORDERS + order, number, instant, chance.choice(_AMOUNTS))
            position.log_time = instant + 1000
            state = apply(state, decode(member_key(number), value), policy, position).state  # type: ignore[arg-type]
        assert state is not None
        state = fire(state, base.as_of, policy, position).state
        assert (base.as_of < state.next_due <= base.now) == due, "the policy's near-churn days are not 60"
        found.append(rows.encode(state))
    return found


def members_of(base: Base, policy: Policy) -> Iterator[tuple[bytes, bytes]]:
    """Key and row of everybody."""
    due, calm = histories(base, policy, due=True), histories(base, policy, due=False)
    for number in range(base.members):
        kinds = calm if number % DUE_EVERY else due
        yield member_key(number), kinds[number // DUE_EVERY % _HISTORIES]
    for number in range(base.movers):
        yield mover_key(number), calm[number % _HISTORIES]


async def write(job: Job, base: Base) -> None:
    """Everybody's row, then each partition's row: at the first record behind the policy."""
    document = policy_file.load("absolute")
    progress = PartitionProgress(base.as_of, base.as_of, document.version, document.canonical())
    last = PartitionRow(1, job.partitions, progress.encode()).encode()
    topic = settings_for(job).changelog_topic
    places = [(topic, number) for number in range(job.partitions)]
    waiting = {place: Batches() for place in places}
    async with sender(job.bootstrap) as sending:
        for written, (key, row) in enumerate(members_of(base, document.to_policy(document.version)), 1):
            waiting[places[partition_of(key, job.partitions)]].append(key, row)
            if written % _CHUNK == 0:
                await sending.send(waiting)
                waiting = {place: Batches() for place in places}
        for batches in waiting.values():
            batches.append(PARTITION_ROW_KEY, last)
        await sending.send(waiting)


if __name__ == "__main__":
    begun = perf_counter()
    asyncio.run(write(Job.from_arguments(), Base(**json.loads(sys.argv[2]))))
    print(perf_counter() - begun)
