"""A whole training on a disk that is full for a while, in a mount namespace of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from hexz.checkpoints import open_store

from ..redis_server import free_port
from ..waiting import wait_until
from .fleet import MODEL_NAME, SETTINGS
from .processes import COMMAND, TIMEOUT, environment

SHELL = 'mount -t tmpfs -o size=24m tmpfs "$1" && echo mounted && shift && cd "$1" && shift && "$@"'


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """The path of a small disk, as seen from here: through a process that keeps it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["/usr/bin/env", "unshare", "-m", "sh", "-c", SHELL, "sh", folder, folder, "cat"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as keeper:
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        if keeper.stdout.readline() != b"mounted\n":
            pytest.skip("this user cannot mount a tmpfs")
        yield Path(f"/proc/{keeper.pid}/root/{folder}")
        keeper.stdin.close()


def status(port: int) -> Any:
    with contextlib.suppress(urllib3.exceptions.HTTPError):
        headers = {"Accept": "application/json"}
        url = f"http://127.0.0.1:{port}/status"
        return json.loads(urllib3.request("GET", url, headers=headers, retries=False).data)
    return None


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="needs the namespaces of Linux")
def test_a_training_outlives_a_full_disk(disk: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(SETTINGS)
    port = free_port()
    checkpoints = open_store(str(disk / "data"), MODEL_NAME)
    with (disk / "output").open("wb") as output:
        process = subprocess.Popen(
            [
                *COMMAND, "train", f"--data-dir={disk}/data", f"--model-name={MODEL_NAME}",
                "--minibatch-size=300", "--blocks=1", "--filters=8", "--num-workers=1",
                f"--port={port}", f"--settings={settings}",
            ],
            stdout=output,
            stderr=output,
            env=environment(),
        )  # fmt: skip
    try:
        wait_until(lambda: (checkpoints.latest() or 0) >= 1)
        with open(disk / "ballast", "wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(bytes(4096))
        wait_until(lambda: any("No space left" in problem for problem in status(port)["problems"]))
        reached = checkpoints.latest() or 0
        assert process.poll() is None
        os.unlink(disk / "ballast")
        wait_until(lambda: (checkpoints.latest() or 0) >= reached + 2)
        wait_until(lambda: status(port)["problems"] == [])
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.wait()
