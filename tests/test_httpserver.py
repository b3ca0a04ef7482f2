"""The HTTP server: whatever clients do, others are answered, and nothing grows without end."""

from __future__ import annotations

import contextlib
import http.client
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from hexz.httpserver import MAX_BUFFERED_BYTES, _seconds_unread

from .waiting import wait_until

MAX_BODY = 1 << 20
SIZES = range(9)

SERVER = f"""
import resource, signal, socket, sys, threading, time
from concurrent.futures import Future
from hexz import httpserver

waiting = []
large = {{"/large": b"x" * (1 << 26), "/short": b"x" * 50_000}}

(
    httpserver.HEAD_SECONDS,
    httpserver.REQUEST_SECONDS,
    httpserver.STALL_SECONDS,
    httpserver.KEEP_ALIVE_SECONDS,
) = map(float, sys.argv[1:5])
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which the tests may ignore, under nohup
if files := int(sys.argv[5]):
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

def app(environ, start_response):
    path, body = environ["PATH_INFO"], environ["wsgi.input"].read()
    if path == "/slow":
        print("asked", flush=True)
        time.sleep(1.0)
    if path == "/wait":
        print("asked", flush=True)
        print("gone" if environ[httpserver.CLIENT_GONE].wait(20) else "there", flush=True)
    if path == "/bug":
        raise ValueError("broken")
    if path == "/later":
        def answer():
            start_response("201 Created", [("Content-Length", "3")])
            return [b"now"]
        waiting.append(Future())
        return httpserver.Later(waiting[-1], answer)
    if path == "/release":
        while len(waiting) < 5:
            time.sleep(0.01)
        for future in waiting:
            future.set_result(None)
    if environ.get("HTTP_X_CHECKED"):
        body += b"a header more"
    answer = large.get(path, b"%d\\n" % len(body))
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]

def at_once(environ, start_response):
    path, body = environ["PATH_INFO"], environ["wsgi.input"].read()
    if path == "/bug-at-once":
        raise ValueError("broken")
    if path != "/at-once":
        return None
    start_response("200 OK", [])
    return [b"%d %d" % (len(body), threading.current_thread() is threading.main_thread())]

listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
listener.bind(("127.0.0.1", 0))
if send_buffer := int(sys.argv[6]):
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
listener.listen(2048)
print(listener.getsockname()[1], flush=True)
httpserver.serve(app, listener, threads=2, max_body={MAX_BODY}, at_once=at_once)
signal.raise_signal(signal.SIGTERM)
print("closed", flush=True)
"""


@dataclass
class Server:
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    port: int

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def ask(self, path: str = "/", body: bytes = b"") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            connection.request("POST", path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


Start = Callable[..., Server]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts servers with limits in seconds for the head, the request, a stall and idleness, of
    open files and of the bytes of an answer that the system takes before they are read."""
    with contextlib.ExitStack() as stack:

        def run(
            head: float = 10,
            request: float = 60,
            stall: float = 30,
            keep_alive: float = 75,
            files: int = 0,
            send_buffer: int = 0,
        ) -> Server:
            limits = map(str, (head, request, stall, keep_alive, files, send_buffer))
            # Not with a `preexec_fn`, for which Python forks: gRPC may be in this process.
            process = subprocess.Popen(
                [sys.executable, "-c", SERVER, *limits],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stderr is not None
            port = process.stdout.readline()
            assert port, process.stderr.read()
            return Server(process, int(port))

        yield run


def read_all(connection: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(1 << 16):
            received += part
    return received


def read_answer(connection: socket.socket) -> bytes:
    """The body of the next answer."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.read()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Half: ",
        b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
    ],
)
def test_slow_clients_stop_nobody(start: Start, sent: bytes) -> None:
    server = start()
    with contextlib.ExitStack() as stack:
        for _ in range(64):
            connection = stack.enter_context(server.connect())
            connection.sendall(sent)
        assert server.ask(body=b"four") == (200, b"4\n")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", b""),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Half: ", b""),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + b"GET / HTTP/1.1\r\nHost: x\r\nX-Half: ", b"200"),
        (b"POST / HTTP/1.1\r\nContent-Length: 999\r\n\r\nhalf", b"408"),
    ],
)
def test_a_head_and_a_request_have_their_time_in_all(
    start: Start, sent: bytes, status: bytes
) -> None:
    server = start(head=0.5, request=0.5)
    with server.connect() as connection:
        connection.sendall(sent)
        began = time.monotonic()
        connection.settimeout(0.1)
        received = b""
        while time.monotonic() - began < 10:
            try:
                part = connection.recv(4096)
                if not part:
                    break
                received += part
            except TimeoutError:
                # A byte now and then is no reason to wait any longer.
                with contextlib.suppress(OSError):
                    connection.sendall(b"a" if sent else b"")
            except ConnectionResetError:
                break
        assert 0.3 < time.monotonic() - began < 5
    assert received[9:12] == status


