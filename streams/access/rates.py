"""Has this caller asked too often? Counted in memory by each API process.

In memory and not in Redis: a look-up must not wait for a second answer of Redis, and must go on without it. Behind a
load balancer over n processes a caller therefore has up to n times the rate.
"""

import math
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Final

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from litestar.exceptions import TooManyRequestsException

from streams.access.caller import Caller

Header = tuple[bytes, bytes]

_WINDOW_SECONDS: Final = 1
_NETWORK_BITS: Final = 64


class Rates:
    """What callers and addresses have left. ``unix`` is the clock of the counters, in seconds: ``limits`` uses time."""

    def __init__(self, per_second: int, failures_per_minute: int, unix: Callable[[], float]) -> None:
        self._per_second = per_second
        self._failures = RateLimitItemPerMinute(failures_per_minute)
        self._unix = unix
        # The twin in limits.aio starts a task per request, which walks over all counters.
        self._storage = MemoryStorage()
        self._counted = FixedWindowRateLimiter(self._storage)

    def take(self, caller: Caller) -> tuple[Header, ...]:
        """Count one request; the RateLimit headers of its answer (draft-ietf-httpapi-ratelimit-headers-10).

        Raises:
            TooManyRequestsException: with Retry-After, when nothing is left in this second.
        """
        rate = caller.per_second or self._per_second
        # A fixed window of a second, asked of the storage itself: the strategy's way takes five times as long.
        left = rate - self._storage.incr(caller.name, _WINDOW_SECONDS)
        policy = f'"caller";q={rate};w={_WINDOW_SECONDS}'
        state = f'"caller";r={max(left, 0)};t={_WINDOW_SECONDS}'
        if left < 0:
            raise TooManyRequestsException(
                detail=f"{caller.name} may ask {rate} times a second in one API process; ask again in a second",
                headers={"Retry-After": str(_WINDOW_SECONDS), "RateLimit-Policy": policy, "RateLimit": state},
            )
        return (b"ratelimit-policy", policy.encode()), (b"ratelimit", state.encode())

    def failed(self, address: str) -> None:
        """Count a refused key or token of this address."""
        self._counted.hit(self._failures, _network(address))

    def refuse_after_failures(self, address: str) -> None:
        """Refuse an address that was refused too often within a minute.

        Raises:
            TooManyRequestsException: with Retry-After.
        """
        network = _network(address)
        if not self._counted.test(self._failures, network):
            reset = self._counted.get_window_stats(self._failures, network).reset_time
            wait = max(1, math.ceil(reset - self._unix()))
            raise TooManyRequestsException(
                detail=f"too many keys or tokens from this address were refused; try again in {wait} s",
                headers={"Retry-After": str(wait)},
            )


def _network(address: str) -> str:
    """One customer's share of addresses: of IPv6 everybody has 2^64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(int(parsed) >> (128 - _NETWORK_BITS)) if isinstance(parsed, IPv6Address) else address
