"""The common job on PyFlink: a program of its own environment, which has nothing of the bench.

Arguments: name, bootstrap servers, topic, directory for checkpoints, home of Java, the connector's jar. Flink keeps its
state in checkpoints; at the end of the topic every member's standing goes into the topic NAME-standings, as the
member's id, a bar and the JSON list of count, sum, tier and the text of the last time.
"""

import json
import os
import signal
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from pyflink.common import Configuration, Row, Types, WatermarkStrategy
from pyflink.common.serialization import SimpleStringSchema
from pyflink.datastream import KeyedProcessFunction, RuntimeContext, StreamExecutionEnvironment
from pyflink.datastream.connectors.base import DeliveryGuarantee
from pyflink.datastream.connectors.kafka import (
    KafkaOffsetsInitializer,
    KafkaRecordSerializationSchema,
    KafkaSink,
    KafkaSource,
)
from pyflink.datastream.formats.json import JsonRowDeserializationSchema
from pyflink.datastream.output_tag import OutputTag
from pyflink.datastream.state import ValueStateDescriptor

THRESHOLDS = (10_000, 30_000, 80_000)
TIERS = "DCBA"
ORDER = Types.ROW_NAMED(["member_id", "net_amount", "occurred_at"], [Types.STRING(), Types.LONG(), Types.STRING()])
STANDING = Types.TUPLE([Types.LONG(), Types.LONG(), Types.INT(), Types.STRING()])
STANDINGS = OutputTag("standings", Types.STRING())
#: The watermark passes this instant at the end of the topic only (epoch ms).
AT_THE_END = 1 << 60


class Count(KeyedProcessFunction):
    """Every order into its member's standing; the changes of tier they lead to."""

    def open(self, runtime_context: RuntimeContext) -> None:
        """Begin to tell how many orders are handled, fifty times a second, wherever this runs."""
        self._standing = runtime_context.get_state(ValueStateDescriptor("standing", STANDING))
        self._handled = 0
        threading.Thread(target=self._tell, daemon=True).start()

    def process_element(self, order: Row, context: KeyedProcessFunction.Context) -> Iterator[str]:
        """Count an order; tell the change of tier it leads to."""
        member, amount, at = order
        known = self._standing.value()
        if known is None:
            context.timer_service().register_event_time_timer(AT_THE_END)
            known = (0, 0, 0, "")
        number, spent, before, _ = known
        spent += amount
        tier = sum(spent >= threshold for threshold in THRESHOLDS)
        self._standing.update((number + 1, spent, tier, at))
        self._handled += 1
        if tier != before:
            yield f'{{"member_id":"{member}","from":"{TIERS[before]}","to":"{TIERS[tier]}","monetary":{spent}}}'

    def on_timer(self, timestamp: int, context: KeyedProcessFunction.OnTimerContext) -> Iterator[tuple[OutputTag, str]]:
        """Tell where the member stands."""
        yield STANDINGS, f"{context.get_current_key()}|{json.dumps(self._standing.value())}"

    def _tell(self) -> None:
        while True:
            print(json.dumps({"handled": self._handled}), file=sys.__stdout__, flush=True)
            time.sleep(0.02)


def sink(bootstrap: str, topic: str, *, keyed: bool) -> KafkaSink:
    """Text into a topic, as the key as well where ``keyed``; sent before a checkpoint is complete."""
    record = (
        KafkaRecordSerializationSchema.builder().set_topic(topic).set_value_serialization_schema(SimpleStringSchema())
    )
    if keyed:
        record = record.set_key_serialization_schema(SimpleStringSchema())
    return (
        KafkaSink.builder()
        .set_bootstrap_servers(bootstrap)
        .set_record_serializer(record.build())
        .set_delivery_guarantee(DeliveryGuarantee.AT_LEAST_ONCE)
        .set_property("linger.ms", "100")
        .set_property("batch.size", str(512 * 1024))
        .build()
    )


def main() -> None:
    """Count to the end of the topic, then write the standings."""
    name, bootstrap, topic, directory, java, jar = sys.argv[1:]
    # Java is started with these; the Python inside it does not know of our environment otherwise.
    os.environ |= {"JAVA_HOME": java, "FLINK_LOG_DIR": directory, "PYTHONPATH": sysconfig.get_path("purelib")}
    # It ends by itself at the end of the topic; the standings are written then, whoever is in a hurry.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    settings = Configuration()
    for key, value in {
        "pipeline.jars": Path(jar).as_uri(),
        "execution.checkpointing.interval": "1s",
        "execution.checkpointing.dir": Path(directory).as_uri(),
        "state.backend.type": "hashmap",
        "pipeline.object-reuse": "true",
        "python.execution-mode": "thread",
        "python.executable": sys.executable,
        "python.client.executable": sys.executable,
    }.items():
        settings.set_string(key, value)
    env = StreamExecutionEnvironment.get_execution_environment(settings)
    env.set_parallelism(1)
    source = (
        KafkaSource.builder()
        .set_bootstrap_servers(bootstrap)
        .set_topics(topic)
        .set_group_id(name)
        .set_starting_offsets(KafkaOffsetsInitializer.earliest())
        .set_bounded(KafkaOffsetsInitializer.latest())
        .set_value_only_deserializer(JsonRowDeserializationSchema.builder().type_info(ORDER).build())
        .build()
    )
    orders = env.from_source(source, WatermarkStrategy.no_watermarks(), "orders", ORDER)
    # The policy, which only the full product reads, is of no member.
    changes = (
        orders.filter(lambda order: order[0] is not None)
        .key_by(lambda order: order[0], Types.STRING())
        .process(Count(), Types.STRING())
    )
    changes.sink_to(sink(bootstrap, f"{name}-tier-changes", keyed=False))
    changes.get_side_output(STANDINGS).sink_to(sink(bootstrap, f"{name}-standings", keyed=True))
    env.execute("common_job")


if __name__ == "__main__":
    main()
