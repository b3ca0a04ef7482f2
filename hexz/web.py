"""What the HTTP servers have in common: where they listen, how they start and end, and bodies."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import logging
import os
import re
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

from flask import Flask, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    MethodNotAllowed,
    RequestEntityTooLarge,
)
from werkzeug.wrappers import Request

from hexz import httpserver
from hexz.ending import Deadline, ending_signals
from hexz.errors import HexzError
from hexz.output import lossy_output
from hexz.schema.declaration import Settings
from hexz.schema.resolution import resolve

try:
    from gunicorn.http.errors import ParseException
except ImportError:  # nothing needs gunicorn, but who wants to may run the servers under it
    ParseException = OSError

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

S = TypeVar("S", bound=Settings)

_log = logging.getLogger(__name__)

AT_ONCE: Final = "hexz.at_once"
"""The name among the extensions of an application of what is asked first; see
`httpserver.serve`."""

CLIENT_SECONDS: Final = 30
"""A client that sends nothing, or takes nothing of the answer, for so long is given up."""
_CLIENT_TIMEOUT: Final = struct.pack("ll", CLIENT_SECONDS, 0)

_AUTHORITY: Final = re.compile(r"\[?(.*?)\]?(:\d+)?")
"""A host, which is in brackets if it is an address of IPv6, and perhaps a port."""

_GUNICORN_GIVES_UP: Final = 4
"""The exit code of a worker after which gunicorn starts no other one (`Arbiter.APP_LOAD_ERROR`)."""


@dataclass(frozen=True)
class Lifetime:
    """The life of a server, as far as its application has a say in it.

    Attributes:
        closing: takes what is to be called once no request is answered any more.
        fail: ends the server, from any thread, because it cannot go on; takes the reason.
    """

    closing: contextlib.ExitStack
    fail: Callable[[str], None]


class CannotListen(HexzError, OSError):
    """The address is taken, not ours, or no address."""


class ServerEnded(HexzError):
    """A server cannot start, or cannot go on."""


class _ToldToEnd(BaseException):
    """A signal has come before the server was up."""


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
        listener.listen(httpserver.QUEUED_CONNECTIONS)
    except UnicodeError:
        raise CannotListen(
            f"cannot listen at {host}:{port}: this is no name of a machine"
        ) from None
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        what = "; name another port, or 0 for any free one" if taken else ""
        raise CannotListen(f"cannot listen at {host}:{port}: {error.strerror}{what}") from None
    return listener


def url_of(listener: socket.socket) -> str:
    """The URL of a server that listens there."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def serve(
    make: Callable[[str, Lifetime], Flask],
    host: str,
    port: int,
    *,
    threads: int,
    max_body: int,
    on_listening: Callable[[str], None] = lambda _: None,
) -> None:
    """Serves an application until SIGTERM, SIGINT or SIGHUP, the last one unless it is ignored.

    Args:
        make: makes the application, of the URL.
        host, port: where to listen; port 0 is any free one.
        threads: requests that are answered at once.
        max_body: bytes of the largest body that a route takes.
        on_listening: called with the URL before the first request.

    Raises:
        CannotListen: the server cannot listen there.
        HexzError: it cannot start.
        ServerEnded: it cannot go on.
    """
    failures: list[str] = []

    def fail(reason: str) -> None:
        failures.append(reason)
        os.kill(os.getpid(), signal.SIGTERM)

    def end(*_: object) -> NoReturn:
        raise _ToldToEnd

    _log_to_stderr()
    deadline = Deadline(lambda _: int(bool(failures)))
    for number in ending_signals():
        signal.signal(number, end)
    with contextlib.suppress(_ToldToEnd), contextlib.ExitStack() as closing:
        listener = listen(host, port)
        url = url_of(listener)
        on_listening(url)
        app = make(url, Lifetime(closing, fail))
        with lossy_output():
            httpserver.serve(
                app,
                listener,
                threads=threads,
                max_body=max_body,
                at_once=app.extensions.get(AT_ONCE),
                on_end=deadline.start,
            )
    if failures:
        raise ServerEnded(failures[0])


