"""However the program that holds a stack ends, Kafka and Redis end too and a temporary home is removed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

ROOT = Path(__file__).parents[3]
HOLDER = Path(__file__).parent / "holder.py"
START_LIMIT_S = 60.0
GONE_LIMIT_S = 15.0


class Held(NamedTuple):
    program: "subprocess.Popen[bytes]"
    servers: list[psutil.Process]
    home: Path


@contextmanager
def holder(*arguments: str) -> Iterator[Held]:
    program = subprocess.Popen(
        [sys.executable, str(HOLDER), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        process_group=0,
    )
    assert program.stdout is not None
    try:
        said = json.loads(program.stdout.readline())
        yield Held(program, [psutil.Process(pid) for pid in said["pids"]], Path(said["home"]))
    finally:
        program.stdout.close()
        program.kill()
        program.wait()


def assert_everything_goes(held: Held) -> None:
    deadline = time.monotonic() + GONE_LIMIT_S
    while time.monotonic() < deadline:
        if not any(server.is_running() for server in held.servers) and not held.home.exists():
            return
        time.sleep(0.05)
    running = [server.pid for server in held.servers if server.is_running()]
    pytest.fail(f"after {GONE_LIMIT_S:.0f} s still running: {running}; home left: {held.home.exists()}")


def kill(held: Held) -> None:
    held.program.kill()


def terminate(held: Held) -> None:
    held.program.terminate()


def press_ctrl_c(held: Held) -> None:
    # A terminal sends the signal to the whole foreground group, not to one process.
    os.killpg(held.program.pid, signal.SIGINT)


@pytest.mark.kafka
@pytest.mark.parametrize("end", [kill, terminate, press_ctrl_c])
def test_nothing_is_left_of_a_program_that_is_ended(end: Callable[[Held], None]) -> None:
    with holder("wait") as held:
        assert all(server.is_running() for server in held.servers)
        end(held)
        assert_everything_goes(held)


@pytest.mark.kafka
def test_nothing_is_left_of_a_program_that_fails() -> None:
    with holder("raise") as held:
        assert held.program.wait(START_LIMIT_S) == 1
        assert_everything_goes(held)


def test_a_forked_child_that_keeps_the_pipe_open_does_not_keep_the_servers() -> None:
    with holder("--without-kafka", "fork") as held:
        time.sleep(0.2)  # the fork follows the line the holder printed
        (child,) = [p for p in psutil.Process(held.program.pid).children() if p.name() != "" and is_copy(p, held)]
        try:
            kill(held)
            held.program.wait()
            assert child.is_running()
            assert_everything_goes(held)
        finally:
            child.kill()


def is_copy(process: psutil.Process, held: Held) -> bool:
    """Say whether this is a fork of the holder, and not a guard."""
    return process.cmdline() == psutil.Process(held.program.pid).cmdline()


def test_a_paused_server_goes_too() -> None:
    with holder("--without-kafka", "wait") as held:
        held.servers[0].suspend()
        kill(held)
        assert_everything_goes(held)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent is gone")
def test_a_killed_guard_takes_its_server_along() -> None:
    with holder("--without-kafka", "wait") as held:
        (redis,) = held.servers
        guard = redis.parent()
        assert guard is not None
        assert guard.pid != held.program.pid
        guard.kill()
        assert psutil.wait_procs([redis], timeout=GONE_LIMIT_S)[1] == []
        shutil.rmtree(held.home)  # nobody is left to do it
