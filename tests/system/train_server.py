"""A train server in a process of its own, as its users start it."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import psutil
import urllib3

from .. import fork_server
from .processes import TIMEOUT, environment, gunicorn_command, spawned

QUICK = ("--blocks", 1, "--filters", 8, "--batch-size", 64, "--window-min", 2000)
"""Options of a network that is trained in a second."""

PATIENT = ("--graceful-timeout", "600")
"""Has gunicorn kill no worker that would not end by itself."""


class ServerProcess:
    """A running `hexzctl train-server`, with store and data in one directory.

    Args:
        directory: of the store and the data, and of what the server prints.
        options: of the command line, beside these and QUICK.
        gunicorn_at: runs it under gunicorn, which listens at this address; it is configured by
            `variables` only.
        variables: of the environment.
    """

    def __init__(
        self,
        directory: Path,
        *options: object,
        gunicorn_at: str | None = None,
        **variables: str,
    ) -> None:
        if gunicorn_at is None:
            default = ["train-server", "--store", directory, "--data-dir", directory, "--port", 0]
            start: Callable[..., subprocess.Popen[str]] = fork_server.start
            command = [*default, *QUICK, *options]
        else:
            start = subprocess.Popen
            command = [*gunicorn_command("training.md", gunicorn_at), *PATIENT]
        directory.mkdir(parents=True, exist_ok=True)
        self.errors = directory / "stderr.txt"
        with self.errors.open("ab") as stderr:
            self.process = start(
                command,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=environment(**variables),
                start_new_session=True,
            )
        assert self.process.stdout is not None
        if gunicorn_at is None:
            self.url = self.process.stdout.readline().strip().removeprefix("Listening at ")
        else:
            self.url = f"http://{gunicorn_at}"
        # Gunicorn closes a connection after a body that is too large to be read, so that the next
        # request needs another one.
        once_more = urllib3.Retry(
            connect=0, read=1, redirect=0, status=0, allowed_methods=None,
            respect_retry_after_header=False,
        )  # fmt: skip
        self._http = urllib3.PoolManager(maxsize=8, retries=once_more, timeout=TIMEOUT)
        self._token = variables.get("HEXZ_AUTH_TOKEN")
        self._seen: list[psutil.Process] = []

    def request(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> urllib3.BaseHTTPResponse:
        if self._token is not None:
            headers.setdefault("Authorization", f"Bearer {self._token}")
        return self._http.request(method, self.url + path, body=body, headers=headers)

    def post(self, body: bytes, path: str = "/training/examples") -> int:
        """The status of the answer."""
        return int(self.request("POST", path, body).status)

    def status(self) -> Mapping[str, Any]:
        answer = self.request("GET", "/status")
        assert answer.status == 200, answer.data
        content: dict[str, Any] = json.loads(answer.data)
        return content

    def wait_until_ready(self) -> Self:
        """Waits until examples are taken; notes the processes that there are then."""
        deadline = time.monotonic() + TIMEOUT
        while not self._is_ready():
            assert self.process.poll() is None, self.errors.read_text()
            assert time.monotonic() < deadline, self.errors.read_text()
            time.sleep(0.05)
        self._seen = self.processes()
        return self

    def _is_ready(self) -> bool:
        try:
            return self.request("GET", "/readyz").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def wait_for(self, condition: Any, timeout: float = TIMEOUT) -> Mapping[str, Any]:
        """Waits until the condition holds for the status, and returns that."""
        deadline = time.monotonic() + timeout
        while not condition(status := self.status()):
            assert time.monotonic() < deadline, (status, self.errors.read_text())
            time.sleep(0.05)
        return status

    def wait_for_checkpoint(self, number: int) -> Mapping[str, Any]:
        return self.wait_for(lambda status: (status["checkpoint"] or 0) >= number)

    def processes(self) -> list[psutil.Process]:
        """The server and everything that it started."""
        server = psutil.Process(self.process.pid)
        return [server, *server.children(recursive=True)]

    def trainer(self) -> psutil.Process:
        """The process that trains."""
        return spawned(self.processes(), "run_trainer")[0]

    def kill(self) -> None:
        """Kills the server as a crash does; nothing that it started may be left."""
        seen = self.processes()
        self.process.kill()
        self.process.wait()
        _, alive = psutil.wait_procs(seen, timeout=30)
        assert alive == []

    def end(self, signum: int = signal.SIGTERM, *, group: bool = False) -> int:
        """Sends a signal, on request to the whole process group as a terminal does; returns the
        exit code. No process may be left soon afterwards."""
        seen = {process.pid: process for process in (*self._seen, *self.processes())}
        if group:
            os.killpg(self.process.pid, signum)
        else:
            self.process.send_signal(signum)
        code = self.process.wait(TIMEOUT)
        _, alive = psutil.wait_procs(list(seen.values()), timeout=15)
        assert alive == []
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
