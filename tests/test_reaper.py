"""Runs of tests that are ended from outside: nothing that they have started is left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from .redis_server import redis_program

TIMEOUT = 100.0
REPOSITORY = Path(__file__).parents[1]

SERVERS = """
from pathlib import Path

import psutil

from tests.redis_server import RedisServer
from tests.system.train_server import ServerProcess

def test_with_servers(tmp_path):
    with RedisServer(), ServerProcess(tmp_path) as server:
        server.wait_until_ready()
        tell(psutil.Process().children(recursive=True))
"""

ANYTHING = """
import subprocess
from pathlib import Path

import psutil

def test_with_a_process():
    for new_session in (False, True):
        subprocess.Popen(["sleep", "600"], start_new_session=new_session)
    tell(psutil.Process().children())
"""

TELL = f"""
def tell(processes):
    import os, time
    pids = [process.pid for process in processes if "reaper.py" not in str(process.cmdline())]
    Path("{{0}}.new").write_text(" ".join(map(str, [os.getpid(), *pids])))
    os.rename("{{0}}.new", "{{0}}")
    time.sleep({TIMEOUT})
"""


@contextmanager
def run_of(
    code: str, directory: Path, *options: str
) -> Iterator[tuple[subprocess.Popen[bytes], list[psutil.Process]]]:
    """A run of a test that has started something; its process, and all that is to end with it."""
    test, told = directory / "test_it.py", directory / "pids"
    test.write_text(code + TELL.format(told))
    with subprocess.Popen(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider",
            f"--basetemp={directory / 'temp'}", *options, str(test),
        ],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
    ) as run:  # fmt: skip
        try:
            deadline = time.monotonic() + TIMEOUT
            while not told.exists():
                assert run.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield run, [psutil.Process(int(pid)) for pid in told.read_text().split()]
        finally:
            run.kill()


def assert_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=30)
    assert alive == []


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_servers_do_not_outlive_their_run(tmp_path: Path, signum: int) -> None:
    redis_program()
    with run_of(SERVERS, tmp_path) as (run, processes):
        names = [process.name() for process in processes]
        assert names.count("redis-server") == 2
        assert len(names) >= 6  # pytest, the server, its own process, the trainer
        run.send_signal(signum)
        run.wait(TIMEOUT)
        assert_gone(processes)


@pytest.mark.parametrize(
    ("whom", "signum"),
    [("run", signal.SIGINT), ("run", signal.SIGKILL), ("worker", signal.SIGKILL)],
)
def test_nothing_outlives_a_part_of_a_run(tmp_path: Path, whom: str, signum: int) -> None:
    pytest.importorskip("xdist")
    with run_of(ANYTHING, tmp_path, "-n1", "--max-worker-restart=0") as (run, processes):
        assert len(processes) == 3  # that of xdist, and two
        if whom == "run":
            run.send_signal(signum)
        else:
            os.kill(processes[0].pid, signum)
        assert_gone(processes)


def test_nothing_outlives_a_test_that_takes_too_long(tmp_path: Path) -> None:
    pytest.importorskip("pytest_timeout")
    with run_of(ANYTHING, tmp_path, "--timeout=1") as (run, processes):
        assert run.wait(TIMEOUT) == 1
        assert_gone(processes)
