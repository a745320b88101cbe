"""What the engine overrides of Faust and mode, an entry for each method."""

import faust
import pytest
from faust.stores.memory import Store as MemoryStore
from faust.tables import Table
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport import consumer as transport
from faust.transport.drivers import aiokafka as driver
from mode import Service

from streams.engine.app import BatchApp
from streams.engine.consumer import BatchConsumer, BatchConsumerThread, BatchTransport
from streams.engine.recovery import BatchRecovery, BatchTableManager
from streams.engine.table import RowStore, RowTable
from tests.contracts.reliance import Reliance, check, source_of

OVERRIDDEN: dict[tuple[type, str], Reliance] = {
    (BatchConsumerThread, "_create_worker_consumer"): Reliance(
        driver.AIOKafkaConsumerThread._create_worker_consumer,
        ("self", "transport"),
        ("enable_auto_commit=False", "fetch_max_wait_ms=1500", "isolation_level"),
        "the fetch wait is hard-coded here, so it is corrected on the object",
    ),
    (BatchConsumerThread, "on_start"): Reliance(
        driver.AIOKafkaConsumerThread.on_start,
        ("self",),
        ("self._consumer = self._create_consumer(", "await self._consumer.start()"),
        "the fetcher exists afterwards, and nothing is assigned to it yet",
    ),
    (BatchConsumerThread, "on_partitions_assigned"): Reliance(
        transport.ConsumerThread.on_partitions_assigned,
        ("self", "assigned", "generation_id"),
        ("self.consumer.threadsafe_partitions_assigned(",),
        "called in the thread, with the assignment in place and before the app hears of it",
    ),
    (BatchConsumer, "_new_consumer_thread"): Reliance(
        driver.Consumer._new_consumer_thread,
        ("self",),
        ("AIOKafkaConsumerThread(self",),
        "the thread class is chosen here",
    ),
    (BatchConsumer, "_drain_messages"): Reliance(
        transport.Consumer._drain_messages,
        ("self", "fetcher"),
        ("consumer_stopped_errors", "should_stop"),
        "the fetcher's whole work is this method",
    ),
    (BatchConsumer, "force_commit"): Reliance(
        transport.Consumer.force_commit,
        ("self", "topics", "start_new_transaction"),
        ("_commit_tps(",),
        "every commit goes through commit() and force_commit()",
    ),
    (BatchConsumer, "_commit_handler"): Reliance(
        transport.Consumer._commit_handler.fun,
        ("self",),
        ("await self.sleep(interval)", "await self.commit()"),
        "the commit loop is this task",
    ),
    (BatchConsumer, "perform_seek"): Reliance(
        transport.Consumer.perform_seek,
        ("self",),
        ("seek_to_committed()", "read_offset.update", "_committed_offset.update"),
        "called when a recovery is over: the only place that decides where reading starts",
    ),
    (BatchConsumer, "seek_wait"): Reliance(
        transport.ThreadDelegateConsumer.seek_wait,
        ("self", "partitions"),
        ("self._thread.seek_wait(partitions)",),
        "recovery seeks through it",
    ),
    (BatchConsumer, "on_partitions_revoked"): Reliance(
        transport.Consumer.on_partitions_revoked,
        ("self", "revoked"),
        ("_acked.pop", "_on_partitions_revoked"),
        "called while the old generation is still valid",
    ),
    (BatchConsumer, "on_partitions_assigned"): Reliance(
        transport.Consumer.on_partitions_assigned,
        ("self", "assigned", "generation_id"),
        ("_set_active_tps(assigned)", "_on_partitions_assigned", "on_rebalance_return()"),
        "partitions are created before Faust's tables and recovery hear of the assignment",
    ),
    (BatchConsumer, "verify_event_path"): Reliance(
        driver.Consumer.verify_event_path,
        ("self", "now", "tp"),
        ("_thread.verify_event_path",),
        "only logs; the progress watch replaces it",
    ),
    (BatchRecovery, "on_rebalance"): Reliance(
        Recovery.on_rebalance,
        ("self", "assigned", "revoked", "newly_assigned", "generation_id"),
        ("self.revoke(tp)", "active_tps.clear()", "add_active(table, tp)", "signal_recovery_start.set()"),
        "offsets of partitions that were kept survive here, others are forgotten before",
    ),
    (BatchRecovery, "_build_highwaters"): Reliance(
        Recovery._build_highwaters,
        ("self", "consumer", "tps", "destination", "title"),
        ("consumer.highwaters(*tps)", "value - 1", "destination.update(highwaters)"),
        "highwater is the offset of the last record, one less than the end",
    ),
    (BatchRecovery, "_seek_offsets"): Reliance(
        Recovery._seek_offsets,
        ("self", "consumer", "tps", "offsets", "title"),
        ("if offset == -1", "consumer.seek_wait(new_offsets)"),
        "seeks once before reading",
    ),
    (BatchRecovery, "_slurp_changelogs"): Reliance(
        Recovery._slurp_changelogs.fun,
        ("self",),
        ("signal_recovery_end.clear()", "changelog_queue.get()"),
        "its loop clears the signal that we set",
    ),
    (BatchRecovery, "_set_recovery_started"): Reliance(
        Recovery._set_recovery_started,
        ("self",),
        ("self.in_recovery = True", "_recovery_started_at = monotonic()"),
        "marks the beginning",
    ),
    (BatchRecovery, "_set_recovery_ended"): Reliance(
        Recovery._set_recovery_ended, ("self",), ("self.in_recovery = False",), "marks the end"
    ),
    (BatchTableManager, "recovery"): Reliance(
        vars(TableManager)["recovery"].fget,
        ("self",),
        ("if self._recovery is None", "Recovery("),
        "the recovery class is chosen here",
    ),
    (RowTable, "_new_store"): Reliance(Table._new_store, ("self",), ("_new_store_by_url",), "the store is chosen here"),
    (RowStore, "on_recovery_completed"): Reliance(
        MemoryStore.on_recovery_completed,
        ("self", "active_tps", "standby_tps"),
        (),
        "awaited after reading the changelog",
    ),
    (RowStore, "on_rebalance"): Reliance(
        MemoryStore.on_rebalance,
        ("self", "assigned", "revoked", "newly_assigned", "generation_id"),
        (),
        "rows live elsewhere",
    ),
    (BatchApp, "_new_transport"): Reliance(
        faust.App._new_transport, ("self",), ("transport.by_url",), "the transport is chosen here"
    ),
    (BatchApp, "_crash"): Reliance(
        Service._crash, ("self", "reason"), ("_crashed.set()",), "every crash of a child reaches the app here"
    ),
    (BatchApp, "on_first_start"): Reliance(
        faust.App.on_first_start, ("self",), ("_create_directories",), "runs before any dependency starts"
    ),
    (BatchApp, "on_stop"): Reliance(
        faust.App.on_stop, ("self",), ("_stop_consumer()",), "runs before the consumer and its thread are stopped"
    ),
}