def create_app(kind: type[S], make: Callable[[S, Lifetime], Flask]) -> Flask:
    """Makes the application for the command `gunicorn`, of the settings that variables and a file
    have for it. Ends the process, and with it gunicorn, with a message if that fails."""
    _log_to_stderr()
    httpserver.raise_file_limit()
    # A terminal's Ctrl-C reaches gunicorn's main process as well, which then ends this one: the
    # second signal would come in the middle of what the first began.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    closing = contextlib.ExitStack()
    threading.Thread(target=_close_at_end, args=[closing], name="closing").start()
    try:
        return make(resolve(kind, notify=_log.warning), Lifetime(closing, _end_process))
    except HexzError as error:
        _end_process(str(error))


def _close_at_end(closing: contextlib.ExitStack) -> None:
    # What atexit calls is called once all threads have ended, and ours end when they are told to.
    threading.main_thread().join()
    closing.close()


def _end_process(reason: str) -> NoReturn:
    with contextlib.suppress(OSError):
        print(f"hexzctl: error: {' '.join(reason.split())}", file=sys.stderr, flush=True)
    os._exit(_GUNICORN_GIVES_UP)


def _log_to_stderr() -> None:
    logging.raiseExceptions = False  # a line that cannot be written is lost
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


def is_for_another_site(environ: WSGIEnvironment) -> bool:
    """Tells whether a browser sends a request that may change something for a page of another
    site: any page may have a visitor's browser do that, at addresses that only it can reach."""
    if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
        return False
    site, origin = environ.get("HTTP_SEC_FETCH_SITE"), environ.get("HTTP_ORIGIN")
    if site is not None:
        return site not in ("same-origin", "none")
    if origin is None:
        return False
    # An old browser, or no TLS. A page cannot send the header of a proxy.
    forwarded = environ.get("HTTP_X_FORWARDED_HOST", "").partition(",")[0]
    host = origin.partition("://")[2]
    return not host or host not in (environ.get("HTTP_HOST"), forwarded)


def failure(error: Exception, retry_seconds: int) -> tuple[int, str, dict[str, str]]:
    """The status, the reason and the headers that answer a request that failed with an error.

    Args:
        error: one of ours may say its `status`; it is 503 otherwise.
        retry_seconds: after which a client may try again what was refused with 503.
    """
    headers: dict[str, str] = {}
    match error:
        case HTTPException():
            status, reason = error.code or 500, error.description or error.name
            if isinstance(error, MethodNotAllowed):
                headers["Allow"] = ", ".join(error.valid_methods or ())
        case HexzError():
            status, reason = getattr(error, "status", 503), str(error)
        case _:
            _log.error("a bug in the answer to a request", exc_info=error)
            status, reason = 500, f"internal error: {type(error).__name__}"
    if status == 503:
        headers["Retry-After"] = str(retry_seconds)
    return status, reason, headers


def add_probes(app: Flask, check_ready: Callable[[], None], registry: CollectorRegistry) -> None:
    """Adds the routes by which those who run a server see that it is there, ready and well.

    Args:
        check_ready: raises what `/readyz` answers with while the server is not ready.
        registry: of what `/metrics` shows.
    """

    @app.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", mimetype="text/plain")

    @app.get("/readyz")
    def readyz() -> Response:
        check_ready()
        return Response("ready\n", mimetype="text/plain")

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def limit_waiting(environ: WSGIEnvironment) -> None:
    """Limits how long a client may take with its request: some that stop in the middle of one
    and keep their threads would be the end of the server."""
    connection = environ.get("gunicorn.socket")
    if connection is not None:
        # Not settimeout, with which each call on a socket becomes two.
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            connection.setsockopt(socket.SOL_SOCKET, option, _CLIENT_TIMEOUT)


@lru_cache
def is_loopback(host: str) -> bool:
    """Tells whether only this machine can listen or call from there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@lru_cache
def names_loopback(authority: str) -> bool:
    """Tells whether what a client calls the server, with a port or without, can only be this
    machine. Any other name leads here if its owner says so, and then pages of its owner, too."""
    match = _AUTHORITY.fullmatch(authority)
    return match is not None and is_loopback(match[1])
