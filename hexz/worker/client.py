"""The train server as a worker sees it: posts that go on until they are answered."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, TypeVar

import urllib3
from urllib3.exceptions import HTTPError, LocationParseError, NewConnectionError
from urllib3.exceptions import TimeoutError as RequestTimeout
from urllib3.util import Timeout, parse_url

from hexz.errors import HexzError, InvalidMessage
from hexz.httpclient import read_answer
from hexz.schema.message import Message
from hexz.version import __version__

M = TypeVar("M", bound=Message)

POSTS_AT_ONCE: Final = 4
"""Examples are posted over so many connections: the server syncs its disk before each answer, and
several posts share a sync."""
CONNECTIONS: Final = POSTS_AT_ONCE + 1
"""That are kept alive; one is for heartbeats."""
CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 30.0
MAX_ANSWER_BYTES: Final = 1 << 16
"""Longest answer; the orders of a fleet have some 2 KB."""
FIRST_BACKOFF_SECONDS: Final = 0.1
MAX_BACKOFF_SECONDS: Final = 5.0
"""Short enough that a worker that has to end tries once more."""
MAX_RETRY_AFTER_SECONDS: Final = 60.0
"""A server that asks for a longer pause does not mean it."""
NOTICE_SECONDS: Final = 60.0
"""The user hears of outages no more often than this."""

_REFUSALS: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.UPGRADE_REQUIRED)
_REJECTIONS: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
)


class ServerRefuses(HexzError):
    """The train server will not work with this worker, whatever it posts."""


class Rejected(HexzError):
    """The train server will never take this body.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Closed(HexzError):
    """The client was closed before the server answered."""


class _Unavailable(Exception):
    """The server may take the same body later, in so many seconds if it said when."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class TrainServer:
    """Posts to a train server over connections that are kept alive. Threads may share it.

    Args:
        url: `http://host[:port]` or `https://...`, also with a path.
        token: that the server asks for; None if it does not.
        notify: takes a line for people when the server does not answer.

    Raises:
        ServerRefuses: the URL or the token is none.
    """

    def __init__(self, url: str, token: str | None, notify: Callable[[str], None]) -> None:
        self._url = url.rstrip("/")
        self._notify = notify
        self._headers = {"User-Agent": f"hexzctl/{__version__}"}
        if token is not None:
            check_token(token)
            self._headers["Authorization"] = f"Bearer {token}"
        self._pool, self._path = _connections(self._url)
        self._closed = threading.Event()
        self._said_at = -NOTICE_SECONDS

    def post(self, path: str, body: bytes, content_type: str, answer: type[M]) -> M:
        """Posts until the server has answered, however long that takes.

        What comes from elsewhere, such as the page of a proxy, is no answer, and is told.

        Returns:
            The answer, a message of the kind that is given.

        Raises:
            Rejected: the server will never take this.
            ServerRefuses: nor anything else of this worker.
            Closed: `close` was called meanwhile.
        """
        failures = 0
        while not self._closed.is_set():
            try:
                headers = {**self._headers, "Content-Type": content_type}
                return self._attempt(path, body, headers, answer)
            except _Unavailable as error:
                failures += 1
                # One failure is often no more than a connection that the server had closed.
                if failures > 1:
                    self._say(str(error))
                self._closed.wait(_pause(failures, error.retry_after))
        raise Closed(f"there was no answer from {self._url}")

    def close(self) -> None:
        """Ends all posts that have no answer yet, at the end of their present attempt."""
        self._closed.set()

    def _attempt(self, path: str, body: bytes, headers: dict[str, str], kind: type[M]) -> M:
        try:
            answer = self._pool.urlopen(
                "POST",
                self._path + path,
                body,
                headers,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            content = read_answer(answer, MAX_ANSWER_BYTES, ANSWER_SECONDS)
        except HTTPError as error:
            raise _Unavailable(_reason(error)) from None
        reason = " ".join(content[:500].decode(errors="replace").split())
        if answer.status == HTTPStatus.OK:
            try:
                return kind.from_json(content)
            except InvalidMessage:
                raise _Unavailable(f"what answers is no train server: {reason[:80]!r}") from None
        if answer.status in _REFUSALS:
            raise ServerRefuses(f"the train server {self._url} refuses this worker: {reason}")
        if answer.status in _REJECTIONS:
            raise Rejected(answer.status, reason)
        retry_after = answer.headers.get("Retry-After", "")
        raise _Unavailable(
            f"it answers {answer.status}: {reason}",
            float(retry_after) if retry_after.isdecimal() else None,
        )

    def _say(self, reason: str) -> None:
        now = time.monotonic()
        if now - self._said_at >= NOTICE_SECONDS:
            self._said_at = now
            self._notify(f"train server {self._url}: {reason}; trying again until it works")


def check_token(token: str) -> None:
    """Raises ServerRefuses if no header can have this token."""
    if not token.isascii() or not token.isprintable():
        raise ServerRefuses(
            "HEXZ_AUTH_TOKEN has characters that no header can have, such as the end of a line"
        )


def _connections(url: str) -> tuple[urllib3.HTTPConnectionPool, str]:
    """The connections to a server, and the path that its paths begin with."""
    try:
        parts = parse_url(url)
    except LocationParseError:
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or not parts.host:
        raise ServerRefuses(f"{url!r} is no URL of a train server, such as http://host:8080")
    pool = urllib3.connection_from_url(
        url,
        maxsize=CONNECTIONS,
        timeout=Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS),
    )
    return pool, parts.path or ""


def _pause(failures: int, retry_after: float | None) -> float:
    """Seconds to wait after some failures in a row. Workers that failed together come back apart,
    and none before the server wants it."""
    if retry_after is not None:
        return min(retry_after, MAX_RETRY_AFTER_SECONDS) * random.uniform(1.0, 1.5)
    longest = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(failures - 1, 16))
    return longest * random.uniform(0.5, 1.0)


def _reason(error: HTTPError) -> str:
    """What is wrong, without what the library says about itself."""
    # A failed connection is a timeout to urllib3.
    if isinstance(error, RequestTimeout) and not isinstance(error, NewConnectionError):
        return "no answer in time"
    text = str(error.args[-1]) if error.args else ""
    return text.rpartition(": ")[2].rpartition("] ")[2] or type(error).__name__