OURS = (
    BatchConsumerThread,
    BatchConsumer,
    BatchTransport,
    BatchRecovery,
    BatchTableManager,
    RowTable,
    RowStore,
    BatchApp,
)


@pytest.mark.parametrize(("ours", "name"), OVERRIDDEN, ids=lambda part: getattr(part, "__name__", part))
def test_overridden_method_is_what_the_engine_was_written_against(ours: type, name: str) -> None:
    assert name in vars(ours), f"{ours.__name__} no longer overrides {name}: delete its entry"
    check(OVERRIDDEN[ours, name])


def overrides(ours: type) -> set[str]:
    bases = ours.__mro__[1:]
    own = {
        name
        for name, member in vars(ours).items()
        if callable(member) or isinstance(member, property) or hasattr(member, "fun")
    }
    return {
        name
        for name in own
        if not name.startswith("__") and any(name in vars(base) for base in bases if base is not object)
    }


@pytest.mark.parametrize("ours", OURS, ids=lambda ours: ours.__name__)
def test_every_override_has_its_entry(ours: type) -> None:
    listed = {name for kind, name in OVERRIDDEN if kind is ours}
    assert overrides(ours) - {"Consumer"} == listed


def test_transport_takes_its_consumer_class_from_an_attribute() -> None:
    assert driver.Transport.Consumer is driver.Consumer
    assert BatchTransport.Consumer is BatchConsumer
    assert "self.Consumer(" in source_of(driver.Transport.create_consumer)
