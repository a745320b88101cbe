"""The rules ask nobody for the time, for chance or for data: all they know is handed to them."""

import ast
from pathlib import Path

import pytest

import scoring

MODULES = sorted(Path(scoring.__file__).parent.glob("*.py"))
ALLOWED_IMPORTS = {
    "bisect",
    "collections.abc",
    "datetime",
    "hashlib",
    "itertools",
    "math",
    "msgspec",
    "mypy_extensions",  # tells the compiler something; nothing of it runs
    "struct",
    "typing",
    "uuid",
}
FORBIDDEN_NAMES = {
    "now", "utcnow", "today", "fromtimestamp", "time", "time_ns", "monotonic", "perf_counter", "localtime", "gmtime",
    "uuid1", "uuid4", "getnode", "random", "urandom", "open", "print", "input", "eval", "exec", "__import__", "setattr",
}  # fmt: skip


def impurities(source: str) -> list[str]:
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name not in ALLOWED_IMPORTS]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level or (module.partition(".")[0] != "scoring" and module not in ALLOWED_IMPORTS):
                found.append(module)
            found += [alias.name for alias in node.names if alias.name in FORBIDDEN_NAMES]
        elif isinstance(node, ast.Name) and node.id in FORBIDDEN_NAMES:
            found.append(node.id)
        elif isinstance(node, ast.Attribute) and node.attr in FORBIDDEN_NAMES:
            found.append(node.attr)
        elif isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.Lambda):
            found.append(type(node).__name__)
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_rule_module_uses_no_clock_no_chance_and_no_input_or_output(module: Path) -> None:
    assert impurities(module.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from time import monotonic",
        "from datetime import datetime\ndatetime.now()",
        "import datetime\ndatetime.date.today()",
        "import uuid\nuuid.uuid4()",
        "from uuid import uuid1",
        "import random",
        "from os import urandom",
        "open('rows')",
        "from streams import rows",
        "from . import state",
        "async def f(): ...",
        "key = lambda member: member",
    ],
)
def test_an_impurity_is_found(source: str) -> None:
    assert impurities(source)


def test_all_modules_are_looked_at() -> None:
    assert {"engine", "ledger", "rfm", "tiers", "lifecycle", "calendar", "state"} <= {path.stem for path in MODULES}
