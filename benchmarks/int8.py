"""Plays a network in int8 against itself in float32, at equal simulations.

    python benchmarks/int8.py [--model MODEL] [--simulations 64] [--boards 200]

Two games on each board, one from each seat, on all cores. Without --model the network that ships
with hexzctl plays.
"""

import argparse

from hexz.arena.entrants import Entrant, Field
from hexz.arena.games import GamePair, Played
from hexz.arena.pool import batch_size, pairs_at_once, play_pairs
from hexz.arena.run import random_boards
from hexz.machine import available_cores
from hexz.model.backends import prepare_model
from hexz.player.models import open_source
from hexz.player.spec import Budget, PlayerSpec
from hexz.ratings.results import score_of
from hexz.ratings.statistics import elo_of_score, estimate_score

PRECISIONS = ("int8", "float32")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model")
    parser.add_argument("--simulations", type=int, default=64)
    parser.add_argument("--boards", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    network = open_source(options.model).load().weights
    budget = Budget(simulations=options.simulations)
    specs = [PlayerSpec(kind="gumbel", path=name, budget=budget) for name in PRECISIONS]
    cores = available_cores()
    size = batch_size(specs, pairs_at_once(specs, options.boards, cores), mixed=False)
    field = Field(
        tuple(Entrant(spec, number) for number, spec in enumerate(specs)),
        tuple(
            prepare_model(network, precision=precision, batch_size=size, notify=print)
            for precision in PRECISIONS
        ),
    )
    boards = random_boards(options.boards, options.seed)
    pairs = [GamePair((0, 1), board, number) for number, board in enumerate(boards)]
    playing = play_pairs(field, pairs, iter(pairs), num_processes=cores, seed=options.seed)
    played = [event for events in playing for event in events if isinstance(event, Played)]
    score = estimate_score([score_of(event.margins) for event in played])
    low, value, high = map(elo_of_score, (score.low, score.value, score.high))
    print(
        f"int8 against float32: {100 * score.value:.1f} % ({100 * score.low:.1f} to "
        f"{100 * score.high:.1f}), {value:+.0f} Elo ({low:+.0f} to {high:+.0f}), "
        f"{len(played)} boards"
    )


if __name__ == "__main__":
    main()
