"""Finished games on their way to the train server."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from hexz.schema.fleet import COMPACT_GAMES_PATH, EXAMPLES_PATH, Receipt
from hexz.worker.client import POSTS_AT_ONCE, Closed, Rejected, TrainServer

MAX_PENDING: Final = 4096
"""While so many examples wait, play pauses instead of finishing more; they have about 30 MB."""

_CONTENT_TYPE: Final = "application/x-protobuf"


@dataclass(frozen=True)
class _Post:
    path: str
    body: bytes = field(repr=False)
    examples: int


class Outbox:
    """Posts examples in threads of its own, each until the server has answered.

    Attributes:
        taken: examples that the server has taken.
        waited: seconds in which there was no room for more.
        failure: why nothing can be posted any more.
    """

    def __init__(self, server: TrainServer, notify: Callable[[str], None]) -> None:
        self.taken = 0
        self.waited = 0.0
        self.failure: Exception | None = None
        self._server = server
        self._notify = notify
        self._queue: queue.SimpleQueue[_Post] = queue.SimpleQueue()
        self._pending = 0
        self._changed = threading.Condition()
        self._said: set[int] = set()
        for number in range(POSTS_AT_ONCE):
            threading.Thread(target=self._run, name=f"post-{number}", daemon=True).start()

    @property
    def pending(self) -> int:
        """Examples that wait for an answer."""
        return self._pending

    def put(self, examples: list[bytes]) -> None:
        """Takes examples, each for a request of its own. Never waits: whoever puts looks for room
        first."""
        self._put([_Post(EXAMPLES_PATH, example, 1) for example in examples])

    def put_game(self, game: bytes, examples: int) -> None:
        """Takes a compact game of so many examples. Never waits either."""
        self._put([_Post(COMPACT_GAMES_PATH, game, examples)])

    def _put(self, posts: list[_Post]) -> None:
        with self._changed:
            self._pending += sum(post.examples for post in posts)
        for post in posts:
            self._queue.put(post)

    def wait_for_room(self, timeout: float) -> bool:
        """Waits for room; returns whether there is some within so many seconds."""
        start = time.monotonic()
        found = self._wait(MAX_PENDING - 1, timeout)
        self.waited += time.monotonic() - start
        return found

    def drain(self, timeout: float) -> bool:
        """Waits until everything is answered; whether that is so within so many seconds."""
        return self._wait(0, timeout)

    def _wait(self, pending: int, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        with self._changed:
            while self._pending > pending and self.failure is None:
                if not self._changed.wait(deadline - time.monotonic()):
                    break
            return self._pending <= pending

    def _run(self) -> None:
        while self.failure is None:
            post = self._queue.get()
            try:
                self._server.post(post.path, post.body, _CONTENT_TYPE, Receipt)
            except Rejected as error:
                self._say(error)
                self._count(post, taken=0)
            except Closed:
                return
            except Exception as error:
                with self._changed:
                    self.failure = error
                    self._changed.notify_all()
            else:
                self._count(post, taken=post.examples)

    def _count(self, post: _Post, *, taken: int) -> None:
        with self._changed:
            self._pending -= post.examples
            self.taken += taken
            self._changed.notify_all()

    def _say(self, error: Rejected) -> None:
        """Once for each kind of rejection: there may be thousands."""
        if error.status not in self._said:
            self._said.add(error.status)
            self._notify(f"the train server rejects examples ({error.status}): {error}")
