"""What an operator sees, and how soon they are done, where nobody listens at the address of Kafka."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streams.__main__ import main
from streams.config import Settings
from streams.devstack.ports import free_port
from streams.exits import ExitCode
from streams.kafka_clients import admin_settings

#: Seconds that a start may take on a machine that does other things, imports included.
_START_S = 30.0
#: Seconds that a process may take to end which was asked to: it needs a turn, and time-outs are not waited for.
_END_S = 10.0


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The address of Kafka in the environment, at which nobody listens."""
    address = f"127.0.0.1:{free_port()}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    monkeypatch.setenv("MEMBERPULSE_KAFKA__BOOTSTRAP", address)
    for process in ("SCORE", "TICK", "PROJECT"):
        monkeypatch.setenv(f"MEMBERPULSE_METRICS__{process}_PORT", "0")
    return address


def started(log: Path, *verb: str) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen([sys.executable, "-m", "streams", *verb], stdout=output, stderr=output)


@pytest.mark.parametrize(
    ("verb", "number", "code"),
    [
        # What it has started waits for a broker, and ends in order.
        (["worker"], signal.SIGINT, ExitCode.OK),
        # It was stopped before it could begin.
        (["worker", "--only", "score"], signal.SIGTERM, ExitCode.INTERRUPTED),
    ],
)
def test_a_worker_says_once_that_there_is_no_broker_and_ends_when_it_is_asked_to(
    nowhere: str, tmp_path: Path, verb: list[str], number: int, code: ExitCode
) -> None:
    log = tmp_path / "log"
    missing = "Start the broker, or correct kafka.bootstrap, which is " + nowhere
    parts = 2 if verb == ["worker"] else 1
    with started(log, *verb) as process:
        try:
            until = time.monotonic() + _START_S
            while log.read_text().count(missing) < parts:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.05)
            # Time for more attempts, which nobody is told of.
            time.sleep(0.5)
            process.send_signal(number)
            assert process.wait(_END_S) == code, log.read_text()
        finally:
            process.kill()
    told = log.read_text()
    assert told.count(missing) == parts, told
    # Of the ticker: where its metrics are, and that there are no ticks.
    assert len(told.splitlines()) <= 2 * parts, told


def test_a_projector_without_a_broker_leaves_it_to_its_supervisor(nowhere: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with started(log, "project") as process:
        assert process.wait(_START_S) == ExitCode.UNAVAILABLE
    assert f"error: Kafka does not answer at {nowhere}\n" in log.read_text()


#: Verbs of one process, whose ends it prints. They look for a broker for a shorter time than people are given.
_VERBS = """
import streams.kafka_clients
from streams.__main__ import main
streams.kafka_clients.CONNECT_MS = 300
for verb in ("topics apply", "lag --watch", "ticks status", "up"):
    print(verb, main(verb.split()))
"""


def test_verbs_give_up_and_say_where_they_looked(nowhere: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMBERPULSE_SERVE__PORT", "0")
    done = subprocess.run([sys.executable, "-c", _VERBS], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["topics apply 69", "lag --watch 69", "ticks status 69", "up 69"]
    told = done.stderr.splitlines()
    assert told[0::3] == [f"error: Kafka does not answer at {nowhere}"] * 4
    assert all("MEMBERPULSE_KAFKA__BOOTSTRAP" in where for where in told[1::3])
    assert all("start the broker, or correct the address" in remedy for remedy in told[2::3])


def test_verbs_look_for_a_broker_every_second_for_ten_seconds() -> None:
    known = admin_settings(Settings())
    assert (known["bootstrap_timeout_ms"], known["reconnect_backoff_max_ms"]) == (10_000, 1_000)


def test_sigterm_means_the_same_as_ctrl_c_to_a_verb_and_no_longer_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def terminated(_: Settings, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("it went on")

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("streams.commands.topics.apply_topics", terminated)
    assert main(["topics", "apply"]) == ExitCode.INTERRUPTED
    assert signal.getsignal(signal.SIGTERM) is before
