"""Which settings does this command run under?"""

import os
import tomllib
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from pydantic import ValidationError
from pydantic_settings import SettingsError

from streams.config import Settings
from streams.exits import CommandError, ExitCode

#: What may be a secret is never repeated in an error.
_SECRET_NAMES: Final = ("password", "secret", "url")


def resolved_settings() -> Settings:
    """The settings of the environment and the TOML file.

    Raises:
        CommandError: exit 78, with every problem at once.
    """
    named = os.environ.get("MEMBERPULSE_CONFIG")
    if named and not Path(named).is_file():
        raise CommandError(
            f"the settings file {named} does not exist",
            ExitCode.CONFIG,
            where="environment variable MEMBERPULSE_CONFIG",
            remedy="name an existing TOML file, or unset the variable",
        )
    try:
        return Settings()
    except ValidationError as error:
        raise _invalid([_problem(dict(each)) for each in error.errors()]) from error
    except tomllib.TOMLDecodeError as error:
        raise _invalid([f"{named or 'memberpulse.toml'}: {error}"]) from error
    except SettingsError as error:
        raise _invalid([str(error)]) from error


def public_settings(settings: Settings) -> dict[str, object]:
    """The settings as plain values: passwords as asterisks, addresses without theirs."""
    plain: dict[str, object] = settings.model_dump(mode="json")
    redis = plain["redis"]
    if isinstance(redis, dict):
        redis["url"] = without_password(settings.redis.url.get_secret_value())
    return plain


def without_password(address: str) -> str:
    """An address for people to read: the password, if there is one, becomes asterisks."""
    parts = urlsplit(address)
    if parts.password is None:
        return address
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{host}"))


def _invalid(problems: list[str]) -> CommandError:
    noun = "problem" if len(problems) == 1 else "problems"
    return CommandError(
        f"the settings have {len(problems)} {noun}:" + "".join(f"\n    {each}" for each in problems),
        ExitCode.CONFIG,
        remedy="correct the variables or memberpulse.toml; 'memberpulse config' shows the settings once they are valid",
    )


def _problem(found: dict[str, object]) -> str:
    location = found["loc"]
    path = [str(step) for step in location] if isinstance(location, tuple) else []
    variable = "MEMBERPULSE_" + "__".join(path).upper()
    secret = bool(path) and any(path[-1].endswith(name) for name in _SECRET_NAMES)
    given = (
        ""
        if secret or found["type"] == "extra_forbidden" or isinstance(found.get("input"), dict)
        else f" (found {found.get('input')!r})"
    )
    told = found["msg"]
    context = found.get("ctx")
    if secret and found["type"] == "too_short" and isinstance(context, dict):
        told = f"needs at least {context['min_length']} characters, not {context['actual_length']}"
    return f"{variable}, in the file {'.'.join(path)}: {told}{given}"
