"""Who takes part in the common job."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.builds import Builds
from bench.contenders.bytewax import Bytewax
from bench.contenders.common import CommonContender
from bench.contenders.engine import CommonEngine
from bench.contenders.kafka_streams import KafkaStreams
from bench.contenders.pyflink import PyFlink
from bench.contenders.quix import QuixStreams
from bench.contenders.stock_faust import StockFaust
from bench.peer_environments import PeerUnavailableError
from streams.commands.output import notes

#: The name of the contender that the whole product is held against as well.
KAFKA_STREAMS_BEST: Final = "kafka-streams-best"


def engines(made: Builds) -> list[CommonContender]:
    """Our engine, the fastest build first."""
    pure = CommonEngine(made.pure, compiled=False)
    return [pure] if made.compiled is None else [CommonEngine(made.compiled, compiled=True), pure]


def peers(state: Path) -> list[CommonContender]:
    """Everybody else who can be run on this machine; who cannot is told and left out. ``state`` is for their stores."""
    makers: list[Callable[[], CommonContender]] = [
        lambda: KafkaStreams(state, memory=True),
        lambda: KafkaStreams(state, memory=False),
        lambda: QuixStreams(state),
        lambda: Bytewax(state),
        lambda: PyFlink(state),
        StockFaust,
    ]
    found: list[CommonContender] = []
    for make in makers:
        try:
            found.append(make())
        except PeerUnavailableError as error:
            notes().print(f"Left out: {error}", highlight=False)
    return found
