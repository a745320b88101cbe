"""What calls the engine's overrides in Faust, and how."""

import faust
import pytest
from faust.tables.recovery import Recovery
from faust.transport import consumer as transport
from faust.transport.drivers import aiokafka as driver

from streams.engine.app import BatchApp
from streams.engine.observer import Observer
from streams.engine.settings import EngineSettings
from tests.contracts.reliance import Reliance, check

CALLED: dict[str, Reliance] = {
    "nobody looks how restoring ended": Reliance(
        Recovery.on_recovery_completed,
        ("self", "generation_id"),
        ("asyncio.wait(callback_coros)", "assignment = consumer.assignment()"),
        "RowStore.on_recovery_completed has to end the process itself",
    ),
    "the fetcher drains": Reliance(
        transport.Fetcher._fetcher.fun,
        ("self",),
        ("consumer._drain_messages(self)",),
        "our drain is never called otherwise",
    ),
    "one commit at a time": Reliance(
        transport.Consumer.commit,
        ("self", "topics", "start_new_transaction"),
        ("maybe_wait_for_commit_to_finish", "self.force_commit("),
        "cuts would overlap",
    ),
    "waiting for records": Reliance(
        transport.Consumer._wait_next_records,
        ("self", "timeout"),
        ("if not self.flow_active", "_get_active_partitions()", "self._getmany("),
        "returns the chunks and the active partitions",
    ),
    "recovery order": Reliance(
        Recovery.on_recovery_completed,
        ("self", "generation_id"),
        (
            "table.on_recovery_completed(",
            "consumer_generation_id != generation_id",
            "resume_partitions",
            "perform_seek()",
            "flow_control.resume()",
            "resume_flow()",
            "on_actives_ready()",
        ),
        "rows are restored, then positions decided, then records delivered",
    ),
    "no table, same end": Reliance(
        Recovery._resume_streams,
        ("self", "generation_id"),
        ("perform_seek()", "resume_flow()", "on_actives_ready()"),
        "ingest starts the same way",
    ),
    "what is still to restore": Reliance(
        Recovery.active_remaining, ("self",), ("highwater - offsets[tp]",), "our chunks end the recovery by it"
    ),
    "first offset to restore": Reliance(
        Recovery._build_offsets,
        ("self", "consumer", "tps", "destination", "title"),
        ("earliest_offsets(*tps)", "offset - 1", "destination[tp] = new_value"),
        "one before the earliest: nothing read yet",
    ),
    "revocation comes first": Reliance(
        driver.ConsumerRebalanceListener.on_partitions_assigned,
        ("self", "assigned"),
        ("consumer_generation_id = generation", "on_partitions_assigned("),
        "the generation is known before the assignment is handled",
    ),
}


@pytest.mark.parametrize("called", CALLED)
def test_code_around_the_overrides_still_calls_them_as_the_engine_expects(called: str) -> None:
    check(CALLED[called])


def test_faust_is_the_pinned_one() -> None:
    assert faust.__version__.startswith("0.15.")


async def test_standby_worker_is_never_idle_enough_to_leave_the_group() -> None:
    settings = EngineSettings(app_id="shop", bootstrap="127.0.0.1:1", session_timeout=10, commit_interval=1)
    app = BatchApp(settings, lambda tp, outbox: NotImplemented, Observer())
    thirty_years = 30 * 365 * 86_400
    assert app.conf.broker_max_poll_interval is not None
    assert app.conf.broker_max_poll_interval > thirty_years
