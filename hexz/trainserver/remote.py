"""A train server elsewhere, for those who look after it."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

import urllib3

from hexz.errors import HexzError, InvalidMessage
from hexz.httpclient import read_answer
from hexz.schema.fleet import CONDUCT_PATH, ConductOrder
from hexz.schema.status import MAX_STATUS_BYTES, ServerStatus

ANSWER_SECONDS: Final = 30.0
"""That it may take for an answer."""


class NoAnswer(HexzError):
    """The train server cannot be reached, or does not do what it was asked for."""


class RemoteServer:
    """A train server that is asked once and not again.

    Args:
        url: `http://host:port` or `https://...`.
        token: the shared one; None if it asks for none.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url.rstrip("/")
        self._http = urllib3.PoolManager(retries=False)
        self._headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"

    def status(self, seconds: float = ANSWER_SECONDS) -> ServerStatus:
        """Returns everything that it says about itself.

        Args:
            seconds: that it may take at most.

        Raises:
            NoAnswer: it does not; names the server and the reason.
        """
        try:
            return ServerStatus.from_json(self._ask("GET", "/status", seconds=seconds))
        except InvalidMessage as error:
            raise NoAnswer(f"{self._url} is no train server of this version: {error}") from None

    def order(self, worker: str, order: ConductOrder) -> None:
        """Puts a worker into quarantine, or releases it.

        Raises:
            NoAnswer: as `status`; also if it has heard of no such worker.
        """
        query = urlencode({"worker": worker})  # in a path some names would lead elsewhere
        self._ask("POST", f"{CONDUCT_PATH}?{query}", order.to_json())

    def _ask(
        self, method: str, path: str, body: bytes | None = None, *, seconds: float = ANSWER_SECONDS
    ) -> bytes:
        try:
            answer = self._http.request(
                method,
                self._url + path,
                body=body,
                headers=self._headers,
                redirect=False,
                timeout=seconds,
                preload_content=False,
            )
            content = read_answer(answer, MAX_STATUS_BYTES, seconds)
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            reason = str(error).rpartition(": ")[2] or type(error).__name__
            raise NoAnswer(f"cannot reach the train server {self._url}: {reason}") from None
        if answer.status != 200:
            reason = " ".join(content[:300].decode(errors="replace").split())
            raise NoAnswer(f"the train server {self._url} answers {answer.status}: {reason}")
        return content
