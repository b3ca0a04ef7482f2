"""`hexzctl train` as a user runs it: trains, ends cleanly, goes on, and leaves nothing behind."""

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
import urllib3

from hexz.checkpoints import open_store
from hexz.checkpoints.store import CheckpointStore
from hexz.model.checkpoint import load_checkpoint

from .. import fork_server
from .fleet import MODEL_NAME, SETTINGS
from .processes import TIMEOUT, assert_one_error_line, environment, spawned


class Training:
    """A running `hexzctl train` with a tiny network.

    Attributes:
        lines: what it has printed.
    """

    def __init__(self, directory: Path, *options: str) -> None:
        settings = directory / "settings.toml"
        settings.write_text(SETTINGS)
        self.data_dir = directory / "data"
        self.process: subprocess.Popen[str] = fork_server.start(
            [
                "train", f"--data-dir={self.data_dir}", f"--model-name={MODEL_NAME}",
                "--minibatch-size=300", "--blocks=1", "--filters=8", "--num-workers=1", *options,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(HEXZ_SETTINGS=str(settings)),
            start_new_session=True,
        )  # fmt: skip
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    def get(self, path: str, accept: str = "*/*") -> urllib3.BaseHTTPResponse:
        """An answer of its server."""
        line = next(line for line in self.lines if line.startswith("Status page: "))
        url = line.split()[-1].removesuffix("/status") + path
        return urllib3.request("GET", url, headers={"Accept": accept}, redirect=False)

    def status(self) -> Any:
        return json.loads(self.get("/status", "application/json").data)

    def store(self) -> CheckpointStore:
        return open_store(str(self.data_dir), MODEL_NAME)

    def checkpoint(self) -> int | None:
        return self.store().latest()

    def wait_for(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            assert time.monotonic() < deadline, self.lines
            assert self.process.poll() is None, self.process.stderr
            time.sleep(0.1)

    def wait_for_checkpoint(self, number: int) -> None:
        self.wait_for(lambda: (self.checkpoint() or 0) >= number)

    def family(self) -> list[psutil.Process]:
        """All processes that it has started, whoever their parent is by now."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def part(self, name: str) -> psutil.Process | None:
        """The process of a part, if it runs."""
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if f"hexz.local.parts.run_{name}" in process.cmdline():
                    return process
        return None

    def wait(self) -> tuple[int, str]:
        """The exit code and the standard error of a training that ends."""
        code = self.process.wait(TIMEOUT)
        self._reader.join()
        assert self.process.stderr is not None
        return code, self.process.stderr.read()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Training]]:
    started: list[Training] = []

    def run(*options: str) -> Training:
        started.append(Training(tmp_path, *options))
        return started[-1]

    yield run
    for training in started:
        if training.process.poll() is None:
            os.killpg(training.process.pid, signal.SIGKILL)
            training.wait()


def assert_all_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=30)
    assert alive == []


def assert_silent_but_for_haste(errors: str) -> None:
    """On a busy machine a process may be too slow for the time that there is at the end."""
    pattern = r"(hexzctl: the [a-z-]+ did not end in [0-9.]+ s and was killed\n)*"
    assert re.fullmatch(pattern, errors), errors


def test_ctrl_c_ends_everything_and_the_next_start_goes_on(start: Callable[..., Training]) -> None:
    training = start()
    training.wait_for_checkpoint(2)
    training.wait_for(lambda: training.status()["game"])
    training.wait_for(lambda: training.get("/play").status == 303)
    page = training.get("/play").headers["Location"]
    assert page.endswith("&blue=person&orange=model@64")  # and nobody gentler
    assert b"<title>Flagz</title>" in urllib3.request("GET", page, timeout=TIMEOUT).data
    family = training.family()
    assert {"redis-server"} < {process.name() for process in family}
    os.killpg(training.process.pid, signal.SIGINT)
    code, errors = training.wait()
    assert code == 130
    assert_silent_but_for_haste(errors)
    assert_all_gone(family)
    reached = training.checkpoint()
    assert reached is not None
    assert training.lines[-1].startswith(f"Checkpoint {reached} of {MODEL_NAME}, trained on ")
    again = start("--max-seconds=600")
    again.wait_for_checkpoint(reached + 1)
    again.process.send_signal(signal.SIGTERM)
    code, errors = again.wait()
    assert code == 143
    assert_silent_but_for_haste(errors)
    directory = again.data_dir / "models" / "flagz" / MODEL_NAME
    newest = load_checkpoint(directory)
    assert newest.number == again.checkpoint()
    assert newest.metadata["parent"] == newest.number - 1
    assert newest.metadata["examples"] >= 300 * newest.number


@pytest.mark.soak
def test_time_is_up(start: Callable[..., Training]) -> None:
    training = start("--max-seconds=25")
    code, errors = training.wait()
    assert (code, errors) == (0, "")
    reports = [info.record.report for info in training.store().list()]
    shares = [report.rate_share for report in reports if report is not None]
    assert shares[0] == 1.0
    assert 0.0 <= shares[-1] < 1.0  # they fall at the end
    assert any(re.search(r"Status page: http://127\.0\.0\.1:\d+/status", s) for s in training.lines)


def test_nothing_outlives_a_killed_parent(start: Callable[..., Training]) -> None:
    training = start()
    # The server, the worker, the trainer, and a process that plays.
    training.wait_for(lambda: len(spawned(training.family())) == 4)
    family = training.family()
    assert len(family) >= 6  # these, the server's own process, redis
    training.process.kill()
    training.wait()
    assert_all_gone(family)


@pytest.mark.soak
@pytest.mark.parametrize(("part", "name"), [("worker", "worker"), ("server", "train-server")])
def test_a_killed_part_is_started_again(
    start: Callable[..., Training], part: str, name: str
) -> None:
    training = start()
    training.wait_for_checkpoint(1)
    killed = training.part(part)
    assert killed is not None
    killed.kill()
    training.wait_for(lambda: training.part(part) not in (killed, None))
    reached = training.checkpoint()
    assert reached is not None
    training.wait_for_checkpoint(reached + 2)
    training.process.send_signal(signal.SIGINT)
    code, errors = training.wait()
    assert code == 130
    assert_one_error_line(errors, f"the {name} died: killed by SIGKILL", "next attempt in 1 s")


def test_two_trainings_in_one_directory(start: Callable[..., Training]) -> None:
    first = start()
    first.wait_for(lambda: first.checkpoint() is not None)
    second = start()
    code, errors = second.wait()
    assert code == 1
    assert_one_error_line(errors, "the train-server cannot go on", str(first.data_dir))


def test_the_variables_of_a_worker_alone_change_nothing(
    start: Callable[..., Training], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEXZ_SERVER_URL", "http://127.0.0.1:1")
    start().wait_for_checkpoint(1)


def test_a_profile_says_what_nothing_else_does(start: Callable[..., Training]) -> None:
    training = start("--profile=gpu", "--device=cpu")
    training.wait_for(lambda: training.checkpoint() is not None)
    training.process.send_signal(signal.SIGINT)
    assert training.wait() == (130, "")
    metadata = training.store().info(0).metadata
    assert metadata["model"] == {"blocks": 1, "filters": 8, "kernel": "ring"}
    assert metadata["training"]["batch_size"] == 512


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_profile_for_a_gpu_that_is_not_there(start: Callable[..., Training]) -> None:
    code, errors = start("--profile=gpu").wait()
    assert code == 1
    assert_one_error_line(errors, "the train-server cannot go on: cannot train on 'cuda'")


def test_a_data_directory_that_is_a_file(start: Callable[..., Training], tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    code, errors = start().wait()
    assert code == 1
    assert_one_error_line(errors, "cannot write to", str(tmp_path / "data"))
