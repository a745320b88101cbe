"""What can be wrong with an event that decoded well."""


class Refused(Exception):
    """An event that must not change the member's state.

    Raised by :func:`scoring.engine.apply` before anything is changed. The caller writes a dead letter with ``reason``
    (one of ``quarantined``, ``too_late``, ``wrong_currency``, ``unknown_tier``, ``merge_refused``) and ``detail`` in
    plain words.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
