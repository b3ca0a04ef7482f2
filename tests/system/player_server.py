"""A player service in a process of its own, as its users start it."""

import contextlib
import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import psutil
import urllib3

from .. import fork_server
from .processes import COMMAND, TIMEOUT, environment, gunicorn_command

_WHERE = re.compile(r"Play at (http://\S+?)(?:, gRPC at (\S+))?")


class PlayerServer:
    """A running `hexzctl serve-player`.

    Args:
        directory: for what the server prints.
        options: of the command line.
        gunicorn_at: runs it under gunicorn, which listens at this address.
        variables: of the environment.

    Attributes:
        url: of the page.
        grpc_address: of the gRPC service, if there is one.
    """

    def __init__(
        self, directory: Path, *options: object, gunicorn_at: str | None = None, **variables: str
    ) -> None:
        self.errors = directory / "stderr.txt"
        with self.errors.open("ab") as stderr:
            fresh = any(name.startswith("PYTHON") for name in variables)
            start: Callable[..., subprocess.Popen[str]] = (
                subprocess.Popen if gunicorn_at or fresh else fork_server.start
            )
            command = [*(COMMAND if fresh else ()), "serve-player", "--port", "0"]
            command += map(str, options)
            self.process = start(
                gunicorn_command("serve.md", gunicorn_at) if gunicorn_at else command,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=environment(**variables),
                start_new_session=True,
            )
        if gunicorn_at:
            self.url, self.grpc_address = f"http://{gunicorn_at}", None
        else:
            assert self.process.stdout is not None
            line = self.process.stdout.readline().strip()
            where = _WHERE.fullmatch(line)
            assert where, (line, self.errors.read_text())
            self.url, self.grpc_address = where[1], where[2]
        self._http = urllib3.PoolManager(retries=False, timeout=TIMEOUT)

    def get(self, path: str) -> urllib3.BaseHTTPResponse:
        return self._http.request("GET", self.url + path)

    def status(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.get("/status").data)
        return content

    def memory(self) -> int:
        """Bytes of the process that plays."""
        return max(process.memory_info().rss for process in self._processes())

    def wait_until_ready(self) -> Self:
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                if self.get("/readyz").status == 200:
                    return self
            except urllib3.exceptions.HTTPError:
                time.sleep(0.05)
            assert self.process.poll() is None, self.errors.read_text()
            assert time.monotonic() < deadline, self.errors.read_text()

    def end(self, signum: int = signal.SIGTERM) -> int:
        """Sends a signal; returns the exit code. No process may be left soon afterwards."""
        seen = self._processes()
        self.process.send_signal(signum)
        try:
            code = self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end: {self._stacks()}") from None
        _, alive = psutil.wait_procs(seen, timeout=15)
        assert alive == []
        return code

    def _stacks(self) -> str:
        """What its processes are, and what its threads do."""
        states = [f"{process.pid} is {process.status()}" for process in self._processes()]
        if isinstance(self.process, fork_server.Forked):
            self.process.send_signal(signal.SIGUSR2)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(2)  # until they are written
        return "\n".join([*states, self.errors.read_text()])

    def _processes(self) -> Sequence[psutil.Process]:
        server = psutil.Process(self.process.pid)
        return [server, *server.children(recursive=True)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            for process in self._processes():
                process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
