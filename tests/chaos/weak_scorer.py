"""The scorer with a weakness, for tests only: it dies in a cut, forgets what members have absorbed, or is slow.

CHAOS_DIES_AT names the step (one of STEPS) and CHAOS_DIES_IN the cut, counted from 1, at which it sends itself kill -9;
with one of FORWARD_STEPS it counts what it sends to member-events instead: what one member must tell another.
CHAOS_FORGETFUL=1 makes the comparison with the member's own offset ineffective: replayed records are applied again.
CHAOS_RECOVERS_SLOWLY is how many seconds its first recovery stands still before it takes up what it has read.
"""

import asyncio
import os
import signal
from collections.abc import Mapping

from faust.types import TP

from scoring.state import MemberState
from streams import rows
from streams.config import Settings
from streams.engine.app import BatchApp
from streams.engine.consumer import BatchConsumer
from streams.engine.cut import Cutter
from streams.engine.sending import Batches, BatchSender, Place
from streams.scorer import partition
from streams.scorer.process import main
from streams.topics import MEMBER_EVENTS

BEFORE_ROWS = "outcomes acknowledged"
AFTER_ROWS = "rows remembered"
AFTER_PARTITION_ROW = "partition row remembered"
AFTER_COMMIT = "committed"
STEPS = (BEFORE_ROWS, AFTER_ROWS, AFTER_PARTITION_ROW, AFTER_COMMIT)
BEFORE_FORWARD = "forward decided"
AFTER_FORWARD = "forward in the log"
FORWARD_STEPS = (BEFORE_FORWARD, AFTER_FORWARD)


def forget_offsets() -> None:
    """Members read from rows have absorbed nothing."""
    remembered = rows.decode

    def forgetful(row: bytes) -> MemberState:
        state = remembered(row)
        state.offset = -1
        return state

    vars(partition)["decode_row"] = forgetful


def recover_slowly(seconds: float) -> None:
    """The first recovery waits before its last step."""
    take_up = BatchApp.on_rows_restored
    waits = [seconds]

    async def wait_and_take_up(app: BatchApp) -> None:
        if waits:
            await asyncio.sleep(waits.pop())
        await take_up(app)

    setattr(BatchApp, "on_rows_restored", wait_and_take_up)  # noqa: B010 - past the type checker, as below


def die_at(step: str, cut: int) -> None:
    """Kill this process at a step of its n-th cut that writes rows."""
    cuts = 0
    writes = 0

    def reached(here: str) -> None:
        if here == step and cuts == cut:
            os.kill(os.getpid(), signal.SIGKILL)

    remember = Cutter._remember
    commit = BatchConsumer.commit_strictly

    async def remember_and_die(cutter: Cutter, rows: Mapping[int, Batches]) -> None:
        nonlocal cuts, writes
        writes += 1
        of_members = writes % 2 == 1
        if of_members:
            cuts += any(rows.values())
            reached(BEFORE_ROWS)
        await remember(cutter, rows)
        reached(AFTER_ROWS if of_members else AFTER_PARTITION_ROW)

    async def commit_and_die(consumer: BatchConsumer, offsets: Mapping[TP, int]) -> None:
        await commit(consumer, offsets)
        if writes and writes % 2 == 0:
            reached(AFTER_COMMIT)

    # By name, past the type checker: a test takes the place of a method for the life of the process.
    for owner, name, weak in (
        (Cutter, "_remember", remember_and_die),
        (BatchConsumer, "commit_strictly", commit_and_die),
    ):
        setattr(owner, name, weak)


def die_at_forward(step: str, number: int) -> None:
    """Kill this process before it sends its n-th batch of forwards, or when the broker has it and nobody remembers."""
    sent = 0
    send = BatchSender.send

    async def send_and_die(sender: BatchSender, queued: Mapping[Place, Batches]) -> None:
        nonlocal sent
        forwards = {place: batches for place, batches in queued.items() if place[0].endswith(MEMBER_EVENTS)}
        for place, batches in forwards.items():
            sent += 1
            if sent == number:
                if step == AFTER_FORWARD:
                    await send(sender, {place: batches})
                os.kill(os.getpid(), signal.SIGKILL)
        await send(sender, queued)

    setattr(BatchSender, "send", send_and_die)  # noqa: B010 - past the type checker, as above


if __name__ == "__main__":
    if os.environ.get("CHAOS_FORGETFUL") == "1":
        forget_offsets()
    if "CHAOS_DIES_AT" in os.environ:
        dies = die_at_forward if os.environ["CHAOS_DIES_AT"] in FORWARD_STEPS else die_at
        dies(os.environ["CHAOS_DIES_AT"], int(os.environ["CHAOS_DIES_IN"]))
    if "CHAOS_RECOVERS_SLOWLY" in os.environ:
        recover_slowly(float(os.environ["CHAOS_RECOVERS_SLOWLY"]))
    raise SystemExit(main(Settings()))
