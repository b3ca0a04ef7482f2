"""Cloud Storage for tests: gcp-storage-emulator, in a process of its own.

It speaks to the real client over HTTP, but ignores preconditions and checks no permissions.
"""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_START_SECONDS = 30.0
_REQUEST_SECONDS = 5.0


class GcsEmulator:
    """An emulator with one bucket. It can be stopped and started again with the same data.

    Attributes:
        url: for STORAGE_EMULATOR_HOST; stays the same.
        bucket: the name of the bucket.
    """

    def __init__(
        self, directory: Path, bucket: str = "hexz-tests", host: str = "127.0.0.1"
    ) -> None:
        self.bucket = bucket
        self._directory = directory
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._host = host
        self.url = f"http://{host}:{self._port}"

    def start(self) -> None:
        """Returns when the bucket can be used."""
        command = [sys.executable, "-m", "gcp_storage_emulator", "-d", str(self._directory)]
        options = ["start", "-q", "-H", self._host, "--port", str(self._port)]
        options += ["--default-bucket", self.bucket]
        self._process = subprocess.Popen([*command, *options], start_new_session=True)
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, "the emulator ended"
            assert time.monotonic() < deadline, "the emulator does not answer"
            time.sleep(0.02)

    def stop(self) -> None:
        """Connections are refused from now on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # so that it finishes its last request
            try:
                self._process.wait(timeout=_REQUEST_SECONDS)
            except subprocess.TimeoutExpired:  # whose sender may be cut off, and never ends it
                self._process.kill()
                self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            socket.create_connection((self._host, self._port), timeout=1).close()
        except ConnectionError:
            return False
        return True


@pytest.fixture(scope="module")
def gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GcsEmulator]:
    """A running emulator, which this process and its children use instead of Cloud Storage."""
    emulator = GcsEmulator(tmp_path_factory.mktemp("gcs"))
    emulator.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", emulator.url)
        yield emulator
    emulator.stop()


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
        return port
