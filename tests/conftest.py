"""Fixtures for all tests: recorded games, and one hypothesis profile for reproducible runs.

Tests are to be cheap. What starts `hexzctl` does it with `fork_server.start`, or `hexzctl` and the
classes of tests/system that use it: a process is ready in hundredths of a second there, where an
interpreter of its own takes a third of a second to import Typer, and two seconds for PyTorch. What
a test itself starts as a `Child` is such a process with the fixture `forked_children`. Where a
process is not what is tested, none is started.
"""

import gc
import gzip
import itertools
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import hexzctl  # noqa: F401 - before NumPy, of whose threads it says something
from hexz.machine import available_cores

from . import fork_server, reaper
from .redis_server import RedisServer

# A shell that runs the tests in the background has them ignore Ctrl-C, and with them each process
# that they start, which then could not be tested with it.
signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).parent
SAMPLE_TRACES = TESTS / "data" / "traces_sample.jsonl.gz"
SHARED = TESTS.parent.parent / "shared"
SOAK_SECONDS = 3600
LONG = (
    "tests/player/test_page.py",
    "tests/system/test_package.py",
    "tests/system/",
    "tests/player/",
    "tests/test_reaper.py",
    "tests/test_httpserver.py",
    "tests/trainserver/",
    "tests/training/",
    "tests/arena/",
)
"""How the names of files begin that take long, those first that take longest."""

# `make test` must give the same answer twice, so the default profile derives its examples from
# the test alone. HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=50)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


def pytest_configure() -> None:
    """Nothing that a test starts outlives the run."""
    reaper.start()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """With `-n auto` two tests run at once a core, as each waits now and then for other processes,
    browsers and clocks."""
    return 2 * available_cores()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long go first: the short ones fill up what time is left at the end.
    Endurance tests have the time that they take."""
    items.sort(key=_rank)
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.timeout(SOAK_SECONDS))


def pytest_collection_finish() -> None:
    """What there is now stays: Python need not look through all of it again and again."""
    gc.collect()
    gc.freeze()


def _rank(item: pytest.Item) -> int:
    """The place of a test's file in LONG; that of all others is behind these."""
    return next((i for i, start in enumerate(LONG) if item.nodeid.startswith(start)), len(LONG))


def read_traces(path: Path, first: int = 0, step: int = 1) -> Iterator[dict[str, Any]]:
    """Each so many of a file's recorded games, one at a time: 300 at once take gigabytes."""
    with gzip.open(path, "rt") as lines:
        for line in itertools.islice(lines, first, None, step):
            yield json.loads(line)


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all processes of a run of the tests have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a network that is ready at once, and knows nothing."""
    from hexz.model.checkpoint import new_checkpoint, save_checkpoint
    from hexz.model.config import ModelConfig

    path = tmp_path_factory.mktemp("model") / "model.pt"
    save_checkpoint(new_checkpoint(ModelConfig(blocks=1, filters=8), model_name="tiny"), path)
    return path


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
def shared_traces_path(shared_dir: Path) -> Path:
    """The file of all recorded games."""
    path = shared_dir / "traces" / "flagz_games.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"{path.relative_to(shared_dir.parent)} does not exist")
    return path


@pytest.fixture
def shared_traces(shared_traces_path: Path) -> Iterator[dict[str, Any]]:
    """All recorded games, read one by one."""
    return read_traces(shared_traces_path)


@pytest.fixture(scope="module")
def forked_children() -> Iterator[None]:
    """Children of `hexz.processes` that a module starts have imported PyTorch when they start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hexz.processes.subprocess", subprocess)  # as it is to be afterwards
        fork_server.fork_children()
        yield


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Makes a directory with room for so many KiB."""
    disk = tmp_path / "disk"

    def make(kibibytes: int) -> Path:
        disk.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", str(disk)]
        try:
            subprocess.run(command, capture_output=True, check=True)
        except (FileNotFoundError, subprocess.CalledProcessError):
            pytest.skip("this user cannot mount a tmpfs")
        return disk

    yield make
    if disk.is_mount():
        subprocess.run(["umount", str(disk)], check=True)  # noqa: S607


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A running Redis server that takes anybody; `kill()` and `start()` restart it empty."""
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The browser of all tests that one process runs: a start takes longer than most of them."""
    from .browser import start_chromium

    driver = start_chromium(tmp_path_factory.mktemp("downloads"))
    yield driver
    driver.quit()


@pytest.fixture(autouse=True)
def _same_browser(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test finds the browser as another one has left it, which may have ended halfway."""
    yield
    if "chromium" in request.fixturenames:
        from .browser import renew

        renew(request.getfixturevalue("chromium"))
