"""What a machine can reach: Redis, the store of checkpoints, the train server; and their clocks."""

from __future__ import annotations

import time
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

import urllib3

from hexz.doctor.finding import Finding
from hexz.errors import HexzError
from hexz.httpclient import read_answer
from hexz.version import __version__
from hexz.wording import number_of

_SECONDS: Final = 10.0
_MAX_ANSWER_BYTES: Final = 1 << 22
MAX_CLOCK_SECONDS: Final = 30.0
"""Machines whose clocks differ by less can be compared by their logs, and their certificates and
credentials hold."""


def redis(url: str | None, model_name: str) -> Finding:
    """Redis by a real question; where nobody names one, whether our own starts."""
    from hexz.pubsub import ModelChannel, PrivateRedis

    try:
        if url is None:
            with PrivateRedis() as private:
                ModelChannel(private.url, model_name).latest()
            return Finding("Redis", "none is named, and a private one starts")
        begin = time.monotonic()
        ModelChannel(url, model_name).latest()
        return Finding("Redis", f"answers after {1000 * (time.monotonic() - begin):.0f} ms")
    except HexzError as error:
        return Finding("Redis", str(error), "see that it runs, and HEXZ_REDIS_URL")


class Clocks:
    """The seconds by which clocks of others are ahead of ours, as far as they told."""

    def __init__(self) -> None:
        self._ahead: dict[str, float] = {}

    def tell(self, whose: str, then: float, begin: float) -> None:
        """Takes a time, in seconds since 1970, that somebody told in answer to what was asked at
        `begin`. Whole seconds, and the time an answer takes, make it no more exact."""
        end = time.time()
        self._ahead[whose] = min(then - begin, then - end, key=abs)

    def finding(self) -> Finding:
        """Tells how far all of these clocks are from ours, and what to do if one is far off."""
        now = f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S %z}"
        text = [f"the clock of {who} {_seconds(ahead)}" for who, ahead in self._ahead.items()]
        apart = any(abs(ahead) > MAX_CLOCK_SECONDS for ahead in self._ahead.values())
        advice = "set the clocks by a time server, such as `timedatectl set-ntp true`"
        return Finding("clock", "; ".join([now, *text]), advice if apart else "")


def _seconds(ahead: float) -> str:
    """How far a clock is ahead of ours, in words."""
    if abs(ahead) < 2:
        return "agrees with ours"
    return f"is {abs(ahead):,.0f} s {'ahead' if ahead > 0 else 'behind'}"


def store(url: str, model_name: str, clocks: Clocks) -> Finding:
    """The place of checkpoints, by a file that is written, read again and deleted."""
    from hexz.checkpoints import open_store

    begin, since = time.time(), time.monotonic()
    try:
        clocks.tell("the store", open_store(url, model_name).try_out(), begin)
    except HexzError as error:
        advice = "see that it is there and that you may write to it, or name another with --store"
        return Finding("store", str(error), advice)
    took = 1000 * (time.monotonic() - since)
    return Finding("store", f"{url}: written, read and deleted in {took:.0f} ms")


def server(url: str, token: str | None, clocks: Clocks) -> Finding:
    """A train server as a worker and as a browser meet it."""
    begin = time.time()
    try:
        health = _get(f"{url.rstrip('/')}/healthz", None)
        if date := health.headers.get("Date"):
            clocks.tell("the train server", parsedate_to_datetime(date).timestamp(), begin)
        if health.status == 200:
            health = _get(f"{url.rstrip('/')}/status", token)
        reason = _words(read_answer(health, _MAX_ANSWER_BYTES, _SECONDS))
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        reason = str(error).rpartition(": ")[2] or type(error).__name__
        advice = "see that it runs, that its URL is right, and what is between: proxies, firewalls"
        return Finding("train server", f"{url} cannot be reached: {reason}", advice)
    return _judge(url, health.status, reason)


def _judge(url: str, status: int, reason: str) -> Finding:
    """What an answer to the question for its status means."""
    from hexz.errors import InvalidMessage
    from hexz.schema.status import ServerStatus

    if status == 403 and "single worker" in reason:
        return Finding("train server", f"{url} takes this worker's token")
    if status in (401, 403):
        return Finding(
            "train server", f"{url}: {reason}", "set HEXZ_AUTH_TOKEN as the server has it"
        )
    if status == 426:
        return Finding("train server", f"{url}: {reason}", "install the same version on both")
    try:
        if status != 200:
            raise InvalidMessage(f"it answers {status}")
        said = ServerStatus.from_json(reason)
    except InvalidMessage as error:
        advice = "see what else listens there"
        return Finding("train server", f"{url} is no train server: {error}"[:300], advice)
    text = f"{url}: version {said.version}, {number_of(len(said.workers), 'worker')}"
    return Finding("train server", "; ".join([text, *said.problems]), "; ".join(said.problems))


def _get(url: str, token: str | None) -> urllib3.BaseHTTPResponse:
    headers = {"Accept": "application/json", "User-Agent": f"hexzctl/{__version__}"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    http = urllib3.PoolManager(timeout=_SECONDS, retries=False)
    return http.request("GET", url, headers=headers, redirect=False, preload_content=False)


def _words(content: bytes) -> str:
    return " ".join(content.decode(errors="replace").split())
