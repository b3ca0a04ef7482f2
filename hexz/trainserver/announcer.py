"""Keeps the newest model in Redis and announces new ones."""

from __future__ import annotations

import logging
import threading
from typing import Final

from hexz.errors import HexzError, reason_of
from hexz.pubsub import ModelChannel, PrivateRedis

_log = logging.getLogger(__name__)

CHECK_SECONDS: Final = 2.0
"""How often Redis is checked for having lost the model."""
CLOSE_SECONDS: Final = 1.0
"""For what is being announced at the end."""


class Announcer:
    """Publishes models from a thread of its own, so that nobody waits for Redis.

    Args:
        url: of a Redis server; None: a private one is started here, and ends with this process.
        model_name: of the model.

    Attributes:
        private_url: of the private Redis server, with its password; None if there is none.
        problem: why Redis cannot be used at present, if it cannot.

    Raises:
        HexzError: the URL cannot be used, or no Redis server can be started.
    """

    def __init__(self, url: str | None, model_name: str) -> None:
        self._private: PrivateRedis | None = None
        if url is None:
            self._private = PrivateRedis()
            self._private.start()
            url = self._private.url
        self.private_url = None if self._private is None else url
        self.problem: str | None = None
        self._channel = ModelChannel(url, model_name)
        self._model: tuple[int, bytes] | None = None
        self._published: int | None = None
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)
        self._thread.start()

    def announce(self, checkpoint: int, model: bytes) -> None:
        """Makes this the model in Redis, as soon as that can be done."""
        self._model = (checkpoint, model)
        self._wake.set()

    def close(self) -> None:
        self._stopping = True
        self._wake.set()
        self._thread.join(CLOSE_SECONDS)  # it may wait for a Redis that does not answer
        self._channel.close()
        if self._private is not None:
            self._private.stop()

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(CHECK_SECONDS)
            self._wake.clear()
            if self._stopping or self._model is None:
                continue
            try:
                self._bring_up_to_date(*self._model)
                self.problem = None
            except Exception as error:  # whatever it is, who asks for problems must hear of it
                reason = reason_of(error)
                if self.problem is None:
                    is_bug = not isinstance(error, HexzError | OSError)
                    _log.error("%s; trying again", reason, exc_info=is_bug)
                self.problem = reason

    def _bring_up_to_date(self, checkpoint: int, model: bytes) -> None:
        if self._private is not None and self._private.ensure_running():
            _log.warning("the private Redis server had ended and was started again")
        if checkpoint != self._published:
            self._channel.publish(checkpoint, model)
            self._published = checkpoint
        elif self._channel.restore(checkpoint, model):
            _log.warning("Redis had lost checkpoint %d and has it again", checkpoint)
