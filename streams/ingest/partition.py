"""One partition of an upstream topic: every record becomes a canonical event, a visit for ``shop-traffic``, or a dead
letter.
"""

from collections.abc import Sequence

from faust.types import TP
from prometheus_client import Counter

from streams.bad_records import BadRecord
from streams.engine.batches import Record
from streams.engine.outbox import Outbox
from streams.engine.partition import Partition
from streams.mapping import Mapping, ShopTraffic
from streams.murmur import partition_of
from streams.refusing import Refuser
from streams.topics import MEMBER_EVENTS, SHOP_TRAFFIC


class SourcePartition(Partition):
    """Holds no state: what was sent and acknowledged is committed by the cut, and a replay sends the same events with
    the same ids.
    """

    def __init__(
        self,
        tp: TP,
        outbox: Outbox,
        mapping: Mapping,
        topics: dict[str, str],
        partition_count: int,
        refuser: Refuser,
        records: Counter,
    ) -> None:
        """``topics`` are the physical names of ``member-events`` and ``shop-traffic``; ``records`` has the labels topic
        and outcome.
        """
        super().__init__(tp)
        self._outbox = outbox
        self._map = mapping.apply
        self._member_events = topics[MEMBER_EVENTS]
        self._shop_traffic = topics[SHOP_TRAFFIC]
        self._partition_count = partition_count
        self._refuser = refuser
        self._mapped = records.labels(tp.topic, "mapped")
        self._traffic = records.labels(tp.topic, "shop_traffic")
        self._dead = records.labels(tp.topic, "dead_letter")

    def absorb(self, records: Sequence[Record]) -> None:
        """Map and send on, in order."""
        mapped = traffic = told = 0
        for record in records:
            try:
                event = self._map(_content(record))
                if event is None:
                    continue
                if isinstance(event, ShopTraffic):
                    self._outbox.put(
                        self._shop_traffic, partition_of(event.key, self._partition_count), event.key, event.value
                    )
                    traffic += 1
                    continue
            except BadRecord as bad:
                self._refuse(record, bad.reason, bad.detail, mapped + traffic - told)
                told = mapped + traffic
                continue
            except Exception as exc:  # noqa: BLE001 - whatever it is
                # A defect of the mapping's code must not stop the stream: one record, one dead letter.
                self._refuse(
                    record, "not_mappable", f"the mapping failed on this record: {exc!r}", mapped + traffic - told
                )
                told = mapped + traffic
                continue
            self._outbox.put(
                self._member_events, partition_of(event.key, self._partition_count), event.key, event.value
            )
            mapped += 1
        self._refuser.good(mapped + traffic - told)
        self._mapped.inc(mapped)
        self._traffic.inc(traffic)

    def _refuse(self, record: Record, reason: str, detail: str, good_before: int) -> None:
        self._refuser.refuse(record, reason, detail, good_before)
        self._dead.inc()


def _content(record: Record) -> bytes:
    if record.value is None:
        raise BadRecord("null_value", "the record has no value; a deletion marker is no event")
    return record.value
