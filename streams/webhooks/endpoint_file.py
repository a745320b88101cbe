"""The endpoints' file: who gets which outcomes, and how fast. TOML, validated whole."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from ssl import create_default_context
from typing import Annotated, Any, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, ValidationError

from streams.file_problems import FileError, Problem, known_name, problems_of, unfit
from streams.file_rules import Part, readable
from streams.outcome_facts import GROUPS, KINDS
from streams.topics import LIFECYCLE_ALERTS, SEGMENT_CHANGES, TIER_CHANGES
from streams.webhooks.addresses import is_public
from streams.webhooks.filters import Filter
from streams.webhooks.signing_secrets import SecretPlace, UnusableSecretError

#: Which topic has the kinds of each group.
_TOPIC_OF: Final = {"tier": TIER_CHANGES, "lifecycle": LIFECYCLE_ALERTS, "segment": SEGMENT_CHANGES}

Rate = Annotated[int, Field(ge=1, le=1_000_000, json_schema_extra={"unit": "requests"})]
Waiting = Annotated[int, Field(ge=1, le=86_400, json_schema_extra={"unit": "seconds"})]
Patience = Annotated[int, Field(ge=1, le=24 * 30, json_schema_extra={"unit": "hours"})]
#: Part of a consumer group's name, a key and a label.
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class EndpointFileError(FileError):
    """Endpoints that cannot be used, with every problem found. Commands end with exit code 78."""


def _usable_name(name: str) -> str:
    if _NAME.fullmatch(name):
        return name
    raise unfit("expected a name of small letters, digits and hyphens, at most 40")


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.hostname is not None and parts.port != 0
    except ValueError:
        return None
    return parts if known else None


def _usable_url(url: str) -> str:
    parts = _split(url)
    if parts is None or not url.isprintable() or " " in url:
        raise unfit("expected an address like https://crm.example.com/hooks/memberpulse")
    return url


def _known_type(kind: str) -> str:
    return known_name(kind, [*GROUPS, *KINDS], f"kind of outcome (docs/outcomes.md) or one of {', '.join(GROUPS)}")


class Retrying(Part):
    """How attempts follow each other; when an outcome is set aside, and when the endpoint is given up."""

    first_wait_seconds: Waiting = 5
    longest_wait_seconds: Waiting = 3_600
    set_aside_hours: Patience = 24
    give_up_hours: Patience = 72

    def clashes(self) -> Iterator[tuple[str, str]]:
        """Waits that could never grow."""
        if self.longest_wait_seconds < self.first_wait_seconds:
            yield "longest_wait_seconds", "is shorter than first_wait_seconds"


class Endpoint(Part):
    """One receiver of outcomes. Without filters it gets everything but what is told late (``catch_up``)."""

    url: Annotated[str, AfterValidator(_usable_url), Field(json_schema_extra={"hint": "an https address"})]
    secrets: Annotated[list[SecretPlace], Field(min_length=1, max_length=2)]
    types: list[Annotated[str, AfterValidator(_known_type)]] = Field(default_factory=list)
    tiers: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(default_factory=list)
    shops: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(default_factory=list)
    catch_up: bool = False
    per_second: Rate = 10
    per_hour: Rate | None = None
    concurrency: Annotated[int, Field(ge=1, le=100, json_schema_extra={"unit": "requests at a time"})] = 4
    timeout_seconds: Annotated[int, Field(ge=1, le=300, json_schema_extra={"unit": "seconds"})] = 15
    paused: bool = False
    allow_private: bool = False
    allow_http: bool = False
    ca_file: str | None = None
    retry: Retrying = Retrying()

    def clashes(self) -> Iterator[tuple[str, str]]:
        """Addresses that need a permission of their own."""
        parts = _split(url) if (url := readable(self.url)) else None
        if parts is None:
            return
        if parts.scheme == "http" and readable(self.allow_http) is False:
            yield "url", "is not https: anybody on the way could read it; allow_http = true permits that"
        if parts.username is not None or parts.password is not None:
            yield "url", "has a user or a password in it; deliveries are signed, and need none"
        if readable(self.allow_private) is False and _is_private(parts.hostname or ""):
            yield "url", f"{parts.hostname} is no public address; allow_private = true permits it"

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics, by their logical names, that have the wanted types."""
        groups = {kind.partition(".")[0] for kind in self.types} or _TOPIC_OF.keys()
        return tuple(topic for group, topic in _TOPIC_OF.items() if group in groups)

    def filter(self) -> Filter:
        """What passes."""
        return Filter(types=self.types, tiers=self.tiers, shops=self.shops, catch_up=self.catch_up)

    @property
    def shown_url(self) -> str:
        """The address for logs and tables: a query may hold a token."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _is_private(host: str) -> bool:
    try:
        return not is_public(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class EndpointsDocument(Part):
    """All endpoints, by name. A name becomes part of a consumer group's: renaming begins anew."""

    endpoints: Annotated[dict[Annotated[str, AfterValidator(_usable_name)], Endpoint], Field(min_length=1)]


def load(path: Path) -> dict[str, Endpoint]:
    """The endpoints of a file, by name, with secrets that were there and usable at this moment.

    Raises:
        EndpointFileError: with every problem at once.
    """
    file = str(path)
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise EndpointFileError(file, [Problem("", f"cannot be read ({error.strerror or error})")]) from error
    except ValueError as error:  # UnicodeDecodeError and TOMLDecodeError are some
        raise EndpointFileError(file, [Problem("", f"is not TOML in UTF-8: {error}")]) from error
    try:
        document = EndpointsDocument.model_validate(content)
    except ValidationError as error:
        raise EndpointFileError(file, problems_of(error, EndpointsDocument, content)) from error
    problems = [problem for name, endpoint in document.endpoints.items() for problem in _missing(name, endpoint)]
    if problems:
        raise EndpointFileError(file, problems)
    return document.endpoints


def _missing(name: str, endpoint: Endpoint) -> Iterator[Problem]:
    for number, place in enumerate(endpoint.secrets):
        try:
            place.read()
        except UnusableSecretError as error:
            yield Problem(f"endpoints.{name}.secrets[{number}]", f"the secret {error}")
    if endpoint.ca_file is not None:
        try:
            create_default_context(cafile=endpoint.ca_file)
        except OSError as error:  # SSLError is one
            yield Problem(f"endpoints.{name}.ca_file", f"has no certificates that can be read ({error})")
