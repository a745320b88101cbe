"""The cuts of a day, kept once and copied to everybody: who dies half way is continued, who comes too late obeys."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from streams.cuts.census import SketchRecord
from streams.cuts.sketches import MemberSketches
from streams.cuts_document import DatedCuts
from streams.metrics.ticker import TickerMetrics
from streams.ticker.control import COPIED_KEY, CUTS_KEY, ControlState, CopiedCuts, encode
from streams.ticker.daily_cuts import DailyCuts

FIRST, SECOND = "2026-03-01", "2026-03-02"


def counted(partition: int, date: str = FIRST) -> bytes:
    return SketchRecord(date, partition, 1, "a" * 64, 0, (), MemberSketches().pack()).encode()


def some_cuts(date: str, ranked: int = 0) -> DatedCuts:
    return DatedCuts(date, msgspec.Raw(b'{"ranked":%d,"fallback":true,"tiers":{}}' % ranked))


@dataclass
class Log:
    """A control topic, a topic of sketches and a log of two partitions, in memory, as three tickers may see them."""

    control: list[tuple[bytes, bytes]] = field(default_factory=list)
    sketches: list[bytes] = field(default_factory=list)
    copied: list[list[str]] = field(default_factory=lambda: [[], []])
    broken: set[int] = field(default_factory=set)


class FakeAppending:
    def __init__(self, log: Log) -> None:
        self._log = log

    async def partitions(self) -> list[int]:
        return [0, 1]

    async def keep_cuts(self, cuts: DatedCuts) -> None:
        self._log.control.append((CUTS_KEY, cuts.encode()))

    async def copy_cuts(self, cuts: DatedCuts) -> bool:
        for number, copies in enumerate(self._log.copied):
            if number not in self._log.broken:
                copies.append(bytes(cuts.encode()).decode())
        if self._log.broken:
            return False
        self._log.control.append((COPIED_KEY, encode(CopiedCuts(cuts.date))))
        return True


class FakeEvidence:
    def __init__(self, log: Log) -> None:
        self._log = log
        self._read = 0

    def new_sketches(self) -> list[bytes]:
        found = self._log.sketches[self._read :]
        self._read = len(self._log.sketches)
        return found


class FakeOffice:
    """Reads the control topic when told to; ``lost`` as soon as somebody else holds the office."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._read = 0
        self.term = 1
        self.lost = False
        self.control = ControlState()

    def serves(self, term: int) -> bool:
        return not self.lost and term == self.term

    def read(self) -> None:
        for key, value in self._log.control[self._read :]:
            self.control.absorb(key, value)
        self._read = len(self._log.control)


class Process:
    """One process that holds the office."""

    def __init__(self, log: Log) -> None:
        self.metrics = TickerMetrics(CollectorRegistry())
        self.office: Any = FakeOffice(log)
        self.evidence: Any = FakeEvidence(log)
        self.appending: Any = FakeAppending(log)
        self.cuts = DailyCuts(1, self.metrics)

    def step(self, times: int = 1) -> None:
        for _ in range(times):
            self.office.read()
            asyncio.run(self.cuts.go_on(self.office, self.evidence, self.appending))


def dates(log: Log) -> list[list[str]]:
    return [[msgspec.json.decode(copy, type=DatedCuts).date for copy in copies] for copies in log.copied]


def test_nothing_happens_before_every_partition_was_counted() -> None:
    log = Log(sketches=[counted(0)])
    process = Process(log)
    process.step(3)
    assert (log.control, dates(log)) == ([], [[], []])
    log.sketches.append(counted(1))
    process.step(2)
    assert dates(log) == [[FIRST], [FIRST]]
    assert process.metrics.cuts._value.get() > 0


def test_a_date_is_kept_before_it_is_copied_and_copied_once() -> None:
    log = Log(sketches=[counted(0), counted(1)])
    process = Process(log)
    process.step()
    assert ([key for key, _ in log.control], dates(log)) == ([CUTS_KEY], [[], []])
    process.step(5)
    assert ([key for key, _ in log.control], dates(log)) == ([CUTS_KEY, COPIED_KEY], [[FIRST], [FIRST]])


@pytest.mark.parametrize("steps", [1, 2])
def test_a_ticker_that_dies_is_continued_by_the_next_from_the_control_topic(steps: int) -> None:
    log = Log(sketches=[counted(0), counted(1)])
    Process(log).step(steps)
    log.sketches.clear()
    Process(log).step(3)
    assert [key for key, _ in log.control] == [CUTS_KEY, COPIED_KEY]
    assert dates(log) == [[FIRST], [FIRST]]


def test_a_partition_that_takes_nothing_gets_the_cuts_as_soon_as_it_does() -> None:
    log = Log(sketches=[counted(0), counted(1)], broken={1})
    process = Process(log)
    process.step(3)
    assert dates(log) == [[FIRST, FIRST], []]
    log.broken.clear()
    process.step(3)
    assert dates(log) == [[FIRST, FIRST, FIRST], [FIRST]], "a partition ignores repeats"
    assert log.copied[0][0] == log.copied[1][0]


def test_of_two_who_compute_the_same_day_both_copy_what_was_kept_first() -> None:
    log = Log(sketches=[counted(0), counted(1)])
    late = Process(log)
    late.office.read()
    log.control.append((CUTS_KEY, some_cuts(FIRST, 77).encode()))
    asyncio.run(late.cuts.go_on(late.office, late.evidence, late.appending))
    assert [key for key, _ in log.control] == [CUTS_KEY, CUTS_KEY]
    late.step(2)
    assert all('"ranked":77' in copy for copies in log.copied for copy in copies)
    assert dates(log) == [[FIRST], [FIRST]]


def test_who_has_lost_the_office_meanwhile_writes_nothing() -> None:
    log = Log(sketches=[counted(0), counted(1)])
    process = Process(log)
    process.office.lost = True
    process.step(2)
    assert log.control == []
    log.control.append((CUTS_KEY, some_cuts(FIRST).encode()))
    process.step(2)
    assert dates(log) == [[], []]


def test_an_earlier_day_is_never_published_after_a_later_one() -> None:
    log = Log(sketches=[counted(0, SECOND), counted(1, SECOND), counted(0)])
    process = Process(log)
    process.step(2)
    log.sketches.append(counted(1))
    process.step(3)
    assert dates(log) == [[SECOND], [SECOND]]


def test_a_broker_that_fails_is_the_tickers_to_wait_for() -> None:
    log = Log(sketches=[counted(0), counted(1)])
    process = Process(log)

    async def fails(_: DatedCuts) -> None:
        raise KafkaError

    process.appending.keep_cuts = fails
    with pytest.raises(KafkaError):
        process.step()
    process = Process(log)
    process.step(2)
    assert dates(log) == [[FIRST], [FIRST]]


def test_the_control_topic_keeps_the_first_cuts_of_a_date_and_the_latest_date() -> None:
    control = ControlState()
    for cuts in (some_cuts(SECOND, 1), some_cuts(SECOND, 2), some_cuts(FIRST, 3)):
        control.absorb(CUTS_KEY, cuts.encode())
    assert control.cuts is not None
    assert (control.cuts.date, b'"ranked":1' in bytes(control.cuts.cuts)) == (SECOND, True)
    control.absorb(CUTS_KEY, b"{")
    control.absorb(COPIED_KEY, encode(CopiedCuts(SECOND)))
    control.absorb(COPIED_KEY, encode(CopiedCuts(FIRST)))
    assert control.copied == SECOND
