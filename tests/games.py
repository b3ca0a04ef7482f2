"""Real finished games, played quickly and without a network."""

import functools

import numpy as np

from hexz.engine import NUM_ACTIONS, Board, FinishedGame, GameBatch, SearchSettings
from hexz.example import Example
from hexz.selfplay.examples import examples_of

_GAMES_AT_ONCE = 64


@functools.cache
def finished_games(count: int, *, seed: int = 1, checkpoint: int = 0) -> list[FinishedGame]:
    """So many games of a search of four simulations a move, whose evaluations are all equal."""
    slots = min(count, _GAMES_AT_ONCE)
    batch = GameBatch(slots, SearchSettings(algorithm="gumbel", simulations=4), seed)
    batch.checkpoint = checkpoint
    logits, values = np.zeros((slots, NUM_ACTIONS), np.float32), np.zeros(slots, np.float32)
    finished: list[FinishedGame] = []
    started = 0
    while len(finished) < count:
        while started < count and batch.num_active < slots:
            batch.start_game(Board.random(seed * 1_000_000 + started), started)
            started += 1
        batch.collect()
        batch.expand(logits, values)
        finished += batch.take_finished()
    return sorted(finished, key=lambda game: game.game_id)


def game_examples(
    count: int, *, seed: int = 1, model_name: str = "flagz", checkpoint: int = 0
) -> list[list[Example]]:
    """The examples of each of so many games, as a worker posts them."""
    return [
        list(
            examples_of(
                game,
                game_name=f"run{seed}-{game.game_id}",
                model_name=model_name,
                unix_micros=1_700_000_000_000_000,
            )
        )
        for game in finished_games(count, seed=seed, checkpoint=checkpoint)
    ]
