"""Processes that yield the processor."""

import os
import subprocess
import sys
from pathlib import Path

from bench.yielding import NICE, yield_processor

TWO_THREADS = "import threading; threading.Thread(target=input).start(); print(flush=True); input()"


def test_every_thread_of_a_running_process_yields_and_its_session_too() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", TWO_THREADS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield_processor(process.pid)
        threads = [int(each.name) for each in Path(f"/proc/{process.pid}/task").iterdir()]
        niceness = [os.getpriority(os.PRIO_PROCESS, each) for each in threads]
        session = Path(f"/proc/{process.pid}/autogroup")
        shared = session.read_text() if session.exists() else f"nice {NICE}"
        process.kill()
    assert niceness == [NICE, NICE]
    assert shared.rstrip().endswith(f"nice {NICE}")