def test_a_client_that_takes_no_answer_is_given_up(start: Start) -> None:
    server = start(stall=0.5)
    process = psutil.Process(server.process.pid)
    with server.connect() as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        deadline = time.monotonic() + 10
        while process.net_connections() and time.monotonic() < deadline:
            if len([c for c in process.net_connections() if c.status == "ESTABLISHED"]) == 0:
                break
            time.sleep(0.05)
        assert time.monotonic() < deadline
    assert server.ask() == (200, b"0\n")


def test_a_client_that_takes_an_answer_slowly_gets_it_all(start: Start) -> None:
    server = start(stall=0.5)
    with server.connect() as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received, began = 0, time.monotonic()
        while part := connection.recv(1 << 22, socket.MSG_WAITALL):
            received += len(part)
            time.sleep(0.1)
        assert received > 1 << 26
        assert time.monotonic() - began > 1.0, "this was not slow"


@pytest.mark.parametrize("after", [b"", b"\r\n"])
def test_an_idle_connection_ends_in_time(start: Start, after: bytes) -> None:
    server = start(keep_alive=0.5)
    with server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_answer(connection) == b"0\n"
        connection.sendall(after)
        assert connection.recv(1) == b""


@pytest.mark.parametrize("sent", [b"GET /short HTTP/1.0", b"GET /short HTTP/1.1\r\nHost: x"])
def test_an_idle_connection_ends_though_a_short_answer_is_not_read(
    start: Start, sent: bytes
) -> None:
    server = start(stall=0.5, keep_alive=0.5, send_buffer=4096)
    process = psutil.Process(server.process.pid)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(sent + b"\r\n\r\n")
        wait_until(lambda: "ESTABLISHED" in states(process))
        wait_until(lambda: "ESTABLISHED" not in states(process))


def states(process: psutil.Process) -> set[str]:
    """The states of its connections."""
    return {connection.status for connection in process.net_connections()}


CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * 5000 + b"\r\n", id="fields"),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"a" * (1 << 24), id="a field"),
        pytest.param(CHUNKED + b"0\r\n" + b"a:b\r\n" * 800_000, id="trailers"),
        pytest.param(CHUNKED + b"0\r\nX: " + b"a" * (1 << 24), id="a trailer"),
        pytest.param(b"GET /wait HTTP/1.1\r\n\r\n" * 13_000, id="requests"),
    ],
)
def test_what_is_no_body_takes_little_memory(start: Start, sent: bytes) -> None:
    server = start()
    assert server.ask() == (200, b"0\n")
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    with server.connect() as connection:
        with contextlib.suppress(OSError):
            connection.sendall(sent)
        assert read_all(connection)[9:12] in (b"400", b"")
        assert process.memory_info().rss - before < 4 << 20
    assert server.ask() == (200, b"0\n")


def test_heads_and_bodies_have_a_size(start: Start) -> None:
    server = start()
    with server.connect() as connection:
        with contextlib.suppress(OSError):
            connection.sendall(b"GET / HTTP/1.1\r\n" + b"X-Long: %s\r\n" % (b"x" * 1000) * 100)
        assert read_all(connection)[9:12] == b"400"
    assert server.ask(body=bytes(MAX_BODY)) == (200, b"%d\n" % MAX_BODY)
    with server.connect() as connection:
        with contextlib.suppress(OSError):
            connection.sendall(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(100):
                connection.sendall(b"10000\r\n" + bytes(1 << 16) + b"\r\n")
        assert read_all(connection)[9:12] in (b"413", b"")
    assert server.ask() == (200, b"0\n")


def test_bodies_together_take_bounded_memory(start: Start) -> None:
    server = start()
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    head = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % MAX_BODY
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(200)]
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.sendall(head + bytes(MAX_BODY - 1))
        refused: set[socket.socket] = set()
        while len(refused) < len(connections) - MAX_BUFFERED_BYTES // MAX_BODY:
            waiting = [connection for connection in connections if connection not in refused]
            answered, _, _ = select.select(waiting, [], [], 20)
            assert answered
            refused.update(answered)
        assert {connection.recv(4096)[9:12] for connection in refused} <= {b"503", b""}
        assert process.memory_info().rss - before < 150 << 20
    deadline = time.monotonic() + 10
    while not _is_served(server):
        assert time.monotonic() < deadline


