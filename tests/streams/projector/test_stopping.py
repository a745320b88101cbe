"""A projector that is asked to end takes what Redis is about to answer, and blames nobody."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from streams.config import Settings
from streams.metrics.projector import ProjectorMetrics
from streams.projector import projector
from streams.projector.projections import Projection


class _Redis:
    """Answers after so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.answered = 0

    async def forget_positions(self) -> None:
        await asyncio.sleep(self.seconds)
        self.answered += 1

    async def aclose(self) -> None:
        pass


def _consumer(**_: Any) -> Any:
    async def nothing() -> None:
        pass

    return SimpleNamespace(
        start=nothing, stop=nothing, subscribe=lambda *_, **__: None, assignment=set, getmany=lambda **_: nothing()
    )


def _end_while_redis_is_asked(redis: _Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector, "AIOKafkaConsumer", _consumer)
    store: Any = redis
    projection = Projection(role="project", topic="member-scores", store=store, forms=lambda *_: ([], []))

    async def scenario() -> None:
        stop = asyncio.Event()
        stop.set()
        metrics = ProjectorMetrics(CollectorRegistry())
        await projector.Projector(Settings(), metrics, stop, projection).run(rebuild=True)

    asyncio.run(scenario())


def test_what_redis_answers_at_the_end_is_taken_and_redis_is_not_said_to_be_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    redis = _Redis(0.05)
    _end_while_redis_is_asked(redis, monkeypatch)
    assert redis.answered == 1
    assert "away" not in caplog.text


def test_a_redis_that_does_not_answer_holds_up_the_end_for_a_second_at_most(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(projector, "_LAST_ANSWER_SECONDS", 0.05)
    redis = _Redis(60)
    _end_while_redis_is_asked(redis, monkeypatch)
    assert redis.answered == 0
    assert "before Redis had answered" in caplog.text
