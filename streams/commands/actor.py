"""Who says so? What is decided by hand is kept with a name."""

import getpass
from typing import Annotated

import typer

Actor = Annotated[str | None, typer.Option(help="who says so; your user name unless given", show_default=False)]


def named(actor: str | None) -> str:
    """The name that is kept."""
    return actor or getpass.getuser()
