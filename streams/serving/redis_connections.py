"""Asking Redis for many values over one connection, and giving the connection up when the answer does not come.

redis-py connects, authenticates, encrypts and parses; its commands and its pool are left out. They take 60 of the 87 µs
of processor time that a read of two keys costs with them, and at a thousand look-ups a second most are read alone.
"""

import asyncio
import math
from collections.abc import Sequence
from typing import Any, Final

import hiredis
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from streams.config import Settings
from streams.redis_clients import redis_arguments

#: Any: its annotation takes commands of one word only.
_packed: Final[Any] = hiredis.pack_command
_MGET: Final = b"MGET"
_SMEMBERS: Final = b"SMEMBERS"


class RedisConnections:
    """As many as are asked over at the same time."""

    def __init__(self, settings: Settings) -> None:
        # It only makes connections. Any: its annotations leave them out.
        self._pool: Any = ConnectionPool.from_url(**redis_arguments(settings), retry=Retry(NoBackoff(), 0))
        self._idle: list[Any] = []

    async def connect(self) -> None:
        """Have a connection at hand. Raises as :meth:`ask` does."""
        connection = self._pool.make_connection()
        await connection.connect()
        self._idle.append(connection)

    async def ask(
        self, keys: Sequence[bytes], set_keys: Sequence[bytes]
    ) -> tuple[list[bytes | None], list[frozenset[bytes]]]:
        """The values under the keys, None where there is none, and the members of the sets.

        Without an answer, and when it is cancelled, the connection is closed: what would still come over it is the
        answer to another question.

        Raises:
            RedisError: Redis refused, or the connection broke.
            OSError: it cannot be reached.
        """
        connection = self._idle.pop() if self._idle else self._pool.make_connection()
        asked = b"".join([_packed((_MGET, *keys)), *(_packed((_SMEMBERS, each)) for each in set_keys)])
        try:
            # Connected anew where Redis has closed it meanwhile.
            await self._pool.ensure_connection(connection)
            await connection.send_packed_command(asked, check_health=False)
            # Whoever asks says how long to wait.
            values: list[bytes | None] = await connection.read_response(timeout=math.inf)
            sets = [frozenset(await connection.read_response(timeout=math.inf)) for _ in set_keys]
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        self._idle.append(connection)
        if len(values) != len(keys):
            raise RedisError(f"{len(values)} values came for {len(keys)} keys")
        return values, sets

    async def drop_idle(self) -> None:
        """Close the connections that nobody asks over now."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(each.disconnect(nowait=True) for each in idle), return_exceptions=True)
