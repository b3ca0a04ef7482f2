"""An HTTP server for a WSGI application that slow, many or hostile clients cannot stop.

A request is taken whole before a thread answers it, so a client that sends slowly, or nothing,
holds a connection and a little memory, but never a thread. What takes microseconds may be answered
on the event loop itself: to wake a thread, and to get Python's lock back from it, costs more.
uvicorn speaks HTTP on the event loop of uvloop, which keeps that lock for a shorter time than
asyncio's own; what is here are the limits and the way to the application.
"""

from __future__ import annotations

import asyncio
import io
import logging
import resource
import signal
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Final

import uvicorn
import uvloop
from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from hexz.ending import ending_signals
from hexz.threads import Threads

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    AtOnce = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes] | None]
    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

HEAD_SECONDS: Final = 10.0
"""A client has so long for the head of a request."""
REQUEST_SECONDS: Final = 60.0
"""A client has so long for the body of a request."""
STALL_SECONDS: Final = 30.0
"""A client that takes nothing of an answer for so long is given up."""
KEEP_ALIVE_SECONDS: Final = 75
"""An idle connection is kept so long."""
GRACE_SECONDS: Final = 2
"""Answers under way have so long once the server is told to end."""

MAX_HEAD_BYTES: Final = 1 << 15
"""Of a head, and of the trailers after a body; a client that sends much at once may double it."""
MAX_FIELDS: Final = 128
"""Fields of a head, each of which takes many times its bytes."""
MAX_PIPELINED: Final = 32
"""Requests of a connection that may wait for the answer to the one before."""
MAX_BUFFERED_BYTES: Final = 1 << 26
"""Bodies that are in memory at once, beyond some 64 KB a connection that no limit counts."""
MAX_CONNECTIONS: Final = 10_000
SPARE_FILES: Final = 200
"""Open files that connections leave to the rest of the process."""
ACCEPTED_AT_ONCE: Final = 32
"""Connections that are accepted before those that are too many are closed."""
QUEUED_CONNECTIONS: Final = 2048
"""Connections that may wait to be accepted."""
SILENT_SECONDS: Final = 60.0
"""The same trouble is told no more often than this."""

ARRIVED: Final = "hexz.arrived"
"""The key in the WSGI environment of when the request began to come, as `time.monotonic`."""
CLIENT_GONE: Final = "hexz.client_gone"
"""The key in the WSGI environment of a `threading.Event` that is set when the client has gone, or
the server is to end."""

_LAST_DATA: Final = struct.Struct("@52xI")
"""`tcpi_last_data_recv` in Linux's `struct tcp_info`, in milliseconds."""

_log = logging.getLogger(__name__)


def serve(
    app: WSGIApplication,
    listener: socket.socket,
    *,
    threads: int,
    max_body: int,
    at_once: AtOnce | None = None,
    on_end: Callable[[], None] = lambda: None,
) -> None:
    """Serves an application until SIGTERM, SIGINT or SIGHUP; the last one unless it is ignored.

    Args:
        app: the application. Its answers are sent whole.
        listener: a bound socket, closed at the end.
        threads: requests that are answered at once.
        max_body: bytes of the largest body that any route takes; longer ones get a 413.
        at_once: an application that is asked first, on the event loop, and therefore neither waits
            nor computes for long; what it returns None for is left to `app`.
        on_end: called at each of these signals, on the main thread, in the middle of anything.
    """
    raise_file_limit()
    config = uvicorn.Config(
        _Bridge(app, threads, max_body, at_once),
        http=_Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=ACCEPTED_AT_ONCE,
        limit_concurrency=_most_connections(),
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # what clients do wrong is theirs
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_Server(config, on_end).serve(sockets=[listener]))


def raise_file_limit() -> None:
    """Raises the limit of open files to what MAX_CONNECTIONS need, as far as this process may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _most_connections() -> int:
    """How many connections fit into the limit of open files."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return min(MAX_CONNECTIONS, max(files - SPARE_FILES, files // 2))


class _Server(uvicorn.Server):
    """Ends in good order at the first signal, and does not wait for answers after a second."""

    def __init__(self, config: uvicorn.Config, on_end: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_end = on_end

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_Reporter().report)
        for number in ending_signals():
            signal.signal(number, lambda *_: self._take_signal(loop))
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(QUEUED_CONNECTIONS)

    def _take_signal(self, loop: asyncio.AbstractEventLoop) -> None:
        self._on_end()  # at once, as this may be called while something holds the loop up
        with suppress(RuntimeError):  # it has ended, and what follows is ended in good order
            loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        for connection in list(self.server_state.connections):
            connection.give_up_waiting()  # type: ignore[union-attr]
        self.force_exit = self.should_exit
        self.should_exit = True


