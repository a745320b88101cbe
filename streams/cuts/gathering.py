"""Which sketches are there, and is a date complete? Every partition's census, until the cuts are published."""

import logging
from collections.abc import Collection

import msgspec

from streams.cuts.census import SketchRecord, read_sketches
from streams.cuts.computing import compute
from streams.cuts.sketches import MemberSketches
from streams.cuts_document import DatedCuts

log = logging.getLogger(__name__)


class Gathering:
    """The newest sketches per date and partition of one epoch."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._found: dict[str, dict[int, SketchRecord]] = {}
        self._warned = ""

    def absorb(self, value: bytes) -> None:
        """Take one record of ``cut-sketches``; one that cannot be read is said and left out."""
        try:
            record = read_sketches(value)
        except msgspec.DecodeError as error:
            log.warning("A partition's sketches cannot be read and are left out: %s", error)
            return
        if record.epoch == self._epoch:
            self._found.setdefault(record.date, {})[record.partition] = record

    def forget(self, date: str) -> None:
        """Drop what is of this date or an earlier one: its cuts are published, or never will be."""
        self._found = {found: records for found, records in self._found.items() if found > date}

    def cuts(self, partitions: Collection[int]) -> DatedCuts | None:
        """The cuts of the latest date for which every partition was counted under the same policy.

        A date that some partition is late for waits; when a later one is complete first, it gets no cuts.
        """
        for date in sorted(self._found, reverse=True):
            records = self._found[date]
            if not records.keys() >= set(partitions):
                continue
            counted = [records[number] for number in sorted(partitions)]
            if len({record.policy for record in counted}) > 1:
                if self._warned != date:
                    log.warning("No cuts of %s: the policy changed while members were counted", date)
                    self._warned = date
                continue
            try:
                return _merged(date, counted)
            except ValueError as error:
                log.warning("No cuts of %s: %s", date, error)
        return None


def _merged(date: str, counted: list[SketchRecord]) -> DatedCuts:
    together = MemberSketches()
    for record in counted:
        together.merge(MemberSketches.unpack(record.sketches))
    document = compute(together, counted[0].asked)
    return DatedCuts(date, msgspec.Raw(document.encode()))
