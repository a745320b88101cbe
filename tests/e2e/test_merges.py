"""Members merged over partitions, taken apart and erased, while the scorer is killed: nothing is lost or told twice."""

import json
import os
import random
import signal
import time
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Self

import orjson
import pytest

from streams.devstack import DevStack
from streams.engine.fencing import EX_TEMPFAIL
from streams.log_reading import LogRecord, log_consumer
from streams.log_verification import Verification
from streams.recomputation import PartitionFold
from tests.chaos.cluster import SCORER, WEAK_SCORER, Worker
from tests.chaos.deployment import Deployment
from tests.chaos.verdict import outcome_bodies, verdict_on
from tests.chaos.weak_scorer import (
    AFTER_COMMIT,
    AFTER_FORWARD,
    AFTER_ROWS,
    BEFORE_FORWARD,
)
from tests.driver import key_on
from tests.e2e.shop import now_ms, order, record, ticks
from tests.e2e.test_policy_change import Captured, Terminal
from tests.oracle.records import DAY_MS, GeneratedRecord, headers_of, partition_of, rfc3339

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

PARTITIONS = 3
FAMILIES = 9
#: Where a scorer dies, one after the other, and at the how manieth time.
DEATHS = [(BEFORE_FORWARD, 2), (AFTER_FORWARD, 3), (AFTER_ROWS, 2), (AFTER_COMMIT, 2)]


class Family(NamedTuple):
    """Four ids: ``r`` is merged into ``s``, ``s`` into ``t``, and in some families ``t`` into ``u``."""

    number: int
    r: str
    s: str
    t: str
    u: str


def families() -> list[Family]:
    """Each with its ids in several partitions, in another way than its neighbours."""
    return [
        Family(
            n, *(key_on((n + k * (1 + n % 2)) % PARTITIONS, PARTITIONS, f"{name}{n}-") for k, name in enumerate("rstu"))
        )
        for n in range(FAMILIES)
    ]


# -- what happens -----------------------------------------------------------------------------------------------------


def about(kind: str, member: str, *, at: int, appended: int | None = None, **fields: Any) -> GeneratedRecord:
    """Any event of a member; its id says all of it."""
    event = {"type": kind, "member_id": member, "occurred_at": rfc3339(at), **fields}
    event["event_id"] = f"{kind}-{member}-{fields.get('into', '')}-{fields.get('order_id', '')}-{at % 10_000_000_000}"[
        :64
    ]
    headers = () if appended is None else headers_of(appended)
    place = partition_of(member.encode(), PARTITIONS)
    return record(member.encode(), json.dumps(event).encode(), place, headers)


def bought(member: str, number: int, *, at: int, appended: int | None = None) -> GeneratedRecord:
    """An order whose amount tells it from all others of the family."""
    return order(member, f"o{number}", at=at, appended=appended, partitions=PARTITIONS, net_amount=1_000 + 37 * number)


class Doing:
    """One run of a deployment: what is appended, what is typed, and the scorer that dies of it."""

    def __init__(self, deployment: Deployment, person: Terminal | None, deaths: Iterable[tuple[str, int]]) -> None:
        self.deployment = deployment
        self.stages: list[dict[int, int]] = []
        self.died = 0
        self._person = person
        self._deaths = iter(deaths)
        self._started = 0
        self._death = next(self._deaths, ("", 0))
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """No scorer outlives the ``with`` block."""
        self.worker.kill()

    def _start(self) -> None:
        self._started += 1
        name = f"scorer-{self._started:02d}"
        step, number = self._death
        if step:
            weakness = {"CHAOS_DIES_AT": step, "CHAOS_DIES_IN": str(number)}
            self.worker = Worker(self.deployment, name, WEAK_SCORER, **weakness)
        else:
            self.worker = Worker(self.deployment, name, SCORER)

    def tend(self) -> None:
        """Start the next scorer when this one has died, as it was to, or gave up on a machine that stood still."""
        if self.worker.running:
            return
        code = self.worker.ended(1)
        assert code in (-signal.SIGKILL, EX_TEMPFAIL), self.worker.tail()
        if code == -signal.SIGKILL:
            self.died += 1
            self._death = next(self._deaths, ("", 0))
        self._start()

    def kill(self) -> None:
        """Kill -9 and start the next."""
        self.worker.kill()
        self.died += 1
        self._start()

    def type(self, *arguments: str) -> None:
        """A command that must succeed."""
        assert self._person is not None
        self.tend()
        typed = self._person.type(*arguments, "--yes", "--reason", "one person", "--actor", "eve")
        assert typed.returncode == 0, (arguments, typed.stderr)

    def until_quiet(self) -> None:
        """Wait until all is scored, whatever the scorer dies of meanwhile; the end of one stage."""
        self.deployment.wait_until_quiet(60, self.tend)
        self.stages.append(self.deployment.ends(self.deployment.events_topic))


