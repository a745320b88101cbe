"""One Kafka and one Redis for the whole session, started when the first test asks for them."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from streams.devstack import DevStack

# A busy machine is slow now and then: how long an example takes says nothing about members.
settings.register_profile("members", deadline=None)
settings.load_profile("members")

# A shell that starts the tests in the background has them, and all that they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def stack() -> Iterator[DevStack]:
    with DevStack() as stack:
        yield stack
