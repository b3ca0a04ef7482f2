"""A train server for tests: real HTTP, and answers as the test wants them."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from hexz.engine import SearchSettings
from hexz.schema.fleet import (
    COMPACT_GAMES_PATH,
    EXAMPLES_PATH,
    HEARTBEAT_PATH,
    Heartbeat,
    Orders,
    WorkerSettings,
)
from hexz.schema.shared import PostUnit
from hexz.wire.versions import COMPACT_VERSION

TIMEOUT = 60.0


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: str = '{"checkpoint": 7, "accepted": 1}'
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    path: str
    body: bytes
    headers: dict[str, str]
    client: tuple[str, int]


class FakeTrainServer:
    """Takes everything, unless `answer` says otherwise.

    Attributes:
        settings: that workers are sent.
        answer, answer_heartbeat: of posts of examples and games, and of heartbeats; a test may
            replace them.
        requests: all that were made.
        examples, games: bodies of all examples and compact games that were taken.
        compact_games: the version of compact games that it reads.
        heartbeats: that were taken.
    """

    def __init__(self, port: int = 0) -> None:
        self.order()
        self.answer: Callable[[Request], Answer] = lambda _: Answer()
        self.answer_heartbeat: Callable[[Request], Answer] = self._orders
        self.requests: list[Request] = []
        self.examples: list[bytes] = []
        self.games: list[bytes] = []
        self.compact_games = COMPACT_VERSION
        self.heartbeats: list[Heartbeat] = []
        self._changed = threading.Condition()
        self._connections: list[socket.socket] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self.port = self._http.server_port

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD)  # what was taken is answered

    def order(self, post: PostUnit = "examples", games: int = 8, **search: Any) -> None:
        """Changes the settings."""
        changed = SearchSettings(**{"algorithm": "gumbel", "simulations": 2, **search})
        self.settings = WorkerSettings(search=changed, games_per_process=games, post=post)

    def wait_until(self, condition: Callable[[], bool], timeout: float = TIMEOUT) -> None:
        """Waits until requests have made something true."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not condition():
                left = deadline - time.monotonic()
                assert left > 0, f"{len(self.requests)} requests, {self.heartbeats[-1:]}"
                self._changed.wait(left)

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    def _orders(self, _: Request) -> Answer:
        return Answer(
            body=Orders(settings=self.settings, compact_games=self.compact_games).to_json().decode()
        )

    def _take(self, request: Request) -> Answer:
        if request.path == HEARTBEAT_PATH:
            answer = self.answer_heartbeat(request)
        elif request.path in (EXAMPLES_PATH, COMPACT_GAMES_PATH):
            answer = self.answer(request)
        else:
            answer = Answer(404, "not found")
        with self._changed:
            self.requests.append(request)
            if answer.status == 200:
                self._keep(request)
            self._changed.notify_all()
        return answer

    def _keep(self, request: Request) -> None:
        if request.path == HEARTBEAT_PATH:
            self.heartbeats.append(Heartbeat.from_json(request.body))
        elif request.path == COMPACT_GAMES_PATH:
            self.games.append(request.body)
        else:
            self.examples.append(request.body)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        take, connections = self._take, self._connections

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                connections.append(self.connection)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = take(Request(self.path, body, dict(self.headers), self.client_address))
                data = answer.body.encode()
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
