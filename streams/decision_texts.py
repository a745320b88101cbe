"""What all outcomes of one decision say of the member, the cause and the times, as parts of their JSON."""

from typing import Final

import msgspec

from scoring.outcomes import Outcome
from streams.instants import instant_text

_encode: Final = msgspec.json.Encoder().encode
_NULL: Final = "null"
#: How many due instants are known as text before that begins anew: nearly all are midnights. 0.1 MB.
_MOST_DUE: Final = 1000


class DecisionTexts:
    """Of the decision that the last outcome was told by; of its record's or tick's times, those of the ones before."""

    __slots__ = (
        "_catch_up",
        "_due_at",
        "_next_dues",
        "_recorded_at",
        "_told",
        "_told_member",
        "_when",
        "cause",
        "member",
        "times",
    )

    def __init__(self) -> None:
        self._told: Outcome | None = None
        self._told_member = ""
        self.member = self.cause = self.times = ""
        #: When the last outcome was due and recorded, whether that was to catch up, and what it said of these.
        self._due_at = self._recorded_at = -1
        self._catch_up = False
        self._when = ""
        self._next_dues = {0: _NULL}

    def has(self, outcome: Outcome, member_id: str) -> bool:
        """Whether an outcome says the same. Decided together, outcomes have the same objects."""
        told = self._told
        return (
            told is not None
            and outcome.cause is told.cause
            and member_id is self._told_member
            and outcome.order_id is told.order_id
            and outcome.shop_id is told.shop_id
            and outcome.channel is told.channel
            and outcome.timer_at == told.timer_at
            and outcome.recorded_at == told.recorded_at
            and outcome.due_at == told.due_at
            and outcome.catch_up == told.catch_up
            and outcome.next_due_at == told.next_due_at
            and outcome.last_purchase_at == told.last_purchase_at
        )

    def begin(self, outcome: Outcome, member_id: str, at: str) -> None:
        """Another decision; ``at`` is its instant."""
        # Until all is written: an instant beyond the year 9999 cannot be.
        self._told = None
        event, order, shop, channel = outcome.cause, outcome.order_id, outcome.shop_id, outcome.channel
        in_json = member_id
        # No quotes, no escapes and nothing beyond ASCII: JSON is as long.
        strings = f"{member_id}{event}{order}{shop}{channel}"
        if len(_encode(strings)) != len(strings) + 2:
            in_json, event = _inside(member_id), _inside(event)
            order, shop, channel = _inside(order), _inside(shop), _inside(channel)
        self.member = in_json
        if outcome.timer_at:
            self.cause = f'}},"cause":{{"timer":"{instant_text(outcome.timer_at)}"}}'
        elif order and shop and channel:
            self.cause = (
                f'}},"cause":{{"event_id":"{event}","order_id":"{order}","shop_id":"{shop}","channel":"{channel}"}}'
            )
        else:
            self.cause = (
                f'}},"cause":{{"event_id":"{event}","order_id":{_quoted(order)}'
                f',"shop_id":{_quoted(shop)},"channel":{_quoted(channel)}}}'
            )
        if (
            outcome.recorded_at != self._recorded_at
            or outcome.due_at != self._due_at
            or outcome.catch_up != self._catch_up
        ):
            self._record(outcome)
        next_due, last_at = self._next_dues.get(outcome.next_due_at), outcome.last_purchase_at
        if next_due is None:
            next_due = self._begin_due(outcome.next_due_at)
        last = at if last_at == outcome.at else instant_text(last_at) if last_at else ""
        self.times = f'{self._when}{next_due},"last_purchase_at":{_quoted(last)},"frequency":'
        self._told, self._told_member = outcome, member_id

    def _record(self, outcome: Outcome) -> None:
        """Another time of recording: that of a record, or of all that a tick finds due at one instant."""
        due = f'"{instant_text(outcome.due_at)}"' if outcome.due_at else _NULL
        self._when = (
            f'","due_at":{due},"recorded_at":"{instant_text(outcome.recorded_at)}'
            f'","catch_up":{"true" if outcome.catch_up else "false"},"next_due_at":'
        )
        self._recorded_at, self._due_at, self._catch_up = outcome.recorded_at, outcome.due_at, outcome.catch_up

    def _begin_due(self, next_due_at: int) -> str:
        """A due instant as it stands in the JSON, kept for others."""
        known = self._next_dues
        if len(known) >= _MOST_DUE:
            known.clear()
            known[0] = _NULL
        text = known[next_due_at] = f'"{instant_text(next_due_at)}"'
        return text


def _inside(text: str) -> str:
    """Text as it stands between the quotes of a JSON string."""
    return _encode(text).decode()[1:-1]


def _quoted(text: str) -> str:
    return f'"{text}"' if text else _NULL
