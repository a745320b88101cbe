"""Which version of memberpulse this is."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


def version() -> str:
    """The installed distribution's version, or ``unknown`` in a tree that was never installed."""
    try:
        return installed("memberpulse")
    except PackageNotFoundError:
        return "unknown"
