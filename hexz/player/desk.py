"""Where answers are made: a few at once, in the order in which they are due.

A thread that makes an answer holds Python's lock, and so does the one that reads and writes for all
clients. If all threads whose searches have ended made their answers at once, each of them would be
late, and what is ready could not be sent. So they wait for their turns, and how fast these follow
each other is measured; `schedule` ends searches by it.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Protocol

AT_ONCE: Final = 3
"""Turns at once: while one thread waits for a core, the others go on."""

REHEARSALS: Final = 3
"""Answers that are made before others wait for theirs, by which the machine is judged."""
_CROWDED: Final = 8
"""How much longer an answer is thought to take than in a rehearsal, until more is known: many
threads want Python's lock then."""
_LIKELY_SECONDS: Final = 0.004
"""What an answer is thought to take before any rehearsal."""
_MOST_SECONDS: Final = 0.02
"""What one answer counts for at most: more is the fault of something else."""
_MOST_MARGIN: Final = 0.25
_SPARE: Final = 0.1
"""By what share answers may take longer than is thought: the more are to be made, the earlier each
of them has to be there."""
_HALF_LIFE: Final = 10.0
"""Seconds after which the margin that a late answer left is half of it."""
_SMOOTHING: Final = 1 / 32
"""Weight of the last answer in the running means."""


class Due(Protocol):
    """Whose answer is made here.

    Attributes:
        kind: of the answer; those of one kind take about as long.
        due: when it is to be there.
        answer_at: when it is to be begun.
        done: set at its turn.
    """

    kind: str
    due: float
    answer_at: float
    done: threading.Event


@dataclass
class Pace:
    """What an answer takes while others wait, in seconds.

    Attributes:
        mean, deviation: the running mean, and the mean deviation from it.
    """

    mean: float
    deviation: float

    @property
    def seconds(self) -> float:
        """Rather too much, as the estimate of round trips by V. Jacobson, Congestion Avoidance and
        Control, 1988."""
        return self.mean + self.deviation

    def note(self, seconds: float) -> None:
        """Takes note of one more answer."""
        self.deviation += _SMOOTHING * (abs(seconds - self.mean) - self.deviation)
        self.mean += _SMOOTHING * (seconds - self.mean)


class Desk:
    """Gives those whose search has ended their turns to make the answer.

    Args:
        clock: tells the time in seconds.

    Attributes:
        rehearsed: the pace of a kind of which no answer has been made yet.
        paces: of the others.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._line: list[tuple[float, int, Due]] = []
        self._numbers = itertools.count()
        self._turns: dict[Due, float] = {}
        self._left_at = -math.inf
        self._made = 0
        self._spare = 0.0
        self._spare_at = -math.inf
        self.rehearsed = Pace(_LIKELY_SECONDS / 2, _LIKELY_SECONDS / 2)
        self.paces: dict[str, Pace] = {}

    def __len__(self) -> int:
        """Answers that are not made yet."""
        return len(self._line) + len(self._turns)

    def seconds(self, kind: str) -> float:
        """What an answer of a kind takes, rather too much."""
        return self.paces.get(kind, self.rehearsed).seconds

    @property
    def mean(self) -> float:
        """Seconds that answers of the slowest kind take."""
        paces = list(self.paces.values())  # others may add one
        return max((pace.mean for pace in paces), default=self.rehearsed.mean)

    @property
    def margin(self) -> float:
        """Seconds by which answers are to be there before they are due, since many had to be made
        lately, or some have been late: other programs may take the cores."""
        return self._spare * math.exp2((self._spare_at - self._clock()) / _HALF_LIFE)

    def expect(self, work: float, within: float) -> None:
        """Says how many seconds answers will take, and within how many they are to be made. What
        they leave of that is the searches' too."""
        with self._changed:
            self._keep_spare(min(_SPARE * work, (within - work) / 2))

    def queue(self, due: Due) -> None:
        """Lets somebody make an answer once all that are due earlier are made."""
        with self._changed:
            heapq.heappush(self._line, (due.answer_at, next(self._numbers), due))
            self._call()

    def leave(self, due: Due) -> None:
        """Ends a turn, at the end of the block if that is inside of `answering`: the answer is
        made then."""
        later: list[Callable[[], None]] | None = getattr(_answering, "later", None)
        if later is None:
            self._take_leave(due)
        else:
            later.append(lambda: self._take_leave(due))

    def step_aside(self, due: Due) -> None:
        """Ends a turn without an answer, which is made some other time."""
        with self._changed:
            self._turns.pop(due, None)
            self._call()

    def is_behind(self) -> bool:
        """Tells whether answers wait that should have been begun."""
        with self._changed:
            if not self._line:
                return False
            answer_at, _, due = self._line[0]
            return self._clock() > answer_at + self.seconds(due.kind)

    def wait(self, seconds: float) -> None:
        """Waits for the end of a turn, but no longer than this."""
        with self._changed:
            if self._turns:
                self._changed.wait(seconds)

    def _take_leave(self, due: Due) -> None:
        with self._changed:
            began = self._turns.pop(due, None)
            if began is None:
                return
            now = self._clock()
            seconds = min(now - max(began, self._left_at), _MOST_SECONDS)
            self._left_at = now
            self._made += 1
            self._keep_spare(now - due.due)
            if self._made <= REHEARSALS:
                mean = seconds if self._made == 1 else min(seconds, self.rehearsed.mean)
                self.rehearsed = Pace(mean, (_CROWDED - 1) * mean)
            else:
                self.paces.setdefault(due.kind, replace(self.rehearsed)).note(seconds)
            self._call()

    def _keep_spare(self, seconds: float) -> None:
        seconds = min(seconds, _MOST_MARGIN)
        if seconds > self.margin:
            self._spare, self._spare_at = seconds, self._clock()

    def _call(self) -> None:
        while self._line and len(self._turns) < AT_ONCE:
            due = heapq.heappop(self._line)[2]
            self._turns[due] = self._clock()
            due.done.set()
        self._changed.notify_all()


_answering = threading.local()


def kind_of_answer() -> str:
    """The kind of the answer that this thread makes."""
    return getattr(_answering, "kind", "")


@contextlib.contextmanager
def answering(
    kind: str, at_end: Callable[[Callable[[], None]], bool] = lambda _: False
) -> Iterator[None]:
    """Says that this thread answers somebody, so that its turn at a desk lasts until the end of the
    block.

    Args:
        kind: of the answer: how it is sent.
        at_end: has something done later, once the answer is sent, and tells whether it will be: the
            turn lasts until then.
    """
    later: list[Callable[[], None]] = []
    _answering.kind, _answering.later = kind, later
    try:
        yield
    finally:
        _answering.kind, _answering.later = "", None
        for leave in later:
            if not at_end(leave):
                leave()
