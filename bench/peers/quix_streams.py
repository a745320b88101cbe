"""The common job on Quix Streams: a program of its own environment, which has nothing of the bench.

Arguments: name, bootstrap servers, topic, directory for state. A member's value in the changelog is the JSON list of
count, sum, tier and the text of the last time.
"""

import json
import sys
import threading
import time
from typing import Any

import orjson
from quixstreams import Application, State

THRESHOLDS = (10_000, 30_000, 80_000)
TIERS = "DCBA"

name, bootstrap, topic, directory = sys.argv[1:]


class Progress:
    """How many orders are handled."""

    handled = 0


def count(value: bytes, state: State) -> dict[str, Any] | None:
    """One order into its member's standing; the change of tier it leads to."""
    order = orjson.loads(value)
    number, spent, before, _ = state.get("standing") or (0, 0, 0, "")
    spent += order["net_amount"]
    tier = sum(spent >= threshold for threshold in THRESHOLDS)
    state.set("standing", [number + 1, spent, tier, order["occurred_at"]])
    Progress.handled += 1
    if tier == before:
        return None
    return {"member_id": order["member_id"], "from": TIERS[before], "to": TIERS[tier], "monetary": spent}


def tell() -> None:
    """Say how many orders are handled, fifty times a second."""
    while True:
        print(json.dumps({"handled": Progress.handled}), flush=True)
        time.sleep(0.02)


app = Application(
    broker_address=bootstrap,
    consumer_group=name,
    auto_offset_reset="earliest",
    state_dir=directory,
    commit_interval=1.0,
    loglevel="WARNING",
)
orders = app.topic(topic, key_deserializer="bytes", value_deserializer="bytes")
changes = app.topic(f"{name}-tier-changes", value_serializer="json")
frame = app.dataframe(orders)
# The policy, which only the full product reads.
frame = frame.filter(lambda value, key, timestamp, headers: key != b"\x00partition", metadata=True)
frame = frame.apply(count, stateful=True)
frame.filter(lambda change: change is not None).to_topic(changes)
threading.Thread(target=tell, daemon=True).start()
app.run()
