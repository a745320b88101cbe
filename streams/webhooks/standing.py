"""How does it stand with an endpoint? Kept on the control topic: it survives restarts, and operators see and change it.

The first time an endpoint fails for a minute, comes back, is given up or is gone, one record says so. The newest record
of an endpoint's key counts, whoever wrote it.
"""

import logging
from typing import Final, Literal

import msgspec

log = logging.getLogger(__name__)

_KEY_PREFIX: Final = b"webhook:"

State = Literal["delivering", "failing", "dead", "gone", "lost"]
#: In these nothing is sent until an operator says so.
HALTED: Final = ("dead", "gone", "lost")


class Standing(msgspec.Struct, frozen=True):
    """What holds since ``since_ms`` (epoch ms) and why.

    ``delivering``: outcomes are accepted. ``failing``: nothing was accepted since then; attempts go on. ``dead``: given
    up after trying for days. ``gone``: the endpoint answered 410. ``lost``: Kafka has forgotten how far the endpoint
    was. ``actor`` is who enabled it by hand.
    """

    state: State
    since_ms: int
    reason: str = ""
    actor: str = ""


def standing_key(endpoint: str) -> bytes:
    """The key of an endpoint's records on the control topic."""
    return _KEY_PREFIX + endpoint.encode()


def encoded(standing: Standing) -> bytes:
    """A standing as the value of a control record."""
    return msgspec.json.encode(standing)


class Standings:
    """How it stands with every endpoint. On its own it remembers in this process only."""

    def __init__(self) -> None:
        self._known: dict[str, Standing] = {}

    def of(self, endpoint: str) -> Standing | None:
        """The present standing; None for an endpoint that nobody ever delivered to."""
        return self._known.get(endpoint)

    def absorb(self, key: bytes | None, value: bytes | None) -> None:
        """Take one control record; keys of others are left alone, what cannot be read is said and changes nothing."""
        if key is None or not key.startswith(_KEY_PREFIX) or not value:
            return
        try:
            self._known[key.removeprefix(_KEY_PREFIX).decode()] = msgspec.json.decode(value, type=Standing)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("A control record of key %r cannot be read and changes nothing: %s", key, error)

    async def tell(self, endpoint: str, standing: Standing) -> None:
        """Say how it stands from now on; it has taken effect when this returns."""
        self.absorb(standing_key(endpoint), encoded(standing))
