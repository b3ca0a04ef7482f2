"""Finished games of self-play, as workers post them."""

from functools import cache

import numpy as np

from hexz.engine import Board, GameBatch, SearchSettings
from hexz.example import Example
from hexz.selfplay.examples import examples_of

MODEL = "tiny"


@cache
def played_game(seed: int, checkpoint: int = 7) -> tuple[Example, ...]:
    """The examples of a game, of a search that knows nothing but is real."""
    batch = GameBatch(1, SearchSettings(algorithm="gumbel", simulations=8), seed)
    batch.checkpoint = checkpoint
    batch.start_game(Board.random(seed), seed)
    while not (finished := batch.take_finished()):
        count = batch.collect()
        batch.expand(np.zeros((count, 220), np.float32), np.zeros(count, np.float32))
    return tuple(
        examples_of(
            finished[0],
            game_name=f"run-{seed}",
            model_name=MODEL,
            unix_micros=1_700_000_000_000_000,
        )
    )
