"""The command ``memberpulse``: every verb, and how errors reach the person at the terminal."""

import sys
import traceback
from collections.abc import Sequence

import typer

from streams.commands import (
    config,
    deliver,
    demo,
    importing,
    keys,
    lag,
    member,
    merging,
    policy,
    project,
    pseudonyms,
    serve,
    ticks,
    topics,
    up,
    verify,
    worker,
)
from streams.commands.failures import explained
from streams.exits import ExitCode

#: Typer's own exit code for a wrong command line.
_TYPER_USAGE = 2

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
for module in (
    demo,
    up,
    worker,
    project,
    serve,
    deliver,
    importing,
    member,
    merging,
    policy,
    topics,
    lag,
    verify,
    ticks,
    keys,
    pseudonyms,
    config,
):
    module.register(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code; ``arguments`` are those of the process unless given."""
    try:
        app(args=arguments, prog_name="memberpulse")
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else ExitCode.OK
        return ExitCode.USAGE if code == _TYPER_USAGE else code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - whatever it is, the person at the terminal gets a sentence
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
