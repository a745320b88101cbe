"""Checkout, as a process: notes when each mover's score is in Redis.

Redis itself says which keys it has changed (client-side caching, by prefix), so nobody has to ask again and again.
"""

import gc
import json
import time
from pathlib import Path
from typing import Any

from redis import Redis

from bench.job import tell
from bench.pace import Pace


def watch(pace: Pace) -> dict[str, float]:
    """By mover, when Redis said that the score had changed (epoch seconds)."""
    assert pace.redis is not None
    # Its annotations leave subscriptions out.
    redis: Any = Redis.from_url(pace.redis, protocol=2)
    listening = redis.pubsub()
    listening.subscribe("__redis__:invalidate")
    listening.get_message(timeout=5.0)
    prefix = pace.redis_prefix
    with Redis.from_url(pace.redis, single_connection_client=True) as tracking:
        listener = next(
            each["id"] for each in tracking.client_list() if "subscribe" in each["cmd"] and each["sub"] == "1"
        )
        tracking.execute_command("CLIENT", "TRACKING", "ON", "REDIRECT", listener, "BCAST", "PREFIX", prefix)
        tell(ready=True)
        found: dict[str, float] = {}
        heard = None
        while len(found) < pace.movers and (heard is None or time.time() - heard < pace.silence_s):
            message = listening.get_message(timeout=1.0)
            if message is None or message["type"] != "message":
                continue
            heard = time.time()
            for key in message["data"]:
                found.setdefault("p-" + key.decode()[len(prefix) :], heard)
        return found


def main() -> None:
    """Watch, write down, stop."""
    pace = Pace.from_arguments()
    gc.disable()  # Our own pauses are not the scorer's.
    found = watch(pace)
    assert len(found) == pace.movers, f"{pace.movers - len(found):,} scores did not come to Redis"
    Path(pace.stored).write_text(json.dumps(found))
    tell(seen=len(found))


if __name__ == "__main__":
    main()