def story(doing: Doing, now: int) -> None:
    """Nine families, whose members are told different things. In no stage does the order of events matter."""
    then = now - 20 * DAY_MS
    everybody = families()
    append = doing.deployment.append

    def stage(records: Iterable[GeneratedRecord]) -> None:
        append(records)
        doing.until_quiet()

    def only(*kinds: int) -> Iterator[Family]:
        return (family for family in everybody if family.number % 3 in kinds)

    stage(
        bought(name, 4 * k + number, at=then - (10 * number + k) * DAY_MS, appended=then)
        for family in everybody
        for k, name in enumerate(family[1:])
        for number in range(1 + (k + family.number) % 3)
    )
    # The first three families are merged in the past; the others by hand.
    append(about("member.merged", f.s, into=f.t, at=then, appended=then) for f in everybody[:3])
    for family in everybody[3:]:
        doing.type("merge", family.s, family.t)
    doing.until_quiet()
    stage(bought(f.s, 20, at=then + DAY_MS, appended=then + DAY_MS if f.number < 3 else None) for f in everybody)
    for family in everybody:
        doing.type("merge", family.r, family.s)
    doing.until_quiet()
    stage(bought(f.r, 21, at=now) for f in everybody)
    stage(
        about("order.returned", f.s, at=now, order_id=f"{f.s}-o20", returned_amount=400 + f.number, currency="USD")
        for f in everybody
    )
    for family in everybody:
        doing.type(
            *(("unmerge", family.s, family.t), ("merge", family.t, family.u), ("erase", family.r))[family.number % 3]
        )
    doing.until_quiet()
    stage(bought(f.r, 22, at=now) for f in everybody)
    stage(ticks(now + 31 * DAY_MS, PARTITIONS))
    # Too late to take back; orders find their way all the same.
    stage(
        chain(
            (about("member.unmerged", f.r, into=f.s, at=now) for f in only(0)),
            (about("member.unmerged", f.s, into=f.t, at=now) for f in only(1)),
            (about("member.erased", f.u, at=now) for f in only(2)),
            (bought(f.s, 23, at=now) for f in only(0, 2)),
            (bought(f.r, 23, at=now) for f in only(1)),
        )
    )
    stage(ticks(now + 40 * DAY_MS, PARTITIONS))


def again(doing: Doing, stages: list[list[LogRecord]]) -> None:
    """The same records from outside, stage by stage."""
    for records in stages:
        doing.deployment.append(
            GeneratedRecord(r.key, r.value, tuple(r.headers), is_poison=False, partition=r.partition, timestamp=0)
            for r in records
        )
        doing.until_quiet()


# -- what is looked at ------------------------------------------------------------------------------------------------


def is_forward(found: LogRecord) -> bool:
    """Whether the scorer wrote it."""
    event = orjson.loads(found.value or b"{}")
    return event["type"] == "member.absorbed" or bool(event.get("via"))