def test_more_connections_than_files_are_outlived(start: Start) -> None:
    server = start(head=0.5, files=128)
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(server.connect())
        deadline = time.monotonic() + 10
        while not _is_served(server):
            assert time.monotonic() < deadline
    assert server.process.poll() is None


def _is_served(server: Server) -> bool:
    try:
        return server.ask()[0] == 200
    except OSError:
        return False


@pytest.mark.parametrize("more", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HT"])
def test_an_application_hears_that_its_client_has_gone(start: Start, more: bytes) -> None:
    server = start()
    with server.connect() as connection:
        connection.sendall(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n" + more)
        assert server.line() == "asked"
    assert server.line() == "gone"
    server.process.send_signal(signal.SIGTERM)
    assert server.process.communicate(timeout=20)[1] == ""


def test_chunks_come_in_any_pieces_and_trailers_are_no_headers(start: Start) -> None:
    server = start()
    whole = CHUNKED + b"3;why=not\r\nabc\r\n1\r\nd\r\n0\r\nX-Checked: yes\r\nX-B: c\r\n\r\n"
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for size in (1, 2, 3, 5, 7, len(whole)):
            for first in range(0, len(whole), size):
                connection.sendall(whole[first : first + size])
            assert read_answer(connection) == b"4\n", size


def test_a_bug_is_a_line_for_the_client_and_a_traceback_in_the_log(start: Start) -> None:
    server = start()
    assert server.ask("/bug") == (500, b"internal error\n")
    assert server.ask() == (200, b"0\n")
    server.process.send_signal(signal.SIGTERM)
    assert "ValueError: broken" in server.process.communicate(timeout=20)[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_ends_once_answers_under_way_are_given(start: Start, number: int) -> None:
    server = start()
    with server.connect() as connection, server.connect():
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        assert server.line() == "asked"
        server.process.send_signal(number)
        assert read_all(connection)[9:12] == b"200"
    assert server.process.wait(5) == 0
    assert server.process.communicate()[1] == ""


def test_another_signal_after_its_end_disturbs_nothing(start: Start) -> None:
    """Whoever serves closes what the application has used."""
    server = start()
    assert server.ask() == (200, b"0\n")
    server.process.send_signal(signal.SIGTERM)
    assert server.line() == "closed"
    assert server.process.wait(5) == 0


def test_pipelined_requests_are_answered_in_order(start: Start) -> None:
    server = start()
    with server.connect() as connection:
        connection.sendall(
            b"".join(
                b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % n + bytes(n) for n in range(9)
            )
            + b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
        )
        answers = re.findall(rb"\r\n\r\n(\d)\n", read_all(connection))
    assert answers == [b"%d" % n for n in [*SIZES, 0]]


def test_nobody_answers_for_a_header_with_an_underscore(start: Start) -> None:
    from hexz.httpserver import _environ

    scope = {
        "method": "GET", "path": "/ä", "query_string": b"", "server": None, "client": None,
        "http_version": "1.1", "scheme": "http", "state": {},
        "headers": [(b"x_forwarded_for", b"1"), (b"x-twice", b"1"), (b"x-twice", b"2")],
    }  # fmt: skip
    environ = _environ(scope, b"")
    assert "HTTP_X_FORWARDED_FOR" not in environ
    assert environ["HTTP_X_TWICE"] == "1,2"
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/ä"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_the_time_that_a_request_was_there_before_it_is_read_is_known() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    with client, server:
        client.send(b"GET")
        select.select([server], [], [])
        time.sleep(0.2)
        transport: Any = SimpleNamespace(get_extra_info={"socket": server}.get)
        assert 0.15 <= _seconds_unread(transport) < 60


def test_what_is_answered_at_once_needs_no_thread(start: Start) -> None:
    server = start()
    assert server.ask("/at-once", b"xyz") == (200, b"3 1")
    assert server.ask("/", b"xyz") == (200, b"3\n")  # though the body was read in vain
    assert server.ask("/bug-at-once") == (500, b"internal error\n")
    assert server.ask("/at-once") == (200, b"0 1")


def test_answers_that_come_later_hold_no_thread(start: Start) -> None:
    server = start()
    waiting = [server.connect() for _ in range(5)]
    for connection in waiting:
        connection.sendall(b"POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
    assert server.ask("/release", b"xy") == (200, b"2\n")
    for connection in waiting:
        with contextlib.closing(connection):
            answer = connection.recv(4096)
            assert answer.startswith(b"HTTP/1.1 201")
            assert answer.endswith(b"now")
