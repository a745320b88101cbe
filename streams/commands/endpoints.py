"""The endpoints that a verb is about: from the file that the settings name."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.config import Settings
from streams.exits import CommandError, ExitCode
from streams.file_problems import nearest

if TYPE_CHECKING:  # what this imports takes longer than most verbs
    from streams.webhooks.endpoint_file import Endpoint

Name = Annotated[str, typer.Argument(metavar="ENDPOINT", help="its name in the endpoints' file", show_default=False)]


def endpoints_of(settings: Settings) -> "dict[str, Endpoint]":
    """All endpoints by name.

    Raises:
        CommandError: no file is set.
        EndpointFileError: the file cannot be used.
    """
    from streams.webhooks.endpoint_file import load

    return load(file_of(settings))


def file_of(settings: Settings) -> Path:
    """The endpoints' file.

    Raises:
        CommandError: none is set.
    """
    file = settings.deliver.endpoints_file
    if file is None:
        raise CommandError(
            "no endpoints are known",
            ExitCode.CONFIG,
            where="setting deliver.endpoints_file (MEMBERPULSE_DELIVER__ENDPOINTS_FILE)",
            remedy="name a TOML file with endpoints; docs/webhooks.md describes it",
        )
    return file


def endpoint_of(settings: Settings, name: str) -> "Endpoint":
    """The endpoint of a name.

    Raises:
        CommandError: there is none, or no file is set.
        EndpointFileError: the file cannot be used.
    """
    endpoints = endpoints_of(settings)
    if name not in endpoints:
        raise CommandError(
            f"there is no endpoint {name!r}",
            ExitCode.NO_INPUT,
            where=str(settings.deliver.endpoints_file),
            allowed=f"{nearest(name, list(endpoints))}{', '.join(endpoints)}",
        )
    return endpoints[name]
