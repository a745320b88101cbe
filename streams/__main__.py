"""The command ``memberpulse``: every verb, and how errors reach the person at the terminal."""

import inspect
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Final

import typer

from streams.exits import ExitCode

#: Typer's own exit code for a wrong command line.
_TYPER_USAGE: Final = 2
#: The module of streams.commands that has each verb, in the order of --help.
VERBS: Final = {
    "demo": "demo",
    "up": "up",
    "worker": "worker",
    "project": "project",
    "serve": "serve",
    "deliver": "deliver",
    "import": "importing",
    "member": "member",
    "merge": "merging",
    "unmerge": "merging",
    "erase": "merging",
    "policy": "policy",
    "topics": "topics",
    "lag": "lag",
    "verify": "verify",
    "ticks": "ticks",
    "keys": "keys",
    "pseudonyms": "pseudonyms",
    "config": "config",
}


def command(verb: str | None = None) -> typer.Typer:
    """The command with the verbs of the module that has this one, or with all, where nobody has it.

    The libraries of all verbs together take most of a second to import; a process of one verb needs few of them.
    """
    app = typer.Typer(
        name="memberpulse",
        help="Scores retail members while they shop: tiers and lifecycle alerts from a stream of orders, exact and "
        "explained.",
        epilog="Start here: memberpulse demo",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    # With one verb alone Typer would take its name for an argument.
    app.callback()(lambda: None)
    wanted = [VERBS[verb]] if verb in VERBS else dict.fromkeys(VERBS.values())
    for name in wanted:
        import_module(f"streams.commands.{name}").register(app)
    _let_lines_flow(app)
    return app


def _let_lines_flow(app: typer.Typer) -> None:
    """Typer shows the line breaks of a docstring, which are those of the code's width and not of the terminal's."""
    for each in app.registered_commands:
        if each.help is None and each.callback is not None:
            paragraphs = inspect.cleandoc(each.callback.__doc__ or "").split("\n\n")
            each.help = "\n\n".join(text.replace("\n", " ") for text in paragraphs)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            _let_lines_flow(group.typer_instance)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code; ``arguments`` are those of the process unless given."""
    given = sys.argv[1:] if arguments is None else arguments
    if threading.current_thread() is not threading.main_thread():
        return _run(given)
    # As Ctrl-C, so that what was begun is closed; long-running verbs have handlers of their own.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(given)
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(given: Sequence[str]) -> int:
    try:
        command(given[0] if given else None)(args=given, prog_name="memberpulse")
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else ExitCode.OK
        return ExitCode.USAGE if code == _TYPER_USAGE else code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - whatever it is, the person at the terminal gets a sentence
        # It knows the errors of every library: nothing for the way without one.
        from streams.commands.failures import explained  # noqa: PLC0415

        known = explained(error)
        if known is None:
            traceback.print_exc()
            print("error: this is a defect of memberpulse; the lines above belong in the report", file=sys.stderr)
            return ExitCode.SOFTWARE
        print("\n".join(known.lines()), file=sys.stderr)
        return known.code
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
