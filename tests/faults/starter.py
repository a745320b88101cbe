"""Runs tests over and over, each time in a fork of one process that has the libraries in memory already.

A line of standard input is a JSON list of node ids, the line of standard output after it the exit code of pytest. What
pytest printed is in ``OUTPUT``, in the working directory.
"""

import importlib
import json
import os
import sys
from typing import Final

import pytest

OUTPUT: Final = "output.txt"
_LIBRARIES: Final = ("faust", "hypothesis", "jsonschema", "kafka", "msgspec", "orjson", "prometheus_client", "pydantic")
# Hypothesis brings a plugin, and pytest minds that it was imported before.
_OPTIONS: Final = (
    "-q",
    "-x",
    "-p",
    "no:cacheprovider",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
    "--timeout=30",
)
_BROKEN: Final = 70


def main() -> None:
    """Read, run and answer until standard input ends."""
    # A fault and its repair within one second and of one length would look like the same file.
    sys.dont_write_bytecode = True
    for library in _LIBRARIES:
        importlib.import_module(library)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _run(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(tests: list[str]) -> None:
    output = os.open(OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(output, stream)
    # Not 1: that tests could not be begun does not mean that one of them failed.
    code = _BROKEN
    try:
        code = int(pytest.main([*_OPTIONS, *tests]))
        sys.stdout.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
