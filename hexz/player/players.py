"""The players that specs name."""

from __future__ import annotations

import contextlib
import itertools
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from hexz.engine import NUM_ACTIONS, Board, CellKind, Move, RandomPlayer, UctPlayer
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
    return network_player(spec, network.searcher, seed)


def network_player(spec: PlayerSpec, searcher: Searcher, seed: int | None = None) -> Player:
    """The player that a spec names, with a network that is loaded already.

    Args:
        spec: of a player with a network.
        searcher: what it thinks with; several may share it, and the first one to be closed closes
            it for all.
        seed: of `glance`; None: any.
    """
    if spec.sight is not None:
        return GlancePlayer(spec.sight / 100, searcher, seed)
    return NetworkPlayer(spec, searcher)


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


class GlancePlayer(Player):
    """The player `glance`, which has the judgement of a network, but notices only a share of the
    moves, and of these always the ones that capture. It does not search, and solves no endgames.

    Args:
        sight: the share of the other moves that it notices, above 0 to 1.
        searcher: what it has its network from, see `network_player`.
        seed: of what it notices; None: any. That depends on it and on the position alone.
    """

    def __init__(self, sight: float, searcher: Searcher, seed: int | None = None) -> None:
        super().__init__()
        self._sight = sight
        self._searcher = searcher
        self._seed = _seed(seed)

    def suggest(
        self, board: Board, budget: Budget | None = None, gone: threading.Event | None = None
    ) -> Answer:
        """Suggests a move; see `Player.suggest`. Raises InvalidEvaluation if the network is bad."""
        started = time.monotonic()
        suggestion = self._searcher.look(board, gone)
        noticed = self._noticed(board)
        best = max(noticed, key=lambda move: float(suggestion.priors[move.index]))
        visits = np.zeros(NUM_ACTIONS, np.int32)
        visits[best.index] = 1
        q = np.zeros(NUM_ACTIONS, np.float32)
        q[best.index] = suggestion.value
        answer = replace(suggestion, move=best, visits=visits, q=q, principal_variation=[best])
        elapsed = time.monotonic() - started
        return Answer(suggestion=answer, simulations=1, depth=1, nodes=1, elapsed=elapsed)

    def close(self) -> None:
        """Ends the player; see `Player.close`."""
        self._searcher.close()

    def _noticed(self, board: Board) -> list[Move]:
        """The moves that it looks at, at least one."""
        moves = board.legal_moves()
        random = np.random.default_rng((self._seed, *board.planes().tobytes()[::97]))
        chances = random.random(len(moves))
        noticed = [
            move
            for move, chance in zip(moves, chances, strict=True)
            if chance < self._sight or captures(board, move)
        ]
        return noticed or [moves[int(chances.argmin())]]


def captures(board: Board, move: Move) -> bool:
    """Tells whether a legal move captures grass."""
    if move.kind == "flag":
        return False
    after = board.copy()
    after.play(move)
    return _grass(after) < _grass(board)


def _grass(board: Board) -> int:
    return int((board.cells()[:, 0] == CellKind.GRASS).sum())


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
