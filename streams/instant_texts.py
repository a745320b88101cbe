"""The instants of an event as they were written. Apart from what reads them: that is compiled, which loses unions."""

import msgspec


class InstantTexts(msgspec.Struct):
    """Whichever of them an event has; ``until`` is a number of milliseconds in ``member.absorbed``."""

    occurred_at: str = ""
    until: str | int = ""
    at: str = ""
