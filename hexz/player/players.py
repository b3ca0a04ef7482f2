"""The players that specs name."""

from __future__ import annotations

import contextlib
import itertools
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from hexz.engine import Board, RandomPlayer, UctPlayer
from hexz.machine import available_cores
from hexz.player.loop import MAX_SEARCHES
from hexz.player.player import AIM, Answer, Overloaded, Player
from hexz.player.searcher import Searcher
from hexz.player.spec import MAX_PLAYOUTS, Budget, PlayerSpec

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
    wait their turn, and the more wait, the less time each takes.
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
        with _cores.one(gone) as share:
            left = budget.seconds and AIM * budget.seconds - (time.monotonic() - started)
            left = left and share * max(left, 0.0)
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

    def least_seconds(self) -> float:
        """The time that the least answer takes now; see `Player.least_seconds`."""
        return self._searcher.least_seconds()

    def close(self) -> None:
        """Ends the player; see `Player.close`."""
        self._searcher.close()


class _Cores:
    """The cores, one for a search at a time. Searches wait in turn, and take no more time than
    leaves as much to each that waits behind them."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._free = threading.Semaphore(count)
        self._lock = threading.Lock()
        self._waiting = 0

    @contextlib.contextmanager
    def one(self, gone: threading.Event) -> Iterator[float]:
        """A core, once one is free; yields the share that a search may take of the time that it
        has left then. Raises Overloaded if too many wait, or nobody waits for it any more."""
        self._wait(1)
        try:
            while not self._free.acquire(timeout=_TICK_SECONDS):
                if gone.is_set():
                    raise Overloaded("nobody waits for the move any more")
        finally:
            self._wait(-1)
        try:
            yield 1 / (1 + self._waiting / self._count)
        finally:
            self._free.release()

    def _wait(self, change: int) -> None:
        with self._lock:
            if change > 0 and self._waiting >= MAX_SEARCHES:
                raise Overloaded(f"{self._waiting} moves wait for a core: try again later")
            self._waiting += change


_cores: Final = _Cores(available_cores())


def _seed(seed: int | None) -> int:
    return secrets.randbits(62) if seed is None else seed
