"""Fixtures for all tests: recorded games, and one hypothesis profile for reproducible runs."""

import gzip
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from . import reaper
from .redis_server import RedisServer

# A shell that runs the tests in the background has them ignore Ctrl-C, and with them each process
# that they start, which then could not be tested with it.
signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).parent
SAMPLE_TRACES = TESTS / "data" / "traces_sample.jsonl.gz"
SHARED = TESTS.parent.parent / "shared"
SOAK_SECONDS = 3600

# `make test` must give the same answer twice, so the default profile derives its examples from
# the test alone. HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=50)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


def pytest_configure() -> None:
    """Nothing that a test starts outlives the run."""
    reaper.start()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with whole processes go first: the short ones fill up what time is left at the end.
    Endurance tests have the time that they take."""
    items.sort(key=lambda item: TESTS / "system" not in item.path.parents)
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.timeout(SOAK_SECONDS))


def read_traces(path: Path) -> Iterator[dict[str, Any]]:
    """The recorded games of a file, one at a time: 300 at once take gigabytes."""
    with gzip.open(path, "rt") as lines:
        for line in lines:
            yield json.loads(line)


@pytest.fixture(scope="session")
def sample_traces() -> list[dict[str, Any]]:
    """Ten recorded games in all five styles of play, part of this repository."""
    return list(read_traces(SAMPLE_TRACES))


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The directory of specifications and recorded games that may lie beside the repository."""
    if not SHARED.is_dir():
        pytest.skip(f"there is no directory {SHARED.name!r} beside the repository")
    return SHARED


@pytest.fixture
def shared_traces(shared_dir: Path) -> Iterator[dict[str, Any]]:
    """All recorded games, read one by one."""
    path = shared_dir / "traces" / "flagz_games.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"{path.relative_to(shared_dir.parent)} does not exist")
    return read_traces(path)


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A running Redis server that takes anybody; `kill()` and `start()` restart it empty."""
    with RedisServer() as server:
        yield server