class _Reporter:
    """Says in one line what asyncio would print tracebacks for, such as a lack of files, after
    which it accepts again a second later."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def report(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        message, error = context["message"], context.get("exception")
        if loop.time() - self._told.get(message, -SILENT_SECONDS) >= SILENT_SECONDS:
            self._told[message] = loop.time()
            _log.error("%s%s", message, f": {error}" if error else "")


class _Connection(HttpToolsProtocol):
    """Closes connections that are too many, or whose client is too slow or sends too much of what
    is no body."""

    _timer: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None
    _field_bytes = 0
    _in_head = True
    _in_trailers = False
    _began = 0.0
    _answering: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.limit_concurrency is not None and len(self.connections) > self.limit_concurrency:
            transport.abort()
        else:
            self._timer = self.loop.call_later(HEAD_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel()
        self.resume_writing()
        self.give_up_waiting()
        if self._answering is not None:
            self._answering.disconnected = True  # uvicorn tells only the request that came last
        super().connection_lost(exc)

    def give_up_waiting(self) -> None:
        """Has the present answer end with what there is."""
        state = {} if self._answering is None else self._answering.scope["state"]
        if CLIENT_GONE in state:
            state[CLIENT_GONE].set()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        # Piece by piece, since nothing is counted within one.
        for start in range(0, len(data), MAX_HEAD_BYTES):
            self._take(data[start : start + MAX_HEAD_BYTES])
            if self.transport.is_closing():
                return
        if self._is_idle():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _take(self, data: bytes) -> None:
        if self._in_head or self._in_trailers:
            self._field_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        # A body that came along counts too, so this is asked only while the fields go on.
        if (self._in_head or self._in_trailers) and self._field_bytes > MAX_HEAD_BYTES:
            self.send_400_response("The head of the request is too long.")

    def _is_idle(self) -> bool:
        """Whether nothing is under way, and no timer runs either: any data ends that of uvicorn,
        also an empty line that begins no request."""
        is_answered = self.cycle is not None and self.cycle.response_complete
        return is_answered and not self._in_head and self.timeout_keep_alive_task is None

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._cancel()
        self._in_head = True
        self._began = time.monotonic() - _seconds_unread(self.transport)
        self._timer = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def on_headers_complete(self) -> None:
        self._cancel()
        self._in_head, self._field_bytes = False, 0
        super().on_headers_complete()
        if self.scope is not None:
            self.scope["state"][ARRIVED] = self._began
        if len(self.pipeline) > MAX_PIPELINED:
            self.transport.abort()  # without a word, which would be taken for an earlier answer
            raise HttpParserError("too many requests")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_trailers:
            return  # nobody needs them, and they could pass for headers that a proxy has checked
        if len(self.headers) == MAX_FIELDS:
            raise HttpParserError("too many fields")
        super().on_header(name, value)

    def on_chunk_header(self) -> None:
        self._in_trailers, self._field_bytes = True, 0  # unless a body shows that others follow

    def on_body(self, body: bytes) -> None:
        self._in_trailers = False
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_trailers = False
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_reading()

    def send_400_response(self, msg: str) -> None:
        super().send_400_response(msg)
        self._see_off()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._see_off()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._see_off()

    def _see_off(self) -> None:
        """Gives up a client in time that keeps a closed connection open, as it does not take the
        rest of an answer, however short."""
        if self.transport.is_closing() and self._stalled is None:
            self._await_reading()

    def _await_reading(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        self._stalled = self.loop.call_later(STALL_SECONDS, self._check_reading, unsent)

    def _check_reading(self, unsent: int) -> None:
        """Gives up a client that has taken nothing since so much was unsent."""
        if self.transport.get_write_buffer_size() < unsent:
            self._await_reading()
        else:
            self.transport.abort()

    def resume_writing(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        super().resume_writing()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _seconds_unread(transport: asyncio.Transport) -> float:
    """How long the last bytes of a client have been here: the loop may have had much to do since
    then. 0 where the system does not tell."""
    connection = transport.get_extra_info("socket")
    if sys.platform != "linux" or connection is None or connection.family == socket.AF_UNIX:
        return 0.0
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA.size)
    milliseconds: int = _LAST_DATA.unpack(info)[0]
    return milliseconds / 1000


class _Refused(Exception):
    """The request is not given to the application.

    Attributes:
        status: of the answer.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class _Disconnected(Exception):
    """The client has gone."""


class Later:
    """An answer of a WSGI application that is not there yet. This server lets its thread go until
    then; others wait for it.

    Args:
        ready: is done when the answer can be made.
        answer: makes it, with a call of `start_response`, on the event loop: it must not wait.
    """

    def __init__(self, ready: Future[Any], answer: Callable[[], Iterable[bytes]]) -> None:
        self.ready = ready
        self.answer = answer

    def __iter__(self) -> Iterator[bytes]:
        if not self.ready.done():
            wait([self.ready])
        return iter(self.answer())


