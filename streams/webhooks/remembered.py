"""What a partition of an endpoint remembers beside its committed offset: short texts that survive restarts."""

from typing import Final

from streams.webhooks.ceilings import SentByMinute

_REFUSED: Final = "refused"


class Remembered:
    """The requests of the last hour, and for how long the outcome that comes next was refused already (s).

    Of the time of refusals only what says something against the outcome itself is counted: see
    :class:`streams.webhooks.setting_aside.Patience`.
    """

    def __init__(self, text: str = "") -> None:
        """``text`` is what :meth:`text` made, or an earlier version that knew of requests alone."""
        self.sent = SentByMinute(text)
        self.refused_seconds = 0.0
        for entry in text.split(","):
            name, _, seconds = entry.partition(":")
            if name == _REFUSED and seconds.isdecimal():
                self.refused_seconds = float(seconds)

    def text(self, now: float) -> str:
        """All of it: ``29713640:12,29713641:3,refused:7200``."""
        parts = [self.sent.text(now), f"{_REFUSED}:{self.refused_seconds:.0f}" if self.refused_seconds >= 1 else ""]
        return ",".join(part for part in parts if part)