def from_outside(deployment: Deployment, stages: list[dict[int, int]]) -> list[list[LogRecord]]:
    """What the scorer did not write itself, policies apart, by stage."""
    found: list[list[LogRecord]] = [[] for _ in stages]
    for each in deployment.read(deployment.events_topic):
        if not is_forward(each) and b"policy.published" not in (each.value or b""):
            number = next(n for n, ends in enumerate(stages) if each.offset < ends[each.partition])
            found[number].append(each)
    return found


def forwards(deployment: Deployment) -> list[tuple[bytes | None, bytes | None, bytes | None]]:
    """Receiver, content and log time of what the scorer wrote, repeats included."""
    return [
        (each.key, each.value, each.header("log_time"))
        for each in deployment.read(deployment.events_topic)
        if is_forward(each)
    ]


def told(deployment: Deployment) -> dict[str, Any]:
    """Every outcome by its id, without where in the log its cause lies and when it was read."""
    found: dict[str, Any] = {}
    for identity, each in outcome_bodies(deployment):
        body = orjson.loads(each.value or b"{}")
        found[identity] = (each.partition, {k: v for k, v in body.items() if k not in {"position", "recorded_at"}})
    return found


def sequences(deployment: Deployment) -> dict[str, list[int]]:
    """Every member's numbers, repeats dropped."""
    found: dict[str, dict[str, int]] = {}
    for identity, each in outcome_bodies(deployment):
        found.setdefault((each.key or b"").decode(), {})[identity] = int(each.header("ce_sequence") or b"0")
    return {member: sorted(numbers.values()) for member, numbers in found.items()}


def verified(deployment: Deployment) -> None:
    """What ``memberpulse verify`` does, and that it had something to do."""
    with log_consumer(deployment.settings) as consumer:
        check = Verification(deployment.settings, consumer)
        assert check.beyond == 0
        tallies = [tally for part in check.partitions(lambda _: None) for tally in part]
    assert all(tally.exact for tally in tallies), [tally for tally in tallies if not tally.exact]
    assert sum(tally.equal for tally in tallies) > 0
    numbers = sequences(deployment)
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values()), numbers
    verdict = verdict_on(deployment)
    print(verdict)
    assert verdict.is_clean, verdict


def kept(records: Iterable[LogRecord]) -> tuple[int, int]:
    """Frequency and monetary value of all members together."""
    folds = [PartitionFold(number, PARTITIONS, 1) for number in range(PARTITIONS)]
    for each in records:
        folds[each.partition].absorb(each)
    states = [state for fold in folds for state in fold.members.values()]
    return sum(state.frequency for state in states), sum(state.monetary for state in states)


def totals(deployment: Deployment) -> tuple[tuple[int, int], tuple[int, int]]:
    """:func:`kept` by the log, and by the same log in which nobody was ever merged."""
    log = list(deployment.read(deployment.events_topic))
    merging = (b'"member.merged"', b'"member.unmerged"')
    apart = [r for r in log if not is_forward(r) and not any(kind in (r.value or b"") for kind in merging)]
    return kept(log), kept(apart)


def a_deployment(stack: DevStack, home: Path) -> Deployment:
    deployment = Deployment(
        stack.broker.bootstrap,
        home,
        partitions=PARTITIONS,
        session_timeout=3.0,
        environment={"MEMBERPULSE_SCORE__COMMIT_INTERVAL_SECONDS": "0.2"},
    )
    deployment.make_topics()
    deployment.open_with()
    return deployment


def ended(doing: Doing) -> None:
    assert doing.worker.end() == 0, doing.worker.tail()


