"""How somebody who has just read the rules fares against the lowest levels.

    python benchmarks/newcomers.py --boards 100

Nobody watches people here, so four simple programs stand for them. None looks further ahead than
to the reply, and all of them plant their flags anywhere.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator
from functools import partial

import hexz
from hexz.engine import Board, Move
from hexz.player.levels import LEVELS
from hexz.ratings.statistics import estimate_score

Person = Callable[[random.Random, Board], Move]


def values(board: Board) -> Iterator[tuple[Move, int, Board]]:
    """The values that can be placed, what each scores at once, captures included, and what then
    is on the board."""
    mover = board.turn - 1
    for move in board.legal_moves():
        if move.kind == "normal":
            after = board.copy()
            after.play(move)
            yield move, after.score[mover] - board.score[mover], after


def flags(board: Board) -> list[Move]:
    return [move for move in board.legal_moves() if move.kind == "flag"]


def highest(rng: random.Random, scores: dict[Move, int]) -> Move:
    return rng.choice([move for move, score in scores.items() if score == max(scores.values())])


def greedy(rng: random.Random, board: Board) -> Move:
    """Takes the most points at once, and plants a flag only where no value can be placed."""
    scores = {move: score for move, score, _ in values(board)}
    return highest(rng, scores) if scores else rng.choice(flags(board))


def planting(rng: random.Random, board: Board) -> Move:
    """Plants all flags first, and then takes the most points at once."""
    return rng.choice(flags(board) or [greedy(rng, board)])


def careful(rng: random.Random, board: Board) -> Move:
    """As greedy, but minds the most points that the opponent can take in reply."""
    scores = {}
    for move, score, after in values(board):
        replies = () if after.is_over or after.turn == board.turn else values(after)
        scores[move] = score - max((reply for _, reply, _ in replies), default=0)
    return highest(rng, scores) if scores else rng.choice(flags(board))


def distracted(rng: random.Random, board: Board) -> Move:
    """As greedy, but three moves of ten are any."""
    return rng.choice(board.legal_moves()) if rng.random() < 0.3 else greedy(rng, board)


PEOPLE: tuple[Person, ...] = (greedy, planting, careful, distracted)


def score_of(person: Callable[[Board], Move], level: hexz.Player, board: Board) -> float:
    """The person's score in two games on a board, one from either seat."""
    winners = hexz.play(person, level, board).winner, hexz.play(level, person, board).winner
    return sum({0: 0.5, seat: 1.0}.get(winner, 0.0) for seat, winner in enumerate(winners, 1)) / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--boards", type=int, default=100)
    parser.add_argument("--levels", type=int, default=4, help="How many, from the lowest on.")
    parser.add_argument("--seed", type=int, default=20261129)
    options = parser.parse_args()

    rng = random.Random(options.seed)
    boards = [Board.random(rng.getrandbits(62)) for _ in range(options.boards)]
    for level in LEVELS[: options.levels]:
        with hexz.load_player(level.spec, seed=options.seed) as player:
            for person in PEOPLE:
                mover = partial(person, random.Random(options.seed))
                score = estimate_score([score_of(mover, player, board) for board in boards])
                interval = f"{score.low:.1%} to {score.high:.1%}"
                print(f"{person.__name__} against {level.name}: {score.value:.1%} ({interval})")


if __name__ == "__main__":
    main()
