"""One fault put into a copy of the rules on purpose, and the tests that must notice it."""

import compileall
import json
import py_compile
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.faults.starter import OUTPUT

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).parent / "faults.toml"
_COPIED = ("scoring", "streams", "tests", "pyproject.toml")
#: Exit code of pytest: tests failed. Others are of tests that could not even be collected, as when a fault breaks an
#: import, and of those that did not end.
NOTICED = 1


@dataclass(frozen=True, slots=True)
class Fault:
    """``before`` must stand exactly once in ``file``; ``tests`` are node ids."""

    name: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...]


def seeded_faults() -> list[Fault]:
    """The list, in its own order."""
    entries = tomllib.loads(LIST.read_text())["fault"]
    return [Fault(**{**entry, "tests": tuple(entry["tests"])}) for entry in entries]


class Copy:
    """A copy of the project, without compiled modules, which would hide a fault, and a process that tests it."""

    def __init__(self, folder: Path, to: IO[str], answers: IO[str]) -> None:
        self._folder = folder
        self._to = to
        self._answers = answers

    def tested(self, tests: Iterable[str]) -> tuple[int, str]:
        """Exit code and output of tests."""
        self._to.write(json.dumps(list(tests)) + "\n")
        self._to.flush()
        code = int(self._answers.readline())
        return code, (self._folder / OUTPUT).read_text()

    def tested_with(self, fault: Fault) -> tuple[int, str]:
        """The same of the fault's tests; the copy has the fault only meanwhile."""
        file = self._folder / fault.file
        sound = file.read_text()
        file.write_text(sound.replace(fault.before, fault.after))
        try:
            return self.tested(fault.tests)
        finally:
            file.write_text(sound)


@contextmanager
def copied_to(folder: Path) -> Iterator[Copy]:
    """Copy what the tests of the rules need."""
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        else:
            shutil.copy(source, folder / name)
    compileall.compile_dir(folder, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
    command = [sys.executable, "-m", "tests.faults.starter"]
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Copy(folder, process.stdin, process.stdout)
        process.stdin.close()
