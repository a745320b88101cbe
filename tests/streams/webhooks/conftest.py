"""A clock that tests push, and that the reference library reads."""

import pytest

from tests.streams.webhooks.receivers import HandClock, let_the_library_read


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> HandClock:
    clock = HandClock()
    let_the_library_read(clock, monkeypatch)
    return clock
