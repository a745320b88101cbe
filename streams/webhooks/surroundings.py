"""What the endpoints of a process share."""

from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient

from streams.config import Settings
from streams.webhooks.clock import Clock
from streams.webhooks.completeness import Completeness
from streams.webhooks.standing import Standings
from streams.webhooks.undelivered import UndeliveredLog


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """``partitions`` is how many there are of each outcome topic."""

    settings: Settings
    admin: AIOKafkaAdminClient
    completeness: Completeness
    standings: Standings
    undelivered: UndeliveredLog
    clock: Clock
    partitions: int
