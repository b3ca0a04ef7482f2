"""What the HTTP servers have in common: one process under gunicorn, and clients that may send
anything, or nothing."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable
from functools import lru_cache
from multiprocessing.connection import Connection, Pipe
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import ThreadWorker
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.wrappers import Request

from hexz.errors import HexzError
from hexz.schema.declaration import Settings
from hexz.schema.resolution import resolve

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

S = TypeVar("S", bound=Settings)

_log = logging.getLogger(__name__)

CLIENT_SECONDS: Final = 30
"""A client that sends nothing, or takes nothing of the answer, for so long is given up."""
_CLIENT_TIMEOUT: Final = struct.pack("ll", CLIENT_SECONDS, 0)

CONNECTIONS: Final = 10_000
"""That may be open at once. Clients keep theirs: each worker of a fleet has four."""
KEEPALIVE_SECONDS: Final = 75
_OTHER_FILES: Final = 500
"""That a server may have open beside its connections."""

_GUNICORN_OPTIONS: Final = {
    "workers": 1,
    "worker_class": "gthread",
    "graceful_timeout": 10,
    "loglevel": "warning",
    "control_socket_disable": True,  # one file in the home directory for all servers
}

_SAID_ALREADY: Final = ("Worker (pid:%s) exited with code %s.", "Shutting down: %s", "Reason: %s")
"""What gunicorn says after a worker has ended itself with a message of its own."""

_starter: Connection | None = None
"""Who is told why the server ends: the process that `serve` runs in."""


class CannotListen(HexzError, OSError):
    """The address is taken, not ours, or no address."""


class ServerEnded(HexzError):
    """A server cannot start, or cannot go on."""


# --- The server's process ------------------------------------------------------------------------


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 is any free one. Raises CannotListen."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise CannotListen(f"cannot listen at {host}:{port}: {error.strerror}") from None
    return listener


def url_of(listener: socket.socket) -> str:
    """The URL of a server that listens there."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def serve(
    make: Callable[[str], Flask],
    host: str,
    port: int,
    *,
    threads: int,
    on_listening: Callable[[str], None] = lambda _: None,
) -> None:
    """Serves an application until SIGTERM or SIGINT, in a process beside this one.

    Args:
        make: makes the application, in the process that serves it, of the URL.
        host, port: where to listen; port 0 is any free one.
        threads: requests that are answered at once.
        on_listening: called with the URL before the first request.

    Raises:
        CannotListen: the server cannot listen there.
        ServerEnded: the server cannot start, or cannot go on.
        SystemExit: with code 0 at the end.
    """
    global _starter
    listener = listen(host, port)
    url = url_of(listener)
    on_listening(url)
    heard, _starter = Pipe(duplex=False)
    logging.getLogger("gunicorn.error").addFilter(lambda entry: entry.msg not in _SAID_ALREADY)
    options = {"bind": f"fd://{listener.detach()}", "threads": threads}
    try:
        _Gunicorn(lambda: _application(lambda: make(url)), {**_GUNICORN_OPTIONS, **options}).run()
    except SystemExit as end:
        if end.code:
            reason = heard.recv() if heard.poll() else "the server has ended, see above"
            raise ServerEnded(reason) from None
        raise


def create_app(kind: type[S], make: Callable[[S], Flask]) -> Flask:
    """Makes the application for the command `gunicorn`, of the settings that variables and a file
    have for it. Ends the process, and with it gunicorn, with a message if that fails."""
    return _application(lambda: make(resolve(kind, notify=_log.warning)))


def _application(make: Callable[[], Flask]) -> Flask:
    """Makes the application of a process of gunicorn, or ends that with a message."""
    _log_to_stderr()
    _keep_connections()
    # A terminal's Ctrl-C reaches gunicorn's main process as well, which then ends this one: the
    # second signal would come in the middle of what the first began.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return make()
    except HexzError as error:
        end_process(str(error))


def _keep_connections() -> None:
    """Lets this process of gunicorn keep CONNECTIONS, or as many as it may have open files,
    however gunicorn was started."""
    worker = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if not isinstance(worker, ThreadWorker):
        return
    with contextlib.suppress(ValueError):  # macOS has a lower limit than it says
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = CONNECTIONS + _OTHER_FILES
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    worker.worker_connections = min(CONNECTIONS, limit - _OTHER_FILES)
    worker.max_keepalived = worker.worker_connections - worker.cfg.threads
    worker.cfg.set("keepalive", KEEPALIVE_SECONDS)


def end_process(reason: str) -> NoReturn:
    """Ends this process from any thread, and gunicorn with it: it does not start another one
    after this exit code."""
    if _starter is None:
        print(f"hexzctl: error: {' '.join(reason.split())}", file=sys.stderr, flush=True)
    else:
        _starter.send(reason)
    os._exit(Arbiter.APP_LOAD_ERROR)


class _Gunicorn(BaseApplication):  # type: ignore[misc]
    """Gunicorn with our options, and none from files or the environment."""

    def __init__(self, load: Callable[[], Flask], options: dict[str, Any]) -> None:
        self._load = load
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._load()


def _log_to_stderr() -> None:
    logger = logging.getLogger("hexz")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)


# --- Requests ------------------------------------------------------------------------------------


def read_body(request: Request, limit: int) -> bytes:
    """The body of the request, of which little more than `limit` bytes are ever read.

    Raises:
        RequestEntityTooLarge: it is longer.
        BadRequest: it cannot be read.
    """
    request.max_content_length = limit + 1  # a longer body without a length ends there in silence
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge:
        body = None
    except (OSError, ParseException) as error:  # from gunicorn: no such chunks, or nothing comes
        raise BadRequest(f"the body cannot be read: {error}") from None
    if body is None or len(body) > limit:
        raise RequestEntityTooLarge(f"a body of this kind has at most {limit} bytes")
    return body


def limit_waiting(environ: WSGIEnvironment) -> None:
    """A client that stops in the middle of a request must not keep its thread for ever: some
    such clients would be the end of the server."""
    connection = environ.get("gunicorn.socket")
    if connection is not None:
        # Not settimeout, with which each call on a socket becomes two.
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            connection.setsockopt(socket.SOL_SOCKET, option, _CLIENT_TIMEOUT)


@lru_cache
def is_loopback(host: str) -> bool:
    """Whether only this machine can listen or call from there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
