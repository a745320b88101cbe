"""The deliverer with a weakness, for tests only: what it has read counts as delivered, and is committed."""

from collections.abc import Iterable
from typing import Any

from streams.__main__ import main
from streams.webhooks.lane import Lane, Waiting

_put, _finish = Lane.put, Lane.finish


def put_and_be_done(lane: Lane, topic: str, records: Iterable[Any]) -> None:
    """All that was read is done."""
    _put(lane, topic, records)
    lane.done[topic] = lane._read_to[topic]


def finish_and_be_done(lane: Lane, waiting: Waiting) -> None:
    """Likewise."""
    _finish(lane, waiting)
    lane.done[waiting.topic] = lane._read_to[waiting.topic]


if __name__ == "__main__":
    # By name, past the type checker: a test takes the place of a method for the life of the process.
    for name, weak in (("put", put_and_be_done), ("finish", finish_and_be_done)):
        setattr(Lane, name, weak)
    raise SystemExit(main(["deliver"]))
