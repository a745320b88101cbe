"""The cuts of a day: computed once when every partition was counted, kept on the control topic, copied into every
partition.
"""

import asyncio
import logging
import time

from streams.cuts.gathering import Gathering
from streams.metrics.ticker import TickerMetrics
from streams.ticker.appending import Appending
from streams.ticker.evidence import Evidence
from streams.ticker.office import Office

log = logging.getLogger(__name__)


class DailyCuts:
    """Takes one step per interval, beside the ticks and never before them.

    Each step begins with what the control topic says. So the ticker that follows one who died goes on where that one
    stopped, and of two who hold the office for a moment both copy the cuts that were kept first.
    """

    def __init__(self, epoch: int, metrics: TickerMetrics) -> None:
        self._gathering = Gathering(epoch)
        self._metrics = metrics

    async def go_on(self, office: Office, evidence: Evidence, appending: Appending) -> None:
        """Copy cuts that some partition may lack, or else compute the next ones.

        Raises ``aiokafka.errors.KafkaError`` or ``kafka.errors.KafkaError`` as what it is given does.
        """
        term, control = office.term, office.control
        newest = control.cuts
        if newest is not None and newest.date > control.copied:
            if office.serves(term) and await appending.copy_cuts(newest):
                control.copied = newest.date
                self._metrics.cuts.set(time.time())
                log.info("The cuts of %s are in every partition", newest.date)
            return
        for value in await asyncio.to_thread(evidence.new_sketches):
            self._gathering.absorb(value)
        if newest is not None:
            self._gathering.forget(newest.date)
        partitions = await appending.partitions()
        cuts = await asyncio.to_thread(self._gathering.cuts, partitions)
        if cuts is not None and office.serves(term):
            log.info("The cuts of %s: %s", cuts.date, bytes(cuts.cuts).decode())
            await appending.keep_cuts(cuts)
