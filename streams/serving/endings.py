"""How a live stream ends: its last event says why, and what to do. Read by clients, too: a leaf."""

from typing import Final

import msgspec


class Ending(msgspec.Struct, frozen=True):
    """The data of a stream's last event: why it ends, and what to do."""

    reason: str
    what_to_do: str


_GO_ON: Final = "connect again with the header Last-Event-ID set to the id received last: nothing is left out then"
OVERRUN: Final = "overrun"
STOPPING: Final = "stopping"
RESTART: Final = "restart"
RENEW: Final = "renew"
#: The last events of a stream by their names. They have no id: the client's position stays that of the last outcome.
ENDINGS: Final = {
    OVERRUN: Ending("events came faster than this client took them, and those not sent yet were dropped", _GO_ON),
    RENEW: Ending("no stream is open for longer, so that keys and tokens are checked again", _GO_ON),
    STOPPING: Ending("this process is about to stop", _GO_ON),
    RESTART: Ending(
        "the outcome topics cannot be read on from here: they were made anew, or cut off before they were read",
        "connect again without Last-Event-ID, and look the members up: what was told in between is not sent",
    ),
}


def last_event(name: str) -> bytes:
    """The server-sent event that a stream ends with."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(ENDINGS[name]))
