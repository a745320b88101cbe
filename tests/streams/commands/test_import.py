"""History into a real broker: complete, in order, resumed after kill -9."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.__main__ import main
from streams.config import Settings
from streams.devstack import DevStack
from streams.exits import ExitCode
from streams.log_reading import LogRecord, log_consumer, scan, spans
from streams.topics import DEAD_LETTERS, MEMBER_EVENTS, PARTITION_KEY

HEADER = "customer,date,units,dollars,row\n"
Read = Callable[[str], list[LogRecord]]


@pytest.fixture
def read(stack: DevStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """A deployment of its own on the broker, its topics made; reads a topic of it whole."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMBERPULSE_KAFKA__BOOTSTRAP", stack.broker.bootstrap)
    monkeypatch.setenv("MEMBERPULSE_KAFKA__TOPIC_PREFIX", f"{tmp_path.name.replace('_', '-')[-60:]}-")
    monkeypatch.setenv("MEMBERPULSE_KAFKA__PARTITIONS", "2")
    assert main(["topics", "apply"]) == ExitCode.OK

    def read(name: str) -> list[LogRecord]:
        settings = Settings()
        with log_consumer(settings) as consumer:
            topic = settings.topic(name)
            return list(scan(consumer, topic, spans(consumer, topic)))

    return read


def write(folder: Path, rows: list[str], name: str = "orders.csv") -> str:
    (folder / name).write_text(HEADER + "".join(row + "\n" for row in rows))
    return str(folder / name)


def kinds(records: list[LogRecord], partition: int) -> list[str]:
    bodies = [json.loads(record.value or b"") for record in records if record.partition == partition]
    return [body.get("order_id") or body.get("at", "policy")[:10] for body in bodies]


def test_policy_is_published_once_however_often_topics_are_applied(read: Read) -> None:
    assert main(["topics", "apply"]) == ExitCode.OK
    assert [(record.key, record.header("log_time")) for record in read(MEMBER_EVENTS)] == [(PARTITION_KEY, b"0")] * 2


@pytest.mark.usefixtures("read")
def test_other_partition_count_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MEMBERPULSE_KAFKA__PARTITIONS", "3")
    assert main(["topics", "plan"]) == ExitCode.CONFIG
    assert main(["topics", "apply"]) == ExitCode.CONFIG
    assert "members would land on other partitions" in capsys.readouterr().err


def test_orders_lie_in_time_order_with_the_ticks_of_their_days(read: Read, tmp_path: Path) -> None:
    # 00001 and 00002 hash to different partitions of two.
    file = write(tmp_path, ["00002,19970103,1,5.00,3", "00001,19970102,1,7.50,2", "00001,19970101,1,1.00,1"])
    assert main(["import", file, "--mapping", "cdnow"]) == ExitCode.OK
    records = read(MEMBER_EVENTS)
    days = ["1997-01-02", "1997-01-03", "1997-01-04"]
    lanes = [kinds(records, partition) for partition in (0, 1)]
    assert sorted(lanes) == sorted(
        [["policy", "cdnow-1", days[0], "cdnow-2", days[1], days[2]], ["policy", days[0], days[1], "cdnow-3", days[2]]]
    )
    assert all(record.header("log_time") is not None for record in records)


def test_history_imported_again_sends_nothing_and_restart_sends_it_all(read: Read, tmp_path: Path) -> None:
    file = write(tmp_path, ["00001,19970101,1,1.00,1"])
    for options, expected in (([], 5), ([], 5), (["--restart"], 8)):
        assert main(["import", file, "--mapping", "cdnow", *options]) == ExitCode.OK
        assert len(read(MEMBER_EVENTS)) == expected


def test_rows_that_cannot_be_used_are_dead_letters_with_their_own_bytes(read: Read, tmp_path: Path) -> None:
    file = write(
        tmp_path, ["00001,19970101,1,1.00,1", "00001,19970199,1,1.00,2", "00001,1997", "00001,29970101,1,1.00,4"]
    )
    assert main(["import", file, "--mapping", "cdnow"]) == ExitCode.DATA
    letters = {record.value: record for record in read(DEAD_LETTERS)}
    assert set(letters) == {b"00001,19970199,1,1.00,2", b"00001,1997", b"00001,29970101,1,1.00,4"}
    future = letters[b"00001,29970101,1,1.00,4"]
    assert dict(future.headers)["dl_topic"] == b"import:orders.csv"
    assert dict(future.headers)["dl_offset"] == b"4"
    assert dict(future.headers)["dl_reason"] == b"quarantined"
    assert main(["import", file, "--mapping", "cdnow", "--allow-bad"]) == ExitCode.OK
    assert len(read(DEAD_LETTERS)) == 3


def test_mapping_that_fits_no_row_sends_nothing(read: Read, tmp_path: Path) -> None:
    file = write(tmp_path, ["00001,yesterday,1,1.00,1"] * 1000)
    assert main(["import", file, "--mapping", "cdnow"]) == ExitCode.DATA
    assert read(DEAD_LETTERS) == []
    assert len(read(MEMBER_EVENTS)) == 2


@pytest.mark.usefixtures("read")
def test_history_without_topics_says_what_to_do_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEMBERPULSE_KAFKA__TOPIC_PREFIX", "nowhere-")
    assert main(["import", write(tmp_path, ["00001,19970101,1,1.00,1"]), "--mapping", "cdnow"]) == ExitCode.CONFIG
    assert "topics apply" in capsys.readouterr().err


def test_import_killed_in_the_middle_is_completed_by_the_next_run(read: Read, tmp_path: Path) -> None:
    orders = [
        f"{number % 997:05d},1997{1 + number // 2000:02d}{1 + number // 100 % 20:02d},1,1.00,{number}"
        for number in range(20_000)
    ]
    command = ["import", write(tmp_path, orders), "--mapping", "cdnow"]
    environment = dict(os.environ) | {"PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen([sys.executable, "-m", "streams", *command], env=environment) as killed:
        until = time.monotonic() + 60
        while (
            not list(tmp_path.glob(".memberpulse/imports/*.json"))
            and killed.poll() is None
            and time.monotonic() < until
        ):
            time.sleep(0.001)
        killed.kill()
    assert killed.returncode == -9
    first = len(read(MEMBER_EVENTS))
    assert main(command) == ExitCode.OK
    records = read(MEMBER_EVENTS)
    sent = Counter(json.loads(record.value or b"").get("order_id") for record in records)
    assert first < len(records)
    assert {name for name in sent if name} == {f"cdnow-{number}" for number in range(20_000)}
    for partition in (0, 1):
        first_seen = list(dict.fromkeys(kinds(records, partition)))
        ticks = [name for name in first_seen if name.startswith("1997-")]
        assert ticks == sorted(ticks)
