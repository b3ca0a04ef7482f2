"""A whole training on a disk that is full for a while, in a mount namespace of its own."""

import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import urllib3

from hexz.checkpoints import open_store

from ..redis_server import free_port
from ..waiting import wait_until
from .fleet import MODEL_NAME, SETTINGS
from .processes import COMMAND, TIMEOUT, environment

MOUNT = 'mount -t tmpfs -o size=24m tmpfs "$0" && echo mounted && exec "$@" > "$0/out" 2>&1'


def status(port: int) -> Any:
    with contextlib.suppress(urllib3.exceptions.HTTPError):
        headers = {"Accept": "application/json"}
        url = f"http://127.0.0.1:{port}/status"
        return json.loads(urllib3.request("GET", url, headers=headers, retries=False).data)
    return None


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="needs the namespaces of Linux")
def test_a_training_outlives_a_full_disk(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(SETTINGS)
    disk = tmp_path / "disk"
    disk.mkdir()
    port = free_port()
    training = [
        *COMMAND, "train", f"--data-dir={disk}/data", f"--model-name={MODEL_NAME}",
        "--minibatch-size=300", "--blocks=1", "--filters=8", "--num-workers=1",
        f"--port={port}", f"--settings={settings}",
    ]  # fmt: skip
    with subprocess.Popen(
        ["/usr/bin/env", "unshare", "-m", "sh", "-c", MOUNT, disk, *training],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        if process.stdout.readline() != b"mounted\n":
            pytest.skip("this user cannot mount a tmpfs")
        seen = Path(f"/proc/{process.pid}/root{disk}")  # the disk, as seen from here
        checkpoints = open_store(str(seen / "data"), MODEL_NAME)

        def reached(number: int) -> bool:
            assert process.poll() is None, (seen / "out").read_text()
            return (checkpoints.latest() or 0) >= number

        try:
            wait_until(lambda: reached(1))
            with (
                open(seen / "ballast", "wb", buffering=0) as ballast,
                contextlib.suppress(OSError),
            ):
                while True:
                    ballast.write(bytes(4096))
            wait_until(lambda: any("No space left" in line for line in status(port)["problems"]))
            newest = checkpoints.latest() or 0
            (seen / "ballast").unlink()
            wait_until(lambda: reached(newest + 2))
            wait_until(lambda: status(port)["problems"] == [])
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIMEOUT) == 128 + signal.SIGTERM
        finally:
            process.kill()
