"""Finished games, as workers post them."""

import random
from functools import cache

import numpy as np

from hexz.engine import Board, FinishedGame, GameBatch, SearchSettings
from hexz.example import Example
from hexz.selfplay.examples import examples_of

MODEL = "tiny"

Game = tuple[Example, ...]


def played_game(seed: int) -> Game:
    """The examples of `finished_game`."""
    return _examples(finished_game(seed))


@cache
def finished_game(seed: int) -> FinishedGame:
    """A game of self-play with an evaluator that knows nothing."""
    batch = GameBatch(1, SearchSettings(algorithm="gumbel", simulations=8), seed)
    batch.checkpoint = 7
    batch.start_game(Board.random(seed), seed)
    while not (finished := batch.take_finished()):
        count = batch.collect()
        batch.expand(np.zeros((count, 220), np.float32), np.zeros(count, np.float32))
    return finished[0]


@cache
def random_game(seed: int) -> Game:
    """A game of random moves, mostly normal ones, so that 5s of both players meet."""
    rng = random.Random(seed)
    initial = Board.random(seed)
    board, actions, policies = initial.copy(), [], []
    while not board.is_over:
        moves = board.legal_moves()
        normal = [move for move in moves if move.kind == "normal"]
        policies.append(board.legal_mask() / len(moves))
        actions.append(rng.choice(normal if normal and rng.random() < 0.9 else moves).index)
        board.play_index(actions[-1])
    count = len(actions)
    policy = np.array(policies, np.float32)
    game = FinishedGame(
        game_id=seed,
        initial=initial,
        final=board,
        actions=np.array(actions, np.int16),
        policies=policy,
        priors=policy,
        visits=(policy > 0).astype(np.int32),
        simulations=np.full(count, 8, np.int32),
        full_searches=np.ones(count, np.bool_),
        root_values=np.zeros(count, np.float32),
        network_values=np.zeros(count, np.float32),
        checkpoints=np.full(count, 7, np.int32),
    )
    return _examples(game)


@cache
def _examples(game: FinishedGame) -> Game:
    name = f"run-{game.game_id}"
    return tuple(examples_of(game, game_name=name, model_name=MODEL, unix_micros=1_700_000_000))