class _Bridge:
    """The ASGI application that takes requests whole and lets threads ask a WSGI application."""

    def __init__(
        self, app: WSGIApplication, threads: int, max_body: int, at_once: AtOnce | None
    ) -> None:
        self._app = app
        self._at_once = at_once
        self._max_body = max_body
        self._buffered = 0
        self._threads = Threads(threads, "http")
        self._answered: deque[_Call] = deque()
        self._is_woken = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                body = await self._body(receive)
        except _Disconnected:
            return
        except TimeoutError:
            answer = _plain(408, f"the request took more than {REQUEST_SECONDS:.0f} s")
        except _Refused as refusal:
            answer = _plain(refusal.status, str(refusal))
        else:
            try:
                answer = await self._answer(_Call(_environ(scope, body)))
            finally:
                self._buffered -= len(body)
        status, headers, content = answer
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _body(self, receive: Receive) -> bytes:
        """The whole body, which `_buffered` counts from here on."""
        parts: list[bytes] = []
        size = 0
        try:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise _Disconnected
                part: bytes = message["body"]
                size += len(part)
                self._buffered += len(part)
                if size > self._max_body:
                    raise _Refused(413, f"a body has at most {self._max_body} bytes")
                if self._buffered > MAX_BUFFERED_BYTES:
                    raise _Refused(503, "too many requests are being taken at once: try again")
                parts.append(part)
                if not message["more_body"]:
                    return b"".join(parts)
        except BaseException:
            self._buffered -= size
            raise

    async def _answer(self, call: _Call) -> _Answer:
        if self._at_once is not None and call.ask(self._at_once):
            self._await(call)
        else:
            self._threads.run(lambda: self._ask(call))
        return await call.future

    def _ask(self, call: _Call) -> None:
        call.ask(self._app)
        self._await(call)

    def _await(self, call: _Call) -> None:
        if isinstance(call.chunks, Later):
            call.chunks.ready.add_done_callback(lambda _: self._pass_on(call))
        else:
            self._pass_on(call)

    def _pass_on(self, call: _Call) -> None:
        """Wakes the event loop for an answer, unless it is to take others, which it has not yet."""
        self._answered.append(call)
        if not self._is_woken:
            self._is_woken = True
            with suppress(RuntimeError):  # the server has ended
                call.future.get_loop().call_soon_threadsafe(self._take_answers)

    def _take_answers(self) -> None:
        self._is_woken = False
        while self._answered:
            self._answered.popleft().resolve()


_Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


class _Call:
    """A request on its way to an application and back. Belongs to the event loop.

    Attributes:
        environ: of the request.
        future: of the answer.
        chunks: what the application has given.
    """

    def __init__(self, environ: WSGIEnvironment) -> None:
        self.environ = environ
        self.future: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self.chunks: Iterable[bytes] = ()
        self._answer: _Answer | None = None
        self._head: list[Any] = []

    def ask(self, app: WSGIApplication | AtOnce) -> bool:
        """Tells whether an application answers, now or later, in the thread that calls this."""
        try:
            chunks = app(self.environ, self._start_response)
        except Exception:
            self._answer = _bug()
            return True
        if chunks is None:
            self.environ["wsgi.input"].seek(0)
            return False
        self.chunks = chunks
        if not isinstance(chunks, Later):
            self._answer = _joined(chunks, self._head)
        return True

    def resolve(self) -> None:
        """Gives the future its answer, unless nobody waits for it any more."""
        if not self.future.done():
            self.future.set_result(self._answer or _joined(self.chunks, self._head))

    def _start_response(self, status: str, headers: Any, _error: Any = None) -> Any:
        self._head[:] = [int(status[:3]), headers]


def _joined(chunks: Iterable[bytes], head: list[Any]) -> _Answer:
    """The whole answer of an application, which fills `head` by the end of its chunks."""
    try:
        try:
            content = b"".join(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        status, headers = head
        return status, [(n.lower().encode(), v.encode("latin-1")) for n, v in headers], content
    except Exception:
        return _bug()


def _bug() -> _Answer:
    """The answer in place of one that an application failed to give."""
    _log.exception("a bug in the answer to a request")
    return _plain(500, "internal error")


def _plain(status: int, reason: str) -> _Answer:
    """An answer after which the connection is closed, since the request was not taken whole."""
    body = f"{reason}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    if status == 503:
        headers.append((b"retry-after", b"5"))
    return status, headers, body


def _environ(scope: Scope, body: bytes) -> WSGIEnvironment:
    """The environment of PEP 3333 for a request."""
    gone = scope["state"][CLIENT_GONE] = threading.Event()
    host, port = scope["server"] or ("", 0)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": scope["client"][0] if scope["client"] else "",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        CLIENT_GONE: gone,
        ARRIVED: scope["state"].get(ARRIVED),
    }
    for raw, value in scope["headers"]:
        if b"_" in raw or raw in (b"content-length", b"transfer-encoding", b"expect"):
            continue  # with "_" it could pass for another header
        name = raw.decode("latin-1").upper().replace("-", "_")
        key = name if name == "CONTENT_TYPE" else f"HTTP_{name}"
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ
