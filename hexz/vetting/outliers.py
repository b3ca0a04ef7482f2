"""Finds the workers whose games are not like those of the fleet, with few games and no false alarm.

Everything is compared by ranks with games of the fleet at the same checkpoint, or the nearest ones:
whatever networks play like, a figure of an honest game has a mean rank of 1/2 among them. Each
worker has the same weight there, so that a fast liar does not set the standard.

For each figure and direction a bettor bets that the ranks of a worker lie more than TOLERANCE
beyond 1/2. Who plays a fair game does not become rich [WR]. A bettor who begins anew with one coin
at each game, so that a worker which begins to lie late is found too, has on average as many coins
as there were games [SRR]; to have ALARM times as many happens to an honest worker in no more than
one of ALARM games, and to a liar soon.

[WR] Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS-B
2024. [SRR] Shin, Ramdas and Rinaldo, "E-detectors", arXiv:2203.03532.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

TOLERANCE: Final = 0.08
"""How far the mean rank of an honest worker may be from 1/2, for all that is not the same on all
machines, and for liars among those it is compared with."""
ALARM: Final = 1e7
"""An honest worker is found to be an outlier no more often than once in so many games."""
MIN_OTHERS: Final = 4
"""Among fewer other workers nobody can say who is the odd one."""

_GROUPS: Final = 64  # checkpoints that are remembered
_GROUP_GAMES: Final = 96
_WORKER_SHARE: Final = 12  # games of one worker among those
_REFERENCE: Final = 256  # games that a game is compared with
_REFERENCES: Final = 16  # checkpoints at once for which they are kept sorted
_MIN_REFERENCE: Final = 48
_STAKES: Final = np.array([0.25, 0.5, 1.0, 1.7])  # below 1 / (1/2 + TOLERANCE), or a bet may ruin
_MEMORY: Final = 1 / 64  # of the means that are shown

Figures = npt.NDArray[np.float64]


class Finding(NamedTuple):
    """A figure in which a worker is an outlier.

    Attributes:
        figure: the place of the figure.
        direction: 1 if it is too high, -1 if it is too low, 0 if it is too far from the median.
        own, fleet: the mean of the worker's last games, and of those they were compared with.
    """

    figure: int
    direction: int
    own: float
    fleet: float


@dataclass(eq=False)
class _Worker:
    number: int
    coins: npt.NDArray[np.float64]
    """[kinds, figures, stakes]; the kinds are higher, lower, and too far from the median."""
    own: Figures
    fleet: Figures
    slots: dict[int, deque[int]] = field(default_factory=dict)
    """Where its games are remembered, by group."""


class Outliers:
    """The games of a fleet. Not for several threads at once.

    Args:
        num_figures: the number of figures of a game.
    """

    def __init__(self, num_figures: int) -> None:
        self._num_figures = num_figures
        self._workers: dict[str, _Worker] = {}
        self._next_number = 0
        size = _GROUPS * _GROUP_GAMES
        self._figures = np.full((size, num_figures), np.nan)
        self._checkpoints = np.zeros(size, np.int64)
        self._owners = np.full(size, -1, np.int64)
        self._group_of = np.full(_GROUPS, -1, np.int64)
        self._next_slot = np.zeros(_GROUPS, np.int64)
        self._count = 0
        self._references: OrderedDict[int, _Reference] = OrderedDict()

    def add(self, worker: str, checkpoint: int, figures: Figures) -> Finding | None:
        """Takes a game, and returns what makes its worker an outlier, if anything.

        Args:
            worker: its name.
            checkpoint: that it was played with.
            figures: [num_figures]; NaN where unknown.
        """
        known = self._workers.get(worker) or self._new_worker(worker)
        self._remember(known, checkpoint, figures)
        reference = self._reference(checkpoint)
        if reference is None:
            return None
        known.own = _moved(known.own, figures)
        known.fleet = _moved(known.fleet, reference.means)
        return self._bet(known, reference.ranks(figures))

    def forget(self, worker: str) -> None:
        """Takes a worker and its games away: nobody is compared with them any more."""
        known = self._workers.pop(worker, None)
        if known is not None:
            self._owners[self._owners == known.number] = -1
            self._references.clear()

    def means(self, worker: str) -> tuple[Figures, Figures] | None:
        """The means of a worker's last games and of those they were compared with; None before it
        was compared."""
        known = self._workers.get(worker)
        return None if known is None or np.isnan(known.own).all() else (known.own, known.fleet)

    def _new_worker(self, name: str) -> _Worker:
        nothing = np.full(self._num_figures, np.nan)
        coins = np.zeros((3, self._num_figures, len(_STAKES)))
        worker = self._workers[name] = _Worker(self._next_number, coins, nothing, nothing)
        self._next_number += 1
        return worker

    def _reference(self, checkpoint: int) -> _Reference | None:
        """The games to compare with; None if there are too few. It is made anew now and then."""
        known = self._references.pop(checkpoint, None)
        if known is None or self._count >= known.valid_until:
            known = self._new_reference(checkpoint)
            if len(self._references) >= _REFERENCES:
                self._references.popitem(last=False)
        self._references[checkpoint] = known
        return known if known.num_workers > MIN_OTHERS else None

    def _new_reference(self, checkpoint: int) -> _Reference:
        far = np.iinfo(np.int64).max
        distance = np.abs(self._checkpoints - checkpoint)
        distance[self._owners < 0] = far
        nearest = np.argpartition(distance, _REFERENCE)[:_REFERENCE]
        nearest = nearest[distance[nearest] < far]
        return _Reference(
            self._figures[nearest], self._owners[nearest], self._count + len(nearest) // 8 + 1
        )

    def _remember(self, worker: _Worker, checkpoint: int, figures: Figures) -> None:
        group = checkpoint % _GROUPS
        if self._group_of[group] > checkpoint:
            return
        first = group * _GROUP_GAMES
        if self._group_of[group] < checkpoint:
            self._group_of[group] = checkpoint
            self._owners[first : first + _GROUP_GAMES] = -1
            self._next_slot[group] = 0
            for other in self._workers.values():
                other.slots.pop(group, None)
        slots = worker.slots.setdefault(group, deque())
        while slots and self._owners[slots[0]] != worker.number:
            slots.popleft()  # another worker's game lies there now
        if len(slots) >= _WORKER_SHARE:
            slot = slots.popleft()
        else:
            slot = first + int(self._next_slot[group])
            self._next_slot[group] = (self._next_slot[group] + 1) % _GROUP_GAMES
        slots.append(slot)
        self._figures[slot] = figures
        self._checkpoints[slot] = checkpoint
        self._owners[slot] = worker.number
        self._count += 1

    def _bet(self, worker: _Worker, ranks: npt.NDArray[np.float64]) -> Finding | None:
        """Lets all bettors bet on the ranks [2, figures] of a game and of its distance from the
        median."""
        excess = np.stack([ranks[0] - 0.5, 0.5 - ranks[0], ranks[1] - 0.5]) - TOLERANCE
        won = 1 + excess[..., None] * _STAKES
        np.multiply(worker.coins + 1, won, out=worker.coins, where=~np.isnan(won))
        wealth = worker.coins.mean(axis=-1)
        richest = int(wealth.argmax())
        if wealth.flat[richest] < ALARM * wealth.size:
            return None
        kind, figure = divmod(richest, self._num_figures)
        own, fleet = float(worker.own[figure]), float(worker.fleet[figure])
        return Finding(figure, (1, -1, 0)[kind], own, fleet)


class _Reference:
    """The games of a fleet to compare with, sorted by each figure.

    Attributes:
        num_workers: how many workers they are of.
        valid_until: the number of games of the fleet from which on it is out of date.
        means: of the figures, over the workers.
    """

    def __init__(self, games: Figures, owners: npt.NDArray[np.int64], valid_until: int) -> None:
        _, place, counts = np.unique(owners, return_inverse=True, return_counts=True)
        self.num_workers = len(counts)
        self.valid_until = valid_until
        weights = 1 / counts[place]
        self.means = np.full(games.shape[1], np.nan)
        self._medians = self.means.copy()
        self._columns: list[list[_Column]] = [[], []]
        for figure, column in enumerate(games.T):
            there = ~np.isnan(column)
            values, weight = column[there], weights[there]
            if len(values):
                self.means[figure] = np.average(values, weights=weight)
                self._medians[figure] = np.median(values)
            self._columns[0].append(_Column.of(values, weight))
            self._columns[1].append(_Column.of(np.abs(values - self._medians[figure]), weight))

    def ranks(self, figures: Figures) -> npt.NDArray[np.float64]:
        """The ranks of a game, and of its distances from the medians, in 0..1, [2, figures]."""
        values = (figures.tolist(), np.abs(figures - self._medians).tolist())
        return np.array(
            [
                [column.rank(value) for column, value in zip(columns, row, strict=True)]
                for columns, row in zip(self._columns, values, strict=True)
            ]
        )


class _Column(NamedTuple):
    """Sorted values, and the sums of the weights before each of them and of all."""

    values: list[float]
    weights: list[float]

    @classmethod
    def of(cls, values: Figures, weights: npt.NDArray[np.float64]) -> _Column:
        order = np.argsort(values)
        sums = np.concatenate([[0.0], np.cumsum(weights[order])])
        return cls(values[order].tolist(), sums.tolist())

    def rank(self, value: float) -> float:
        """The share that is lower, and half of what is equal; NaN if too few are known."""
        if math.isnan(value) or len(self.values) < _MIN_REFERENCE:
            return math.nan
        low = self.weights[bisect_left(self.values, value)]
        high = self.weights[bisect_right(self.values, value)]
        return (low + high) / 2 / self.weights[-1]


def _moved(mean: Figures, new: Figures) -> Figures:
    """A moving mean that begins with the first value of each figure."""
    return np.where(
        np.isnan(mean), new, np.where(np.isnan(new), mean, mean + _MEMORY * (new - mean))
    )
