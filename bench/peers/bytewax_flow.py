"""The common job on Bytewax: a program of its own environment, which has nothing of the bench.

Arguments: name, bootstrap servers, topic, directory for the recovery store. Bytewax keeps its state in SQLite; at the
end of the topic every member's standing goes into the topic NAME-standings, as the JSON list of count, sum, tier and
the text of the last time.
"""

import json
import signal
import sys
import threading
import time
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import orjson
from bytewax._bytewax import cli_main
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSource
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulLogic
from bytewax.recovery import RecoveryConfig, init_db_dir

THRESHOLDS = (10_000, 30_000, 80_000)
TIERS = "DCBA"
#: A change of tier, or the standing at the end: whether it is the latter, and the record's value.
Told = tuple[bool, bytes]

name, bootstrap, topic, directory = sys.argv[1:]


class Progress:
    """How many orders are handled."""

    handled = 0


class Member(StatefulLogic[bytes, Told, list[Any]]):
    """One member's standing."""

    def __init__(self, resumed: list[Any] | None) -> None:
        self.standing: list[Any] = resumed or [0, 0, 0, ""]

    def on_item(self, value: bytes) -> tuple[Iterable[Told], bool]:
        """Count an order; tell the change of tier it leads to."""
        order = orjson.loads(value)
        number, spent, before, _ = self.standing
        spent += order["net_amount"]
        tier = sum(spent >= threshold for threshold in THRESHOLDS)
        self.standing = [number + 1, spent, tier, order["occurred_at"]]
        Progress.handled += 1
        if tier == before:
            return (), StatefulLogic.RETAIN
        change = {"member_id": order["member_id"], "from": TIERS[before], "to": TIERS[tier], "monetary": spent}
        return ((False, orjson.dumps(change)),), StatefulLogic.RETAIN

    def on_eof(self) -> tuple[Iterable[Told], bool]:
        """Tell where the member stands."""
        return ((True, orjson.dumps(self.standing)),), StatefulLogic.RETAIN

    def snapshot(self) -> list[Any]:
        """What the recovery store keeps."""
        return self.standing


def record(told: tuple[str, Told]) -> KafkaSinkMessage[bytes, bytes]:
    """The record of what was told, with the topic that it goes to."""
    key, (at_end, value) = told
    where = f"{name}-standings" if at_end else f"{name}-tier-changes"
    return KafkaSinkMessage(key.encode(), value, topic=where)


def tell() -> None:
    """Say how many orders are handled, fifty times a second."""
    while True:
        print(json.dumps({"handled": Progress.handled}), flush=True)
        time.sleep(0.02)


# It ends by itself at the end of the topic; the standings are written then, whoever is in a hurry.
signal.signal(signal.SIGTERM, signal.SIG_IGN)
flow = Dataflow("common_job")
source = KafkaSource([bootstrap], [topic], tail=False, add_config={"auto.offset.reset": "earliest"})
read = op.input("orders", flow, source)
# The policy, which only the full product reads.
orders = op.filter("members", read, lambda message: message.key != b"\x00partition")
keyed = op.map("keyed", orders, lambda message: (message.key.decode(), message.value))
told = op.stateful("count", keyed, Member)
kop.output("out", op.map("records", told, record), brokers=[bootstrap], topic=f"{name}-tier-changes")
recovery = Path(directory)
init_db_dir(recovery, 1)
threading.Thread(target=tell, daemon=True).start()
cli_main(flow, epoch_interval=timedelta(seconds=1), recovery_config=RecoveryConfig(recovery))
print(json.dumps({"handled": Progress.handled}), flush=True)
