"""What a batch of records asks of Redis."""

import logging
from collections.abc import Iterable
from typing import Any

from prometheus_client import Counter

from streams.projector.versions import UnusableScoreError, stored_form

log = logging.getLogger(__name__)


def stored_forms(records: Iterable[Any], unusable: Counter) -> tuple[list[bytes], list[bytes]]:
    """Member ids and what Redis is to hold for them, in topic order; what is no score is said, counted and left out."""
    members, values = [], []
    for record in records:
        try:
            values.append(stored_form(record.value, record.headers))
        except UnusableScoreError as error:
            unusable.inc()
            log.error(  # noqa: TRY400 - the sentence says it; a traceback of our own check adds nothing
                "Left out a record of %s (partition %d, offset %d) that is no score: %s",
                record.topic,
                record.partition,
                record.offset,
                error,
            )
            continue
        members.append(record.key or b"")
    return members, values
