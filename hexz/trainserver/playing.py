"""The page on which to play against the newest checkpoint, which a training has beside its server.

It costs memory and a core now and then, so it is there only once somebody has asked for it.
"""

from __future__ import annotations

from collections.abc import Callable


class PlayPage:
    """The page, as the server knows it.

    Args:
        start: has it started, if it is not; may be called often.

    Attributes:
        url: where it is, once it is there.
    """

    def __init__(self, start: Callable[[], None]) -> None:
        self._start = start
        self.url: str | None = None

    def find(self) -> str | None:
        """Returns where it is; None if it is not there yet, and then it will be in seconds."""
        if self.url is None:
            self._start()
        return self.url
