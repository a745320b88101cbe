"""The verbs of the command: each is found, and none pays for the libraries of the others."""

import subprocess
import sys
from typing import Any

import pytest
import typer

from streams.__main__ import VERBS, command, main
from streams.exits import ExitCode


def names(app: typer.Typer) -> list[str]:
    group: Any = typer.main.get_command(app)
    return list(group.commands)


def test_every_verb_is_found_alone_and_among_all() -> None:
    assert sorted(names(command())) == sorted(VERBS)
    for verb in VERBS:
        assert verb in names(command(verb))


def test_help_flows_with_the_width_of_the_terminal() -> None:
    told = {each.name: each.help or "" for each in command("verify").registered_commands}
    assert told["verify"].split("\n\n")[0].endswith("in this process, and compare every member.")


def test_a_verb_that_does_not_exist_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["skore"]) == ExitCode.USAGE
    assert "No such command 'skore'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verb", "process", "needless"),
    [
        ("keys", "streams.access.keys", "aiokafka faust kafka litestar numpy redis"),
        ("worker", "streams.scorer.process", "litestar numpy redis"),
        ("project", "streams.projector.process", "datasketches faust kafka litestar numpy"),
        ("serve", "streams.serving.process", "datasketches numpy"),
    ],
)
def test_a_process_does_not_import_what_it_does_not_need(verb: str, process: str, needless: str) -> None:
    program = f"import sys, {process}; from streams.__main__ import command; command({verb!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert set(needless.split()) & set(done.stdout.split()) == set()