def test_kills_around_forwards_change_nothing_that_members_are_told(
    stack: DevStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    began = time.monotonic()
    disturbed = a_deployment(stack, tmp_path / "disturbed")
    with Doing(disturbed, Terminal(disturbed, monkeypatch, capsys), DEATHS) as doing:
        story(doing, now_ms())
        ended(doing)
    assert doing.died == len(DEATHS)
    print(f"{time.monotonic() - began:.0f} s with {doing.died} kills")

    calm = a_deployment(stack, tmp_path / "calm")
    with Doing(calm, None, ()) as calmly:
        again(calmly, from_outside(disturbed, doing.stages))
        ended(calmly)
    assert calmly.died == 0

    for deployment in (disturbed, calm):
        verified(deployment)
        together, apart = totals(deployment)
        assert together == apart
        assert together[0] > 2 * FAMILIES
    twice, once = forwards(disturbed), forwards(calm)
    assert len(once) == len(set(once)) < len(twice)
    assert set(twice) == set(once)
    assert told(disturbed) == told(calm)
    kinds = {body["kind"] for _, body in told(calm).values()}
    assert kinds >= {"tier.merged", "tier.unmerged", "tier.erased", "tier.upgraded", "tier.downgraded"}
    print(f"{time.monotonic() - began:.0f} s, {len(once)} forwards, {len(twice) - len(once)} of them repeated")


# -- anything at any instant ------------------------------------------------------------------------------------------


class Storm:
    """What members do all at once, from a seed: anybody into anybody, again and again, in circles too.

    But nobody is merged into those who may be erased, with whom orders would go.
    """

    def __init__(self, seed: int, now: int) -> None:
        self.rng = random.Random(seed)
        self.stay = [key_on(n % PARTITIONS, PARTITIONS, f"stay{n}-") for n in range(14)]
        self.leave = [key_on(n % PARTITIONS, PARTITIONS, f"leave{n}-") for n in range(10)]
        self._now = now
        self._bought: list[str] = []
        self._merged: list[tuple[str, str]] = []

    def next(self) -> GeneratedRecord:
        """One more event, a millisecond after the one before."""
        rng, self._now = self.rng, self._now + 1
        member = rng.choice(self.stay + self.leave)
        roll = rng.random()
        if roll < 0.55 or not self._merged:
            self._bought.append(member)
            if roll < 0.55:
                return bought(member, len(self._bought), at=self._now)
        if roll < 0.63:
            number = rng.randrange(len(self._bought))
            name = self._bought[number]
            return about("order.cancelled", name, at=self._now, order_id=f"{name}-o{number + 1}", revision=1)
        if roll < 0.83 or not self._merged:
            into = rng.choice(self.stay)
            self._merged.append((member, into))
            return about("member.merged", member, at=self._now, into=into)
        if roll < 0.97:
            source, into = rng.choice(self._merged[-12:])
            return about("member.unmerged", source, at=self._now, into=into)
        return about("member.erased", rng.choice(self.leave), at=self._now)


def works(worker: Worker) -> bool:
    return worker.metric("memberpulse_commits_total") > 0


def test_kills_at_any_instant_leave_every_order_counted_once(stack: DevStack, tmp_path: Path) -> None:
    seed = int(os.environ.get("CHAOS_SEED", "13"))
    now = now_ms()
    storm = Storm(seed, now)
    deployment = a_deployment(stack, tmp_path)
    kills = sorted(storm.rng.sample(range(2, 29), 4))
    with Doing(deployment, None, ()) as doing:
        for number in range(30):
            deployment.append(storm.next() for _ in range(12))
            time.sleep(storm.rng.uniform(0, 0.3))
            if number in kills:
                patience = time.monotonic() + storm.rng.choice([0, 15, 15])
                while not works(doing.worker) and time.monotonic() < patience:
                    time.sleep(0.05)
                deployment.append(storm.next() for _ in range(12))
                time.sleep(storm.rng.uniform(0, 0.3))
                doing.kill()
        doing.until_quiet()
        deployment.append(ticks(now + 31 * DAY_MS, PARTITIONS))
        doing.until_quiet()
        deployment.append(bought(name, 9_000, at=now) for name in storm.stay)
        doing.until_quiet()
        ended(doing)
    written = forwards(deployment)
    print(f"seed {seed}, {len(set(written))} forwards, {len(written)} with repeats")
    verified(deployment)
    together, apart = totals(deployment)
    assert together == apart
    assert len(set(written)) > 100
