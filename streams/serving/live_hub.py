"""From one reader to many clients: everyone gets what they want in order, or is told that they did not.

Everything here happens on one event loop and nothing awaits: between looking at the history and joining the live
clients, nothing can be missed.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from streams.config import LiveSettings
from streams.metrics.live import LiveMetrics
from streams.murmur import partition_of
from streams.outcome_facts import OutcomeFacts
from streams.serving.endings import OVERRUN, RESTART, STOPPING
from streams.serving.live_entries import LiveEntry
from streams.serving.live_history import LiveHistory
from streams.serving.live_positions import OF_A_MEMBER, OF_EVERYBODY, indices_of, packed, position_of, text_of
from streams.serving.live_subscription import Subscription

#: Outcomes of the history that are looked at for a client without a pause.
_LOOKED_AT: Final = 200


class NotReady(Exception):
    """No position is known yet: the outcome topics have not been reached since the start."""


class TooOld(Exception):
    """What lies behind the position is not kept any more, or the topics are not those that it was given out for."""


class Ahead(Exception):
    """The position lies behind what this process has read so far; it may catch up at any moment."""


class TooManyClients(Exception):
    """No more streams may be opened in this process."""


class LiveHub:
    """All live clients of a process. ``partitions`` is the partition count of ``member-events``."""

    def __init__(self, settings: LiveSettings, partitions: int, metrics: LiveMetrics) -> None:
        self._settings = settings
        self._partitions = partitions
        self.metrics = metrics
        #: Since when (epoch ms) Kafka has not answered; None while it does.
        self.silent_since: int | None = None
        self._history: LiveHistory | None = None
        self._position: list[int] = []
        self._parts: list[bytes] = []
        self._clients: set[Subscription] = set()
        self._of_member: dict[str, set[Subscription]] = {}
        self._of_everybody: set[Subscription] = set()
        self._stopping = False
        #: Set while a stream is open.
        self.heard = asyncio.Event()

    # -- what the reader says ---------------------------------------------------------------------------------------

    def begin(self, starts: Sequence[int]) -> None:
        """Begin at these positions, with an empty history. Clients that are there are ended: their place is unknown."""
        for client in list(self._clients):
            client.end(RESTART)
        self._history = LiveHistory(starts, self._settings.history_events, self._settings.history_bytes)
        self._position = list(starts)
        self._parts = [packed(number) for number in starts]

    def publish(self, entries: Iterable[LiveEntry]) -> None:
        """Hand outcomes to everyone who wants them, in this order."""
        assert self._history is not None
        handed = 0
        for entry in entries:
            self.advance(entry.index, entry.next_offset)
            self._history.append(entry)
            clients = self._of_member.get(entry.facts.member_id)
            if clients:
                handed += self._hand(entry, clients)
            if self._of_everybody:
                handed += self._hand(entry, self._of_everybody)
        self.metrics.events.inc(handed)

    def advance(self, index: int, next_offset: int) -> None:
        """Everything of a partition that lies before this offset has been published, or is nothing to publish."""
        if self._position[index] != next_offset:
            self._position[index] = next_offset
            self._parts[index] = packed(next_offset)

    def _hand(self, entry: LiveEntry, clients: Iterable[Subscription]) -> int:
        frame = b""
        handed = 0
        for client in clients:
            if client.wants(entry.facts):
                frame = frame or entry.frame(self._here(client))
                client.put(frame)
                handed += 1
        return handed

    def end_all(self) -> None:
        """The process is going to stop: end every stream, and open no more."""
        self._stopping = True
        for client in list(self._clients):
            client.end(STOPPING)

    # -- what clients ask -------------------------------------------------------------------------------------------

    def open(
        self, wants: Callable[[OutcomeFacts], bool], member_id: str | None, last_event_id: str | None
    ) -> Subscription:
        """A new stream, of one member or of everybody (None), from now on or behind ``last_event_id``.

        Raises:
            NotReady: the outcome topics were not reached yet, or the process is about to stop.
            TooManyClients: the setting ``live.clients`` is reached.
            NoPosition: the id is none.
            TooOld: it cannot be gone on from this id.
            Ahead: not yet.
        """
        history = self._history
        if history is None or self._stopping:
            raise NotReady
        if len(self._clients) >= self._settings.clients:
            raise TooManyClients
        indices: Sequence[int] = range(len(self._position))
        if member_id is not None:
            indices = indices_of(partition_of(member_id.encode(), self._partitions))
        client = Subscription(wants, member_id, indices, self._settings)
        if last_event_id:
            position = position_of(last_event_id, client.sort, len(indices))
            if not history.covers(position, indices):
                raise TooOld
            if any(at > self._position[index] for at, index in zip(position, indices, strict=True)):
                raise Ahead
            client.position = position
            client.serial = history.serial_behind(position, indices)
        else:
            client.position = [self._position[index] for index in indices]
            client.serial = history.end
        self._clients.add(client)
        self.heard.set()
        self.metrics.clients.set(len(self._clients))
        return client

    def catch_up(self, client: Subscription) -> bytes | None:
        """The next events of a client that is behind, possibly none; None when it has caught up and is a live one."""
        history = self._history
        if client.live or client.ended or history is None:
            return None
        if client.serial < history.begin:
            client.end(OVERRUN)
            return None
        entries = history.slice(client.serial, _LOOKED_AT)
        if not entries:
            self._join(client)
            return None
        client.serial += len(entries)
        return b"".join(client.replayed(entry) for entry in entries if client.misses(entry))

    def here(self, client: Subscription) -> str:
        """The position of a client to whom nothing is left to be sent."""
        return client.position_text() if not client.live else self._here(client)

    def close(self, client: Subscription) -> None:
        """The client has gone, or was ended."""
        self._clients.discard(client)
        if not self._clients:
            self.heard.clear()
        self.metrics.clients.set(len(self._clients))
        if client.ended:
            self.metrics.ended[client.ended].inc()
        self._of_everybody.discard(client)
        if client.member_id is not None and (others := self._of_member.get(client.member_id)) is not None:
            others.discard(client)
            if not others:
                del self._of_member[client.member_id]

    def _join(self, client: Subscription) -> None:
        client.live = True
        if client.member_id is None:
            self._of_everybody.add(client)
        else:
            self._of_member.setdefault(client.member_id, set()).add(client)

    def _here(self, client: Subscription) -> str:
        if client.member_id is None:
            return text_of(OF_EVERYBODY, self._parts)
        return text_of(OF_A_MEMBER, [self._parts[index] for index in client.indices])
