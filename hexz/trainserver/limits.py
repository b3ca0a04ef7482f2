"""Which part limits a training system now, in words, from what its parts report.

A chain is as fast as its slowest part, and all others wait for that one. So nobody is asked how
busy it is, but how long it waits: workers for room to post, the trainer for examples or for the
store.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from hexz.schema.fleet import Heartbeat
from hexz.schema.fleet_profile import Network
from hexz.schema.shared import Device, PostUnit
from hexz.schema.status import Activity, LimitStatus, Part
from hexz.trainserver.surplus import BEHIND

MINUTE: Final = 60.0
"""Shares are of about so many of the last seconds."""

TRAINER_SECONDS: Final = 300.0
"""The shares of the trainer are of so many of the last seconds: a checkpoint may take minutes."""

OFTEN: Final = 0.1
"""A part that waits for so large a share of the time is not what limits."""

LONG: Final = 0.3
"""A trainer that waits for so large a share of the time is not what limits. It always waits a
little, for its next batch to be full."""

_FASTER: Final = {
    "cpu": "with more --train-processes, or on a GPU with --device cuda",
    "cuda": "with more --train-processes, a GPU each",
    "mps": "on an NVIDIA GPU with --device cuda",
}
"""How a trainer on each device learns more."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What is measured in a running system.

    Attributes:
        workers: how many there are.
        workers_waiting: share of their time in which play waits for room to post.
        posted: what the last request to post carried.
        trainer_waiting: share of its time in which the trainer waits for examples.
        trainer_saving: share of its time in which it waits for the store.
        has_trained: whether it has trained at all since the server started.
        behind: full batches that wait for training, without the one that is trained on.
        max_backlog: full batches from which on examples are refused.
        is_deepest: whether searches are as deep as a surplus may make them.
        device: on which it trains.
        grow: whether the network grows while a surplus lasts.
        larger: the next size of the network; None if it has the largest.
    """

    workers: int
    workers_waiting: float
    posted: PostUnit
    trainer_waiting: float
    trainer_saving: float
    has_trained: bool
    behind: int
    max_backlog: int
    is_deepest: bool
    device: Device
    grow: bool
    larger: Network | None


def limit_of(measured: Measured) -> LimitStatus:
    """Tells which part limits the system, and what to change."""
    part, text = _limit(measured)
    return LimitStatus(
        part=part,
        text=text,
        workers_waiting=round(measured.workers_waiting, 3),
        trainer_waiting=round(measured.trainer_waiting, 3),
        trainer_saving=round(measured.trainer_saving, 3),
    )


def _limit(measured: Measured) -> tuple[Part, str]:
    # In the order of the chain from its end: what waits behind a slow part waits because of it.
    if measured.trainer_saving >= OFTEN:
        return "store", (
            f"training waits {_percent(measured.trainer_saving)} of the time for the store to take "
            "checkpoints: use a faster or nearer one, or a larger --minibatch-size"
        )
    if measured.behind >= BEHIND:
        return "trainer", _trainer_behind(measured)
    if measured.workers == 0:
        return "workers", "no worker plays: start some with hexzctl worker --server-url URL"
    if measured.workers_waiting >= OFTEN:
        return "server", _workers_wait(measured)
    if measured.has_trained and measured.trainer_waiting < LONG:
        return "nothing", "workers and trainer keep each other busy"
    return "workers", _trainer_waits(measured)


def _workers_wait(measured: Measured) -> str:
    advice = "give it more cores or a faster disk"
    if measured.posted == "examples":
        advice = f"start them with --post games, which cost it less, or {advice}"
    return (
        f"workers wait {_percent(measured.workers_waiting)} of the time for the server to take "
        f"{measured.posted}: {advice}"
    )


def _trainer_waits(measured: Measured) -> str:
    if not measured.has_trained:
        return "workers play the first minibatch, for which the trainer waits"
    return (
        f"the trainer waits {_percent(measured.trainer_waiting)} of the time for examples: add "
        "workers, or raise --reuse to learn more from each example"
    )


def _trainer_behind(measured: Measured) -> str:
    text = (
        f"the trainer is behind by {measured.behind} of at most {measured.max_backlog} minibatches"
    )
    faster, larger = _FASTER[measured.device], measured.larger
    if not measured.is_deepest:
        return f"{text}: searches become deeper until it keeps up; it learns more {faster}"
    text += ", and searches are as deep as they may become"
    if larger is not None and measured.grow:
        size = f"{larger.blocks} x {larger.filters}"
        return f"{text}: the network grows to {size} if that lasts; it learns more {faster}"
    advice = f"train {faster}, or use fewer workers"
    # On a CPU, training a larger network slows down even more than playing with it.
    if larger is not None and measured.device != "cpu":
        size = f"--blocks {larger.blocks} --filters {larger.filters}"
        advice = f"let the network grow with --grow, or at once with {size}, {advice}"
    return f"{text}: {advice}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


class WorkersWaiting:
    """The share of the last minute that each worker has waited. Not for several threads at
    once."""

    def __init__(self) -> None:
        self._last: dict[str, Heartbeat] = {}
        self._shares: dict[str, float] = {}

    def take(self, heartbeat: Heartbeat) -> None:
        """Takes note of the next heartbeat of a worker."""
        name = heartbeat.worker
        last = self._last.get(name)
        self._last[name] = heartbeat
        if last is None or heartbeat.seconds <= last.seconds:
            return
        seconds = heartbeat.seconds - last.seconds
        now = min(1.0, max(0.0, (heartbeat.waited - last.waited) / seconds))
        before = self._shares.get(name, now)
        self._shares[name] = before + (now - before) * min(1.0, seconds / MINUTE)

    def forget(self, name: str) -> None:
        """Forgets a worker that is gone."""
        self._last.pop(name, None)
        self._shares.pop(name, None)

    def share(self, workers: Collection[Heartbeat]) -> float:
        """The share of all their processes together."""
        processes = sum(worker.processes for worker in workers)
        waiting = sum(self._shares.get(w.worker, 0.0) * w.processes for w in workers)
        return waiting / processes if processes else 0.0


class Activities:
    """The share of the last minutes that each activity of the trainer had.

    Args:
        first: the first activity.
        now: the time in seconds.

    Attributes:
        seen: all that there were.
    """

    def __init__(self, first: Activity, now: float | None = None) -> None:
        self.seen = {first}
        self._begun: deque[tuple[float, Activity]] = deque([(_at(now), first)])

    def take(self, activity: Activity, now: float | None = None) -> None:
        """Takes note of what it does from now on."""
        self.seen.add(activity)
        if activity != self._begun[-1][1]:
            self._begun.append((_at(now), activity))
            while len(self._begun) > 1 and self._begun[1][0] < _at(now) - TRAINER_SECONDS:
                self._begun.popleft()

    def share(self, activity: Activity, now: float | None = None) -> float:
        """The share of an activity."""
        end = _at(now)
        begun = [(max(start, end - TRAINER_SECONDS), name) for start, name in list(self._begun)]
        ends = [start for start, _ in begun[1:]] + [end]
        spans = [(stop - start, name) for (start, name), stop in zip(begun, ends, strict=True)]
        whole = sum(span for span, _ in spans)
        return sum(span for span, name in spans if name == activity) / whole if whole > 0 else 0.0


def _at(now: float | None) -> float:
    return time.monotonic() if now is None else now
