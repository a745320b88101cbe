from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.tables.recovery import RebalanceAgain
from faust.types import TP

from streams.engine.absorbing import Absorbing
from streams.engine.app import BatchApp
from streams.engine.assignment import Assignment
from streams.engine.backlog import Backlog
from streams.engine.consumer import BatchConsumer, BatchConsumerThread
from streams.engine.fencing import end_process
from streams.engine.observer import Observer
from streams.engine.placing import Placing
from streams.engine.recovery import BatchRecovery

MINE, OTHER = TP("events", 0), TP("events", 1)


class Named(SimpleNamespace):
    """A partition that is known by its name."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, position=0)


def app_with(*tps: TP) -> Any:
    """An app to which these partitions were assigned, whose five first records are committed and ten known of."""
    made: Any = lambda tp: Named(f"new {tp.partition}")  # noqa: E731 - typed as what makes partitions
    assignment = Assignment(made)
    kept: Any = {tp: Named(f"kept {tp.partition}") for tp in tps}
    assignment.partitions, assignment.whole = kept, set(tps)
    backlog = Backlog(assignment, lambda: NotImplemented)
    for tp in tps:
        backlog.told_end(tp, 10)
    return SimpleNamespace(
        assignment=assignment,
        backlog=backlog,
        observer=Observer(),
        tables=SimpleNamespace(changelog_topics={"changelog"}),
        cutter=SimpleNamespace(committed=dict.fromkeys(tps, 5)),
    )


def names(app: Any) -> dict[TP, str]:
    return {tp: partition.name for tp, partition in app.assignment.partitions.items()}


def test_partition_that_stays_ours_is_kept_in_memory() -> None:
    app = app_with(MINE)
    BatchApp.assign(app, {MINE, OTHER, TP("changelog", 0)}, keep=True)
    assert names(app) == {MINE: "kept 0", OTHER: "new 1"}
    assert (app.cutter.committed, app.backlog.lag(MINE)) == ({MINE: 5}, 10)
    assert app.assignment.keeps(TP("changelog", 0))


def test_partition_that_may_have_been_somebody_elses_is_made_anew() -> None:
    app = app_with(MINE)
    BatchApp.assign(app, {MINE}, keep=False)
    assert names(app) == {MINE: "new 0"}
    assert (app.cutter.committed, app.backlog.lag(MINE)) == ({}, 0)


def test_partition_that_was_still_being_restored_is_made_anew() -> None:
    app = app_with(MINE, OTHER)
    app.assignment.whole = {OTHER}
    BatchApp.assign(app, {MINE, OTHER}, keep=True)
    assert names(app) == {MINE: "new 0", OTHER: "kept 1"}
    assert not app.assignment.keeps(TP("changelog", 0))


def test_partition_that_went_is_dropped() -> None:
    app = app_with(MINE, OTHER)
    BatchApp.assign(app, {OTHER}, keep=True)
    assert names(app) == {OTHER: "kept 1"}


@pytest.mark.parametrize(
    ("closed_in_order", "before", "now", "kept"),
    [
        (True, 7, 8, True),
        (True, 7, 9, False),  # a generation went by without us: somebody else may have written
        (False, 7, 8, False),  # no last cut was made
        (True, -1, 1, False),  # the first assignment
    ],
)
async def test_state_is_kept_only_over_the_generation_that_follows_the_last_cut(
    monkeypatch: pytest.MonkeyPatch, closed_in_order: bool, before: int, now: int, kept: bool
) -> None:
    told: list[bool] = []
    consumer: Any = BatchConsumer.__new__(BatchConsumer)
    consumer._closed_in_order, consumer._generation = closed_in_order, before
    consumer._refetch, consumer._next = {MINE}, {MINE: 3}
    consumer.app = SimpleNamespace(should_stop=False, assign=lambda tps, *, keep: told.append(keep))

    async def faust_goes_on(*_: Any) -> None: ...

    monkeypatch.setattr("faust.transport.consumer.Consumer.on_partitions_assigned", faust_goes_on)
    await consumer.on_partitions_assigned({MINE}, now)
    assert told == [kept]
    assert (consumer._refetch, consumer._next, consumer._generation) == (set(), {}, now)


async def test_kept_partition_has_nothing_to_restore_and_is_placed_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, fresh = TP("changelog", 0), TP("changelog", 1)
    recovery: Any = BatchRecovery.__new__(BatchRecovery)
    recovery.app = SimpleNamespace(assignment=SimpleNamespace(keeps=lambda tp: tp == kept))
    recovery.active_offsets = Counter({kept: 40, fresh: -1})

    async def highwaters_of_faust(self: Any, consumer: Any, tps: Any, destination: Any, title: str) -> None:
        destination.update({kept: 99, fresh: 59})

    monkeypatch.setattr("faust.tables.recovery.Recovery._build_highwaters", highwaters_of_faust)
    recovery.active_highwaters = Counter()
    await recovery._build_highwaters(None, {kept, fresh}, recovery.active_highwaters, "active")
    assert recovery.active_remaining() == {kept: 0, fresh: 60}
    sought: dict[TP, int] = {}

    async def seek_wait(offsets: dict[TP, int]) -> None:
        sought.update(offsets)

    group = SimpleNamespace(seek_wait=seek_wait, highwaters=lambda *tps: answer(dict.fromkeys(tps, 100)))
    await recovery._seek_offsets(group, {kept, fresh}, recovery.active_offsets, "active")
    assert sought == {kept: 100, fresh: 0}


class AppInRecovery:
    """As much of an app as deciding where reading starts needs."""

    def __init__(self) -> None:
        partition: Any = SimpleNamespace(position=0)
        self.assignment = Assignment(lambda _: partition)
        self.assignment.assign({MINE}, keep=False)
        self.consumer: Any = None
        self.placing = Placing(self.assignment, lambda: self.consumer, end_process)
        self.cutter = cutter = cast(Any, SimpleNamespace(allowed=False, committed={}))
        nothing: Any = None
        self.absorbing = Absorbing(self.assignment, cutter, nothing, nothing, nothing)
        self.reader = SimpleNamespace(look_again=lambda: None)


async def answer(value: Any) -> Any:
    return value


@pytest.mark.parametrize("revoked_meanwhile", [False, True])
async def test_partition_revoked_while_its_start_was_looked_up_does_not_begin(revoked_meanwhile: bool) -> None:
    app: Any = AppInRecovery()

    async def committed_offsets(tps: Any) -> dict[TP, int]:
        if revoked_meanwhile:
            app.assignment.revoke()
        return {MINE: 4}

    app.consumer = SimpleNamespace(
        partition_counts=lambda topics: answer({MINE.topic: 1}),
        committed_offsets=committed_offsets,
        earliest_offsets=lambda *tps: answer({MINE: 0}),
        highwaters=lambda *tps: answer({MINE: 9}),
    )
    if revoked_meanwhile:
        with pytest.raises(RebalanceAgain):
            await BatchApp.begin_reading(app, {MINE})
        assert (app.cutter.allowed, app.assignment.whole) == (False, set())
        assert app.absorbing.positions() == {}
    else:
        await BatchApp.begin_reading(app, {MINE})
        assert (app.cutter.allowed, app.assignment.whole) == (True, {MINE})
        assert app.cutter.committed == {MINE: 4}
        assert app.absorbing.positions() == {MINE: 4}
        app.assignment.revoke()
        assert app.absorbing.positions() == {}


async def test_worker_that_is_stopping_begins_nothing_of_a_new_assignment(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer: Any = BatchConsumer.__new__(BatchConsumer)
    consumer._closed_in_order, consumer._generation = True, 7
    consumer._refetch, consumer._next = set(), {}
    consumer.app = SimpleNamespace(should_stop=True, cutter=SimpleNamespace(allowed=True))

    async def faust_goes_on(*_: Any) -> None: ...

    monkeypatch.setattr("faust.transport.consumer.Consumer.on_partitions_assigned", faust_goes_on)
    await consumer.on_partitions_assigned({MINE}, 8)
    assert not consumer.app.cutter.allowed


async def test_sources_are_paused_in_fausts_consumer_before_the_app_hears_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Any] = []
    thread: Any = BatchConsumerThread.__new__(BatchConsumerThread)
    thread._consumer = SimpleNamespace(pause=lambda *tps: seen.extend(tps))
    thread.app = SimpleNamespace(tables=SimpleNamespace(changelog_topics={"changelog"}))

    async def faust_goes_on(self: Any, assigned: set[TP], generation_id: int) -> None:
        seen.append(generation_id)

    monkeypatch.setattr("faust.transport.consumer.ConsumerThread.on_partitions_assigned", faust_goes_on)
    await thread.on_partitions_assigned({MINE, TP("changelog", 0)}, 7)
    assert seen == [MINE, 7]
