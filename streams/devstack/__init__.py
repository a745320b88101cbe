"""Kafka and Redis themselves on this machine, without containers: for the demo, `up`, the tests and the bench.

Never used in production; everything here listens on loopback only and keeps one copy of the data.
"""

from streams.devstack.errors import DevStackError
from streams.devstack.kafka import Broker
from streams.devstack.redis import RedisServer
from streams.devstack.stack import DevStack

__all__ = ["Broker", "DevStack", "DevStackError", "RedisServer"]
