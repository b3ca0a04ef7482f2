"""The players that specs name."""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from hexz.engine import Board, RandomPlayer, UctPlayer
from hexz.machine import available_cores
from hexz.player.player import AIM, Answer, Overloaded, Player
from hexz.player.searcher import Searcher
from hexz.player.spec import MAX_PLAYOUTS, Budget, PlayerSpec

MAX_WAITING: Final = 16
"""Searches of playouts that may wait for a core."""
FORCED_PLAYOUTS: Final = 100
"""Spent on the only legal move, for its value."""
_TICK_SECONDS: Final = 0.25
"""How often a search that waits for a core looks whether it is still wanted."""

_log = logging.getLogger(__name__)


def make_player(
    spec: PlayerSpec,
    *,
    device: str = "cpu",
    seed: int | None = None,
    notify: Callable[[str], None] = _log.warning,
) -> Player:
    """The player that a spec names, ready to be asked; to be closed in the end.

    Args:
        spec: see `parse_spec`.
        device: of a network: "cpu", "cuda" or "mps".
        seed: of `random` and `uct`; None: any.
        notify: takes lines for people, such as that a device is missing.

    Raises:
        InvalidModel, StoreError: there is no such network.
        EngineFailed: there is no such program, or it cannot be started.
    """
    if spec.kind == "random":
        return RandomMover(seed)
    if spec.kind == "cmd":
        from hexz.player.program import ProgramPlayer

        return ProgramPlayer(spec)
    if spec.kind == "uct":
        return PlayoutSearch(spec.budget, seed)
    from hexz.player.models import open_source
    from hexz.player.network import Network

    network = Network(open_source(spec.path), device=device, notify=notify)
    return NetworkPlayer(spec, network.searcher)


class RandomMover(Player):
    """The player `random`, which moves at once."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__()
        self._mover = RandomPlayer(_seed(seed))

    def suggest(
        self, board: Board, budget: Budget | None = None, gone: threading.Event | None = None
    ) -> Answer:
        """Suggests a move; see `Player.suggest`."""
        started = time.monotonic()
        suggestion = self._mover.suggest(board)
        elapsed = time.monotonic() - started
        return Answer(suggestion=suggestion, simulations=0, depth=1, nodes=0, elapsed=elapsed)


class PlayoutSearch(Player):
    """The reference player `uct`, which strength is measured against; knows no network and
    solves no endgames.

    As many of its searches run at once as there are cores, in all such players together. Others
    wait, for half of their time at most.
    """

    def __init__(self, own_budget: Budget | None = None, seed: int | None = None) -> None:
        super().__init__(own_budget)
        self._seeds = itertools.count(_seed(seed))

    def suggest(
        self, board: Board, budget: Budget | None = None, gone: threading.Event | None = None
    ) -> Answer:
        """Suggests a move; see `Player.suggest`."""
        started = time.monotonic()
        budget = self.budget(budget)
        playouts = budget.simulations or MAX_PLAYOUTS
        if len(board.legal_moves()) == 1:
            playouts = min(playouts, FORCED_PLAYOUTS)
        player = UctPlayer(playouts, next(self._seeds))
        gone = gone or threading.Event()
        with _a_core(budget.seconds, gone):
            left = budget.seconds and AIM * budget.seconds - (time.monotonic() - started)
            suggestion = player.suggest(board, left, lambda: not gone.is_set())
        simulations = int(suggestion.visits.sum())
        return Answer(
            suggestion=suggestion,
            simulations=simulations,
            depth=len(suggestion.principal_variation),
            nodes=simulations,
            elapsed=time.monotonic() - started,
        )


class NetworkPlayer(Player):
    """The players `model` and `gumbel`. Several may share a searcher, which the first one to be
    closed closes for all.

    Args:
        spec: its kind and budget.
        searcher: what it searches with.
    """

    def __init__(self, spec: PlayerSpec, searcher: Searcher) -> None:
        super().__init__(spec.budget)
        self._algorithm = spec.algorithm
        self._searcher = searcher

    def suggest(
        self, board: Board, budget: Budget | None = None, gone: threading.Event | None = None
    ) -> Answer:
        """Suggests a move; see `Player.suggest`. Raises InvalidEvaluation if the network is bad."""
        return self._searcher.suggest(board, self.budget(budget), self._algorithm, gone)

    def close(self) -> None:
        """Ends the player; see `Player.close`."""
        self._searcher.close()


_cores: Final = threading.Semaphore(available_cores())
_places: Final = threading.Semaphore(available_cores() + MAX_WAITING)


@contextlib.contextmanager
def _a_core(seconds: float | None, gone: threading.Event) -> Iterator[None]:
    """A core for a search that may take so long; raises Overloaded if none comes free in time, or
    nobody waits for it any more."""
    if not _places.acquire(blocking=False):
        raise Overloaded("too many moves are being thought about: try again later")
    try:
        last = math.inf if seconds is None else time.monotonic() + seconds / 2
        while not _cores.acquire(timeout=min(_TICK_SECONDS, max(0.0, last - time.monotonic()))):
            if gone.is_set() or time.monotonic() >= last:
                raise Overloaded("no core came free in time: try again later")
        try:
            yield
        finally:
            _cores.release()
    finally:
        _places.release()


def _seed(seed: int | None) -> int:
    return secrets.randbits(62) if seed is None else seed
