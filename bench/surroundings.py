"""On what was it measured?"""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from bench.interpreter import interpreter
from streams.devstack.java import KAFKA_VERSION

_LIBRARIES = ("faust-streaming", "aiokafka", "msgspec", "orjson", "kafka-python")


def surroundings(date: str) -> dict[str, str]:
    """Names and values, in the order they are told; ``date`` is the reader's calendar date of the run."""
    return {
        "date": date,
        "commit": _commit(),
        "processor": f"{_processor()}, {os.cpu_count()} cores, shared by Kafka, the process measured and the bench",
        "Python": interpreter(),
        "Kafka": f"{KAFKA_VERSION}, one broker on the same machine, default settings for durability",
        "libraries": ", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
    }


def _commit() -> str:
    try:
        # S607: git is found on PATH, wherever it is installed.
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parent,
        )
    except (OSError, subprocess.CalledProcessError):
        return "not committed"
    return found.stdout.strip()


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
