"""Fixtures of the tests of a worker's messages."""

from collections.abc import Iterator

import pytest

from .fake_server import FakeTrainServer


@pytest.fixture
def server() -> Iterator[FakeTrainServer]:
    with FakeTrainServer() as server:
        yield server


@pytest.fixture
def notices() -> list[str]:
    """Takes the lines for people."""
    return []
