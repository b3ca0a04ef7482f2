"""Plays a model against the reference player and prints its score with a 95 % interval.

    python benchmarks/strength.py MODEL [--simulations 64] [--opponent uct:800] [--boards 30]

MODEL is a file or directory as `load_checkpoint` takes it. On each board two games are played,
one from each seat. All games run at once, so that the network evaluates large batches, in int8.
The model searches with Gumbel at the root, without noise, in a new tree for every move.
"""

from __future__ import annotations

import argparse
import math
import time

import numpy as np
import numpy.typing as npt

from hexz.engine import Board, RandomPlayer, SearchSettings, TreeSearch, UctPlayer
from hexz.errors import HexzError
from hexz.model import Evaluator, create_evaluator, load_checkpoint
from hexz.selfplay.loop import board_seed


class Game:
    """One game of the model, player `seat`, against the opponent."""

    def __init__(
        self, board: Board, seat: int, settings: SearchSettings, opponent: UctPlayer | RandomPlayer
    ) -> None:
        self.board, self.seat = board, seat
        self._settings, self._opponent = settings, opponent
        self._search: TreeSearch | None = None

    def next_leaf(self) -> tuple[TreeSearch, npt.NDArray[np.float32]] | None:
        """Plays on until the model must evaluate a position; returns its search and the planes,
        or None once the game is over."""
        while not self.board.is_over:
            if self.board.turn != self.seat:
                self.board.play(self._opponent.suggest(self.board).move)
                continue
            search = self._search = self._search or TreeSearch(self.board, self._settings)
            leaf = search.leaf()
            if leaf is not None:
                return search, leaf
            self.board.play(search.suggestion().move)
            self._search = None
        return None

    @property
    def score(self) -> float:
        """Of the model: 1 won, 1/2 drawn, 0 lost."""
        return 0.5 if self.board.winner == 0 else float(self.board.winner == self.seat)


def play(games: list[Game], evaluator: Evaluator) -> None:
    """Plays all games to their ends."""
    while leaves := [found for game in games if (found := game.next_leaf()) is not None]:
        logits, values = evaluator.evaluate(np.stack([planes for _, planes in leaves]))
        for (search, _), row, value in zip(leaves, logits, values.tolist(), strict=True):
            search.expand(row, value)


def opponent(spec: str, seed: int) -> UctPlayer | RandomPlayer:
    """A player from its short name, `random` or `uct:ITERATIONS`."""
    name, _, iterations = spec.partition(":")
    if spec == "random":
        return RandomPlayer(seed)
    if name == "uct" and iterations.isdecimal() and int(iterations) > 0:
        return UctPlayer(int(iterations), seed)
    raise SystemExit(f"unknown opponent {spec!r}: expected random or uct:ITERATIONS")


def half_width(scores: npt.NDArray[np.float64]) -> float:
    """Of the 95 % interval of the mean. The two games of a board depend on each other, so the
    boards are what is counted."""
    return 1.96 * float(scores.std(ddof=1)) / math.sqrt(len(scores))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--simulations", type=int, default=64)
    parser.add_argument("--opponent", default="uct:800")
    parser.add_argument("--boards", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.boards < 2:
        parser.error("an interval needs at least 2 boards")
    settings = SearchSettings(algorithm="gumbel", simulations=options.simulations, explore=False)
    start = time.perf_counter()
    try:
        checkpoint = load_checkpoint(options.model)
    except HexzError as error:
        raise SystemExit(str(error)) from None
    games = [
        Game(Board.random(seed), seat, settings, opponent(options.opponent, seed))
        for seed in (board_seed(options.seed, number) for number in range(options.boards))
        for seat in (1, 2)
    ]
    play(games, create_evaluator(checkpoint.net, batch_size=len(games), notify=print))
    scores = np.array([game.score for game in games]).reshape(-1, 2)
    print(
        f"{checkpoint.model_name} {checkpoint.number} @{options.simulations} against "
        f"{options.opponent}: {100 * scores.mean():.1f} ± {100 * half_width(scores.mean(1)):.1f} % "
        f"({options.boards} boards, both seats; {100 * scores[:, 0].mean():.0f} % as player 1, "
        f"{100 * scores[:, 1].mean():.0f} % as player 2; {time.perf_counter() - start:.0f} s)"
    )


if __name__ == "__main__":
    main()
