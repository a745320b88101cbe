"""What a batch says, read by aiokafka: the way every consumer will see it."""

from aiokafka.record.memory_records import MemoryRecords

from streams.engine.record_batches import Batch, encode_headers, sign
from streams.engine.sending import Batches

Headers = list[tuple[str, bytes]]


def written(batch: Batch) -> bytes:
    """The batch as it goes over the wire."""
    whole = bytearray().join((batch.head(), *batch.records))
    sign(whole, 0, batch.length)
    return bytes(whole)


def records_of(batches: Batches) -> list[tuple[bytes | None, bytes | None, Headers]]:
    """Key, value and headers of every record."""
    found: list[tuple[bytes | None, bytes | None, Headers]] = []
    for batch in batches.close():
        read = MemoryRecords(written(batch)).next_batch()
        assert read.validate_crc()
        found += [(record.key, record.value, list(record.headers)) for record in read]
    return found


def decoded_headers(encoded: bytes) -> Headers:
    """Headers from the bytes that records have them in."""
    batches = Batches()
    batches.append(None, None, encoded)
    [(_, _, headers)] = records_of(batches)
    assert encode_headers(headers) == encoded
    return headers
