"""One Kafka and one Redis for the whole session, started when the first test asks for them."""

from collections.abc import Iterator

import pytest

from streams.devstack import DevStack


@pytest.fixture(scope="session")
def stack() -> Iterator[DevStack]:
    with DevStack() as stack:
        yield stack
